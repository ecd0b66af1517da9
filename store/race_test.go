package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/tollgate-dev/tollgate/authz"
)

// testWriters has many writers change one account at once: every write lands,
// in one unbroken chain.
func testWriters(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	w.must(signUp("a"))
	const writers, each = 6, 15
	var group errgroup.Group
	for i := range writers {
		group.Go(func() error {
			for j := range each {
				key := authz.KeyOf("role", fmt.Sprintf("%d.%d", i, j))
				if _, err := w.retry("a", func(s *authz.State) *authz.Commit { return set("a", s.Basis, key, "{}") }); err != nil {
					return err
				}
				// Resources neither wait for administrators nor disturb them.
				if _, _, err := w.Commit(context.Background(), register("a", fmt.Sprintf("%d.%d", i, j))); err != nil {
					return fmt.Errorf("a resource contended: %w", err)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	head, changes, err := w.Since(t.Context(), "a", authz.Revision{})
	const want = 1 + 2*writers*each
	if err != nil || len(changes) != want || head.Number != want {
		t.Fatalf("%d changes up to %d, want %d: %v", len(changes), head.Number, want, err)
	}
	for i := 1; i < len(changes); i++ {
		if changes[i].At <= changes[i-1].At {
			t.Errorf("revision %d is not later than the one before", changes[i].Number)
		}
	}
	if n := len(w.load("a").Records); n != 5+writers*each {
		t.Errorf("%d records, want %d", n, 5+writers*each)
	}
}

// testSameResource has many create one resource at once, in two accounts: one
// succeeds.
func testSameResource(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	w.must(signUp("a"))
	w.must(signUp("b"))
	for round := range 10 {
		id := fmt.Sprint(round)
		var made atomic.Int32
		var group errgroup.Group
		for i := range 6 {
			account := string("ab"[i%2])
			group.Go(func() error {
				_, _, err := w.Commit(context.Background(), register(account, id))
				if err == nil {
					made.Add(1)
				} else if r := reason(err); !errors.Is(err, authz.ErrConflict) && r != "ID_TAKEN" && r != "CLAIM_PENDING" {
					return err
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		recorded := len(w.load("a", resource(id)).Resources) + len(w.load("b", resource(id)).Resources)
		if made.Load() > 1 || int(made.Load()) != recorded {
			t.Fatalf("%d succeeded, %d are recorded", made.Load(), recorded)
		}
	}
}

// container makes a project, and two commits that exclude one another: one
// deletes the project, which must be empty, the other creates a resource in it,
// which must be as it was.
func (w *world) container(id string) (remove, create *authz.Commit) {
	w.t.Helper()
	key := authz.KeyOf("project", id)
	version := w.must(set("a", w.load("a").Basis, key, "{}")).Number
	remove = &authz.Commit{
		Account: "a", Identity: identity(), Guarded: true, Basis: version, Empty: []string{string(key)},
		Edits: []authz.Edit{{Key: key, Created: 1, Before: []byte("{}"), After: []byte(`{"deleted":true}`)}},
	}
	create = register("a", id)
	create.Edits[0].After = []byte(in(string(key)))
	create.Versions[key] = version
	return remove, create
}

// orphaned reports whether a deleted container holds a resource, and whether
// the container is deleted at all.
func (w *world) orphaned(id string) (orphaned, deleted bool) {
	w.t.Helper()
	state := w.load("a", resource(id))
	deleted = bodies(state.Records)[authz.KeyOf("project", id)] != "{}"
	return deleted && len(state.Resources) > 0, deleted
}

// testEmptyRace deletes a container while a resource is created in it.
func testEmptyRace(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	w.must(signUp("a"))
	for round := range 30 {
		id := fmt.Sprint("race", round)
		remove, create := w.container(id)
		var group errgroup.Group
		for _, c := range []*authz.Commit{remove, create} {
			group.Go(func() error {
				if _, _, err := w.Commit(context.Background(), c); err != nil && !errors.Is(err, authz.ErrConflict) {
					return err
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		orphan, deleted := w.orphaned(id)
		if created := len(w.load("a", resource(id)).Resources) == 1; orphan || deleted == created {
			t.Fatalf("container deleted: %v, resource created: %v", deleted, created)
		}
	}

	// Either order, just before the script of the other; and without the
	// guards, to see that they are what prevents it.
	for name, c := range map[string]struct{ late, unguarded, want bool }{
		"remove late": {late: true}, "create late": {}, "remove late unguarded": {true, true, true}, "create late unguarded": {false, true, true},
	} {
		remove, create := w.container(name)
		if c.unguarded {
			remove.Empty = nil
			create.Versions = map[authz.Key]uint64{resource(name): 0}
		}
		first, late, script := remove, create, 2 // creating claims first
		if c.late {
			first, late, script = create, remove, 1
		}
		w.faults.Interpose(script, func() { w.must(first) })
		_, _, err := w.Commit(t.Context(), late)
		w.faults.Clear()
		if orphan, _ := w.orphaned(name); orphan != c.want || errors.Is(err, authz.ErrConflict) == c.want {
			t.Errorf("%s: orphan %v, error %v", name, orphan, err)
		}
	}
}
