package store

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// DefaultReplicaTimeout is how long a write waits for replicas unless told
// otherwise.
const DefaultReplicaTimeout = time.Second

// waitHook ends every pipeline that is sent to a master on behalf of a write
// with WAIT: on the connection that the pipeline has, since WAIT tells of what
// its own connection has written. On another one it would tell of nothing, and
// after a failover of another master. No transaction is sent under it.
type waitHook struct {
	replicas int
	timeout  time.Duration
}

func (h waitHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h waitHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (h waitHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		acks, ok := ctx.Value(acksKey{}).(*acks)
		if !ok {
			return next(ctx, cmds)
		}
		wait := redis.NewIntCmd(ctx, "wait", h.replicas, max(1, h.timeout.Milliseconds()))
		err := next(ctx, append(cmds[:len(cmds):len(cmds)], wait))
		var first error // of the pipeline itself
		for _, cmd := range cmds {
			if failed := cmd.Err(); failed != nil && !absent(failed) {
				return err // whoever sent it knows, and sends it again or fails
			} else if first == nil {
				first = failed
			}
		}
		acks.add(int(wait.Val())) // 0 if there was no reply
		return first
	}
}

// acks are the replicas that have what a write has sent: the fewest of any
// pipeline of it.
type acks struct {
	mu     sync.Mutex
	some   bool
	fewest int
}

type acksKey struct{}

// awaiting is a context under which all that is sent waits for replicas, and
// what they say; or the context itself and nil, if the store is not to wait.
func (s *Store) awaiting(ctx context.Context) (context.Context, *acks) {
	if s.options.Replicas == 0 {
		return ctx, nil
	}
	a := &acks{}
	return context.WithValue(ctx, acksKey{}, a), a
}

func (a *acks) add(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.some || n < a.fewest {
		a.some, a.fewest = true, n
	}
}

// replicated is the error of a write that was made, if fewer replicas than
// required have it.
func (s *Store) replicated(a *acks) error {
	if a == nil || a.atLeast(s.options.Replicas) {
		return nil
	}
	return &hierarchy.Error{Kind: hierarchy.KindUnavailable, Reason: "NOT_REPLICATED", Detail: "the write was made, but not as many replicas of the store as required have it in time, so that it is lost if the master fails now; read it back before you repeat it"}
}

func (a *acks) atLeast(replicas int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.some && a.fewest >= replicas
}

// Unreplicated is how many writes were made that fewer replicas than required
// had in time, since the store was opened.
func (s *Store) Unreplicated() uint64 { return s.unreplicated.Load() }
