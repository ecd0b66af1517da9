package authz_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/internal/worlds"
)

// windowed is a house with a window of ten seconds that nothing is compared
// in advance in, but by Engine.CompareAsked.
func windowed(t *testing.T) (h *house, away *error) {
	t.Helper()
	h, away = newHouse(t, authz.Options{AwayWindow: 10 * time.Second, Compare: time.Hour}), new(error)
	h.source.Before = func(string, ...string) error { return *away }
	h.may(annUpdatesNumber, true)
	h.may(annUpdatesShop, true)
	return h, away
}

// stale fails the test unless the request is allowed, in a check and in a
// batch, and marked so or not.
func (h *house) stale(req authz.Request, want bool) {
	h.t.Helper()
	if a := h.may(req, true); a.Stale != want {
		h.t.Errorf("%+v: stale is %t", req, a.Stale)
	}
	if r := h.CheckBatch(h.t.Context(), []authz.Request{req})[0]; r.Err != nil || !r.Answer.Allowed || r.Answer.Stale != want {
		h.t.Errorf("%+v, in a batch: stale is %t, %v", req, r.Answer.Stale, r.Err)
	}
}

// While the store is away, what is asked fast is answered in the window,
// marked and counted; nothing else is, and nothing after it. When it is back,
// answers are as fresh as ever.
func TestTheWindowWhileTheStoreIsAway(t *testing.T) {
	h, away := windowed(t)
	head := mustHead(h)
	known, behind, full := annUpdatesShop, annUpdatesShop, annUpdatesShop
	known.AtLeast, full.Full = authz.Token("acme", head.Revision), true
	next, _ := h.source.Commit("acme", bind(true)) // elsewhere, and nobody tells
	behind.AtLeast = authz.Token("acme", next.Revision)
	*away = errRefused
	h.stale(annUpdatesShop, false) // inside the bound
	if c := h.Counters(); c.Stale != 0 {
		t.Errorf("%d stale answers", c.Stale)
	}
	for _, at := range []time.Duration{2 * time.Second, 9 * time.Second} { // and at 11 s, the end
		h.clock.pass(at)
		h.stale(annUpdatesShop, true)
		h.stale(annUpdatesNumber, true)
		h.stale(known, true)
		h.refused(behind, "REVISION_UNCONFIRMED")
		h.refused(full, "FULL_UNAVAILABLE")
		h.refused(authz.Request{Subject: "user:ann", Permission: "number.update", Resource: "number:2", Account: "acme"}, "STATE_UNAVAILABLE")
	}
	mixed := h.CheckBatch(t.Context(), []authz.Request{full, annUpdatesShop})
	if reason(mixed[0].Err) != "FULL_UNAVAILABLE" || mixed[1].Err != nil || !mixed[1].Answer.Stale {
		t.Errorf("in one batch: %v, %v", mixed[0].Err, mixed[1].Err)
	}
	if c := h.Counters(); c.Stale != 13 {
		t.Errorf("%d stale answers were counted", c.Stale)
	}
	if _, err := h.Snapshot(t.Context(), "acme", ""); err == nil {
		t.Error("a write would be decided on what cannot be compared")
	}
	if h.Serves(t.Context(), "acme", known.AtLeast) == nil {
		t.Error("a receipt counts on what cannot be compared")
	}
	h.clock.pass(1)
	h.refused(annUpdatesShop, "STATE_UNAVAILABLE")
	*away = nil
	h.clock.pass(time.Minute)
	h.stale(annUpdatesShop, false)
	h.stale(behind, false)
}

// Without a window nothing is answered out of the bound.
func TestWithoutAWindow(t *testing.T) {
	h := newHouse(t, authz.Options{})
	h.may(annUpdatesShop, true)
	h.source.Before = func(string, ...string) error { return errRefused }
	h.clock.pass(time.Second + 1)
	h.refused(annUpdatesShop, "STATE_UNAVAILABLE")
}

// What a change has outrun is known to be behind: it does not answer in the
// window either. And an error of one account's own opens none.
func TestTheWindowIsForTheStoreOnly(t *testing.T) {
	h, away := windowed(t)
	*away = errRefused
	account, c, basis, _ := h.elsewhere(bind(false))
	c.Edits = nil
	h.Heard(account, c, basis, false)
	h.refused(annUpdatesShop, "STATE_UNAVAILABLE")

	h, away = windowed(t)
	*away = errors.New("the store holds what Tollgate did not write")
	h.clock.pass(2 * time.Second)
	h.refused(annUpdatesShop, "STATE_UNAVAILABLE")
}

// In the window nobody waits for a store that hangs, but whoever finds out,
// for no longer than the bound. Once it is back the batches find out. A process
// that was stopped meanwhile has no longer for it.
func TestInTheWindowNobodyWaits(t *testing.T) {
	model := modelText(t)
	synctest.Test(t, func(t *testing.T) {
		source := worlds.NewMemory()
		all := many(source, 50)
		e, err := authz.NewEngine(source, judge(t, model), authz.Options{AwayWindow: 30 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		for _, req := range all {
			mustCheck(t, e, req)
			mustCheck(t, e, req)
		}
		back := make(chan struct{})
		source.Before = func(string, ...string) error {
			select {
			case <-back:
				return nil
			case <-time.After(5 * time.Second):
				return errRefused
			}
		}
		stale, longest, waited := 0, time.Duration(0), 0
		for begin := time.Now(); time.Since(begin) < 20*time.Second; <-time.After(100 * time.Millisecond) {
			for _, req := range all {
				asked := time.Now()
				a := mustCheck(t, e, req)
				if a.Stale {
					stale++
				}
				if took := time.Since(asked); took > 0 {
					waited, longest = waited+1, max(longest, took)
				}
			}
		}
		t.Logf("%d answers were stale; %d questions waited, for at most %v", stale, waited, longest)
		if stale < 1000 || longest > time.Second || waited > len(all) {
			t.Error("that is more than one for each account, for the bound")
		}
		close(back)
		<-time.After(time.Second)
		for _, req := range all {
			if a := mustCheck(t, e, req); a.Stale {
				t.Error("stale, with the store back")
			}
		}
	})
}
