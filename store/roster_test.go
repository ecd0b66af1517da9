package store

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tollgate-dev/tollgate/replica"
)

// testRoster enrols replicas, lets one's enrolment end, and has one resign;
// and passes on what they say.
func testRoster(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	a, b, late := replica.Member{ID: "1", Name: "a"}, replica.Member{ID: "2", Name: `b "x"`}, replica.Member{ID: "3"}
	enrol := func(m replica.Member, last time.Duration) {
		t.Helper()
		if err := w.Enrol(ctx, m, last); err != nil {
			t.Fatal(err)
		}
	}
	enrol(a, time.Minute)
	enrol(a, time.Hour)
	enrol(b, time.Minute)
	enrol(late, -time.Second)
	roster := func(want ...replica.Member) {
		t.Helper()
		got, err := w.Roster(ctx)
		if diff := cmp.Diff(want, got, cmpopts.SortSlices(func(x, y replica.Member) bool { return x.ID < y.ID })); err != nil || diff != "" {
			t.Errorf("the roster: %v %s", err, diff)
		}
	}
	roster(a, b)
	if err := w.Resign(ctx, b); err != nil {
		t.Fatal(err)
	}
	roster(a)
	enrol(late, time.Minute)
	roster(a, late)

	heard, ended := make(chan replica.Message, 10), make(chan struct{})
	go func() {
		defer close(ended)
		w.Listen(ctx, func(m replica.Message) { heard <- m }, func(error) {})
	}()
	m := replica.Message{Question: "q", Account: "a{1}", Revision: "r", From: "1"}
	for got := (replica.Message{}); got != m; { // until it listens
		if err := w.Say(ctx, m); err != nil {
			t.Fatal(err)
		}
		select {
		case got = <-heard:
			if got != m {
				t.Fatalf("%+v was said, and %+v heard", m, got)
			}
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	<-ended
}
