package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/api"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
	"github.com/tollgate-dev/tollgate/store"
)

// backend is what is behind the API.
type backend struct {
	store   *store.Store
	engine  *authz.Engine
	handler http.Handler
}

// open wires the store, the engine, administration and the API.
func (c *settings) open(ctx context.Context, judge *policy.Judge, key string, door *front, log *zap.Logger) (*backend, error) {
	s, err := c.openStore(ctx, door, log)
	if err != nil {
		return nil, err
	}
	b := &backend{store: s}
	b.engine, err = authz.NewEngine(s, judge, authz.Options{
		Bound: c.freshnessBound, Unregistered: c.unregistered, ShadowShare: c.shadowShare, Logger: log,
	})
	if err != nil {
		b.close()
		return nil, fmt.Errorf("--unregistered-types: %w", err)
	}
	b.handler, err = api.New(api.Config{Admin: admin.New(b.engine, s), OperatorKey: key, Ready: b.ready, Logger: log}) //nolint:contextcheck // nothing there waits for anything
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// close ends what open started.
func (b *backend) close() {
	if b.engine != nil {
		b.engine.Close()
	}
	_ = b.store.Close() // there is nothing left to write
}

// pingTimeout is how long the store may take to say that it is there.
const pingTimeout = 2 * time.Second

// ready reports whether the store can be reached.
func (b *backend) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
	defer cancel()
	return b.store.Ping(ctx)
}

// The pauses between two tries to reach Redis.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 5 * time.Second
)

// openStore opens the store. A Redis that cannot be reached is tried again
// until it can or the context ends.
func (c *settings) openStore(ctx context.Context, door *front, log *zap.Logger) (*store.Store, error) {
	options := store.Options{LogLength: c.logLength}
	if c.redis == "" {
		return store.OpenEmbedded(options) //nolint:contextcheck // it is closed, not cancelled
	}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		s, err := store.Open(ctx, c.redis, options)
		if err == nil {
			return s, nil
		}
		var known *hierarchy.Error
		if !errors.As(err, &known) || known.Kind != hierarchy.KindUnavailable {
			return nil, fmt.Errorf("--redis: %w", err)
		}
		door.wait("the store cannot be reached; the server's log says why; it is tried again")
		log.Warn("Redis cannot be reached; trying again", zap.Duration("in", pause), zap.Error(err))
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}
