package authz_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/internal/worlds"
)

// many puts accounts like acme into a source, and returns a question of each.
func many(source *worlds.Memory, n int) []authz.Request {
	all := make([]authz.Request, n)
	for i := range all {
		w := acme()
		w.Account = fmt.Sprint("acme-", i)
		source.Put(w)
		all[i] = authz.Request{Subject: "user:ann", Permission: "number.update", Resource: "subproject:shop", Account: w.Account}
	}
	return all
}

// Accounts that are asked about are compared in batches, ahead of their bound:
// no question waits. Without that each waits whenever the bound is over. And
// with it or without, no answer is older than the bound.
func TestActiveAccountsAreComparedInBatches(t *testing.T) {
	model := modelText(t)
	const accounts, seconds, slow = 300, 10, 20 * time.Millisecond
	for name, every := range map[string]time.Duration{"compared in advance": 500 * time.Millisecond, "switched off": 0} {
		synctest.Test(t, func(t *testing.T) {
			source := worlds.NewMemory()
			all := many(source, accounts)
			e, err := authz.NewEngine(source, judge(t, model), authz.Options{Compare: every})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			for _, req := range all {
				mustCheck(t, e, req)
			}
			source.Before = func(string, ...string) error {
				<-time.After(slow)
				return nil
			}
			waited := 0
			var written time.Time
			number := uint64(1)
			for i := range 10 * seconds {
				for _, req := range all {
					begin := time.Now()
					a := mustCheck(t, e, req)
					if time.Since(begin) > 0 {
						waited++
					}
					if req.Account == "acme-0" && begin.Sub(written) > time.Second && a.Revision().Number < number {
						t.Errorf("%s: revision %d was answered %v after %d was written", name, a.Revision().Number, begin.Sub(written), number)
					}
				}
				if i%23 == 0 { // by another replica, and nobody tells
					head, _ := source.Commit("acme-0", bind(i%2 > 0))
					number, written = head.Number, time.Now()
				}
				<-time.After(100 * time.Millisecond)
			}
			batches, reads := source.Batches.Load(), source.Reads.Load()
			t.Logf("%s: %d batches, %d readings of one account, %d questions waited", name, batches, reads, waited)
			switch {
			case every == 0 && (batches != 0 || waited < accounts*seconds/4):
				t.Error("without comparing in advance nobody waits: this shows nothing")
			case every > 0 && (waited != 0 || reads > 10 || batches < 2*seconds || batches > 2*2*(seconds+1)):
				t.Error("that is not two batches each half second, and one reading for each change")
			}
		})
	}
}

// Accounts that nobody asks about cost the store nothing.
func TestIdleAccountsAreNotCompared(t *testing.T) {
	source := worlds.NewMemory()
	all := many(source, 40)
	e, _ := newEngine(t, source, modelText(t), authz.Options{})
	for _, req := range all {
		for range 2 { // the second is of memory
			mustCheck(t, e, req)
		}
	}
	named := 0
	source.Before = func(method string, about ...string) error {
		if method == "Heads" {
			named += len(about)
		}
		return nil
	}
	for _, step := range []struct{ asked, named int }{{0, 40}, {0, 0}, {3, 3}, {0, 0}} {
		named = 0
		for _, req := range all[:step.asked] {
			mustCheck(t, e, req)
		}
		before := source.Batches.Load()
		if err := e.CompareAsked(t.Context()); err != nil {
			t.Fatal(err)
		}
		if sent := source.Batches.Load() - before; named != step.named || (sent > 0) != (named > 0) {
			t.Errorf("%d accounts were compared in %d batches, of %d asked about", named, sent, step.named)
		}
	}
	if c := e.Counters(); c.Compared != 43 || c.Batches != 2 {
		t.Errorf("%d accounts were counted in %d batches", c.Compared, c.Batches)
	}
}

// What a batch finds: an account that is as it was is as fresh as when the
// batch was sent, and not as when it was answered; one that has changed, or is
// no more, is asked for by itself; of a batch that fails nothing is taken.
func TestWhatABatchFinds(t *testing.T) {
	compare := func(h *house) error { return h.CompareAsked(h.t.Context()) }
	slow := func(h *house, d time.Duration) {
		h.source.After = func(method string) {
			if method == "Heads" {
				h.clock.pass(d)
			}
		}
	}
	read := func(h *house, most int64) {
		h.t.Helper()
		if n := h.source.Reads.Load(); n > most {
			h.t.Errorf("the account was asked for by itself %d times, not %d", n, most)
		}
	}
	for name, test := range map[string]func(h *house){
		"unchanged": func(h *house) {
			slow(h, 200*time.Millisecond)
			_ = compare(h)
			h.source.Commit("acme", bind(false))
			h.clock.pass(800 * time.Millisecond)
			h.may(annUpdatesShop, true)
			read(h, 0)
			h.clock.pass(1)
			h.may(annUpdatesShop, false)
		},
		"changed": func(h *house) {
			h.source.Commit("acme", bind(false))
			_ = compare(h)
			h.may(annUpdatesShop, false)
			read(h, 1)
		},
		"lost, and grown again": func(h *house) {
			h.source.Commit("acme", bind(false))
			_ = compare(h)
			h.source.Lose("acme", 1)
			h.source.Commit("acme", bind(true))
			h.may(annUpdatesShop, false)
			_ = compare(h)
			h.may(annUpdatesShop, true)
		},
		"gone": func(h *house) {
			h.source.Remove("acme")
			_ = compare(h)
			if n := h.Counters().Residents; n != 0 {
				h.t.Errorf("%d accounts are in memory", n)
			}
		},
		"failed": func(h *house) {
			h.source.Commit("acme", bind(false))
			h.source.Before = func(method string, _ ...string) error {
				if method == "Heads" {
					return errors.New("connection refused")
				}
				return nil
			}
			if compare(h) == nil {
				h.t.Error("it is not known that it failed")
			}
			read(h, 0)
			h.clock.pass(501 * time.Millisecond) // 1.001 s after the load
			h.may(annUpdatesShop, false)
		},
		"heard of meanwhile": func(h *house) { // in part, after the store had answered
			h.source.After = func(method string) {
				if method == "Heads" {
					h.source.After = nil
					account, c, basis, _ := h.elsewhere(bind(false))
					c.Edits = nil
					h.Heard(account, c, basis, false)
				}
			}
			_ = compare(h)
			h.may(annUpdatesShop, false)
		},
		"written here meanwhile": func(h *house) {
			h.source.After = func(method string) {
				if method == "Heads" {
					h.source.After = nil
					head, c := h.source.Commit("acme", bind(false))
					h.Committed(&authz.Commit{Account: "acme", Edits: c.Edits}, head, c.Previous)
				}
			}
			_ = compare(h)
			h.may(annUpdatesShop, false)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, authz.Options{})
			h.may(annUpdatesShop, true)
			h.may(annUpdatesShop, true) // and so is asked about
			h.clock.pass(500 * time.Millisecond)
			test(h)
		})
	}
}

// Whoever is dropped from memory while a batch is under way stays dropped.
func TestABatchBringsNothingBack(t *testing.T) {
	source := worlds.NewMemory()
	all := many(source, 2)
	e, _ := newEngine(t, source, modelText(t), authz.Options{Memory: 1})
	for range 2 {
		mustCheck(t, e, all[0])
	}
	source.After = func(method string) {
		if method == "Heads" {
			for range 3 {
				mustCheck(t, e, all[1])
			}
		}
	}
	if err := e.CompareAsked(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := e.Counters().Residents; n != 1 || source.Loads.Load() != 2 {
		t.Errorf("%d accounts are in memory after %d loads", n, source.Loads.Load())
	}
}
