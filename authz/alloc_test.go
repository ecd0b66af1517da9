package authz_test

import (
	"testing"

	"github.com/tollgate-dev/tollgate/authz"
)

// A check of what memory knows allocates nothing, a request of the caller's
// making included. A batch does, which shows that it would be seen.
func TestACheckDoesNotAllocate(t *testing.T) {
	h := newHouse(t, authz.Options{})
	ctx := t.Context()
	for _, resource := range []string{"subproject:shop", "number:1"} {
		n := testing.AllocsPerRun(100, func() {
			req := authz.Request{Subject: "user:ann", Permission: "number.update", Resource: resource, Account: "acme"}
			if a, err := h.Check(ctx, &req); err != nil || !a.Allowed {
				t.Fatalf("%v, allowed is %t", err, a.Allowed)
			}
		})
		if n != 0 {
			t.Errorf("%s: %g allocations", resource, n)
		}
	}
	if testing.AllocsPerRun(100, func() { h.CheckBatch(ctx, []authz.Request{annUpdatesShop}) }) == 0 {
		t.Error("what a batch allocates is not counted")
	}
}
