package store

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// reloadHook has the client of a cluster look anew who is master of what, each
// time that a call failed. By itself the client does so only when a node tells
// it that it is wrong, and a node that is dead tells nothing.
type reloadHook struct{ cluster *redis.ClusterClient }

func (h reloadHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h reloadHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		h.look(ctx, err)
		return err
	}
}

func (h reloadHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		h.look(ctx, err)
		return err
	}
}

// look does not wait. However often it is called, one look is under way at a
// time, and five are in a second.
func (h reloadHook) look(ctx context.Context, err error) {
	if err != nil && !errors.Is(err, context.Canceled) && (!answered(err) || misplaced(err)) {
		h.cluster.ReloadState(ctx)
	}
}

// look is that of reloadHook, for what passes by its calls.
func (s *Reader) look(ctx context.Context, err error) {
	if c, ok := s.client.(*redis.ClusterClient); ok {
		reloadHook{c}.look(ctx, err)
	}
}
