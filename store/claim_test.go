package store

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

func testClaims(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	w.must(signUp("a"))
	w.must(signUp("b"))
	w.must(register("a", "1"))
	for _, ref := range []string{"number:1", "project:prj_a", "billing_account:bil_a"} {
		if !strings.HasPrefix(w.locator(ref), "confirmed ") || w.locate(ref) != "a" {
			t.Errorf("%s: %q", ref, w.locator(ref))
		}
	}
	for _, ref := range []string{"number:2", "project:prj_c", "group:g", "role:r", "binding:bnd_1"} {
		if w.locate(ref) != "" {
			t.Errorf("%s is located", ref)
		}
	}
	if w.locate("account:any") != "any" {
		t.Error("an account is not its own")
	}

	taken := func(c *authz.Commit, want string) {
		t.Helper()
		before := w.load("b").Revision
		if _, _, err := w.Commit(t.Context(), c); reason(err) != want || errors.Is(err, authz.ErrConflict) {
			t.Errorf("error %v, want %s", err, want)
		}
		if w.load("b").Revision != before {
			t.Error("and yet it was written")
		}
	}
	taken(register("b", "1"), "ID_TAKEN")
	theirs := &authz.Commit{Account: "b", Identity: identity(), Edits: []authz.Edit{made("project:prj_a", "{}")}}
	taken(theirs, "ID_TAKEN")

	// The record counts, and neither what the claim says nor how old it is.
	w.setLocator("number:1", claim{identity: identity(), account: "a"}, time.Hour)
	taken(register("b", "1"), "ID_TAKEN")

	// Nothing is recorded: the age of the claim decides.
	for _, confirmed := range []bool{false, true} {
		c := claim{confirmed: confirmed, identity: identity(), account: "a"}
		w.setLocator("number:2", c, 50*time.Second)
		taken(register("b", "2"), "CLAIM_PENDING")
		w.setLocator("number:2", c, 70*time.Second)
		w.must(register("b", "2"))
		if w.locate("number:2") != "b" {
			t.Errorf("a stale claim was not taken over: %q", w.locator("number:2"))
		}
		w.must(w.remove("b", "2"))
	}
	w.setLocator("number:3", claim{identity: identity(), account: "b"}, time.Second)
	w.must(register("b", "3")) // its own account's claim stands in nobody's way

	// Somebody else takes the claim between reading and taking it.
	for account, age := range map[string]time.Duration{"a": 70 * time.Second, "b": time.Second} {
		const swapping = 3 // the call after claiming, and after verifying or revoking
		w.setLocator("number:5", claim{identity: identity(), account: account}, age)
		w.faults.Interpose(swapping, func() {
			w.setLocator("number:5", claim{identity: identity(), account: account}, 0)
		})
		taken(register("b", "5"), "CLAIM_PENDING")
	}

	w.client.Set(t.Context(), "tg:loc:number:4", "nonsense", 0)
	if _, _, err := w.Commit(t.Context(), register("b", "4")); !errors.Is(err, errCorrupt) {
		t.Errorf("an unreadable claim: %v", err)
	}
	testRepeatedClaims(t, w)
	// What is deleted is free at once, for any account.
	w.must(w.remove("a", "1"))
	if w.locator("number:1") != "" {
		t.Errorf("not released: %q", w.locator("number:1"))
	}
	w.must(register("b", "1"))
	if w.locate("number:1") != "b" {
		t.Error("not where it was registered anew")
	}
}

// testRepair shows what a reader makes of a claim that was never confirmed.
func testRepair(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	w.must(signUp("a"))
	w.must(register("a", "1"))
	for _, age := range []time.Duration{time.Second, time.Hour} {
		for _, ref := range []string{"number:1", "project:prj_a"} {
			w.setLocator(ref, claim{identity: identity(), account: "a"}, age)
			if w.locate(ref) != "a" || !strings.HasPrefix(w.locator(ref), "confirmed ") {
				t.Errorf("%s, claimed %v ago and recorded: %q", ref, age, w.locator(ref))
			}
		}
		w.setLocator("number:2", claim{identity: identity(), account: "a"}, age)
		if w.locate("number:2") != "" {
			t.Errorf("number:2, claimed %v ago and not recorded, was located", age)
		}
		if dropped := w.locator("number:2") == ""; dropped != (age == time.Hour) {
			t.Errorf("number:2, claimed %v ago and not recorded: %q", age, w.locator("number:2"))
		}
	}
}

// testRevoked has a commit claim a resource and fall asleep, while the same
// account creates and deletes the resource, and another account registers it.
// When the sleeper goes on it must not succeed. Without its revocation it
// would: two accounts would have the resource.
func testRevoked(t *testing.T, open opener) {
	for _, revoked := range []bool{true, false} {
		w := newWorld(t, open, Options{})
		w.must(signUp("a"))
		w.must(signUp("b"))
		sleeper := register("a", "1")
		const script = 2 // the call after claiming
		w.faults.Interpose(script, func() {
			w.must(register("a", "1"))
			w.must(w.remove("a", "1"))
			w.must(register("b", "1"))
			if !revoked {
				w.client.Del(t.Context(), revokedKey("a", sleeper.Identity))
			}
		})
		_, _, err := w.Commit(t.Context(), sleeper)
		if revoked && !errors.Is(err, authz.ErrConflict) {
			t.Errorf("a revoked commit: %v", err)
		}
		if !revoked && err != nil {
			t.Errorf("without a revocation the test shows nothing: %v", err)
		}
		if w.locate("number:1") != "b" {
			t.Errorf("located in %q", w.locate("number:1"))
		}
	}
}

// testRecreate deletes a resource while the same account is about to create it
// again, at each call of the deletion.
func testRecreate(t *testing.T, open opener) {
	for n := 1; ; n++ {
		w := newWorld(t, open, Options{})
		w.must(signUp("a"))
		w.must(signUp("b"))
		w.must(register("a", "1"))
		d := w.remove("a", "1")
		w.faults.Interpose(n, func() {
			_, _, err := w.Commit(t.Context(), register("a", "1"))
			if err != nil && !errors.Is(err, authz.ErrConflict) {
				t.Error(err)
			}
		})
		_, _, err := w.Commit(t.Context(), d)
		if err != nil && !errors.Is(err, authz.ErrConflict) && reason(err) != "CLAIM_PENDING" {
			t.Errorf("call %d: %v", n, err)
		}
		done := w.faults.Calls() < n
		w.faults.Clear()
		there := len(w.load("a", resource("1")).Resources) == 1
		if located := w.locate("number:1") == "a"; located != there {
			t.Errorf("call %d: recorded %v, located %v", n, there, located)
		}
		_, _, err = w.Commit(t.Context(), register("b", "1"))
		if there && reason(err) != "ID_TAKEN" || !there && err != nil && reason(err) != "CLAIM_PENDING" {
			t.Errorf("call %d: recorded %v, and another account gets %v", n, there, err)
		}
		if done {
			return
		}
	}
}

// testSwap repeats swaps whose replies were lost.
func testSwap(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	ref := hierarchy.Ref{Type: "number", ID: "1"}
	c := claim{identity: identity(), account: "a"}
	w.setLocator("number:1", c, 0)
	held := w.locator("number:1")
	for _, step := range []struct {
		swap swap
		want bool
	}{
		{swap{ref, "x", []string{"y"}}, false},
		{swap{ref, "x", []string{"y", held}}, true},
		{swap{ref, "x", []string{"y", held}}, true},
		{swap{ref, held, []string{held}}, false},
		{swap{ref, "", []string{"y"}}, false},
		{swap{ref, "", []string{"x"}}, true},
		{swap{ref, "", []string{"x"}}, true},
		{swap{ref, "z", []string{"x"}}, false},
	} {
		done, err := w.swapAll(t.Context(), []swap{step.swap})
		if err != nil || done[0] != step.want {
			t.Errorf("%+v: %v %v, and the locator is %q", step.swap, done, err, w.locator("number:1"))
		}
	}
}

// testRepeatedClaims commits again what was undone since: it claims again, and is
// not made again.
func testRepeatedClaims(t *testing.T, w *world) {
	t.Helper()
	made := register("b", "6")
	w.must(made)
	removed := w.remove("b", "6")
	w.must(removed)
	w.must(made)
	if w.locate("number:6") != "" || w.locator("number:6") != "" {
		t.Errorf("what was registered, deleted and registered under the same identity again has the locator %q", w.locator("number:6"))
	}
	w.must(register("b", "6"))
	w.must(removed)
	if w.locate("number:6") != "b" || !strings.HasPrefix(w.locator("number:6"), "confirmed ") {
		t.Errorf("what is there, and whose deletion of before is committed again, has the locator %q", w.locator("number:6"))
	}
	w.must(made)
	if w.locate("number:6") != "b" || !strings.HasPrefix(w.locator("number:6"), "confirmed ") {
		t.Errorf("what is there, and whose registration of before is committed again, has the locator %q", w.locator("number:6"))
	}
}
