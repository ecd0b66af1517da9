package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/authz"
)

// testGuards violates each guard, one at a time, and finds nothing changed.
// The same commit without the guard changes everything: it was the guard.
func testGuards(t *testing.T, open opener) {
	full := func() *authz.Commit {
		c := signUp("acc")
		c.New = false
		c.Edits = append(c.Edits, made(resource("new"), in("project:prj_acc")))
		c.Parents = []authz.Transition{{Node: "number:new", To: "project:prj_acc"}}
		return c
	}
	guards := map[string]func(c *authz.Commit){
		"account": func(c *authz.Commit) { c.New = true },
		"basis":   func(c *authz.Commit) { c.Guarded, c.Basis = true, 2 },
		"present": func(c *authz.Commit) { c.Present = []authz.Key{"project:prj_acc", "project:none"} },
		"present resource": func(c *authz.Commit) {
			c.Present = []authz.Key{resource("none")}
		},
		"version of a new resource": func(c *authz.Commit) { c.Versions = map[authz.Key]uint64{resource("1"): 0} },
		"version of an old one":     func(c *authz.Commit) { c.Versions = map[authz.Key]uint64{resource("1"): 1} },
		"version of none":           func(c *authz.Commit) { c.Versions = map[authz.Key]uint64{resource("none"): 1} },
		"version of a container":    func(c *authz.Commit) { c.Versions = map[authz.Key]uint64{"project:prj_acc": 2} },
	}
	for name, violate := range guards {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, open, Options{})
			w.must(signUp("acc"))
			w.must(register("acc", "1"))
			before := w.account("acc")
			c := full()
			violate(c)
			if _, _, err := w.Commit(t.Context(), c); !errors.Is(err, authz.ErrConflict) {
				t.Fatalf("error %v, want ErrConflict", err)
			}
			if diff := cmp.Diff(before, w.account("acc")); diff != "" {
				t.Errorf("a guard did not hold, and this changed (-before +after):\n%s", diff)
			}
			w.must(full())
			if diff := cmp.Diff(before, w.account("acc")); diff == "" {
				t.Error("without the guard nothing changed either")
			}
		})
	}
	t.Run("no account", func(t *testing.T) {
		w := newWorld(t, open, Options{})
		if _, _, err := w.Commit(t.Context(), full()); !errors.Is(err, authz.ErrConflict) {
			t.Fatalf("error %v, want ErrConflict", err)
		}
		if held := w.account("acc"); len(held) != 0 {
			t.Errorf("left behind: %v", held)
		}
	})
}

// testCorrupt puts something else in the place of each key.
func testCorrupt(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	ctx := t.Context()
	keys := []string{
		headKey("acc"), docsKey("acc"), resourcesKey("acc"), payersKey("acc"), parentsKey("acc"),
		logKey("acc"), identitiesKey("acc"), containerKey("acc", "project:prj_acc"),
	}
	for _, key := range keys {
		w.empty(t)
		w.must(signUp("acc"))
		w.must(register("acc", "1"))
		w.client.Del(ctx, key)
		w.client.RPush(ctx, key, "not ours")
		before := w.account("acc")
		_, _, err := w.Commit(ctx, register("acc", "2"))
		if !errors.Is(err, errCorrupt) || errors.Is(err, authz.ErrConflict) {
			t.Errorf("%s of another kind: %v", key, err)
		}
		if diff := cmp.Diff(before, w.account("acc")); diff != "" {
			t.Errorf("%s of another kind, and this changed:\n%s", key, diff)
		}
		reads := map[string]func() error{
			headKey("acc"):      func() error { _, err := w.Load(ctx, "acc"); return err },
			docsKey("acc"):      func() error { _, err := w.Load(ctx, "acc"); return err },
			resourcesKey("acc"): func() error { _, err := w.Load(ctx, "acc", resource("1")); return err },
			logKey("acc"):       func() error { _, _, err := w.Since(ctx, "acc", authz.Revision{}); return err },
			payersKey("acc"):    func() error { _, err := w.Payers(ctx, "acc", "project:prj_acc"); return err },
		}
		if read := reads[key]; read != nil {
			if err := read(); !errors.Is(err, errCorrupt) {
				t.Errorf("reading %s of another kind: %v", key, err)
			}
		}
	}

	fields := map[string][]any{
		headKey("acc"): {"num", "x", "num", "0", "basis", "", "basis", "99", "at", "-", "id", ""},
		docsKey("acc"): {"project:prj_acc", "{}", "project:prj_acc", "1 1 1 ", "project:prj_acc", "1 x 1 {}"},
	}
	for key, values := range fields {
		for i := 0; i < len(values); i += 2 {
			w.empty(t)
			w.must(signUp("acc"))
			w.client.HSet(ctx, key, values[i], values[i+1])
			if state, err := w.Load(ctx, "acc"); !errors.Is(err, errCorrupt) || state != nil {
				t.Errorf("%s with %v=%q: %v, %v", key, values[i], values[i+1], state, err)
			}
		}
	}
	w.empty(t)
	w.must(signUp("acc"))
	w.client.Del(ctx, headKey("acc"))
	if _, _, err := w.Commit(ctx, signUp("acc")); !errors.Is(err, errCorrupt) {
		t.Errorf("a new account on the remains of one: %v", err)
	}
}

// testTimes shows that commits go forward when the clock does not.
func testTimes(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	head := w.must(signUp("acc"))
	ahead := head.Now + time.Hour.Microseconds()
	w.client.HSet(t.Context(), headKey("acc"), "at", ahead)
	for i := range 3 {
		head = w.must(register("acc", fmt.Sprint(i)))
		if want := ahead + 1 + int64(i); head.At != want {
			t.Errorf("committed at %d, want %d", head.At, want)
		}
		if head.Now >= ahead {
			t.Errorf("Now is %d, which the clock does not show yet", head.Now)
		}
	}
}

func testChain(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	var want []authz.Change
	var last authz.Revision
	at := int64(0)
	do := func(c *authz.Commit) {
		t.Helper()
		head, previous, err := w.Commit(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if head.Number != last.Number+1 || head.Identity != c.Identity || previous != last.Identity || head.At <= at {
			t.Errorf("%+v after %+v at %d, previous %q", head, last, at, previous)
		}
		last, at = head.Revision, head.At
		want = append(want, c.Change(head, previous))
	}
	do(signUp("acc"))
	for i := range 3 {
		do(register("acc", fmt.Sprint(i)))
		do(set("acc", w.load("acc").Basis, "role:r", fmt.Sprintf(`{"n":"%d <&> \u2028"}`, i)))
	}
	do(w.remove("acc", "1"))

	for n := range want {
		after := authz.Revision{}
		if n > 0 {
			after = want[n-1].Revision
		}
		head, changes, err := w.Since(t.Context(), "acc", after)
		if err != nil || head.Revision != last {
			t.Fatalf("Since(%v): %+v, %v", after, head, err)
		}
		if diff := cmp.Diff(want[n:], changes); diff != "" {
			t.Errorf("Since(%v) (-want +got):\n%s", after, diff)
		}
		if id, found, err := w.RevisionAt(t.Context(), "acc", uint64(n+1)); id != want[n].Identity || !found || err != nil {
			t.Errorf("RevisionAt(%d): %q %v %v", n+1, id, found, err)
		}
	}
	page, err := w.Log(t.Context(), "acc", 2, 3)
	if diff := cmp.Diff(want[2:5], page); diff != "" || err != nil {
		t.Errorf("Log (-want +got):\n%s%v", diff, err)
	}
	if head, changes, err := w.Since(t.Context(), "acc", last); err != nil || len(changes) != 0 || head.Revision != last {
		t.Errorf("Since the head: %+v %v %v", head, changes, err)
	}
}

func testGap(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	if _, _, err := w.Since(t.Context(), "acc", authz.Revision{}); !errors.Is(err, authz.ErrNoAccount) {
		t.Errorf("Since of no account: %v", err)
	}
	first := w.must(signUp("acc")).Revision
	second := w.must(register("acc", "1")).Revision
	for _, forged := range []authz.Revision{
		{Number: first.Number, Identity: second.Identity}, {Number: second.Number, Identity: first.Identity},
		{Number: 3, Identity: second.Identity}, {Number: 1 << 60, Identity: identity()}, {Number: 0, Identity: first.Identity}, {Number: 1},
	} {
		if _, changes, err := w.Since(t.Context(), "acc", forged); !errors.Is(err, authz.ErrGap) || changes != nil {
			t.Errorf("Since(%v): %v %v", forged, changes, err)
		}
	}
	if _, found, err := w.RevisionAt(t.Context(), "acc", 3); found || err != nil {
		t.Errorf("a revision that is not made yet: %v %v", found, err)
	}
}

func testTrim(t *testing.T, open opener) {
	w := newWorld(t, open, Options{LogLength: 10})
	first := w.must(signUp("acc"))
	const more = 300 // Redis trims whole blocks of its own size
	var heads []authz.Revision
	basis := first.Basis
	for range more {
		head := w.must(set("acc", basis, "role:r", "{}"))
		heads, basis = append(heads, head.Revision), head.Basis
	}
	if _, _, err := w.Since(t.Context(), "acc", first.Revision); !errors.Is(err, authz.ErrGap) {
		t.Errorf("Since what was trimmed: %v", err)
	}
	if _, found, err := w.RevisionAt(t.Context(), "acc", 1); found || err != nil {
		t.Errorf("a revision that was trimmed: %v %v", found, err)
	}
	if _, changes, err := w.Since(t.Context(), "acc", heads[more-11]); err != nil || len(changes) != 10 {
		t.Errorf("Since the last ten: %d changes, %v", len(changes), err)
	}
	if n := w.client.ZCard(t.Context(), identitiesKey("acc")).Val(); n > 10+64 {
		t.Errorf("%d identities are kept for a log of 10", n)
	}
	// A commit so old that it cannot be known again is decided by its guards.
	c := signUp("acc")
	c.Identity = first.Identity
	if _, _, err := w.Commit(t.Context(), c); !errors.Is(err, authz.ErrConflict) {
		t.Errorf("a commit older than the log: %v", err)
	}
}

func testHistory(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	w.must(signUp("acc"))
	head := w.must(register("acc", "1"))
	w.must(register("acc", "1x")) // no part of the history of number:1
	gone := w.must(w.remove("acc", "1"))
	got, err := w.Parents(t.Context(), "acc", "number:1")
	want := []authz.Transition{
		{Node: "number:1", To: "project:prj_acc", At: head.At},
		{Node: "number:1", From: "project:prj_acc", At: gone.At},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("parents (-want +got):\n%s%v", diff, err)
	}

	relink := set("acc", 1, "link:prj_acc", "{}")
	relink.Payers = []authz.Transition{
		{Node: "project:prj_acc", From: "bil_acc", To: "bil_2"},
		{Node: "project:prj_old", To: "bil_1", At: 5},
		{Node: "project:prj_old", From: "bil_1", To: "bil_2", At: 40},
	}
	at := w.must(relink).At
	payers, err := w.Payers(t.Context(), "acc", "project:prj_acc")
	if err != nil || len(payers) != 2 || payers[1] != (authz.Transition{Node: "project:prj_acc", From: "bil_acc", To: "bil_2", At: at}) {
		t.Errorf("payers: %v %v", payers, err)
	}
	payers, err = w.Payers(t.Context(), "acc", "project:prj_old")
	if err != nil || !slices.IsSortedFunc(payers, func(a, b authz.Transition) int { return int(a.At - b.At) }) || len(payers) != 2 {
		t.Errorf("payers with times of their own: %v %v", payers, err)
	}
	if payers, err := w.Payers(t.Context(), "acc", "project:none"); len(payers) != 0 || err != nil {
		t.Errorf("payers of nothing: %v %v", payers, err)
	}
}

// testRepeat commits the same commit again, at once and after others.
func testRepeat(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	repeat := func(c *authz.Commit, want authz.Head, wantPrevious string) {
		t.Helper()
		head, previous, err := w.Commit(t.Context(), c)
		if err != nil || head.Revision != want.Revision || head.At != want.At || head.Basis != want.Basis || previous != wantPrevious {
			t.Errorf("again: %+v %q %v, want %+v %q", head, previous, err, want, wantPrevious)
		}
	}
	c := signUp("acc")
	first := w.must(c)
	repeat(c, first, "")
	r := register("acc", "1")
	second := w.must(r)
	unguarded := &authz.Commit{Account: "acc", Identity: identity(), Edits: []authz.Edit{made("role:r", "{}")}}
	third := w.must(unguarded)
	repeat(unguarded, third, second.Identity)
	repeat(r, second, first.Identity)
	repeat(c, first, "")
	d := w.remove("acc", "1")
	fourth := w.must(d)
	repeat(d, fourth, third.Identity)
	if head := w.load("acc").Head; head.Revision != fourth.Revision {
		t.Errorf("repeating made revisions: %+v", head)
	}
	if w.locate("number:1") != "" || w.locate("project:prj_acc") != "acc" {
		t.Error("repeating changed who owns what")
	}
}
