package history

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"
)

// world is a store that fails over, with servers that keep their promises, in
// few steps of time and with few facts, so that whatever can meet does.
type world struct {
	*rapid.T
	now        time.Duration
	log        []Entry // of the master: a Change for each revision, the first the base
	replicated int     // how much of the log a failover keeps
	observed   []Entry // all changes that ever were
	servers    []cache
	history    []Entry
	tokens     []*Revision // that somebody was told of
}

// cache is what a server knows: a log as it was when it was last compared.
type cache struct {
	log      []Entry
	compared time.Duration
}

const (
	tick     = time.Millisecond
	bound    = 3 * tick
	account0 = "a"
)

var facts = []string{"x", "y"}

func newWorld(t *rapid.T) *world {
	w := &world{T: t, now: 10 * tick}
	base := &Revision{1, "base"}
	for _, fact := range facts {
		w.history = append(w.history, Entry{Kind: Change, Account: account0, Fact: fact, Revision: base})
	}
	w.log = w.history[:1:1]
	w.replicated = 1
	w.servers = make([]cache, 2)
	for i := range w.servers {
		w.compare(&w.servers[i])
	}
	return w
}

func (w *world) compare(c *cache) { c.log, c.compared = slices.Clone(w.log), w.now }

// operation is an entry of something that happens now, and took a while.
func (w *world) operation(kind Kind) Entry {
	some := rapid.IntRange(0, 2)
	return Entry{
		Kind: kind, Account: account0, Fact: rapid.SampledFrom(facts).Draw(w.T, "fact"), Server: rapid.IntRange(1, len(w.servers)).Draw(w.T, "server"),
		Start: w.now - time.Duration(some.Draw(w.T, "before"))*tick, End: w.now + time.Duration(some.Draw(w.T, "after"))*tick,
	}
}

func (w *world) write() {
	e := w.operation(Write)
	e.Value, e.Changed = rapid.Bool().Draw(w.T, "value"), true
	outcome := rapid.IntRange(0, 5).Draw(w.T, "outcome")
	if outcome > 0 { // it is made
		last := w.log[len(w.log)-1].Revision
		made := Entry{Kind: Change, Account: account0, Fact: e.Fact, Value: e.Value, Previous: last, Revision: &Revision{last.Number + 1, fmt.Sprint(len(w.observed))}}
		w.log, w.observed = append(w.log, made), append(w.observed, made)
		if outcome > 1 {
			e.Revision = made.Revision
			w.tokens = append(w.tokens, e.Revision)
		}
	}
	w.history = append(w.history, e)
}

func (w *world) check() {
	e := w.operation(Check)
	c := &w.servers[e.Server-1]
	e.Full = rapid.IntRange(0, 3).Draw(w.T, "full") == 0
	if e.Full || w.now-c.compared > bound {
		w.compare(c)
	}
	if n := len(w.tokens); n > 0 && rapid.Bool().Draw(w.T, "token") {
		e.AtLeast = w.tokens[rapid.IntRange(0, n-1).Draw(w.T, "which")]
		if !c.has(*e.AtLeast) {
			w.compare(c)
		}
		if !c.has(*e.AtLeast) {
			e.Refused = ReasonLost
			w.history = append(w.history, e)
			return
		}
	}
	for _, change := range c.log {
		if change.Fact == e.Fact {
			e.Value = change.Value
		}
	}
	e.Revision = c.log[len(c.log)-1].Revision
	w.history = append(w.history, e)
}

func (c *cache) has(r Revision) bool {
	return slices.ContainsFunc(c.log, func(e Entry) bool { return *e.Revision == r })
}

func (w *world) receipt() {
	e := w.operation(Receipt)
	e.Revision, e.End = w.log[len(w.log)-1].Revision, w.now
	for i := range w.servers {
		w.compare(&w.servers[i])
	}
	w.history = append(w.history, e)
}

// failover has what is not replicated be lost.
func (w *world) failover() {
	w.history = append(w.history, Entry{Kind: Failover, Start: w.now, End: w.now})
	w.log = slices.Clone(w.log[:w.replicated])
	w.now += bound + 2*tick // until another is master, so that no cache is from before
}

// live lives for some steps, and returns the history with the log in the end,
// and, if it is to be known, what was lost.
func (w *world) live(known bool) []Entry {
	steps := map[int]func(){0: w.write, 1: w.write, 2: w.check, 3: w.check, 4: w.check, 5: w.receipt, 6: w.failover}
	for range rapid.IntRange(0, 60).Draw(w.T, "steps") {
		step := rapid.IntRange(0, 9).Draw(w.T, "step")
		if do := steps[step]; do != nil {
			do()
		} else {
			w.replicated = len(w.log)
		}
		w.now += time.Duration(rapid.IntRange(0, 2).Draw(w.T, "tick")) * tick
	}
	history := append(w.history, w.log[1:]...)
	if !known {
		return history
	}
	for _, e := range w.observed {
		if !slices.ContainsFunc(w.log, func(l Entry) bool { return *l.Revision == *e.Revision }) {
			e.Kind = Lost
			history = append(history, e)
		}
	}
	return history
}
