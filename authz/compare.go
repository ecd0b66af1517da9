package authz

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

// batchSize is how many accounts are compared in one round trip.
const batchSize = 256

// keepCompared compares the accounts that are asked about, every so often,
// until the context ends: so that none of their questions has to wait for it
// at the end of each bound. It is no guard: nothing depends on its being done
// in time, or at all.
func (e *Engine) keepCompared(ctx context.Context) {
	ticker := time.NewTicker(e.opts.Compare)
	defer ticker.Stop()
	for failing := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := e.compareAsked(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			e.opts.Logger.Warn("accounts cannot be compared with the store in advance; each is when it is asked about", zap.Error(err))
		}
		failing = err != nil
	}
}

// compareAsked compares the accounts that were asked about since the last
// time, in batches. Idle ones cost nothing but a look.
func (e *Engine) compareAsked(ctx context.Context) error {
	t := e.residents.loaded.Load()
	batch := make([]*resident, 0, batchSize)
	var failed error
	for row := range t.Len() {
		if r := *t.At(row); r != nil && r.marks.Load()&markAsked != 0 {
			r.marks.And(^markAsked)
			batch = append(batch, r)
		}
		if len(batch) == batchSize || (len(batch) > 0 && row+1 == t.Len()) {
			if err := e.compareBatch(ctx, batch); err != nil {
				failed = err
			}
			batch = batch[:0]
		}
	}
	return failed
}

// compareBatch compares accounts in one round trip. Those that the store has
// changed, or no longer has, go through a round each; those that it said
// nothing of stay as they are.
func (e *Engine) compareBatch(ctx context.Context, batch []*resident) error {
	accounts, before := make([]string, len(batch)), make([]*held, len(batch))
	for i, r := range batch {
		accounts[i], before[i] = r.account, r.state.Load()
	}
	sent := e.clock.Monotonic()
	limited, cancel := e.limit(ctx)
	defer cancel()
	revisions, err := e.source.Heads(limited, accounts)
	e.batches.Add(1)
	if ctx.Err() == nil && (err == nil || !slices.ContainsFunc(revisions, func(r Revision) bool { return r != Revision{} })) {
		e.gate.hear(sent, err) // a part of it says nothing of all
	}
	var rounds errgroup.Group
	rounds.SetLimit(abreast)
	for i, r := range batch {
		switch {
		case i >= len(revisions) || (revisions[i] == Revision{} && err != nil):
			r.missed.Store(ctx.Err() == nil && unreached(err))
		case r.confirm(revisions[i], before[i], sent):
			e.compared.Add(1)
		default:
			rounds.Go(func() error {
				_, _ = r.sync(ctx) // which logs its error
				return nil
			})
		}
	}
	_ = rounds.Wait()
	return err
}

// confirm takes note that a comparison sent at a time found the store to be at
// a revision. It reports false if that is not the snapshot's, so that a round
// has to say more. Whoever holds publish is about to know better.
//
// A snapshot that is held to be out of bound because of a change that was
// heard of stays so, unless it was before: the comparison may be older than
// the change.
func (r *resident) confirm(at Revision, before *held, sent time.Duration) bool {
	if !r.publish.TryLock() {
		return true
	}
	defer r.settle()
	r.missed.Store(false)
	h := r.state.Load()
	switch {
	case h == nil: // it was dropped
		return true
	case h.head.Revision != at, h.compared == never && h != before:
		return false
	case h.compared < sent:
		r.keep(h.Snapshot, sent)
	}
	return true
}
