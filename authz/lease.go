package authz

import (
	"math"
	"time"
)

// Lease calls enrol, which says that this engine is there to those who count on
// hearing from all engines. If it succeeds, snapshots may answer without being
// compared with the store for a time, from when it was called. Once that is
// over, each is compared before it answers, until Lease succeeds again: those
// who do not know of an engine would take for known to all what it has not
// heard of. An engine that Lease was never called of needs no lease.
func (e *Engine) Lease(last time.Duration, enrol func() error) error {
	began := e.clock.Monotonic()
	if err := enrol(); err != nil {
		e.lease.CompareAndSwap(math.MaxInt64, int64(began)) // the first try: from now on it takes a lease
		return err
	}
	e.lease.Store(int64(began + last))
	return nil
}

// Leased reports whether snapshots may answer now without being compared.
func (e *Engine) Leased() bool { return e.leased(e.clock.Monotonic()) }

// leased reports whether snapshots may answer at a time without being compared.
func (e *Engine) leased(now time.Duration) bool { return int64(now) <= e.lease.Load() }
