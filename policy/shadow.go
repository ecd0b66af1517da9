package policy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Case is a decision that the evaluator made, and what it was made from.
type Case struct {
	Facts      Facts // narrow, and of something immutable: it is walked later
	At         int64 // the instant decided at, in microseconds since 1970
	Subject    hierarchy.Ref
	Node       hierarchy.Ref
	Permission Permission
	Allowed    bool // by policy alone, before the state of nodes
}

// Mismatch is a Case that Casbin decides otherwise, or could not decide.
type Mismatch struct {
	Case
	Casbin bool     // what Casbin decides
	Rule   []string // the line that decided for it, if one did
	Err    error    // why it could not decide; then it is a failure, not a mismatch
}

// Counts are what a Shadow has done since it was made. Mismatches must stay 0.
type Counts struct {
	Checked    uint64 // decided by Casbin, agreeing or not
	Mismatches uint64 // of those, decided otherwise
	Dropped    uint64 // sampled, and not decided: the queue was full, or the Shadow closed
	Failed     uint64 // sampled, and Casbin could not decide
}

// shadowQueue is how many cases may wait. A case holds on to its snapshot.
const shadowQueue = 256

// Shadow re-decides a share of live checks with Casbin, in the background, on
// one goroutine. A nil Shadow does nothing. It is safe for concurrent use.
type Shadow struct {
	judge     *Judge
	threshold uint64 // a check is sampled if a random number is below it
	effort    float64
	report    func(Mismatch)
	done      chan struct{}
	rested    chan struct{} // closed when there is no more time to rest

	mu     sync.Mutex // guards closing the queue against sending
	closed bool
	queue  chan Case

	checked, mismatches, dropped, failed atomic.Uint64
}

// NewShadow starts a Shadow that takes a share, from 0 to 1, of the checks
// that it is offered, as far as its effort goes: the share of one processor's
// time that it may use, above 0 to 1. While it rests, checks are dropped, and
// counted. It calls report, from its own goroutine, with each
// mismatch and each failure.
func NewShadow(j *Judge, share, effort float64, report func(Mismatch)) *Shadow {
	s := &Shadow{judge: j, threshold: threshold(share), effort: effort, rested: make(chan struct{}), report: report, done: make(chan struct{}), queue: make(chan Case, shadowQueue)}
	go s.work()
	return s
}

func threshold(share float64) uint64 {
	switch {
	case share >= 1:
		return math.MaxUint64
	case share > 0:
		return uint64(share * (1 << 63) * 2)
	}
	return 0 // of NaN too
}

// Offer says that a check was decided. For one that is not sampled it costs a
// random number. For one that is, it calls make at once and waits for nothing.
func (s *Shadow) Offer(make func() Case) {
	if !s.Samples(rand.Uint64()) {
		return
	}
	s.Take(make)
}

// Samples reports whether a check is to be sampled, by a number that was drawn
// for it. It is Offer's first half, for a caller to whom even the making of a
// function is dear.
func (s *Shadow) Samples(draw uint64) bool {
	return s != nil && s.threshold != 0 && (s.threshold == math.MaxUint64 || draw < s.threshold)
}

// Take is Offer's second half: it takes a check that was sampled.
func (s *Shadow) Take(make func() Case) {
	if len(s.queue) == cap(s.queue) || !s.enqueue(make()) {
		s.dropped.Add(1)
	}
}

func (s *Shadow) enqueue(c Case) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	select {
	case s.queue <- c:
		return true
	default:
		return false
	}
}

// Counts reads the counters, each by itself.
func (s *Shadow) Counts() Counts {
	if s == nil {
		return Counts{}
	}
	return Counts{s.checked.Load(), s.mismatches.Load(), s.dropped.Load(), s.failed.Load()}
}

// Close decides what still waits and stops the goroutine. What is offered
// later is dropped. It may be called more than once.
func (s *Shadow) Close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.queue)
		close(s.rested)
	}
	s.mu.Unlock()
	<-s.done
}

func (s *Shadow) work() {
	defer close(s.done)
	for c := range s.queue {
		start := time.Now()
		s.check(c)
		s.rest(time.Since(start))
	}
}

// rest waits as long as the effort asks for after so much work, or until the
// Shadow closes.
func (s *Shadow) rest(worked time.Duration) {
	if !(s.effort > 0 && s.effort < 1) {
		return
	}
	timer := time.NewTimer(time.Duration(float64(worked) * (1 - s.effort) / s.effort))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.rested:
	}
}

func (s *Shadow) check(c Case) {
	casbin, rule, err := s.decide(c)
	if err != nil {
		s.failed.Add(1)
		s.report(Mismatch{Case: c, Err: err})
		return
	}
	s.checked.Add(1)
	if casbin != c.Allowed {
		s.mismatches.Add(1)
		s.report(Mismatch{Case: c, Casbin: casbin, Rule: rule})
	}
}

// decide turns a panic into a failure: a second opinion must not end a service
// that answers.
func (s *Shadow) decide(c Case) (allowed bool, rule []string, err error) {
	defer func() {
		if r := recover(); r != nil {
			allowed, rule, err = false, nil, fmt.Errorf("casbin panicked: %v", r)
		}
	}()
	return s.judge.Decide(c.Facts, c.At, c.Subject, c.Node, c.Permission)
}
