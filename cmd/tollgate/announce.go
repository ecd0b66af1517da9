package main

import (
	"net"

	"go.uber.org/zap"
)

const welcome = `
Tollgate listens on %[1]s, with a new operator's key, which is shown only now.
In another terminal:

  export TOLLGATE_SERVER=%[1]s
  export TOLLGATE_KEY=%[2]s
  tollgate signup --owner user:ann --currency EUR

`

// announce says where the server listens and what it keeps where, and shows a
// key that was made, "" if none was.
func (a *app) announce(c *settings, addr net.Addr, made string, log *zap.Logger) {
	url := "http://" + addr.String()
	switch {
	case c.data != "":
		log.Info("the store is embedded: everything is kept in memory, and saved within a second of a change", zap.String("file", c.data))
	case c.redis == "":
		log.Warn("the store is embedded: everything is kept in memory, and is lost when the server stops; --data or --redis keeps it")
	}
	warnIfOpen(addr, log)
	log.Info("Tollgate is ready", zap.String("url", url), zap.String("version", version().Version))
	if made != "" {
		a.printf(welcome, url, made)
	}
}

// warnIfOpen says so if others than this machine can reach an address.
func warnIfOpen(addr net.Addr, log *zap.Logger) {
	if at, ok := addr.(*net.TCPAddr); ok && !at.IP.IsLoopback() {
		log.Warn("the server listens beyond this machine, and without TLS: whoever is on the way can read keys; put a TLS proxy in front", zap.String("addr", addr.String()))
	}
}
