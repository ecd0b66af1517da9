package authz

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// gate stands between what is asked about and the store. Only so many
// conversations go on at once, and the others wait in line: however many
// accounts are cold, or out of their bound because the store was away, it is
// not asked for all of them together.
//
// Once the store is known to be away nobody waits for it: all are refused at
// once, but for one now and then who finds out whether it is back.
type gate struct {
	room   *semaphore.Weighted
	enough int // failures, one upon the other, after which the store is away
	clock  *corrected
	log    *zap.Logger
	away   atomic.Bool // as far as is known; replaced by whoever holds mu

	mu       sync.Mutex // guards what follows
	failures int        // one after the other
	pause    time.Duration
	again    time.Duration // monotonic; when the next may find out
	trying   bool          // one is finding out
}

// longFailure is how long one failure takes after which the store is away.
const longFailure = time.Second

// Pauses between two who find out whether the store is back: they double, and
// each is half to one and a half times as long, so that replicas do not come
// all at once.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
)

var errAway = errors.New("the store is away")

func newGate(atOnce, enough int, clock *corrected, log *zap.Logger) *gate {
	return &gate{room: semaphore.NewWeighted(int64(atOnce)), enough: enough, clock: clock, log: log}
}

// look refuses whoever would find the gate closed.
func (g *gate) look() error {
	if !g.away.Load() {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.away.Load() && !g.due() {
		return errAway
	}
	return nil
}

// due reports whether somebody may find out whether the store is back. The
// caller holds mu.
func (g *gate) due() bool { return !g.trying && g.clock.Monotonic() >= g.again }

// pass is what whoever was let in leaves with.
type pass struct {
	begun  time.Duration // monotonic
	trying bool          // to find out whether the store is back
}

// enter waits for room. Whoever is let in calls leave.
func (g *gate) enter(ctx context.Context) (pass, error) {
	if err := g.look(); err != nil {
		return pass{}, err
	}
	if err := g.room.Acquire(ctx, 1); err != nil {
		return pass{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	p := pass{begun: g.clock.Monotonic(), trying: g.away.Load()}
	if !p.trying {
		return p, nil
	}
	if !g.due() {
		g.room.Release(1)
		return pass{}, errAway
	}
	g.trying = true
	return p, nil
}

// leave makes room, and takes note of how it went.
func (g *gate) leave(p pass, err error) {
	g.room.Release(1)
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.trying {
		g.trying = false
	}
	g.learn(err, p)
}

// giveUp makes room after a conversation that its own asker has ended, which
// says nothing of the store.
func (g *gate) giveUp(p pass) {
	g.room.Release(1)
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.trying {
		g.trying = false
	}
}

// hear takes note of how a conversation went that needed no room.
func (g *gate) hear(begun time.Duration, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.learn(err, pass{begun: begun})
}

// learn takes note of an answer of the store, or of the lack of one. The
// caller holds mu.
func (g *gate) learn(err error, p pass) {
	if !unreached(err) {
		if g.failures, g.pause = 0, 0; g.away.Swap(false) {
			g.log.Info("the store is back")
		}
		return
	}
	now := g.clock.Monotonic()
	g.failures++
	known := g.away.Load() && !p.trying
	if known || g.enough < 0 || (g.failures < g.enough && now-p.begun < longFailure) {
		return
	}
	g.pause = min(max(2*g.pause, firstPause), lastPause)
	g.again = now + g.pause/2 + rand.N(g.pause)
	if !g.away.Swap(true) {
		g.log.Warn("the store is away: whatever would have to wait for it is refused at once until it is back", zap.Error(err))
	}
}

// unreached reports whether an error is that of a store that did not answer.
func unreached(err error) bool {
	var known *hierarchy.Error
	return errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &known) && known.Kind == hierarchy.KindUnavailable)
}

// through asks the store for one thing, on behalf of somebody.
func (e *Engine) through(ctx context.Context, ask func(context.Context) error) error {
	limited, cancel := e.limit(ctx)
	defer cancel()
	p, err := e.gate.enter(limited)
	if err != nil {
		return err
	}
	if err = ask(limited); ctx.Err() != nil {
		e.gate.giveUp(p)
	} else {
		e.gate.leave(p, err)
	}
	return err
}
