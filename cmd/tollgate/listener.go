package main

import (
	"context"
	"fmt"
	"math"
	"net"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// spareConnections are those beyond the bound on which there is an answer all the
// same: that the server has enough to do, or how it is.
const spareConnections = 64

// listener bounds how many of its connections are open at once. Beyond the bound
// some are spare, and are closed after one request; those beyond them are reset
// at once, rather than left to wait where nobody sees them: their callers can try
// another server.
type listener struct {
	*net.TCPListener
	most    int64
	spares  int64 // beyond most
	open    atomic.Int64
	spared  atomic.Uint64
	refused atomic.Uint64
}

// bind listens on an address, which a flag has named. 0 connections is for no
// bound.
func bind(ctx context.Context, flag, addr string, connections int) (*listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; name another address with --%s", addr, err, flag)
	}
	return newListener(l.(*net.TCPListener), connections), nil //nolint:forcetypeassert // "tcp" makes no other
}

func newListener(l *net.TCPListener, connections int) *listener {
	if connections == 0 {
		connections = math.MaxInt32
	}
	return &listener{TCPListener: l, most: int64(connections), spares: spareConnections}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptTCP()
		if err != nil {
			return nil, err
		}
		n := l.open.Add(1)
		if n > l.most+l.spares {
			l.refused.Add(1)
			_ = c.SetLinger(0) // a reset, of which nothing is left here
			_ = c.Close()
			l.open.Add(-1)
			continue
		}
		if n > l.most {
			l.spared.Add(1)
		}
		return &connection{TCPConn: c, spare: n > l.most, gone: sync.OnceFunc(func() { l.open.Add(-1) })}, nil
	}
}

// connection is one of a listener's. It is a *net.TCPConn in all else, which
// net/http makes use of.
type connection struct {
	*net.TCPConn
	spare bool
	gone  func()
}

// Close implements net.Conn.
func (c *connection) Close() error {
	defer c.gone()
	return c.TCPConn.Close()
}

// metrics shows how many connections there are, and what came of those that were
// too many.
func (l *listener) metrics() []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tollgate_connections", Help: "Connections of callers that are open."},
			func() float64 { return float64(l.open.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tollgate_connections_limit", Help: "Connections that may be open: --max-connections."},
			func() float64 { return float64(l.most) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "tollgate_connections_spare_total", Help: "Connections beyond the limit on which only health and metrics were answered."},
			func() float64 { return float64(l.spared.Load()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "tollgate_connections_refused_total", Help: "Connections beyond the limit that were closed at once."},
			func() float64 { return float64(l.refused.Load()) }),
	}
}

type spareKey struct{}

// markSpare notes in the context of a connection's requests that it is spare.
func markSpare(ctx context.Context, c net.Conn) context.Context {
	if of, ok := c.(*connection); ok && of.spare {
		return context.WithValue(ctx, spareKey{}, true)
	}
	return ctx
}

func spare(ctx context.Context) bool { return ctx.Value(spareKey{}) != nil }
