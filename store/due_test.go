package store

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// testDue notes what is to be collected, in any order, and reads it by time. A
// note that was renewed is not taken back by whoever read the old one; one
// that Tollgate did not write hides no other.
func testDue(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	ctx := t.Context()
	note := func(account, id string, at int64) authz.Due {
		return authz.Due{Account: account, Node: hierarchy.Ref{Type: "project", ID: id}, At: at}
	}
	check := func(what string, until int64, limit int, want ...authz.Due) {
		t.Helper()
		got, err := w.Due(ctx, until, limit)
		if diff := cmp.Diff(want, got, equateEmpty); diff != "" || err != nil {
			t.Errorf("%s: %v %s", what, err, diff)
		}
	}
	const at = 1_767_225_600_000_001 // a microsecond counts
	late, early, braces := note("a", "1", at+1), note("a", "2", at), note("{b}", "2:3", at+2)
	for _, d := range []authz.Due{late, braces, early} {
		if err := w.Schedule(ctx, d); err != nil {
			t.Fatal(err)
		}
	}
	check("before", at-1, 10)
	check("at the first", at, 10, early)
	check("all", at+2, 10, early, late, braces)
	check("some", at+2, 2, early, late)

	renewed := early
	renewed.At = at + 5
	for _, err := range []error{w.Schedule(ctx, renewed), w.Settled(ctx, early), w.Settled(ctx, late), w.Settled(ctx, late)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	check("renewed, and taken back", at+9, 10, braces, renewed)

	w.client.ZAdd(ctx, dueKey, redis.Z{Score: 1, Member: "nonsense"})
	got, err := w.Due(ctx, at+9, 10)
	if diff := cmp.Diff([]authz.Due{braces, renewed}, got); diff != "" || !errors.Is(err, errCorrupt) {
		t.Errorf("beside nonsense: %v %s", err, diff)
	}
	check("without it", at+9, 10, braces, renewed)
}

// testLease has two replicas take a lease from one another.
func testLease(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	for i, step := range []struct {
		holder string
		last   time.Duration
		want   bool
	}{
		{"a", time.Minute, true}, {"b", time.Minute, false}, {"a", time.Minute, true}, {"b", 0, false},
		{"a", 0, true}, {"b", time.Microsecond, true}, {"a", time.Minute, true}, {"b", time.Minute, false},
	} {
		held, err := w.Lease(t.Context(), "test", step.holder, step.last)
		if err != nil || held != step.want {
			t.Errorf("step %d, %s for %v: %v, %v", i, step.holder, step.last, held, err)
		}
	}
	if held, err := w.Lease(t.Context(), "other", "b", time.Minute); err != nil || !held {
		t.Errorf("another lease: %v, %v", held, err)
	}
}
