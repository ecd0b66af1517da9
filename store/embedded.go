package store

import (
	"context"
	"net"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// tick is how often an embedded store expires keys: it never does by itself,
// and each time it sorts all of its keys. Nothing here expires in less than a
// minute.
const tick = 5 * time.Second

// OpenEmbedded starts a store inside this process, reached without a port. It
// holds nothing at first, and forgets everything when it is closed.
func OpenEmbedded(o Options) (*Store, error) {
	m := miniredis.NewMiniRedis()
	s := newStore(&redis.Options{
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			conn, err := m.Dial()
			if err != nil {
				return nil, err
			}
			return newEagerConn(conn), nil
		},
		ReadTimeout: time.Minute, // there is no network to fail, only work to wait for
	}, o)
	s.embedded = m
	stopTicking := expire(m, tick)
	s.stop = func() {
		stopTicking()
		m.Close()
	}
	if err := s.Ping(context.Background()); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// expire makes keys of m expire as time goes by, until the function that it
// returns is called.
func expire(m *miniredis.Miniredis, every time.Duration) (stop func()) {
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
				m.FastForward(now.Sub(last))
				last = now
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
