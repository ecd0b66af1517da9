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

// corrected is the local clock, corrected to the store's by what the store
// answered when it was last asked.
type corrected struct {
	start time.Time
	other Clock        // nil for the machine's
	ahead atomic.Int64 // of the store's clock, in microseconds
}

// Monotonic is as in Clock. The machine's own is read without an interface,
// since every check reads it.
func (c *corrected) Monotonic() time.Duration {
	if c.other == nil {
		return time.Since(c.start)
	}
	return c.other.Monotonic()
}

// Wall is as in Clock.
func (c *corrected) Wall() int64 {
	if c.other == nil {
		return time.Now().UnixMicro()
	}
	return c.other.Wall()
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
