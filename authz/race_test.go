package authz_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/worlds"
)

func bindingID(n int) string {
	var uid hierarchy.UID
	copy(uid[:], fmt.Sprintf("%016d", n))
	return hierarchy.BindingID(uid, "acme")
}

// hurried is a clock on which every look is two seconds after the last, so
// that no snapshot is ever inside its bound.
type hurried struct {
	clock
	stand atomic.Bool // or it stands, and every snapshot is
}

func (c *hurried) Monotonic() time.Duration {
	if c.stand.Load() {
		return time.Duration(c.mono.Load())
	}
	return time.Duration(c.mono.Add(int64(2 * time.Second)))
}

// The account goes round four states, a write each: ann is bound or not, and
// the number stands in the shop, where that counts, or in the lab.
var round = []struct {
	edit  authz.Edit
	bound bool
	place string
}{
	{bind(false), false, "subproject:shop"},
	{move("subproject:shop", "subproject:lab"), false, "subproject:lab"},
	{bind(true), true, "subproject:lab"},
	{move("subproject:lab", "subproject:shop"), true, "subproject:shop"},
}

// stateAt is what the account is like at a revision. The first is that of
// acme, which is that of the last of a round.
func stateAt(number uint64) (bound bool, place string) {
	s := round[(number+uint64(len(round))-2)%uint64(len(round))]
	return s.bound, s.place
}

// While the account changes, every answer is right for the revision that it
// says it is of, and no reader ever goes back. Writes come from this replica
// and from others, to snapshots inside and out of their bound.
func TestAnswersAreOfTheirRevisionWhileItChanges(t *testing.T) {
	writes := 2_000
	if testing.Short() {
		writes = 400
	}
	for name, own := range map[string]func(i int) bool{
		"own writes":    func(int) bool { return true },
		"others'":       func(int) bool { return false },
		"both in turns": func(i int) bool { return i%3 > 0 },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, authz.Options{})
			c := &hurried{}
			c.wall.Store(h.clock.Wall())
			e, err := authz.NewEngine(h.source, judge(t, modelText(t)), authz.Options{Clock: c, ShadowShare: 0.01, ShadowEffort: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			done := make(chan struct{})
			var readers sync.WaitGroup
			var readings [3]atomic.Int64
			for i, read := range []func(t *testing.T, e *authz.Engine) (uint64, bool){readSingle, readBatch, readAnywhere} {
				readers.Go(func() { readOn(t, e, read, &readings[i], done) })
			}
			enough := func() bool {
				return readings[0].Load() > 100 && readings[1].Load() > 100 && readings[2].Load() > 100
			}
			for i := 0; !t.Failed() && (i < writes || !enough()); i++ {
				c.stand.Store(i%7 > 3)
				edit := round[i%len(round)].edit
				head, change := h.source.Commit("acme", edit)
				if own(i) {
					e.Committed(&authz.Commit{Account: "acme", Edits: []authz.Edit{edit}}, head, change.Previous)
				}
				if i%211 == 0 {
					h.source.Trim("acme")
				}
				// What was written before the question is in the answer, out of
				// the bound or if it was written here.
				if !c.stand.Load() || own(i) {
					if a := mustCheck(t, e, annUpdatesShop); a.Revision().Number < head.Number {
						t.Errorf("revision %d was answered after %d was written", a.Revision().Number, head.Number)
					}
				}
			}
			close(done)
			readers.Wait()
		})
	}
}

// readOn reads until it is done, counts its readings, and fails the test if
// one of them is wrong or older than the one before it.
func readOn(t *testing.T, e *authz.Engine, read func(t *testing.T, e *authz.Engine) (uint64, bool), readings *atomic.Int64, done <-chan struct{}) {
	t.Helper()
	for last := uint64(0); ; readings.Add(1) {
		select {
		case <-done:
			return
		default:
		}
		number, ok := read(t, e)
		if !ok {
			return
		}
		if number < last {
			t.Errorf("revision %d was answered after %d", number, last)
			return
		}
		last = number
	}
}

// right fails the test unless the answer is that of its revision.
func right(t *testing.T, req *authz.Request, a *authz.Answer, err error) bool {
	t.Helper()
	if err != nil {
		t.Error(err)
		return false
	}
	allowed, place := stateAt(a.Revision().Number)
	if req.Resource == "number:1" {
		allowed = allowed && place == "subproject:shop"
		if path := a.Path(); len(path) != 4 || path[1] != place {
			t.Errorf("at revision %d the path is %q", a.Revision().Number, path)
			return false
		}
	}
	if a.Allowed != allowed {
		t.Errorf("%s at revision %d: allowed is %t", req.Resource, a.Revision().Number, a.Allowed)
		return false
	}
	return true
}

func readSingle(t *testing.T, e *authz.Engine) (uint64, bool) {
	t.Helper()
	a, err := e.Check(t.Context(), &annUpdatesNumber)
	return a.Revision().Number, right(t, &annUpdatesNumber, &a, err)
}

// readBatch has both questions answered of one revision.
func readBatch(t *testing.T, e *authz.Engine) (uint64, bool) {
	t.Helper()
	reqs := []authz.Request{annUpdatesNumber, annUpdatesShop, annUpdatesNumber}
	results := e.CheckBatch(t.Context(), reqs)
	for i := range results {
		if !right(t, &reqs[i], &results[i].Answer, results[i].Err) {
			return 0, false
		}
	}
	if results[0].Answer.Revision() != results[1].Answer.Revision() || results[1].Answer.Revision() != results[2].Answer.Revision() {
		t.Error("one batch was answered of several revisions")
		return 0, false
	}
	return results[0].Answer.Revision().Number, true
}

// readAnywhere does not say which account it asks about.
func readAnywhere(t *testing.T, e *authz.Engine) (uint64, bool) {
	t.Helper()
	req := annUpdatesNumber
	req.Account = ""
	a, _, err := e.Explain(t.Context(), &req)
	return a.Revision().Number, right(t, &req, &a, err)
}

// However many ask for an account that is not in memory, the store is asked
// by one of them, and at most once more for those who came too late for that.
func TestColdQuestionsShareOneLoad(t *testing.T) {
	model := modelText(t)
	synctest.Test(t, func(t *testing.T) {
		h := &house{t: t, source: worlds.NewMemory()}
		h.Engine, h.clock = newEngine(t, h.source, model, authz.Options{})
		h.source.Put(acme())
		gate := make(chan struct{})
		h.source.Before = func(string, ...string) error {
			<-gate
			return nil
		}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if a, err := h.Check(t.Context(), &annUpdatesShop); err != nil || !a.Allowed {
					t.Errorf("%+v, %v", a, err)
				}
			})
		}
		synctest.Wait()
		close(gate)
		all.Wait()
		if loads, reads := h.source.Loads.Load(), h.source.Reads.Load(); loads != 1 || reads > 1 {
			t.Errorf("the account was loaded %d times and compared %d times", loads, reads)
		}
		h.Close()
	})
}

// Whoever gives up waiting gets his error; the others their answer.
func TestAQuestionMayBeGivenUp(t *testing.T) {
	h := newHouse(t, authz.Options{})
	entered, gate := make(chan struct{}), make(chan struct{})
	var once sync.Once
	h.source.Before = func(string, ...string) error {
		once.Do(func() { close(entered) })
		<-gate
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := h.Check(ctx, &annUpdatesShop)
		failed <- err
	}()
	<-entered
	cancel()
	if err := <-failed; err == nil {
		t.Error("a question that was given up was answered")
	}
	close(gate)
	h.may(annUpdatesShop, true)
}

// The order of edits in one change does not matter.
func TestTheOrderOfEditsDoesNotMatter(t *testing.T) {
	w := acme()
	head := authz.Head{Revision: authz.Revision{Number: 1, Identity: "0000000000000001"}}
	state, _ := worlds.Records(w)
	r := rng(1)
	for range 20 {
		r.Shuffle(len(state), func(i, k int) { state[i], state[k] = state[k], state[i] })
		s, err := authz.NewSnapshot("acme", shipped(), &authz.State{Head: head, Records: slices.Clone(state)})
		if err != nil {
			t.Fatal(err)
		}
		if a, err := s.Ask(annUpdatesNumber, "subproject:shop", 0); err != nil || !a.Allowed || a.Billing.BillingAccount != "main" {
			t.Fatalf("%+v, %v", a, err)
		}
	}
}
