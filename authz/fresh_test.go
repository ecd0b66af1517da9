package authz_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/internal/worlds"
)

// Inside the bound a snapshot answers without the store; out of it, it is
// compared first.
func TestASnapshotAnswersInsideItsBound(t *testing.T) {
	h := newHouse(t, authz.Options{})
	h.may(annUpdatesShop, true)
	h.source.Commit("acme", bind(false))
	h.clock.pass(time.Second)
	h.may(annUpdatesShop, true)
	if n := h.source.Reads.Load(); n != 0 {
		t.Errorf("the store was asked %d times inside the bound", n)
	}
	h.clock.pass(time.Nanosecond)
	h.may(annUpdatesShop, false)
	if n := h.source.Reads.Load(); n != 1 {
		t.Errorf("the store was asked %d times out of the bound", n)
	}
	h.clock.pass(24 * time.Hour) // the process was stopped, and continued
	h.source.Commit("acme", bind(true))
	h.may(annUpdatesShop, true)
	if n := h.source.Loads.Load(); n != 1 {
		t.Errorf("the account was loaded %d times; its log had all there was to know", n)
	}
}

// The age of a snapshot counts from when its comparison was sent: how long the
// answer took does not make it younger.
func TestAgeCountsFromWhenTheComparisonWasSent(t *testing.T) {
	h := newHouse(t, authz.Options{})
	slow := 900 * time.Millisecond
	h.source.Before = func(method string, _ ...string) error {
		if method == "Load" || method == "Read" {
			h.clock.mono.Add(int64(slow))
		}
		return nil
	}
	h.may(annUpdatesShop, true)
	h.source.Commit("acme", bind(false))
	slow = 0
	h.clock.pass(200 * time.Millisecond) // 1.1 s after the load was sent
	h.may(annUpdatesShop, false)
}

// Without the store nothing is allowed but inside the bound, and nothing is
// forgotten: when it is back, so are the answers.
func TestWithoutTheStoreNothingIsAllowed(t *testing.T) {
	h := newHouse(t, authz.Options{})
	fail := error(nil)
	h.source.Before = func(string, ...string) error { return fail }
	h.may(annUpdatesShop, true)
	fail = errors.New("connection refused")
	h.may(annUpdatesShop, true)
	h.refused(annUpdatesNumber, "STATE_UNAVAILABLE") // its place was never read
	h.clock.pass(2 * time.Second)
	h.refused(annUpdatesShop, "STATE_UNAVAILABLE")
	h.refused(authz.Request{Subject: "user:ann", Permission: "number.update", Resource: "project:elsewhere"}, "STATE_UNAVAILABLE")
	if _, _, err := h.Explain(t.Context(), &annUpdatesShop); reason(err) != "STATE_UNAVAILABLE" {
		t.Errorf("explained: %v", err)
	}
	if _, err := h.BillingOwner(t.Context(), &annUpdatesShop); reason(err) != "STATE_UNAVAILABLE" {
		t.Errorf("billing owner: %v", err)
	}
	if _, err := h.Snapshot(t.Context(), "acme", ""); reason(err) != "STATE_UNAVAILABLE" {
		t.Errorf("snapshot: %v", err)
	}
	fail = nil
	h.may(annUpdatesShop, true)
	h.may(annUpdatesNumber, true)
}

// Each conversation may fail by itself; none of the failures allows.
func TestEachConversationMayFail(t *testing.T) {
	for _, failing := range []string{"Load", "Read", "Since", "Locate", "RevisionAt"} {
		t.Run(failing, func(t *testing.T) {
			h := newHouse(t, authz.Options{})
			old := authz.Token("acme", mustHead(h).Revision)
			if failing != "Load" {
				for range authz.Remembered + 1 {
					h.source.Commit("acme", bind(false))
					h.source.Commit("acme", bind(true))
				}
				h.may(annUpdatesShop, true)
			}
			h.source.Commit("acme", bind(true))
			h.clock.pass(2 * time.Second)
			h.source.Before = func(method string, _ ...string) error {
				if method == failing {
					return errors.New("broken pipe")
				}
				return nil
			}
			req := annUpdatesShop
			req.Account, req.AtLeast = "", old
			if failing == "Since" || failing == "Read" || failing == "Load" {
				req.Account = "acme"
			}
			if failing == "Locate" {
				req.Resource = "subproject:lab"
			}
			h.refused(req, "REVISION_UNCONFIRMED")
		})
	}
}

func mustHead(h *house) authz.Head {
	h.t.Helper()
	head, _, err := h.source.Read(context.Background(), "acme")
	if err != nil {
		h.t.Fatal(err)
	}
	return head
}

// A log that was trimmed does not lead to the newest revision: the account is
// loaded anew.
func TestAGapInTheLogIsALoad(t *testing.T) {
	h := newHouse(t, authz.Options{})
	h.may(annUpdatesNumber, true)
	h.source.Commit("acme", move("subproject:shop", "subproject:lab"))
	h.source.Commit("acme", move("subproject:lab", "subproject:shop"))
	h.source.Commit("acme", bind(false))
	h.source.Trim("acme")
	h.clock.pass(2 * time.Second)
	h.may(annUpdatesNumber, false)
	h.may(annUpdatesShop, false)
	if n := h.source.Loads.Load(); n < 2 {
		t.Errorf("the account was loaded %d times", n)
	}
}

// A write of this replica's own is seen at once; one that does not follow
// upon the snapshot makes the next check compare.
func TestOwnWritesAreSeenAtOnce(t *testing.T) {
	h := newHouse(t, authz.Options{})
	h.may(annUpdatesNumber, true)
	commit := func(edits ...authz.Edit) (*authz.Commit, authz.Head, string) {
		head, c := h.source.Commit("acme", edits...)
		return &authz.Commit{Account: "acme", Edits: edits}, head, c.Previous
	}
	for _, step := range []struct {
		edit    authz.Edit
		allowed bool
	}{
		{move("subproject:shop", "subproject:lab"), false},
		{move("subproject:lab", "subproject:shop"), true},
		{bind(false), false},
		{bind(true), true},
	} {
		h.Committed(commit(step.edit))
		h.may(annUpdatesNumber, step.allowed)
	}
	if n := h.source.Sinces.Load(); n != 0 {
		t.Errorf("the store was asked %d times for what was written here", n)
	}
	h.source.Commit("acme", bind(false)) // by another replica
	h.Committed(commit(move("subproject:shop", "subproject:lab")))
	h.may(annUpdatesShop, false)
}

// A request is decided by the store's clock, also the very first one and in a
// batch, however wrong this machine's is.
func TestTheInstantIsTheStores(t *testing.T) {
	for name, ask := range map[string]func(h *house) authz.Answer{
		"a check": func(h *house) authz.Answer { return mustCheck(h.t, h.Engine, annUpdatesShop) },
		"a batch": func(h *house) authz.Answer {
			return h.CheckBatch(h.t.Context(), []authz.Request{annUpdatesShop})[0].Answer
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, authz.Options{})
			w := acme()
			w.Bindings[0].From, w.Bindings[0].Until = worlds.Epoch, worlds.Epoch+1
			h.source.Put(w)
			h.source.Now = func() int64 { return worlds.Epoch }
			h.clock.wall.Store(worlds.Epoch - int64(time.Hour/time.Microsecond))
			if a := ask(h); !a.Allowed {
				t.Errorf("%s: the window is open by the store's clock", a.Code)
			}
		})
	}
}

// A full question is answered from what the store says then, in one
// conversation, whatever memory has: of a node, of a resource that has moved or
// left, and in a batch. Without the store it is not answered.
func TestFullAsksTheStore(t *testing.T) {
	full := func(req authz.Request) authz.Request {
		req.Full = true
		return req
	}
	for name, ask := range map[string]func(h *house, req authz.Request) (authz.Answer, error){
		"a check": func(h *house, req authz.Request) (authz.Answer, error) { return h.Check(h.t.Context(), &req) },
		"a batch": func(h *house, req authz.Request) (authz.Answer, error) {
			r := h.CheckBatch(h.t.Context(), []authz.Request{req})[0]
			return r.Answer, r.Err
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, authz.Options{})
			h.may(annUpdatesShop, true)
			h.may(annUpdatesNumber, true)
			for _, step := range []struct {
				req                 authz.Request
				edit                authz.Edit
				remembered, allowed bool
			}{
				{annUpdatesShop, bind(false), true, false},
				{annUpdatesNumber, bind(true), false, true},
				{annUpdatesNumber, move("subproject:shop", "subproject:lab"), true, false},
				{annUpdatesNumber, move("subproject:lab", ""), false, false},
			} {
				head, _ := h.source.Commit("acme", step.edit)
				before := h.source.Reads.Load()
				h.may(step.req, step.remembered)
				a, err := ask(h, full(step.req))
				if err != nil || a.Allowed != step.allowed || a.Revision() != head.Revision {
					t.Errorf("%+v: %v, allowed %t, of %+v", step.edit.Key, err, a.Allowed, a.Revision())
				}
				if n := h.source.Reads.Load() - before; n != 1 {
					t.Errorf("%+v: %d conversations", step.edit.Key, n)
				}
			}
			h.source.Before = func(string, ...string) error { return errors.New("away") }
			h.may(annUpdatesShop, true)
			if a, err := ask(h, full(annUpdatesShop)); reason(err) != "FULL_UNAVAILABLE" || a.Allowed {
				t.Errorf("without the store: allowed %t, %v", a.Allowed, err)
			}
		})
	}
}
