package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/extauthz"
)

// serveExtAuthz serves Envoy over gRPC, if there is an address for it, over so
// many connections at most.
func (p *proxies) serveExtAuthz(ctx context.Context, c extauthz.Config, connections int, door *front, failed func()) (stop func(time.Duration) error, err error) {
	if p.extAuthz == "" {
		return func(time.Duration) error { return nil }, nil
	}
	in, err := p.bindExtAuthz(ctx, connections, c.Registry)
	if err != nil {
		return nil, err
	}
	log, ready := c.Logger, c.Ready
	c.Ready = func() error { return errors.Join(door.leaving(), ready()) }
	server, err := extauthz.New(c)
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	log.Info("Envoy may ask over gRPC", zap.String("addr", in.Addr().String()))
	warnIfOpen(in.Addr(), log)
	ended := make(chan error, 1)
	go func() {
		ended <- server.Serve(in)
		failed()
	}()
	return func(most time.Duration) error {
		if server.Stop(most) {
			log.Warn("some of Envoy's checks took too long and were cut off", zap.Duration("after", most))
		}
		if err := <-ended; err != nil {
			return fmt.Errorf("the door for Envoy stopped: %w", err)
		}
		return nil
	}, nil
}

// bindExtAuthz listens for Envoy. At an address there are as many connections as
// callers may have, and none to spare; who may write to a socket is not counted.
func (p *proxies) bindExtAuthz(ctx context.Context, connections int, r prometheus.Registerer) (net.Listener, error) {
	if path, is := socketPath(p.extAuthz); is {
		return bindSocket(ctx, "ext-authz-addr", path)
	}
	in, err := bind(ctx, "ext-authz-addr", p.extAuthz, connections)
	if err != nil {
		return nil, err
	}
	in.spares = 0
	for _, shown := range []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tollgate_ext_authz_connections", Help: "Connections to --ext-authz-addr that are open."},
			func() float64 { return float64(in.open.Load()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "tollgate_ext_authz_connections_refused_total", Help: "Connections to --ext-authz-addr beyond --max-connections, which were closed at once."},
			func() float64 { return float64(in.refused.Load()) }),
	} {
		if err := r.Register(shown); err != nil {
			return nil, errors.Join(err, in.Close())
		}
	}
	return in, nil
}
