package main

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/api"
	"github.com/tollgate-dev/tollgate/client"
	"github.com/tollgate-dev/tollgate/limit"
	"github.com/tollgate-dev/tollgate/policy"
	"github.com/tollgate-dev/tollgate/sidecar"
	"github.com/tollgate-dev/tollgate/store"
)

// sideBackend is what is behind the API of a sidecar. Nothing in it can write to
// the store.
type sideBackend struct {
	reader     *store.Reader
	sidecar    *sidecar.Sidecar
	limits     *limit.Limiter
	doors      api.Doors
	registry   *prometheus.Registry
	ping       pinging
	waitRoutes func()
}

// open wires the store, the sidecar and the API.
func (c *sidecarSettings) open(ctx context.Context, judge *policy.Judge, server *client.Client, door *front, log *zap.Logger) (*sideBackend, error) {
	var options store.Options
	if err := c.toRedis.into(&options); err != nil {
		return nil, err
	}
	b := &sideBackend{waitRoutes: func() {}}
	var err error
	if b.reader, err = reach(ctx, func() (*store.Reader, error) { return store.OpenReader(ctx, c.redis, options) }, door, log); err != nil {
		return nil, err
	}
	engine := c.engine()
	engine.AwayWindow = c.toRedis.awayWindow
	b.sidecar, err = sidecar.Start(ctx, b.reader, sidecar.Config{Judge: judge, Engine: engine, Server: server, Name: processName(), Logger: log})
	if err != nil {
		b.close()
		return nil, fmt.Errorf("--unregistered-types: %w", err)
	}
	if err := b.openAPI(ctx, c, door, log); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *sideBackend) openAPI(ctx context.Context, c *sidecarSettings, door *front, log *zap.Logger) error {
	gateway, limits, err := c.newGateway(b.sidecar.Engine())
	b.limits = limits
	if err != nil {
		return err
	}
	b.registry = b.newRegistry(door)
	b.doors, err = api.NewSidecar(api.Config{ //nolint:contextcheck // nothing there waits for anything
		Engine: b.sidecar.Engine(), Gateway: gateway, Limits: limits, TrustedProxies: c.trustedProxies(), Ready: b.ready, Logger: log, Registry: b.registry, Capacity: c.Capacity,
	})
	if err == nil {
		following, cancel := context.WithCancel(ctx)
		wait := followRoutes(following, c.routes, gateway, log)
		b.waitRoutes = func() {
			cancel()
			wait()
		}
	}
	return err
}

// ready reports whether the store can be reached.
func (b *sideBackend) ready() error { return b.ping.once(b.reader.Ping) }

func (b *sideBackend) close() {
	b.waitRoutes()
	if b.sidecar != nil {
		b.sidecar.Close()
	}
	b.limits.Close()
	_ = b.reader.Close() // there is nothing to write
}

// newRegistry is where the API's metrics go, with those of a sidecar alone.
func (b *sideBackend) newRegistry(door *front) *prometheus.Registry {
	r := prometheus.NewRegistry()
	if door.in != nil {
		r.MustRegister(door.in.metrics()...)
	}
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tollgate_sidecar_known", Help: "1 while a server knows of this sidecar, so that receipts of writes wait for it.",
	}, func() float64 {
		if b.sidecar.Known() {
			return 1
		}
		return 0
	}))
	return r
}
