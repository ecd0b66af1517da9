package authz

import (
	"context"
	"time"
)

// While the store is away, snapshots may go on answering for longer than the
// bound, if the operator has chosen so. Such answers are marked, and counted.
// Their age counts from when the last good comparison was sent, by the
// monotonic clock, so that a process that was stopped has no longer for it.

// answering returns the snapshot that a question in one account is answered from,
// and whether that could not be compared with the store in its bound.
func (r *resident) answering(ctx context.Context, token string, now time.Duration) (s *Snapshot, stale bool, err error) {
	old := r.inWindow(token, now)
	if old == nil || r.freshAt(now) != nil {
		s, err = r.atLeast(ctx, token, now)
		return s, false, err
	}
	if !r.missed.Load() && !r.engine.gate.away.Load() {
		// Nobody knows of anything wrong, but who waits is not to wait for a
		// time-out of the store.
		waiting, cancel := context.WithTimeout(ctx, r.engine.opts.Bound)
		defer cancel()
		if s, err = r.atLeast(waiting, token, now); !unreached(err) || ctx.Err() != nil {
			return s, false, err
		}
		if waiting.Err() == nil && !r.missed.Load() && !r.engine.gate.away.Load() {
			return nil, false, err // the account cannot be read, and the store is there
		}
		r.missed.Store(true)
		if old = r.inWindow(token, r.engine.clock.Monotonic()); old == nil { // that took a while
			return nil, false, err
		}
	}
	r.mark()
	return old, true, nil
}

// inWindow is the snapshot held, if it may answer a question while the store
// is away; or nil. One that a change has outrun may not: it is known to be
// behind.
func (r *resident) inWindow(token string, now time.Duration) *Snapshot {
	window := r.engine.opts.AwayWindow
	if window <= 0 {
		return nil
	}
	h := r.state.Load()
	if h == nil || h.compared == never || now-h.compared > r.engine.opts.Bound+window || !r.engine.leased(now) {
		return nil
	}
	if token != "" {
		want, err := ParseToken(r.account, token)
		if yes, _ := h.descends(want); err != nil || !yes {
			return nil
		}
	}
	return h.Snapshot
}

// note marks an answer, and counts it.
func (e *Engine) note(a *Answer, stale bool) {
	if stale {
		a.Stale = true
		e.stale.Add(1)
	}
}

// answerStale answers the items of one account from a snapshot that may answer
// while the store is away. Whatever needs the store is refused.
func (b *batch) answerStale(home *resident, s *Snapshot, now time.Duration, mine []int) {
	e := b.engine
	b.decided.Do(func() { b.at = e.clock.Now() })
	for _, i := range mine {
		q, a := &b.items[i].question, &b.results[i].Answer
		*a, q.at = Answer{}, b.at
		if q.Full || home.inWindow(q.AtLeast, now) == nil || !e.find(home, s, q, a) {
			b.results[i] = Result{Err: stateUnavailable()}
			continue
		}
		e.note(a, true)
		b.results[i].Err = e.answer(s, q, a)
	}
}
