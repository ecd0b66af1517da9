package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// pipelined is how many commands are sent at once: Redis holds the replies to
// all of them in memory.
const pipelined = 500

// rival is a claim that stands where a commit wants to claim.
type rival struct {
	ref   hierarchy.Ref
	claim claim
}

// setIfAbsent claims what is free, and returns what stands in place of the
// rest, "" for the free, and Redis's time.
func (s *Store) setIfAbsent(ctx context.Context, refs []hierarchy.Ref, c claim) (found []string, now int64, err error) {
	for chunk := range slices.Chunk(refs, pipelined) {
		pipe := s.client.Pipeline()
		clock := pipe.Time(ctx)
		replies := make([]*redis.StatusCmd, len(chunk))
		for i, ref := range chunk {
			replies[i] = pipe.SetArgs(ctx, locatorKey(ref), c.String(), redis.SetArgs{Mode: "NX", Get: true})
		}
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return nil, 0, err
		}
		for _, reply := range replies {
			if err := reply.Err(); err != nil && !errors.Is(err, redis.Nil) {
				return nil, 0, err
			}
			found = append(found, reply.Val())
		}
		now = clock.Val().UnixMicro()
	}
	return found, now, nil
}

// recorded reports for each claim whether the account that claims has the
// record, and Redis's time. The time is asked for first: a claim that is stale
// by then cannot lead to a record after it was looked for.
func (s *Store) recorded(ctx context.Context, rivals []rival) (recorded []bool, now int64, err error) {
	pipe := s.client.Pipeline()
	clock := pipe.Time(ctx)
	replies := make([]*redis.BoolCmd, len(rivals))
	for i, r := range rivals {
		hash, field := place(r.claim.account, recordOf(r.ref))
		replies[i] = pipe.HExists(ctx, hash, field)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, 0, err
	}
	for _, reply := range replies {
		recorded = append(recorded, reply.Val())
	}
	return recorded, clock.Val().UnixMicro(), nil
}

// swap replaces the value of a locator by another, "" to delete it, if it is
// one of those expected.
type swap struct {
	ref    hierarchy.Ref
	value  string
	expect []string
}

// swapAll reports for each swap whether it was done.
func (s *Store) swapAll(ctx context.Context, swaps []swap) (done []bool, err error) {
	for chunk := range slices.Chunk(swaps, pipelined) {
		replies, err := s.swapChunk(ctx, chunk)
		if redis.HasErrorPrefix(err, "NOSCRIPT") { // none was done: the script is known to all or to none
			if err := swapScript.Load(ctx, s.client).Err(); err != nil {
				return nil, err
			}
			replies, err = s.swapChunk(ctx, chunk)
		}
		if err != nil {
			return nil, err
		}
		for _, reply := range replies {
			n, err := reply.Int()
			if err != nil {
				return nil, fmt.Errorf("store: swap.lua: %w", err)
			}
			done = append(done, n == 1)
		}
	}
	return done, nil
}

func (s *Store) swapChunk(ctx context.Context, swaps []swap) ([]*redis.Cmd, error) {
	pipe := s.client.Pipeline()
	replies := make([]*redis.Cmd, len(swaps))
	for i, w := range swaps {
		args := []any{w.value}
		for _, e := range w.expect {
			args = append(args, e)
		}
		replies[i] = swapScript.EvalSha(ctx, pipe, []string{locatorKey(w.ref)}, args...)
	}
	_, err := pipe.Exec(ctx)
	return replies, err
}
