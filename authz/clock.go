package authz

import (
	"sync/atomic"
	"time"
)

// Clock tells the time of requests: a monotonic one to measure freshness by,
// and the store's, which windows are compared with.
type Clock interface {
	// Monotonic is the time since an arbitrary point; it never steps.
	Monotonic() time.Duration
	// Wall is this machine's time, in microseconds since 1970.
	Wall() int64
}

// systemClock is the machine's clock.
type systemClock struct{ start time.Time }

func (c systemClock) Monotonic() time.Duration { return time.Since(c.start) }
func (c systemClock) Wall() int64              { return time.Now().UnixMicro() }

// corrected is the local clock, corrected to the store's by what the store
// answered when it was last asked.
type corrected struct {
	Clock
	ahead atomic.Int64 // of the store's clock, in microseconds
}

// Now is the store's time in microseconds, as well as it is known.
func (c *corrected) Now() int64 { return c.Wall() + c.ahead.Load() }

// learn takes the store's time, which it told between two local times. The
// correction is kept as long as it lies within what they leave possible, so
// that it does not jitter with the network.
func (c *corrected) learn(sent, told, received int64) {
	if now := c.ahead.Load(); told-received > now || told-sent < now {
		c.ahead.Store(told - (sent+received)/2)
	}
}
