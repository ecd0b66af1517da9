package store

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// testPast looks points of histories up by their instants, among those of
// nodes whose names begin alike.
func testPast(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	w.must(signUp("acc"))
	old := hierarchy.Ref{Type: "project", ID: "prj_old"}
	points := []authz.Transition{{Node: old.String(), To: "b1", At: 50}, {Node: old.String(), From: "b1", At: 70}, {Node: old.String(), To: "b2", At: 1_000_000}}
	c := set("acc", 1, "link:prj_old", "{}")
	c.Payers = append([]authz.Transition{
		{Node: "project:prj_ol", To: "b0", At: 60}, {Node: "project:prj_old2", To: "b3", At: 60}, {Node: "project:prj_old ", To: "b4", At: 60},
	}, points...)
	head := w.must(c)
	at := func(at int64) []authz.Transition {
		t.Helper()
		past, err := w.PayerAt(t.Context(), "acc", old, at)
		if err != nil || past.Record != nil || past.Revision != head.Revision {
			t.Fatalf("%+v, %v", past, err)
		}
		return past.Points
	}
	for instant, want := range map[int64][]authz.Transition{
		0: {}, 49: {}, 50: points[:1], 51: points[:1], 69: points[:1], 70: points[1:2], 999_999: points[1:2], 1_000_000: points[2:], math.MaxInt64: points[2:],
	} {
		if diff := cmp.Diff(want, at(instant)); diff != "" {
			t.Errorf("at %d (-want +got): %s", instant, diff)
		}
	}
	for after, want := range map[int64][]authz.Transition{-1: points[:2], 49: points[:2], 50: points[1:], 70: points[2:], 1_000_000: {}, math.MaxInt64: {}} {
		past, err := w.PayersAfter(t.Context(), "acc", old, after, 2)
		if diff := cmp.Diff(want, past.Points); diff != "" || err != nil {
			t.Errorf("after %d (-want +got): %s%v", after, diff, err)
		}
	}
	w.must(register("acc", "1"))
	number := hierarchy.Ref{Type: "number", ID: "1"}
	if past, err := w.ParentAt(t.Context(), "acc", number, math.MaxInt64); err != nil || past.Record == nil || len(past.Points) != 1 {
		t.Errorf("a resource that lives: %+v, %v", past, err)
	}
	w.must(w.remove("acc", "1"))
	if past, err := w.ParentsAfter(t.Context(), "acc", number, -1, 9); err != nil || past.Record != nil || len(past.Points) != 2 {
		t.Errorf("a resource that is gone: %+v, %v", past, err)
	}
	if _, err := w.ParentAt(t.Context(), "none", number, 1); !errors.Is(err, authz.ErrNoAccount) {
		t.Errorf("no account: %v", err)
	}
	latest, err := w.LogBefore(t.Context(), "acc", 0, 2)
	if err != nil || len(latest) != 2 || latest[0].Number != 4 || latest[1].Number != 3 {
		t.Errorf("the latest two: %+v, %v", latest, err)
	}
	for before, want := range map[uint64]int{5: 4, 4: 3, 2: 1, 1: 0} {
		if found, err := w.LogBefore(t.Context(), "acc", before, 9); err != nil || len(found) != want {
			t.Errorf("before %d: %d, %v", before, len(found), err)
		}
	}
}
