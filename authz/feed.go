package authz

import "context"

// Heard takes in a change that was committed by another replica, as the feed
// tells of it, so that checks see it at once rather than when the snapshot is
// next compared with the store. It is a hint: one that does not follow upon
// the snapshot, or was told without its edits, makes the snapshot be compared
// before it answers again. One of an account that is not in memory is nothing.
func (e *Engine) Heard(account string, c Change, basis uint64, whole bool) {
	r := e.residents.find(account)
	if r == nil {
		return
	}
	if !r.publish.TryLock() {
		// A conversation with the store is under way, which nobody who
		// listens to the feed of all accounts can wait for; it may have
		// begun before the change.
		r.outrun.Store(true)
		if !r.publish.TryLock() {
			return
		}
	}
	defer r.settle()
	r.follow(Head{Revision: c.Revision, Basis: basis, At: c.At, Now: c.At}, c.Previous, c.Edits, whole)
}

// follow applies a change to the snapshot, if it follows upon it. The caller
// holds publish.
func (r *resident) follow(head Head, previous string, edits []Edit, whole bool) {
	h := r.state.Load()
	if h == nil || h.head.Revision == head.Revision {
		return
	}
	if h.head.Number > head.Number {
		if yes, known := h.descends(head.Revision); known && !yes {
			r.outdate() // the store has lost what the snapshot is of
		}
		return
	}
	if whole && h.head.Identity == previous && h.head.Number+1 == head.Number {
		r.forget(edits)
		if next, err := h.Apply(head, edits); err == nil {
			r.keep(next, h.compared)
			return
		}
	}
	r.outdate()
}

// outdate makes the snapshot be compared with the store before it answers
// again. The caller holds publish.
func (r *resident) outdate() {
	if h := r.state.Load(); h != nil {
		r.state.Store(&held{h.Snapshot, never})
	}
}

// settle gives publish back, and outdates a snapshot that a change has outrun
// meanwhile.
func (r *resident) settle() {
	r.publish.Unlock()
	for r.outrun.Load() && r.publish.TryLock() {
		r.outrun.Store(false)
		r.outdate()
		r.publish.Unlock()
	}
}

// Serves reports, by returning no error, that every answer that this engine
// begins to give from now on, of an account, is of a revision or of a later
// one. An account that is not in memory will be read, and so is.
func (e *Engine) Serves(ctx context.Context, account, revision string) error {
	r := e.residents.find(account)
	if r == nil {
		return nil
	}
	_, err := r.atLeast(ctx, revision, e.clock.Monotonic())
	return err
}
