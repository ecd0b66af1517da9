package admin_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// What an account may have at most it may have, and no more; an import neither.
func TestLimitsOfAnAccount(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	account := c.Account.Ref.ID
	const most = 4
	h.SetLimits(most, most, most)
	ctx := t.Context()
	user := func(n int) hierarchy.Ref { return hierarchy.Ref{Type: "user", ID: fmt.Sprint("u", n)} }
	must(h.CreateGroup(ctx, operator, account, "g", policy.Group{}, []hierarchy.Ref{user(-1)}))(t)
	var undo []hierarchy.Ref // the last of each
	for kind, add := range map[string]func(n int) error{
		"TOO_MANY_BINDINGS": func(n int) error { // one is the owner's
			b, err := h.CreateBinding(ctx, operator, policy.Binding{Subject: user(n), Role: "viewer", Scope: c.Project.Ref})
			if n == 1 {
				undo = append(undo, b.Ref)
			}
			return err
		},
		"TOO_MANY_SUBPROJECTS": func(n int) error {
			if n == 0 {
				must(h.CreateSubproject(ctx, operator, c.Project.Ref.ID, hierarchy.Info{}))(t)
			}
			sub, err := h.CreateSubproject(ctx, operator, c.Project.Ref.ID, hierarchy.Info{})
			if n == 1 {
				undo = append(undo, sub.Ref)
			}
			return err
		},
		"TOO_MANY_MEMBERS": func(n int) error {
			_, err := h.AddMember(ctx, operator, account, "g", user(n))
			if n == 1 {
				undo = append(undo, user(n))
			}
			return err
		},
	} {
		for n := range most - 1 {
			if err := add(n); err != nil {
				t.Fatalf("%s: of %d, number %d: %v", kind, most, n+2, err)
			}
		}
		want(t, "one more", kind, add(most))
		want(t, "one more, again", kind, add(most))
	}
	bundle := func() *admin.Bundle { return &admin.Bundle{Account: admin.BundleAccount{ID: account}} }
	members, subs, bound := bundle(), bundle(), bundle()
	members.Groups = []admin.BundleGroup{{ID: "g", Members: []hierarchy.Ref{user(9)}}}
	subs.Subprojects = []admin.BundleSubproject{{ID: "sub-9", Project: c.Project.Ref.ID}}
	bound.Bindings = []admin.BundleBinding{{Subject: user(9), Role: "viewer", Scope: c.Account.Ref}}
	for kind, b := range map[string]*admin.Bundle{"TOO_MANY_MEMBERS": members, "TOO_MANY_SUBPROJECTS": subs, "TOO_MANY_BINDINGS": bound} {
		_, err := h.Import(ctx, operator, b, admin.ImportOptions{})
		want(t, "one more, imported", kind, err)
	}
	// What is over a limit that was once higher can still become less.
	h.SetLimits(1, 1, 1)
	for _, ref := range undo {
		var err error
		switch ref.Type {
		case hierarchy.TypeBinding:
			_, err = h.DeleteBinding(ctx, operator, ref.ID)
		case hierarchy.TypeSubproject:
			_, err = h.Delete(ctx, operator, ref)
		default:
			_, err = h.RemoveMember(ctx, operator, account, "g", ref)
		}
		if err != nil {
			t.Errorf("%s: %v", ref, err)
		}
	}
	_, err := h.AddMember(ctx, operator, account, "g", user(most))
	want(t, "one more, over the limit still", "TOO_MANY_MEMBERS", err)
}

// A group's size is that of the members that it has, however they came and
// went.
func TestSizeOfAGroup(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	account, ctx := c.Account.Ref.ID, t.Context()
	size := func(wanted int) {
		t.Helper()
		s, err := h.engine.Refresh(ctx, account)
		if err != nil || s.Size("g") != wanted || len(s.MembersOf("g", "")) != wanted {
			t.Errorf("the size is %d, of %d members, want %d: %v", s.Size("g"), len(s.MembersOf("g", "")), wanted, err)
		}
		other, err := replica(t, h.store, h.faults).engine.Snapshot(ctx, account, "") //nolint:contextcheck // its engine is closed, not cancelled; it is loaded, not replayed
		if err != nil || other.Size("g") != wanted {
			t.Errorf("loaded, the size is %d, want %d: %v", other.Size("g"), wanted, err)
		}
	}
	size(0)
	must(h.CreateGroup(ctx, operator, account, "inner", policy.Group{}, nil))(t)
	must(h.CreateGroup(ctx, operator, account, "g", policy.Group{}, []hierarchy.Ref{ann, ben, ann}))(t)
	size(2)
	must(h.AddMember(ctx, operator, account, "g", ann))(t)
	must(h.AddMember(ctx, operator, account, "g", hierarchy.Ref{Type: "group", ID: "inner"}))(t)
	size(3)
	must(h.RemoveMember(ctx, operator, account, "g", ann))(t)
	size(2)
	must(h.DeleteGroup(ctx, operator, account, "inner"))(t)
	size(1)
	must(h.DeleteGroup(ctx, operator, account, "g"))(t)
	size(0)
	must(h.CreateGroup(ctx, operator, account, "g", policy.Group{}, nil))(t)
	size(0)
}

// A write waits for its turn no longer than its caller does, and says so.
func TestWritesWaiting(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	blocked, release := make(chan struct{}), make(chan struct{})
	h.faults.Interpose(1, func() { close(blocked); <-release })
	first := make(chan error)
	go func() {
		_, err := h.CreateProject(context.WithoutCancel(t.Context()), operator, c.Account.Ref.ID, hierarchy.Project{}, "")
		first <- err
	}()
	<-blocked
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := h.CreateProject(ctx, operator, c.Account.Ref.ID, hierarchy.Project{}, "")
	want(t, "a second write", "WRITES_WAITING", err)
	close(release)
	if err := <-first; err != nil {
		t.Errorf("the first write: %v", err)
	}
}

// Of the writes that wait for a turn there are only so many: one more is refused
// at once, and those that wait are made.
func TestWritesQueued(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	blocked, release := make(chan struct{}), make(chan struct{})
	h.faults.Interpose(1, func() { close(blocked); <-release })
	ended := make(chan error)
	write := func() {
		_, err := h.CreateProject(t.Context(), operator, c.Account.Ref.ID, hierarchy.Project{}, "")
		ended <- err
	}
	go write()
	<-blocked
	const more = 5
	for range admin.MaxQueued + more {
		go write()
	}
	for range more { // while the first one is held up
		want(t, "one more", "WRITES_WAITING", <-ended)
	}
	close(release)
	for range 1 + admin.MaxQueued {
		if err := <-ended; err != nil {
			t.Errorf("a write that waited: %v", err)
		}
	}
}
