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
	"github.com/tollgate-dev/tollgate/replica"
	"github.com/tollgate-dev/tollgate/sidecar"
)

// background does what goes on beside the requests, until the context ends.
// The function that it returns waits for that end.
func (b *backend) background(ctx context.Context, service *admin.Service, log *zap.Logger) (wait func()) {
	var all sync.WaitGroup
	all.Go(func() { collect(ctx, service, log) })
	all.Go(func() { b.uses.Run(ctx, b.store, log) })
	if b.shared {
		all.Go(func() { sidecar.Follow(ctx, &b.store.Reader, b.engine, log) })
		all.Go(func() { b.replicas.Run(ctx) })
	}
	return all.Wait
}

// group is this server among those on the same store; an embedded one has no
// others.
func (b *backend) group(c *settings, log *zap.Logger) *replica.Group {
	name := processName()
	if !b.shared {
		return replica.New(nil, b.engine, name, c.freshnessBound, log)
	}
	return replica.New(b.store, b.engine, name, c.freshnessBound+c.toRedis.awayWindow, log)
}

// processName says for people where this process runs.
func processName() string {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	return name + ":" + strconv.Itoa(os.Getpid())
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
