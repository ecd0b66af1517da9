package store

import (
	"context"
	"fmt"
	"slices"
	"time"

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
		if _, err := pipe.Exec(ctx); err != nil && !absent(err) {
			return nil, 0, err
		}
		for _, reply := range replies {
			if err := reply.Err(); err != nil && !absent(err) {
				return nil, 0, err
			}
			found = append(found, reply.Val())
		}
		now = clock.Val().UnixMicro()
	}
	return found, now, nil
}

// recorded reports for each claim whether the account that claims has the
// record, and what Redis's time was before that was asked, or earlier: a claim
// that was stale by then cannot lead to a record after it was looked for. The
// replies of a cluster come from many nodes, in any order; so what the asking
// took is taken off.
func (s *Reader) recorded(ctx context.Context, rivals []rival) (recorded []bool, now int64, err error) {
	pipe := s.client.Pipeline()
	clock := pipe.Time(ctx)
	replies := make([]*redis.BoolCmd, len(rivals))
	for i, r := range rivals {
		hash, field := place(r.claim.account, recordOf(r.ref))
		replies[i] = pipe.HExists(ctx, hash, field)
	}
	asked := time.Now()
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, 0, err
	}
	for _, reply := range replies {
		recorded = append(recorded, reply.Val())
	}
	return recorded, clock.Val().Add(-time.Since(asked)).UnixMicro(), nil
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
		calls := make([]scriptCall, len(chunk))
		for i, w := range chunk {
			calls[i] = scriptCall{[]string{locatorKey(w.ref)}, []any{w.value}}
			for _, e := range w.expect {
				calls[i].args = append(calls[i].args, e)
			}
		}
		replies, err := s.runAll(ctx, swapScript, calls)
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
