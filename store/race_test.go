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

// container makes a project, and two commits: one deletes the project, the
// other creates a resource in it, which must be as it was.
func (w *world) container(id string) (remove, create *authz.Commit) {
	w.t.Helper()
	key := authz.KeyOf("project", id)
	version := w.must(set("a", w.load("a").Basis, key, "{}")).Number
	remove = &authz.Commit{
		Account: "a", Identity: identity(), Guarded: true, Basis: version,
		Edits: []authz.Edit{{Key: key, Created: 1, Before: []byte("{}"), After: []byte(`{"deleted":true}`)}},
	}
	create = register("a", id)
	create.Edits[0].After = []byte(in(string(key)))
	create.Versions[key] = version
	return remove, create
}

// orphaned reports whether a resource was created in a project after that was
// deleted.
func (w *world) orphaned(id string) bool {
	w.t.Helper()
	_, records, err := w.Read(w.t.Context(), "a", authz.KeyOf("project", id), resource(id))
	if err != nil {
		w.t.Fatal(err)
	}
	versions := map[authz.Key]uint64{}
	for _, r := range records {
		if string(r.Body) != "{}" {
			versions[r.Key] = r.Version
		}
	}
	deleted := versions[authz.KeyOf("project", id)]
	return deleted > 0 && versions[resource(id)] > deleted
}

// testDeleteRace deletes a container while a resource is created in it: what
// came first goes with the container, and nothing is created in it after.
func testDeleteRace(t *testing.T, open opener) {
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
		if w.orphaned(id) {
			t.Fatal("a resource was created in a deleted container")
		}
	}

	// The deletion just before the script of the creation; and without the
	// guard, to see that it is what prevents it.
	for name, guarded := range map[string]bool{"guarded": true, "unguarded": false} {
		remove, create := w.container(name)
		if !guarded {
			create.Versions = map[authz.Key]uint64{resource(name): 0}
		}
		const script = 2 // creating claims first
		w.faults.Interpose(script, func() { w.must(remove) })
		_, _, err := w.Commit(t.Context(), create)
		w.faults.Clear()
		if w.orphaned(name) == guarded || errors.Is(err, authz.ErrConflict) != guarded {
			t.Errorf("%s: orphan %v, error %v", name, w.orphaned(name), err)
		}
	}
}
