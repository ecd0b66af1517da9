package authz

import "time"

// Lease calls enrol, which says that this engine is there to those who count on
// hearing from all engines. If it succeeds, snapshots may answer without being
// compared with the store for a time, from when it was called. Once that is
// over, each is compared before it answers, until Lease succeeds again: those
// who do not know of an engine would take for known to all what it has not
// heard of. An engine that was never enrolled needs no lease.
func (e *Engine) Lease(last time.Duration, enrol func() error) error {
	began := e.clock.Monotonic()
	if err := enrol(); err != nil {
		return err
	}
	e.lease.Store(int64(began + last))
	return nil
}

// leased reports whether snapshots may answer at a time without being compared.
func (e *Engine) leased(now time.Duration) bool { return int64(now) <= e.lease.Load() }
