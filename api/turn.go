package api

import (
	"context"
	"math"
	"net/http"
	"sync/atomic"
	"time"
)

// A server that takes on all that it is asked answers nobody in time: whatever
// it waits for (the store, mostly), the requests that wait with it grow in
// number for as long as callers send more. So there is a bound to how many are
// in work at once. A few more wait for their turn, briefly; all others are told
// at once to come back, which costs next to nothing.
//
// Requests of one class never take the turns of another: neither do checks keep
// the operator out, nor an import the checks. Health and metrics need no turn.

// Capacity is how many requests of each class are in work at once. As many again
// wait for their turn. 0 is for no bound. A batch of checks is one request.
type Capacity struct {
	Checks         int // checks, batches and billing owners
	Administration int // whatever is in no other class
	Receipts       int // which wait, for up to half a minute, and do little else
	Bulk           int // imports, exports and policies, which take most memory
	Leaks          int // reports of leaked keys, which need no credential
	// Patience is how long a request waits for its turn.
	Patience time.Duration
}

// DefaultCapacity is what suits a server that has a Redis nearby.
//
// Checks that need no store are bounded by the processors, and hardly ever meet
// one another here. Those that do take a round trip of a millisecond or so: 512
// at once are several times what two processors can send. Bulk is few, because
// each may hold its 64 MiB many times over while it is decoded. Patience is long
// enough for a pause of the garbage collector or a burst, and short beside any
// caller's own.
var DefaultCapacity = Capacity{Checks: 512, Administration: 256, Receipts: 1024, Bulk: 4, Leaks: 16, Patience: 100 * time.Millisecond}

// class is what requests compete with for turns.
type class uint8

const (
	administration class = iota // also of a route that is new, and in no list
	checks
	receipts
	bulk
	leaks
	classes
)

// String is the class's label in metrics.
func (c class) String() string {
	return [classes]string{"administration", "checks", "receipts", "bulk", "leaks"}[c]
}

// classOf has the operations that are not administration's. Those of checks say
// so themselves.
var classOf = map[string]class{
	"getReceipt":       receipts,
	"enrolReplica":     receipts,
	"answerForReplica": receipts,
	"reportUses":       receipts,
	"importBundle":     bulk,
	"exportAccount":    bulk,
	"printPolicy":      bulk,
	"reportLeak":       leaks,
}

func (c *Capacity) gates() (all [classes]*gate) {
	for class, most := range map[class]int{administration: c.Administration, checks: c.Checks, receipts: c.Receipts, bulk: c.Bulk, leaks: c.Leaks} {
		all[class] = newGate(most, c.Patience)
	}
	return all
}

// gate gives turns to a class of requests. To enter and to leave one that has
// room is an atomic operation each, and no more.
//
// Invariant: of load requests, load are in work or have a turn on its way to
// them if that is at most `most`, and exactly `most` otherwise. So whoever leaves
// knows from the load alone whether somebody waits to whom the turn goes.
type gate struct {
	most     int64         // in work
	waiting  int64         // at most, beside them
	patience time.Duration // of who waits
	load     atomic.Int64  // in work and waiting
	turns    chan struct{} // handed from who leaves to who waits; has room for all who wait
	shed     atomic.Uint64
	observe  func(seconds float64) // how long one that waited did; may be nil
}

// maxWaiting bounds the queue of a gate, whatever it lets in.
const maxWaiting = 1 << 16

func newGate(most int, patience time.Duration) *gate {
	if most <= 0 {
		return &gate{most: math.MaxInt64}
	}
	waiting := min(most, maxWaiting)
	return &gate{most: int64(most), waiting: int64(waiting), patience: patience, turns: make(chan struct{}, waiting)}
}

// enter waits for a turn. Without an error, leave is to be called.
func (g *gate) enter(ctx context.Context) error {
	for {
		n := g.load.Load()
		if n-g.most >= g.waiting {
			g.shed.Add(1)
			return errOverloaded
		}
		if g.load.CompareAndSwap(n, n+1) {
			if n < g.most {
				return nil
			}
			return g.wait(ctx)
		}
	}
}

// leave gives the turn back, or to who waits.
func (g *gate) leave() {
	if g.load.Add(-1) >= g.most {
		g.turns <- struct{}{}
	}
}

func (g *gate) wait(ctx context.Context) error {
	began := time.Now()
	if g.observe != nil {
		defer func() { g.observe(time.Since(began).Seconds()) }()
	}
	timer := time.NewTimer(g.patience)
	defer timer.Stop()
	select {
	case <-g.turns:
		return nil
	case <-timer.C:
	case <-ctx.Done():
	}
	if !g.giveUp() { // the turn has come meanwhile
		<-g.turns
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	g.shed.Add(1)
	return errOverloaded
}

// giveUp ends a wait, unless there is a turn for everybody who waits.
func (g *gate) giveUp() bool {
	for {
		n := g.load.Load()
		if n <= g.most {
			return false
		}
		if g.load.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// now is how many are in work and how many wait.
func (g *gate) now() (working, waiting int64) {
	n := g.load.Load()
	return min(n, g.most), max(n-g.most, 0)
}

var errOverloaded = &wireError{
	http.StatusServiceUnavailable, "OVERLOADED",
	"the server has as much to do as it takes on at once, so this was not begun; try again",
}

// Bounds of a bulk request on its connection, from when it has its turn. A body
// of 64 MiB, the largest that is taken, gets through in time at half a megabyte a
// second.
const (
	bulkReadTimeout  = 2 * time.Minute
	bulkWriteTimeout = 4 * time.Minute
)

// enterBulk takes a turn for the whole of a bulk request: its body, and what it
// answers, are what is large of it. It gets more time for both than others.
func (s *server) enterBulk(c *call) (leave func(), err error) {
	if c.op.class != bulk {
		return func() {}, nil
	}
	gate := s.gates[bulk]
	if err := gate.enter(c.ctx()); err != nil {
		return nil, err
	}
	control := http.NewResponseController(c.gin.Writer)
	_ = control.SetReadDeadline(time.Now().Add(bulkReadTimeout)) // a test's recorder has none
	_ = control.SetWriteDeadline(time.Now().Add(bulkWriteTimeout))
	return gate.leave, nil
}

// enterClass takes a turn for the work on a request. Its body has been read, and
// what is answered is sent after it: a slow caller holds no turn.
func (s *server) enterClass(c *call) (leave func(), err error) {
	if c.op.class == bulk { // which has its turn
		return func() {}, nil
	}
	gate := s.gates[c.op.class]
	return gate.leave, gate.enter(c.ctx())
}
