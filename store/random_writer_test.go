package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/store"
)

// replica is what one server is made of.
type replica struct {
	*admin.Service
	engine *authz.Engine
	store  *store.Store
}

// newReplica makes one on the round's Redis. It remembers few resources, so
// that it forgets.
func (r *round) newReplica(fault store.Fault) *replica {
	s := r.truth.Replica(store.Options{LogLength: endless, Fault: fault})
	return r.newReplicaOn(s, &keeper{s, r})
}

// keeper is a store that has a log kept which is about to be dropped.
type keeper struct {
	*store.Store
	round *round
}

func (k *keeper) Commit(ctx context.Context, c *authz.Commit) (authz.Head, string, error) {
	if c.Forget {
		k.round.remember(ctx, c.Account)
	}
	return k.Store.Commit(ctx, c)
}

// newReplicaOn makes one whose store is seen through another.
func (r *round) newReplicaOn(s *store.Store, through admin.Store) *replica {
	j, err := judge()
	if err != nil {
		panic(err)
	}
	e, err := authz.NewEngine(through, j, authz.Options{Places: 50, Unregistered: []string{"message"}, Clock: r.clock(),
		Failures: -1}) // each fault is to be met, and none passed by
	if err != nil {
		panic(err)
	}
	return &replica{admin.New(e, through), e, s}
}

func (p *replica) close() {
	p.engine.Close()
	_ = p.store.Close()
}

// The ways in which a call fails.
type way int

const (
	unsent      way = iota // it is not sent
	lost                   // it is done, and its reply is lost
	crashBefore            // the server ends just before it
	crashAfter             // the server ends just after it was done
	ways
)

var wayNames = [ways]string{"unsent", "reply lost", "crash before", "crash after"}

// fault is what happens at which call of an operation; at call 0, nothing.
type fault struct {
	way  way
	call int
}

// writer is a server with one caller, who waits for each answer. If it
// crashes, all that it had in memory is gone, and another one starts.
type writer struct {
	*replica
	round   *round
	number  int
	rng     *rand.Rand
	count   int
	pending *asked // whose outcome the caller does not know

	calling sync.Mutex // held while a call waits for its turn
	mu      sync.Mutex // guards the rest
	fault   fault
	calls   int
	struck  bool // the fault has happened
	crashed bool
}

func newWriter(r *round, number int) *writer {
	w := &writer{round: r, number: number, rng: rand.New(rand.NewPCG(r.seed, 100+uint64(number)))}
	w.replica = r.newReplica(w)
	return w
}

// told is what a writer was told of an operation.
type told struct {
	kind    *operation
	caller  string // by which the log names it
	outcome outcome
	did
}

type outcome int

const (
	acknowledged outcome = iota
	refused
	unknown
)

// step makes one operation.
func (w *writer) step() {
	w.count++
	this, again := w.next()
	f := w.round.aim.fault(this.kind, w.rng)
	w.mu.Lock()
	w.fault, w.calls, w.struck = f, 0, false
	w.mu.Unlock()
	var d did
	if w.pending = this; again {
		d = this.again(w)
	} else {
		d = this.kind.do(w, w.as(this.caller))
	}
	w.mu.Lock()
	f, w.fault = w.fault, fault{}
	calls, struck, crashed := w.calls, w.struck, w.crashed
	w.mu.Unlock()
	out := outcomeOf(d.err)
	if out != unknown || this.again == nil {
		w.pending = nil
	}
	w.note(this, told{kind: this.kind, caller: this.caller, outcome: out, did: d}, f, calls, struck)
	if crashed {
		w.restart()
	}
}

// next is what the writer asks for next, and whether that was asked for
// before.
func (w *writer) next() (this *asked, again bool) {
	if w.pending != nil {
		return w.pending, true
	}
	w.round.mu.Lock()
	latest := w.round.latest
	w.round.mu.Unlock()
	if share := w.rng.IntN(30); share == 0 && latest != nil {
		return latest, true
	}
	return &asked{kind: choose(w.rng), caller: fmt.Sprintf("w%d.%d", w.number, w.count)}, false
}

// note takes in what became of an operation.
func (w *writer) note(this *asked, t told, f fault, calls int, struck bool) {
	if t.outcome == acknowledged {
		w.round.aim.done(this.kind, calls)
	}
	w.round.totals.count(this.kind, f, calls, struck, t.outcome)
	w.round.mu.Lock()
	w.round.told = append(w.round.told, t)
	w.round.mu.Unlock()
	if reason := flaw(t.err, struck); reason != "" {
		w.round.t.Errorf("seed %d, %s, %s: %s: %v", w.round.seed, t.caller, t.kind.name, reason, t.err)
	}
}

// as is the caller of an operation: most often an operator, who may do
// anything.
func (w *writer) as(caller string) admin.Caller {
	who := admin.Caller{Name: caller, Operator: true}
	switch w.rng.IntN(10) {
	case 0, 1:
		who.Actor = users[0] // the owner of most accounts
	case 2:
		who.Actor = users[w.rng.IntN(len(users))]
	}
	return who
}

func (w *writer) restart() {
	w.close()
	w.mu.Lock()
	w.crashed = false
	w.mu.Unlock()
	w.replica = w.round.newReplica(w)
}

// outcomeOf is what an error says of a write. Only where the store did not
// answer is it not known whether it was made.
func outcomeOf(err error) outcome {
	var public *hierarchy.Error
	switch {
	case err == nil:
		return acknowledged
	case errors.As(err, &public) && public.Kind != hierarchy.KindUnavailable:
		return refused
	}
	return unknown
}

// flaw is what is wrong with an error, if anything is.
func flaw(err error, struck bool) string {
	var public *hierarchy.Error
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &public):
		return "an error that no caller may see"
	case public.Kind == hierarchy.KindUnavailable && !struck:
		return "unavailable, though every call was answered"
	}
	return ""
}

var (
	errCut  = errors.New("the connection was cut by the test")
	errGone = errors.New("the server that asked has crashed")
)

// Before implements store.Fault.
func (w *writer) Before(string) error {
	w.calling.Lock()
	defer w.calling.Unlock()
	if w.gone() {
		return errGone
	}
	if w.round.turns != nil {
		w.round.turns.wait(w.number)
	}
	w.round.tick()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	return w.strike(unsent, crashBefore)
}

// After implements store.Fault.
func (w *writer) After(string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.strike(lost, crashAfter)
}

func (w *writer) gone() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.crashed
}

// strike makes the call fail, if that is what is to happen now.
func (w *writer) strike(cut, crash way) error {
	if w.crashed {
		return errGone
	}
	if w.fault.call != w.calls || (w.fault.way != cut && w.fault.way != crash) {
		return nil
	}
	w.struck = true
	w.crashed = w.fault.way == crash
	return errCut
}
