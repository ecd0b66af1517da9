package admin_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/worlds"
	"github.com/tollgate-dev/tollgate/policy"
)

// fillLarge writes a large account to the store, in several commits.
func (h *house) fillLarge(t *testing.T, l worlds.Large) {
	t.Helper()
	for records := range slices.Chunk(l.Records(), 5_000) {
		var id [8]byte
		_, _ = rand.Read(id[:])
		c := &authz.Commit{Account: l.Account(), Identity: hex.EncodeToString(id[:]), Actor: "test", Caller: "test", Action: "account.import"}
		for _, r := range records {
			c.New = c.New || r.Key == authz.KeyOf(hierarchy.TypeAccount, l.Account())
			c.Edits = append(c.Edits, authz.Edit{Key: r.Key, After: r.Body})
		}
		if _, _, err := h.store.Commit(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
}

// still is the house with an engine whose snapshots stay inside their bound,
// so that what a conversation is for does not depend on the time.
func (h *house) still(t *testing.T) *house {
	t.Helper()
	j, err := judge()
	e := must(authz.NewEngine(h.store, must(j, err)(t), authz.Options{Bound: time.Hour}))(t)
	t.Cleanup(e.Close)
	return &house{admin.New(e, h.store), e, h.store, h.faults}
}

// conversations is how many conversations with the store something takes.
func (h *house) conversations(do func()) int {
	h.faults.Clear()
	do()
	return h.faults.Calls()
}

// The first check of an account that is not in memory is one conversation if
// the account is named, and two if it has to be found.
func TestAColdCheckIsOneConversation(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		l := worlds.LargeOf(1, 200)
		h.fillLarge(t, l)
		for name, want := range map[string]int{l.Account(): 1, "": 2} {
			cold := h.still(t).engine
			q := l.Question(0)
			req := l.Request(q)
			req.Account = name
			var a authz.Answer
			var err error
			if n := h.conversations(func() { a, err = cold.Check(t.Context(), &req) }); n != want || err != nil || a.Allowed != l.Allowed(q) {
				t.Errorf("naming %q: %v, %v, in %d conversations, want %d", name, a.Allowed, err, n, want)
			}
		}
	})
}

// Opening a subproject is three conversations: to claim its ID, to commit, to
// confirm. It is answered as it is read.
func TestOpeningASubprojectIsThreeConversations(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		h = h.still(t)
		l := worlds.LargeOf(1, 200)
		h.fillLarge(t, l)
		parent := l.Project(1).ID
		info := hierarchy.Info{DisplayName: "client", Labels: map[string]string{"tier": "gold"}}
		for range 2 { // the first finds the account
			must(h.CreateSubproject(t.Context(), operator, parent, info))(t)
		}
		var made admin.Item[hierarchy.Subproject]
		var err error
		if n := h.conversations(func() { made, err = h.CreateSubproject(t.Context(), operator, parent, info) }); n != 3 {
			t.Errorf("it took %d conversations", n)
		}
		read := must(h.Subproject(t.Context(), operator, must(made, err)(t).Ref.ID))(t)
		if diff := cmp.Diff(read, made); diff != "" {
			t.Errorf("(-read +made):\n%s", diff)
		}
	})
}

// An account of 100,000 bindings and 20,000 subprojects is administered and
// asked about like any other: what one write costs does not grow with it.
func TestALargeAccount(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a while to write 120,000 records")
	}
	h := build(t).still(t)
	l := worlds.LargeOf(1, 100_000)
	h.fillLarge(t, l)
	s := must(h.engine.Snapshot(t.Context(), l.Account(), ""))(t)
	if bindings, subprojects := s.Counts(); bindings != l.Bindings || subprojects != l.Subprojects {
		t.Fatalf("it has %d bindings and %d subprojects", bindings, subprojects)
	}
	if each := s.Bytes() / l.Bindings; each > 150 {
		t.Errorf("it takes %d B a binding", each)
	}
	for i := range 5_000 {
		q := l.Question(i)
		req := l.Request(q)
		if a := must(h.engine.Check(t.Context(), &req))(t); a.Allowed != l.Allowed(q) {
			t.Fatalf("%+v: %v", req, a.Allowed)
		}
	}
	h.costsLittle(t, s, l)
	b := policy.Binding{Subject: l.User(77), Role: "owner", Scope: l.Subproject(99)}
	must(h.CreateBinding(t.Context(), operator, b))(t) // finds the account of the scope
	b.Subject = l.User(78)
	var made admin.Item[policy.Binding]
	var err error
	if n := h.conversations(func() { made, err = h.CreateBinding(t.Context(), operator, b) }); n > 2 {
		t.Errorf("to bind took %d conversations", n)
	}
	a := h.allowed(t, b.Subject, "secret.destroy", b.Scope, "")
	if cause, _ := a.Cause(); !a.Allowed || cause.Binding != must(made, err)(t).Ref.ID {
		t.Errorf("what was bound is %v, by %s", a.Allowed, cause.Binding)
	}
	if _, err := h.DeleteBinding(t.Context(), operator, made.Ref.ID); err != nil {
		t.Fatal(err)
	}
	if a := h.allowed(t, b.Subject, "secret.destroy", b.Scope, ""); a.Allowed {
		t.Error("what was unbound is allowed")
	}
}

// costsLittle applies one binding to a large snapshot: it copies what it
// changes, which is a small part of the whole.
func (h *house) costsLittle(t *testing.T, s *authz.Snapshot, l worlds.Large) {
	t.Helper()
	more := l
	more.Bindings++
	records := more.Records()
	edit := []authz.Edit{{Key: records[len(records)-1].Key, After: records[len(records)-1].Body}}
	allocated := func(do func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		do()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	const times = 100
	each := allocated(func() {
		for range times {
			next, err := s.Apply(s.Head(), edit)
			if err != nil {
				t.Fatal(err)
			}
			if n, _ := next.Counts(); n != more.Bindings {
				t.Fatalf("it has %d bindings", n)
			}
		}
	}) / times
	t.Logf("one binding copies %d B of %d", each, s.Bytes())
	if int(each) > s.Bytes()/100 {
		t.Errorf("one binding copies %d B of %d", each, s.Bytes())
	}
}

// full is a store of accounts that are as large as they may be. It says that a
// commit has come, and does not make it.
type full struct {
	*worlds.Memory
	rest
}

// rest is what a store can do beside: none of it is asked for.
type rest struct{ admin.Store }

func (full) Commit(context.Context, *authz.Commit) (authz.Head, string, error) {
	return authz.Head{}, "", hierarchy.Conflict("COMMITTED", "there was room")
}

// An account takes no more bindings and subprojects than it may have.
func TestAFullAccountTakesNoMore(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a while to make 250,000 of anything")
	}
	j, err := judge()
	source := worlds.NewMemory()
	e := must(authz.NewEngine(source, must(j, err)(t), authz.Options{}))(t)
	defer e.Close()
	service := admin.New(e, full{Memory: source})
	bound := worlds.Large{Number: 1, Bindings: admin.MaxBindings, Users: 5_000, Projects: 2, Subprojects: 10}
	opened := worlds.Large{Number: 2, Bindings: 10, Users: 5, Projects: 2, Subprojects: admin.MaxSubprojects}
	for _, l := range []worlds.Large{bound, opened} {
		source.PutRecords(l.Account(), l.Records())
	}
	_, err = service.CreateBinding(t.Context(), operator, policy.Binding{Subject: bound.User(1), Role: "owner", Scope: bound.Subproject(1)})
	want(t, "one binding more", "TOO_MANY_BINDINGS", err)
	_, err = service.CreateSubproject(t.Context(), operator, opened.Project(1).ID, hierarchy.Info{})
	want(t, "one subproject more", "TOO_MANY_SUBPROJECTS", err)
	// With one less there is room.
	body, _ := json.Marshal(bound.Binding(0))
	source.Commit(bound.Account(), authz.Edit{Key: authz.KeyOf(hierarchy.TypeBinding, bound.BindingID(0)), Before: body})
	must(e.Refresh(t.Context(), bound.Account()))(t)
	_, err = service.CreateBinding(t.Context(), operator, policy.Binding{Subject: bound.User(1), Role: "owner", Scope: bound.Subproject(1)})
	want(t, "the last binding", "COMMITTED", err)
}
