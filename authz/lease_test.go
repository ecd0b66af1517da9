package authz_test

import (
	"errors"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
)

// Once its lease is over, an engine compares before each answer, though its
// snapshots are inside the bound and the store is away, until it has another.
func TestWithoutALeaseSnapshotsAreCompared(t *testing.T) {
	const last = 10 * time.Second
	h := newHouse(t, authz.Options{Bound: time.Hour, AwayWindow: time.Hour})
	enrolled := error(nil)
	enrol := func() error { return enrolled }
	read := func(want uint64, allowed bool) {
		t.Helper()
		was := h.source.Reads.Load()
		h.may(annUpdatesShop, allowed)
		if n := uint64(h.source.Reads.Load() - was); n != want {
			t.Errorf("the store was asked %d times, want %d", n, want)
		}
	}
	if err := h.Lease(last, enrol); err != nil {
		t.Fatal(err)
	}
	h.may(annUpdatesShop, true)
	h.source.Commit("acme", bind(false))
	h.clock.pass(last)
	read(0, true)
	h.clock.pass(1)
	read(1, false)
	enrolled = errors.New("the roster cannot be written")
	if err := h.Lease(last, enrol); !errors.Is(err, enrolled) {
		t.Error(err)
	}
	read(1, false)
	h.source.Before = func(string, ...string) error { return errors.New("away") }
	if a, err := h.Check(t.Context(), &annUpdatesShop); err == nil {
		t.Errorf("answered %v without a lease, in the window", a.Allowed)
	}
	h.source.Before = nil
	enrolled = nil
	if err := h.Lease(last, enrol); err != nil {
		t.Fatal(err)
	}
	h.clock.pass(time.Second)
	read(0, false)
}
