package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/admin"
)

// collectEvery is how often a replica looks for what was deleted and can no
// longer be restored. Nothing depends on it but the room that it takes.
const collectEvery = time.Minute

// collect does so in the background until the context ends. The function that
// it returns waits for the end.
func collect(ctx context.Context, service *admin.Service, log *zap.Logger) (wait func()) {
	var done sync.WaitGroup
	done.Go(func() {
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
	})
	return done.Wait
}
