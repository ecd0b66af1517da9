package authz_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/worlds"
	"github.com/tollgate-dev/tollgate/policy"
)

// passing is a binding of a user who is never seen again, in a window and on a
// resource of his own: three rows that it leaves behind.
func passing(i int) (come, gone authz.Edit) {
	b := policy.Binding{
		Subject: hierarchy.Ref{Type: hierarchy.TypeUser, ID: fmt.Sprint("guest-", i)}, Role: "viewer",
		Scope: hierarchy.Ref{Type: "call", ID: fmt.Sprint("c", i)}, Effect: policy.Allow, Window: policy.Window{NotBefore: 1},
	}
	body, _ := json.Marshal(b)
	key := authz.KeyOf(hierarchy.TypeBinding, bindingID(i))
	return authz.Edit{Key: key, After: body}, authz.Edit{Key: key, Before: body}
}

// What is removed does not pile up: an account in which much was removed is
// loaded anew, and answers as before. That it would pile up is seen in a
// snapshot that the same changes are applied to and that is never loaded anew.
func TestWhatIsRemovedDoesNotPileUp(t *testing.T) {
	h := newHouse(t, authz.Options{})
	h.may(annUpdatesShop, true)
	kept, err := h.Snapshot(t.Context(), "acme", "")
	if err != nil {
		t.Fatal(err)
	}
	guests, most := 4_000, 0
	for i := range guests {
		come, gone := passing(i)
		for _, edit := range []authz.Edit{come, gone} {
			head, change := h.source.Commit("acme", edit)
			h.Committed(&authz.Commit{Account: "acme", Edits: []authz.Edit{edit}}, head, change.Previous)
			if kept, err = kept.Apply(head, []authz.Edit{edit}); err != nil {
				t.Fatal(err)
			}
		}
		s, err := h.Snapshot(t.Context(), "acme", "")
		if err != nil {
			t.Fatal(err)
		}
		if s.Revision() != kept.Revision() {
			t.Fatalf("revision %d is held after %d was written here", s.Revision().Number, kept.Revision().Number)
		}
		if i%64 == 0 {
			h.may(annUpdatesShop, true)
			h.may(annUpdatesNumber, true)
			awaitRenewal(t, h, s)
		}
		most = max(most, s.Rows())
	}
	t.Logf("at most %d rows, and %d in a snapshot that is not renewed; %d renewals", most, kept.Rows(), h.Counters().Renewals)
	if most > 3_000 || h.Counters().Renewals < 3 {
		t.Errorf("there were %d rows, of which a dozen is of use; the account was renewed %d times", most, h.Counters().Renewals)
	}
	if kept.Rows() < 3*guests {
		t.Errorf("without renewal there are %d rows: this tells nothing", kept.Rows())
	}
}

// awaitRenewal waits until an account that is worn was renewed.
func awaitRenewal(t *testing.T, h *house, s *authz.Snapshot) {
	t.Helper()
	for tick := time.NewTicker(time.Millisecond); s.Worn(); <-tick.C {
		var err error
		if s, err = h.Snapshot(t.Context(), "acme", ""); err != nil {
			t.Fatal(err)
		}
	}
}

// renewing is an engine whose account acme is being renewed: it was read by
// the store, and is held back until source.answer is sent to.
func renewing(t *testing.T) (e *authz.Engine, source *late, here func(authz.Edit)) {
	t.Helper()
	source = &late{worlds.NewMemory(), make(chan struct{}, 8), make(chan struct{}, 8)}
	source.Put(acme())
	c := newClock()
	source.Now = c.Wall
	e, err := authz.NewEngine(source, judge(t, modelText(t)), authz.Options{Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	source.answer <- struct{}{}
	mustCheck(t, e, annUpdatesShop)
	<-source.read
	here = func(edit authz.Edit) {
		head, change := source.Commit("acme", edit)
		e.Committed(&authz.Commit{Account: "acme", Edits: []authz.Edit{edit}}, head, change.Previous)
	}
	source.Before = func(method string, _ ...string) error {
		if method == "Load" { // another replica writes, just before
			source.Commit("acme", bind(false))
		}
		return nil
	}
	for i := range 342 {
		come, gone := passing(i)
		here(come)
		here(gone)
	}
	<-source.read
	return e, source, here
}

func awaitRenewed(e *authz.Engine) {
	for tick := time.NewTicker(time.Millisecond); e.Counters().Renewals == 0; <-tick.C {
	}
}

// Nobody waits for a renewal, and what is written while it is under way is not
// lost by it.
func TestARenewalKeepsNobodyWaiting(t *testing.T) {
	for name, writes := range map[string][]authz.Edit{
		"nothing":    nil,
		"a write":    {bind(true)}, // does not follow upon what is held
		"more":       {move("subproject:shop", "subproject:lab"), bind(true), bind(false), bind(true)},
		"and denied": {bind(true), bind(false)},
	} {
		t.Run(name, func(t *testing.T) {
			e, source, here := renewing(t)
			allowed, last := false, uint64(2*342+2)
			for _, edit := range writes {
				here(edit)
				if last++; edit.Key == bind(true).Key {
					allowed = edit.After != nil
				}
			}
			if len(writes) > 1 {
				if a := mustCheck(t, e, annUpdatesShop); a.Allowed != allowed || a.Revision().Number != last {
					t.Errorf("during the renewal: %v at revision %d, want %d", a.Allowed, a.Revision().Number, last)
				}
			}
			source.answer <- struct{}{}
			awaitRenewed(e)
			if a := mustCheck(t, e, annUpdatesShop); a.Allowed != allowed || a.Revision().Number != last {
				t.Errorf("after the renewal: %v at revision %d, want %d", a.Allowed, a.Revision().Number, last)
			}
			if n := source.Loads.Load(); n != 2 {
				t.Errorf("the account was loaded %d times", n)
			}
		})
	}
}
