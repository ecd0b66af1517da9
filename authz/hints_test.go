package authz_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// What a hint says of a node, and of what is above it, holds for the snapshot
// that it is from and for no later one.
func TestAHintIsOfOneSnapshot(t *testing.T) {
	edits := map[string]struct {
		of   authz.Edit
		seen func(a *authz.Answer) bool
	}{
		"the project is suspended": {edit(hierarchy.TypeProject, "web", hierarchy.Project{}, hierarchy.Project{State: hierarchy.State{Suspended: true}}),
			func(a *authz.Answer) bool { return !a.Allowed && a.Code == authz.ResourceSuspended }},
		"the project is deleted": {edit(hierarchy.TypeProject, "web", hierarchy.Project{}, hierarchy.Project{State: hierarchy.State{Deleted: true}}),
			func(a *authz.Answer) bool { return !a.Allowed && a.Code == authz.ResourceDeleted }},
		"nobody pays": {edit(authz.KindLink, "web", struct{}{}, nil),
			func(a *authz.Answer) bool { return a.Billing.Code == authz.NoBillingLink }},
	}
	for name, e := range edits {
		for _, believed := range []bool{false, true} {
			h := newHouse(t, authz.Options{})
			for range 2 { // the first leaves the hint, the second takes it
				if a := h.may(annUpdatesShop, true); a.Billing.BillingAccount != "main" {
					t.Fatalf("paid by %q", a.Billing.BillingAccount)
				}
			}
			h.source.Commit("acme", e.of)
			h.clock.pass(2 * time.Second)
			lab := annUpdatesShop
			lab.Resource = "subproject:lab"
			h.may(lab, false) // the snapshot is a new one
			if believed {
				h.BelieveHints()
			}
			if a := mustCheck(t, h.Engine, annUpdatesShop); e.seen(&a) == believed {
				t.Errorf("%s, old hints believed: %t: allowed is %t, %s, %s", name, believed, a.Allowed, a.Code, a.Billing.Code)
			}
		}
	}
}

func edit(kind, id string, before, after any) authz.Edit {
	e := authz.Edit{Key: authz.KeyOf(kind, id)}
	e.Before, _ = json.Marshal(before)
	if after != nil {
		e.After, _ = json.Marshal(after)
	}
	return e
}
