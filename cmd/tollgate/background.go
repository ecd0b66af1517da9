package main

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/replica"
	"github.com/tollgate-dev/tollgate/store"
)

// background does what goes on beside the requests, until the context ends.
// The function that it returns waits for that end.
func (b *backend) background(ctx context.Context, service *admin.Service, log *zap.Logger) (wait func()) {
	var all sync.WaitGroup
	all.Go(func() { collect(ctx, service, log) })
	all.Go(func() { flushUses(ctx, b.uses, b.store, log) })
	if b.shared {
		all.Go(func() { b.listen(ctx, log) })
		all.Go(func() { b.replicas.Run(ctx) })
	}
	return all.Wait
}

// group is this server among those on the same store; an embedded one has no
// others.
func (b *backend) group(c *settings, log *zap.Logger) *replica.Group {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	name += ":" + strconv.Itoa(os.Getpid())
	if !b.shared {
		return replica.New(nil, b.engine, name, c.freshnessBound, log)
	}
	return replica.New(b.store, b.engine, name, c.freshnessBound+c.toRedis.awayWindow, log)
}

// collectEvery is how often a replica looks for what was deleted and can no
// longer be restored. Nothing depends on it but the room that it takes.
const collectEvery = time.Minute

// collect collects it.
func collect(ctx context.Context, service *admin.Service, log *zap.Logger) {
	for {
		pause := collectEvery/2 + rand.N(collectEvery) // replicas are not to come all at once
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		nodes, err := service.Purge(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			log.Warn("not all that was deleted could be collected; it is tried again", zap.Int("collected", nodes), zap.Error(err))
		case nodes > 0:
			log.Info("what was deleted and can no longer be restored was collected", zap.Int("nodes", nodes))
		}
	}
}

// flushEvery is how often it is taken to the store when API keys were used, and
// flushTimeout how long that may take when the server stops.
const (
	flushEvery   = 30 * time.Second
	flushTimeout = 5 * time.Second
)

// flushUses takes it there, and once more when the context has ended.
func flushUses(ctx context.Context, uses *authz.Uses, to authz.UseStore, log *zap.Logger) {
	for over := false; !over; {
		select {
		case <-ctx.Done():
			over = true
		case <-time.After(flushEvery*3/4 + rand.N(flushEvery/2)): // replicas are not to come all at once
		}
		flushing, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		if err := uses.Flush(flushing, to); err != nil {
			log.Warn("the store could not be told when API keys were used", zap.Error(err))
		}
		cancel()
	}
}

// listen hears what other replicas write. Without it their writes are seen
// within the bound of freshness; with it, at once.
func (b *backend) listen(ctx context.Context, log *zap.Logger) {
	deaf := false // and it was said
	hear := func(m store.Told) {
		deaf = false
		b.engine.Heard(m.Account, m.Change, m.Basis, m.Whole)
	}
	b.store.Feed(ctx, hear, func(err error) {
		if !deaf {
			log.Warn("the feed of other replicas' writes is interrupted; they are seen within the bound of freshness", zap.Error(err))
		}
		deaf = true
	})
}
