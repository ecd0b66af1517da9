package authz_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// refusedIn asks in a check and in a batch, and fails the test unless both are
// refused for that reason, and allow nothing.
func (h *house) refusedIn(ctx context.Context, req authz.Request, want string) {
	h.t.Helper()
	a, err := h.Check(ctx, &req)
	r := h.CheckBatch(ctx, []authz.Request{req})[0]
	if reason(err) != want || reason(r.Err) != want || a.Allowed || r.Answer.Allowed {
		h.t.Errorf("%+v: a check %v, a batch %v; want %s", req, err, r.Err, want)
	}
}

// What was asked of freshness says why there is no answer: each has a reason
// of its own, and so has a revision that is lost or too old.
func TestEachRefusalHasItsReason(t *testing.T) {
	h := newHouse(t, authz.Options{})
	away := error(nil)
	h.source.Before = func(string, ...string) error { return away }
	fast, full, atLeast := annUpdatesShop, annUpdatesShop, annUpdatesShop
	full.Full = true
	h.may(fast, true)
	head, _ := h.source.Commit("acme", bind(true)) // elsewhere: memory is behind
	atLeast.AtLeast = authz.Token("acme", head.Revision)
	away = errors.New("connection refused")
	ctx := t.Context()

	h.may(fast, true) // inside the bound
	h.refusedIn(ctx, full, "FULL_UNAVAILABLE")
	h.refusedIn(ctx, atLeast, "REVISION_UNCONFIRMED")
	h.clock.pass(2 * time.Second)
	h.refusedIn(ctx, fast, "STATE_UNAVAILABLE")
	h.refusedIn(ctx, full, "FULL_UNAVAILABLE")
	h.refusedIn(ctx, atLeast, "REVISION_UNCONFIRMED")

	away = nil
	h.may(atLeast, true)
	for range authz.Remembered + 1 {
		head, _ = h.source.Commit("acme", bind(true))
	}
	h.source.Trim("acme")
	h.clock.pass(2 * time.Second)
	h.refusedIn(ctx, atLeast, "REVISION_TOO_OLD")
	atLeast.AtLeast = authz.Token("acme", authz.Revision{Number: head.Number, Identity: "0000000000000000"})
	h.refusedIn(ctx, atLeast, "REVISION_LOST")
}

// A question whose deadline passes while it waits for the store says so, and
// not that the store is away; and the store's own slowness is not the
// question's deadline.
func TestADeadlineIsARefusalOfItsOwn(t *testing.T) {
	h := newHouse(t, authz.Options{})
	over, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	hold := make(chan struct{})
	h.source.Before = func(string, ...string) error {
		<-hold
		return nil
	}
	full, somewhere := annUpdatesShop, annUpdatesNumber
	full.Full, somewhere.Account = true, ""
	h.refusedIn(over, annUpdatesShop, "DEADLINE_EXCEEDED")
	h.refusedIn(over, full, "DEADLINE_EXCEEDED")
	h.refusedIn(over, somewhere, "DEADLINE_EXCEEDED")
	close(hold)
	h.may(annUpdatesShop, true)
	if a, err := h.Check(over, &annUpdatesShop); err != nil || !a.Allowed {
		t.Errorf("what memory answers waits for nothing: %v", err)
	}
	h.source.Before = func(string, ...string) error { return context.DeadlineExceeded } // the engine's
	h.clock.pass(2 * time.Second)
	h.refusedIn(t.Context(), annUpdatesShop, "STATE_UNAVAILABLE")
	h.refusedIn(over, annUpdatesShop, "DEADLINE_EXCEEDED")
}

// A refusal is of a kind that is repeated, but for what is lost.
func TestRefusalsAreUnavailable(t *testing.T) {
	h := newHouse(t, authz.Options{})
	h.source.Before = func(string, ...string) error { return errors.New("away") }
	var known *hierarchy.Error
	if _, err := h.Check(t.Context(), &annUpdatesShop); !errors.As(err, &known) || known.Kind != hierarchy.KindUnavailable || known.Detail == "" {
		t.Errorf("%+v", err)
	}
}
