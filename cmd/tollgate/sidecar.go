package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/client"
	"github.com/tollgate-dev/tollgate/extauthz"
	"github.com/tollgate-dev/tollgate/sidecar"
)

const sidecarHelp = `Starts a replica that may only read, beside an application.

It answers POST /v1/authorize, /v1/check, /v1/check/batch and /v1/billing-owner, and
what proxies ask, from its own memory, by what it reads from Redis itself: with a
user of Redis that may not write (see docs/sidecar.md). Whatever else there is, ask
a server.

  tollgate sidecar --redis redis://sidecar:…@host:6379 --socket /run/tollgate/ask.sock

With --socket, whoever may write to the socket may ask about everybody. With
--listen, on a loopback address, it takes a key that has access.check on the
platform.

With --server, it has a server say that it is there, so that receipts of writes
wait for it, and tell when API keys were used. The key for that needs
replica.report on the platform, and is read from --server-key-file, or else from
$TOLLGATE_SERVER_KEY. While the server is away the sidecar goes on, and compares
with Redis before each answer.

If Redis cannot be reached, it starts all the same, and answers 503 until it can.`

// defaultListen is where a sidecar listens that was not told of a socket.
const defaultListen = "127.0.0.1:8181"

// sidecarSettings are the flags of sidecar.
type sidecarSettings struct {
	listen         string
	beyondLoopback bool
	socket         string
	redis          string
	toRedis        toRedis
	server         string
	serverKeyFile  string
	answering
	bounds
}

func (c *sidecarSettings) flags(flags *pflag.FlagSet) {
	flags.StringVar(&c.listen, "listen", "", "loopback address to listen on; port 0 takes a free one; without --socket it is "+defaultListen)
	flags.BoolVar(&c.beyondLoopback, "beyond-loopback", false, "listen at an address that others than this machine reach, without TLS")
	flags.StringVar(&c.socket, "socket", "", "path of a Unix socket to listen on: whoever may write to it may ask about everybody")
	flags.StringVar(&c.redis, "redis", "", "URL of the Redis of the servers, as they have it, with a user who may only read")
	c.toRedis.flags(flags)
	flags.StringVar(&c.server, "server", "", "URL of a server that reports for the sidecar; without one, receipts of writes do not wait for it")
	flags.StringVar(&c.serverKeyFile, "server-key-file", "", "file with the key to show there; by default the key is $TOLLGATE_SERVER_KEY")
	c.answering.flags(flags)
	c.bounds.flags(flags)
}

// check refuses settings that mean nothing.
func (c *sidecarSettings) check() error {
	switch {
	case c.redis == "":
		return errors.New("a sidecar needs --redis, the URL of the Redis of the servers")
	case c.server != "" && c.freshnessBound+c.toRedis.awayWindow > sidecar.MaxBound:
		return fmt.Errorf("with --server, --freshness-bound and --redis-away-window together are at most %v: whoever waits for a receipt waits three times as long for a sidecar that has gone", sidecar.MaxBound)
	case c.server == "" && c.serverKeyFile != "":
		return errors.New("--server-key-file is for --server: give that too")
	}
	return errors.Join(c.answering.check(), c.toRedis.check(), c.bounds.check())
}

func (a *app) sidecarCommand() *cobra.Command {
	var c sidecarSettings
	cmd := &cobra.Command{Use: "sidecar", Short: "Start a replica that may only read, beside an application", Long: sidecarHelp, Args: exactly(), DisableFlagsInUseLine: true}
	c.flags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := c.check(); err != nil {
			return err
		}
		log, err := newLogger(a.err, c.logFormat, c.logLevel)
		if err != nil {
			return err
		}
		defer func() { _ = log.Sync() }()
		return a.besides(cmd.Context(), &c, log)
	}
	return cmd
}

// besides runs a sidecar until the context ends.
func (a *app) besides(ctx context.Context, c *sidecarSettings, log *zap.Logger) error {
	judge, err := c.judge()
	if err != nil {
		return err
	}
	server, err := a.reportTo(c)
	if err != nil {
		return err
	}
	if server != nil {
		defer server.Close()
	} else {
		log.Warn("no --server: receipts of writes do not wait for this sidecar, and nobody is told when API keys were used at it")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in, err := c.bind(ctx)
	if err != nil {
		return err
	}
	door := newFront(in)
	stopOps, err := c.serveOps(ctx, door, log, cancel)
	if err != nil {
		return errors.Join(err, in.close())
	}
	var ends ends
	if in != nil {
		ends.add(listen(in, door, callers, log, cancel)) //nolint:contextcheck // draining begins when ctx has ended
	}
	b, err := c.open(ctx, judge, server, door, log)
	if err != nil {
		return errors.Join(unlessStopped(ctx, err), ends.drain(c.drainFor), stopOps())
	}
	defer b.close()
	if err := c.serveDoors(ctx, b, door, &ends, log, cancel); err != nil {
		return errors.Join(err, ends.drain(c.drainFor), stopOps())
	}
	door.open(withProxies(&b.doors))
	log.Info("Tollgate's sidecar is ready", zap.String("url", urlOf(in)), zap.String("socket", c.socket), zap.String("version", version().Version))
	<-ctx.Done()
	log.Info("the sidecar is stopping: it finishes what it has begun")
	door.stop()
	linger(ctx, c.drainDelay)
	return errors.Join(ends.drain(c.drainFor), stopOps())
}

// ends are what takes no more requests, and waits for those that have begun.
type ends []func(time.Duration) error

func (e *ends) add(stop func(time.Duration) error) { *e = append(*e, stop) }

func (e *ends) drain(most time.Duration) (err error) {
	for _, stop := range *e {
		err = errors.Join(err, stop(most))
	}
	return err
}

// reportTimeout is how long a server may take for a report.
const reportTimeout = 5 * time.Second

// reportTo is the server that reports for the sidecar; nil for none.
func (a *app) reportTo(c *sidecarSettings) (*client.Client, error) {
	if c.server == "" {
		return nil, nil //nolint:nilnil // there may be none
	}
	key, err := a.secret(c.serverKeyFile, "TOLLGATE_SERVER_KEY")
	switch {
	case err != nil:
		return nil, err
	case key == "":
		return nil, errors.New("--server takes a key that has replica.report on the platform: set TOLLGATE_SERVER_KEY, or name a file with --server-key-file")
	}
	return client.New(c.server, key, client.WithUserAgent("tollgate-sidecar/"+version().Version), client.WithTimeout(reportTimeout))
}

// bind listens where it is told to, on loopback unless it is told otherwise; nil
// for not at all.
func (c *sidecarSettings) bind(ctx context.Context) (*listener, error) {
	addr := c.listen
	switch {
	case addr == "" && c.socket != "":
		return nil, nil //nolint:nilnil // the socket is enough
	case addr == "":
		addr = defaultListen
	}
	in, err := bind(ctx, "listen", addr, c.connections)
	if err != nil {
		return nil, err
	}
	if at, ok := in.Addr().(*net.TCPAddr); !c.beyondLoopback && (!ok || !at.IP.IsLoopback()) {
		return nil, errors.Join(fmt.Errorf("%s is not a loopback address: others than this machine would reach the sidecar, without TLS; if that is meant, give --beyond-loopback too", addr), in.Close())
	}
	return in, nil
}

// serveDoors serves the Unix sockets, and Envoy, once there is something to answer
// by.
func (c *sidecarSettings) serveDoors(ctx context.Context, b *sideBackend, door *front, ends *ends, log *zap.Logger, failed func()) error {
	if c.socket != "" {
		in, err := bindSocket(ctx, "socket", c.socket)
		if err != nil {
			return err
		}
		ends.add(listen(in, door.before(b.doors.Local), callers, log, failed)) //nolint:contextcheck // draining begins when ctx has ended
	}
	stop, err := c.serveSocket(ctx, b.doors.Socket, log, failed)
	if err != nil {
		return err
	}
	ends.add(stop)
	asked := extauthz.Config{Porter: b.doors.Porter, Digest: b.sidecar.Engine().Digest(), Logger: log, Registry: b.registry, Ready: b.ready}
	if stop, err = c.serveExtAuthz(ctx, asked, c.connections, door, failed); err == nil {
		ends.add(stop)
	}
	return err
}

// close closes a listener that nobody listens at; nil is none.
func (l *listener) close() error {
	if l == nil {
		return nil
	}
	return l.Close()
}

// urlOf is where a listener is reached; "" for none.
func urlOf(in *listener) string {
	if in == nil {
		return ""
	}
	return "http://" + in.Addr().String()
}
