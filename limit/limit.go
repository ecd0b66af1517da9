// Package limit holds back who asks too often: a caller and an account have a
// bucket each, out of which every request takes one.
//
// Buckets are this server's own and in its memory. With N servers somebody may
// get N times as much, a restart fills all buckets, and of those who ask
// nothing for long, or of very many, some are forgotten and so full again. It
// keeps one customer from taking a server from the others; it counts nothing
// that anybody is billed for.
package limit

import (
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

// Rate is how often somebody may ask: so many a second in the long run, and
// Burst of them at once. The zero Rate is any number.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Check refuses what is no rate.
func (r Rate) Check() error {
	switch {
	case r == Rate{}:
		return nil
	case !(r.PerSecond >= MinPerSecond && r.PerSecond <= MaxPerSecond):
		return fmt.Errorf("a rate is from %v to %v requests a second, or 0 for any number; not %v", MinPerSecond, float64(MaxPerSecond), r.PerSecond)
	case r.Burst < 1 || r.Burst > MaxBurst:
		return fmt.Errorf("a burst is from 1 to %d requests, and not %d", MaxBurst, r.Burst)
	}
	return nil
}

// Bounds of a rate. With them a bucket takes no longer than 32 years to fill,
// which its arithmetic has room for.
const (
	MinPerSecond = 0.001
	MaxPerSecond = 1_000_000
	MaxBurst     = 1_000_000
)

// interval is the time in which one request is earned.
func (r Rate) interval() int64 { return max(1, int64(float64(time.Second)/r.PerSecond)) }

// Bucket says how a bucket stands. The zero Bucket is that of who is not
// limited.
type Bucket struct {
	Rate
	Remaining int           // requests that may come at once
	Full      time.Duration // until that is Burst again
	Wait      time.Duration // until the next request may come; 0 for at once
	Refused   bool          // this one may not
}

// bucket is when a bucket is full again, in nanoseconds since the Limiter
// began: the generic cell rate algorithm (ITU-T I.371), which needs no more
// than that, and no lock.
type bucket struct{ full atomic.Int64 }

// take takes one request out, unless there is none.
func (b *bucket) take(r Rate, now int64) Bucket {
	each := r.interval()
	room := each * int64(r.Burst)
	for {
		old := b.full.Load()
		full := max(old, now) + each
		over := full - now - room
		if over > 0 {
			return Bucket{Rate: r, Full: time.Duration(full - each - now), Wait: time.Duration(over), Refused: true}
		}
		if b.full.CompareAndSwap(old, full) {
			left := Bucket{Rate: r, Full: time.Duration(full - now), Remaining: int(-over / each)}
			if left.Remaining == 0 {
				left.Wait = time.Duration(each + over)
			}
			return left
		}
	}
}

// buckets are those of all callers, or of all accounts, by name.
type buckets struct {
	rate  Rate
	known *otter.Cache[string, *bucket]
}

func newBuckets(r Rate, most int) (*buckets, error) {
	if r == (Rate{}) {
		return nil, nil
	}
	if err := r.Check(); err != nil {
		return nil, err
	}
	known, err := otter.New(&otter.Options[string, *bucket]{MaximumSize: most})
	return &buckets{r, known}, err
}

// take takes a request out of somebody's bucket; that of nobody, "", and of who
// is not limited has always one.
func (b *buckets) take(who string, now int64) Bucket {
	if b == nil || who == "" {
		return Bucket{}
	}
	of, ok := b.known.GetIfPresent(who)
	if !ok {
		of, _ = b.known.SetIfAbsent(strings.Clone(who), &bucket{})
	}
	return of.take(b.rate, now)
}

// Limiter has the buckets. Its methods may be called by many goroutines at
// once; a nil Limiter limits nobody.
type Limiter struct {
	began             time.Time
	callers, accounts *buckets
	refused           [2]atomic.Uint64
}

// remembered is how many callers, and how many accounts, have a bucket at
// once; one takes 200 bytes or so. Who is forgotten beyond that starts anew.
const remembered = 100_000

// New makes a Limiter of each caller's rate and each account's; nil if neither
// is limited. Close it after use.
func New(caller, account Rate) (*Limiter, error) {
	l := &Limiter{began: time.Now()}
	var err error
	if l.callers, err = newBuckets(caller, remembered); err != nil {
		return nil, err
	}
	if l.accounts, err = newBuckets(account, remembered); err != nil {
		l.Close()
		return nil, err
	}
	if l.callers == nil && l.accounts == nil {
		return nil, nil
	}
	return l, nil
}

// Close ends what is done in the background.
func (l *Limiter) Close() {
	if l == nil {
		return
	}
	for _, b := range []*buckets{l.callers, l.accounts} {
		if b != nil {
			b.known.StopAllGoroutines()
		}
	}
}

// Take takes a request of a caller out of its bucket, and if that had one, out
// of its account's; "" is for no account. It is for callers who were
// authenticated: anybody else could empty the bucket of whom he names.
func (l *Limiter) Take(caller, account string) Standing {
	if l == nil {
		return Standing{}
	}
	now := int64(time.Since(l.began))
	var s Standing
	if s.Key = l.callers.take(caller, now); s.Key.Refused {
		l.refused[0].Add(1)
		return s
	}
	if s.Account = l.accounts.take(account, now); s.Account.Refused {
		l.refused[1].Add(1)
	}
	return s
}

// Refused is how many requests were refused for their callers' buckets, and
// for their accounts'.
func (l *Limiter) Refused() (callers, accounts uint64) {
	if l == nil {
		return 0, 0
	}
	return l.refused[0].Load(), l.refused[1].Load()
}

// Standing is how the buckets stand that a request was taken out of. The zero
// Standing is that of who is not limited.
type Standing struct{ Key, Account Bucket }

// Limited reports whether there is any limit.
func (s *Standing) Limited() bool { return s.Key.Burst > 0 || s.Account.Burst > 0 }

// Refused reports whether the request is one too many.
func (s *Standing) Refused() bool { return s.Key.Refused || s.Account.Refused }

// RetryAfter is after how many whole seconds a request that was refused may
// come again; 0 for one that was not.
func (s *Standing) RetryAfter() int {
	if !s.Refused() {
		return 0
	}
	return max(1, seconds(max(s.Key.Wait, s.Account.Wait)))
}

// seconds is a time in whole seconds, rounded up.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
