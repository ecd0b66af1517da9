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
	h.may(annUpdatesShop, true)
	before := authz.Token("acme", mustHead(h).Revision)
	h.Heard(h.elsewhere(bind(true)))
	now := authz.Token("acme", mustHead(h).Revision)
	for _, resource := range []string{"subproject:shop", "number:1"} {
		for _, req := range []authz.Request{{}, {Account: "acme"}, {AtLeast: now}, {AtLeast: before}, {Account: "acme", AtLeast: before}} {
			req.Subject, req.Permission, req.Resource = "user:ann", "number.update", resource
			n := testing.AllocsPerRun(100, func() {
				own := req
				if a, err := h.Check(ctx, &own); err != nil || !a.Allowed {
					t.Fatalf("%v, allowed is %t", err, a.Allowed)
				}
			})
			if n != 0 {
				t.Errorf("%+v: %g allocations", req, n)
			}
		}
	}
	if testing.AllocsPerRun(100, func() { h.CheckBatch(ctx, []authz.Request{annUpdatesShop}) }) == 0 {
		t.Error("what a batch allocates is not counted")
	}
}
