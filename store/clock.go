package store

import (
	"sync/atomic"
	"time"
)

// clock estimates Redis's clock between its replies, from the local monotonic
// one. An estimate dates a claim, and need not be right: a claim that is dated
// too early fails its own commit, one that is dated too late is stale later.
type clock struct {
	start  time.Time // of the local monotonic clock
	offset atomic.Int64
}

func newClock() *clock { return &clock{start: time.Now()} }

// now is the estimate, in microseconds since 1970.
func (c *clock) now() int64 { return time.Since(c.start).Microseconds() + c.offset.Load() }

// observe corrects the clock by what Redis said.
func (c *clock) observe(redis int64) {
	c.offset.Store(redis - time.Since(c.start).Microseconds())
}
