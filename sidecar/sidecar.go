// Package sidecar is a replica of Tollgate that may only read the store: beside an
// application, in a process of its own or in the application's.
//
// It answers from snapshots, as a server does and by the same rules of freshness,
// which it reads from Redis itself: while servers are away it goes on. What it has
// to have written a server writes for it, if it is told of one:
//
//   - that it is there, so that receipts of writes wait for it, and what it answers
//     to them. The questions it hears from Redis;
//   - when API keys were used.
//
// Without a server, receipts know nothing of it, and what it answers is just not
// older than the bound.
package sidecar

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/client"
	"github.com/tollgate-dev/tollgate/policy"
	"github.com/tollgate-dev/tollgate/replica"
	"github.com/tollgate-dev/tollgate/store"
)

// Config says what a sidecar answers by.
type Config struct {
	// Judge has proved the model.
	Judge *policy.Judge
	// Engine is how the engine is set up. With a Server it notes when keys are
	// used.
	Engine authz.Options
	// Server writes for the sidecar, shown a key that has replica.report on the
	// platform; nil for none.
	Server *client.Client
	// Name is where it runs, for people who read receipts.
	Name string
	// Logger defaults to none.
	Logger *zap.Logger
}

// MaxBound is the longest that Engine.Bound and Engine.AwayWindow may be together
// with a Server: who counts on all replicas waits three times as long for one that
// is silent.
const MaxBound = replica.MaxEnrolment / 3

// Sidecar is one. Its methods may be called by many goroutines at once.
type Sidecar struct {
	engine  *authz.Engine
	reports bool
	stop    func()
}

// firstTry is how long it is tried, before anything is answered, to have a server
// know of the sidecar.
const firstTry = 2 * time.Second

// Start starts a sidecar on what a Reader reads. Close it after use; the Reader is
// the caller's to close, later.
func Start(ctx context.Context, reader *store.Reader, c Config) (*Sidecar, error) {
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	if c.Server != nil {
		c.Engine.Uses = authz.NewUses()
	}
	if c.Engine.Bound == 0 {
		c.Engine.Bound = time.Second
	}
	c.Engine.Logger = c.Logger
	if c.Engine.Compare == 0 {
		c.Engine.Compare = c.Engine.Bound / 2
	}
	engine, err := authz.NewEngine(reader, c.Judge, c.Engine) //nolint:contextcheck // it is closed, not cancelled
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var all sync.WaitGroup
	all.Go(func() { Follow(ctx, reader, engine, c.Logger) })
	if c.Server != nil {
		c.report(ctx, &all, reader, engine)
	}
	return &Sidecar{engine, c.Server != nil, sync.OnceFunc(func() {
		cancel()
		all.Wait()
		engine.Close()
	})}, nil
}

// report has the server know what the sidecar does, until the context ends.
func (c *Config) report(ctx context.Context, all *sync.WaitGroup, reader *store.Reader, engine *authz.Engine) {
	bus := newBus(c.Server, reader, c.Logger)
	group := replica.New(bus, engine, c.Name, c.Engine.Bound+c.Engine.AwayWindow, c.Logger)
	first, cancel := context.WithTimeout(ctx, firstTry)
	defer cancel()
	_ = group.Enrol(first) // if it fails, Run says so, and tries again
	all.Go(func() { group.Run(ctx) })
	all.Go(func() { c.Engine.Uses.Run(ctx, bus, c.Logger) })
}

// Engine is what answers.
func (s *Sidecar) Engine() *authz.Engine { return s.engine }

// Known reports whether a server knows of the sidecar, as far as that counts: if
// not, receipts leave it out, and with a Server it compares before each answer.
func (s *Sidecar) Known() bool { return s.reports && s.engine.Leased() }

// Close has the server forget the sidecar, and ends it.
func (s *Sidecar) Close() { s.stop() }

// Follow has an engine hear what others write, until the context ends. Without it
// their writes are seen within the bound of freshness; with it, at once.
func Follow(ctx context.Context, reader *store.Reader, engine *authz.Engine, log *zap.Logger) {
	deaf := false // and it was said
	hear := func(m store.Told) {
		deaf = false
		engine.Heard(m.Account, m.Change, m.Basis, m.Whole)
	}
	reader.Feed(ctx, hear, func(err error) {
		if !deaf {
			log.Warn("the feed of other replicas' writes is interrupted; they are seen within the bound of freshness", zap.Error(err))
		}
		deaf = true
	})
}
