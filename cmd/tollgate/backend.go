package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/singleflight"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/api"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/gateway"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/limit"
	"github.com/tollgate-dev/tollgate/policy"
	"github.com/tollgate-dev/tollgate/replica"
	"github.com/tollgate-dev/tollgate/store"
)

// backend is what is behind the API.
type backend struct {
	store     *store.Store
	shared    bool // the store is one that other replicas can use
	engine    *authz.Engine
	gateway   *gateway.Gateway
	replicas  *replica.Group
	limits    *limit.Limiter
	uses      *authz.Uses // of API keys
	handler   http.Handler
	forSocket http.Handler // of proxies, through a Unix socket
	porter    api.Porter   // of proxies, by any other protocol
	registry  *prometheus.Registry
	data      *store.Data // what the embedded store is kept in; nil if it is kept in nothing
	key       credential
	ping      pinging
	reached   atomic.Pointer[time.Time] // when a ping was sent that the store has answered

	bound, awayWindow time.Duration // as set

	ended func() // ends what is done in the background
}

// open wires the store, the engine, administration and the API.
func (c *settings) open(ctx context.Context, judge *policy.Judge, key string, door *front, log *zap.Logger) (*backend, error) {
	b := &backend{ended: func() {}, bound: c.freshnessBound, awayWindow: c.toRedis.awayWindow}
	if err := b.openStore(ctx, c, door, log); err != nil {
		return nil, err
	}
	b.key = settleKey(key, b.data, log)
	s := b.store
	var err error
	b.uses = authz.NewUses()
	options := c.engine()
	options.Compare, options.AwayWindow, options.Uses, options.Logger = b.compare(c), c.toRedis.awayWindow, b.uses, log
	b.engine, err = authz.NewEngine(s, judge, options) //nolint:contextcheck // it is closed, not cancelled
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--unregistered-types: %w", err), b.close())
	}
	service := admin.New(b.engine, s)
	if err := service.EnsurePlatform(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("the platform's own account cannot be made: %w", err), b.close())
	}
	if b.gateway, b.limits, err = c.newGateway(b.engine); err != nil {
		return nil, errors.Join(err, b.close())
	}
	b.replicas, b.registry = b.group(c, log), b.newRegistry(door)
	doors, err := api.NewDoors(api.Config{ //nolint:contextcheck // nothing there waits for anything
		Admin: service, Gateway: b.gateway, Limits: b.limits, TrustedProxies: c.trustedProxies(), Replicas: b.replicas, OperatorKeyHash: b.key.hash, Ready: b.ready, Logger: log, Registry: b.registry, Capacity: c.Capacity,
	})
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	b.handler, b.forSocket, b.porter = withProxies(&doors), doors.Socket, doors.Porter
	_ = b.ready() //nolint:contextcheck // it notes that the store is there, and has a time of its own
	if err := b.replicas.Enrol(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("this server cannot enrol with the store: %w", err), b.close())
	}
	// While requests are finished, other replicas are heard and answered.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	wait := b.background(ctx, service, log)
	waitRoutes := followRoutes(ctx, c.routes, b.gateway, log)
	b.ended = func() {
		cancel()
		wait()
		waitRoutes()
	}
	return b, nil
}

// compare is how often accounts that are asked about are compared in advance.
// An embedded store is asked in no time, and changed by nobody else.
func (b *backend) compare(c *settings) time.Duration {
	if !b.shared {
		return 0
	}
	return c.freshnessBound / 2
}

// close ends what open started, once no request is left. It fails if something
// could not be saved.
func (b *backend) close() error {
	b.ended()
	if b.engine != nil {
		b.engine.Close()
	}
	b.limits.Close()
	_ = b.store.Close() // there is nothing left to write
	if b.data != nil {
		return b.data.Close()
	}
	return nil
}

// pingTimeout is how long the store may take to say that it is there.
const pingTimeout = 2 * time.Second

// ready reports whether the server can answer: whether the store can be reached
// or, in the window in which checks are answered all the same, could be. Anybody
// may ask for that, so those who do at one time share one ping: they cannot use up
// the connections to the store.
func (b *backend) ready() error {
	if b.inWindow() && b.engine.Counters().Away {
		return nil // and it is not waited for
	}
	err := b.ping.once(func(ctx context.Context) error {
		sent := time.Now()
		err := b.store.Ping(ctx)
		if err == nil {
			b.reached.Store(&sent)
		}
		return err
	})
	if b.inWindow() {
		return nil
	}
	return err
}

// inWindow reports whether memory may answer though the store is away, as of the
// last time that somebody asked whether it is there.
func (b *backend) inWindow() bool {
	at := b.reached.Load()
	return b.awayWindow > 0 && at != nil && time.Since(*at) < b.bound+b.awayWindow
}

// pinging is a ping, if there is one at the moment.
type pinging struct{ singleflight.Group }

func (p *pinging) once(ping func(context.Context) error) error {
	_, err, _ := p.Do("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
		defer cancel()
		return nil, ping(ctx)
	})
	return err
}

// The pauses between two tries to reach Redis.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 5 * time.Second
)

// openStore opens the store.
func (b *backend) openStore(ctx context.Context, c *settings, door *front, log *zap.Logger) (err error) {
	options := store.Options{LogLength: c.logLength}
	switch {
	case c.redis != "":
		b.shared = true
		if err = c.toRedis.into(&options); err == nil {
			b.store, err = c.openRedis(ctx, options, door, log)
		}
	case c.data != "":
		b.store, b.data, err = store.OpenData(c.data, options, log) //nolint:contextcheck // it is closed, not cancelled
		if err != nil {
			err = fmt.Errorf("--data: %w", err)
		}
	default:
		b.store, err = store.OpenEmbedded(options) //nolint:contextcheck // it is closed, not cancelled
	}
	return err
}

// openRedis opens a Redis.
func (c *settings) openRedis(ctx context.Context, options store.Options, door *front, log *zap.Logger) (*store.Store, error) {
	return reach(ctx, func() (*store.Store, error) { return store.Open(ctx, c.redis, options) }, door, log)
}

// reach opens what is on a Redis. One that cannot be reached is tried again until
// it can or the context ends.
func reach[T any](ctx context.Context, open func() (T, error), door *front, log *zap.Logger) (opened T, err error) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		opened, err = open()
		if err == nil {
			return opened, nil
		}
		var known *hierarchy.Error
		if !errors.As(err, &known) || known.Kind != hierarchy.KindUnavailable {
			return opened, fmt.Errorf("--redis: %w", err)
		}
		door.wait("the store cannot be reached; the log says why; it is tried again")
		log.Warn("Redis cannot be reached; trying again", zap.Duration("in", pause), zap.Error(err))
		select {
		case <-ctx.Done():
			return opened, ctx.Err()
		case <-time.After(pause):
		}
	}
}
