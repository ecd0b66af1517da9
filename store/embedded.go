package store

import (
	"context"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// tick is how often an embedded store expires keys: it never does by itself,
// and each time it sorts all of its keys. Nothing here expires in less than a
// minute.
const tick = 5 * time.Second

// OpenEmbedded starts a store inside this process, reached without a port. It
// holds nothing at first, and forgets everything when it is closed. OpenData
// starts one that does not.
func OpenEmbedded(o Options) (*Store, error) {
	g, err := newGate()
	if err != nil {
		return nil, err
	}
	return g.open(o)
}

// open makes a store of what is behind the gate. Closing the store closes the
// gate.
func (g *gate) open(o Options) (*Store, error) {
	c := &redis.Options{
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			conn, err := g.redis.Dial()
			if err != nil {
				return nil, err
			}
			return newEagerConn(conn), nil
		},
		ReadTimeout: time.Minute, // there is no network to fail, only work to wait for
	}
	configure(c)
	o.Replicas = 0 // it has none
	s := newStore(withHooks(redis.NewClient(c), &o), o)
	s.embedded = g.redis
	stopTicking := expire(g, tick)
	s.stop = func() {
		stopTicking()
		g.redis.Close()
	}
	if err := s.Ping(context.Background()); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// forwarder is what keys expire in.
type forwarder interface {
	// FastForward expires what has less left than a duration, and takes the
	// duration off from the rest.
	FastForward(d time.Duration)
}

// expire makes keys of f expire as time goes by, until the function that it
// returns is called.
func expire(f forwarder, every time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for last := time.Now(); ; {
			select {
			case <-ctx.Done():
				return
			case now := <-ticker.C:
				f.FastForward(now.Sub(last))
				last = now
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
