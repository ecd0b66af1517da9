package authz_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/oracle"
)

// globex is another account, which the number can move to.
func globex() *oracle.World {
	return &oracle.World{
		Account: "globex", BillingAccounts: []oracle.BillingAccount{{ID: "gmain"}}, Projects: []oracle.Project{{ID: "gweb", Payer: "gmain"}},
		Bindings: []oracle.Binding{{ID: hierarchy.BindingID(hierarchy.UID{1}, "globex"), Subject: "user:ann", Role: "editor", Scope: "account:globex", Effect: "allow"}},
	}
}

// A customer takes a number along: it leaves acme and enters globex. However
// it is asked for, and whatever memory knew before, it is then found there.
func TestAResourceMayMoveToAnotherAccount(t *testing.T) {
	byLocator, inGlobex := annUpdatesNumber, annUpdatesNumber
	byLocator.Account, inGlobex.Account = "", "globex"
	ways := map[string]func(h *house, token string) (authz.Answer, error){
		"by account": func(h *house, _ string) (authz.Answer, error) { return h.Check(h.t.Context(), &inGlobex) },
		"by locator": func(h *house, _ string) (authz.Answer, error) { return h.Check(h.t.Context(), &byLocator) },
		"by token": func(h *house, token string) (authz.Answer, error) {
			req := byLocator
			req.AtLeast = token
			return h.Check(h.t.Context(), &req)
		},
		"in a batch": func(h *house, token string) (authz.Answer, error) {
			req := byLocator
			req.AtLeast = token
			all := h.CheckBatch(h.t.Context(), []authz.Request{annUpdatesShop, byLocator, req, annUpdatesNumber})
			for i, want := range []bool{true, true, true, false} {
				if all[i].Err != nil || all[i].Answer.Allowed != want {
					h.t.Errorf("item %d: %v, %+v", i, all[i].Err, all[i].Answer)
				}
			}
			if first, second := all[1].Answer.Revision(), all[2].Answer.Revision(); first != second {
				h.t.Errorf("two items of one account are of revisions %v and %v", first, second)
			}
			return all[1].Answer, all[1].Err
		},
	}
	for _, known := range []bool{false, true} {
		for name, ask := range ways {
			t.Run(fmt.Sprint(name, ", globex in memory: ", known), func(t *testing.T) {
				h := newHouse(t, authz.Options{})
				h.source.Put(globex())
				h.may(byLocator, true)
				if known {
					h.may(inGlobex, false)
				}
				h.source.Commit("acme", move("subproject:shop", ""))
				head, _ := h.source.Commit("globex", move("", "project:gweb"))
				h.clock.pass(2 * time.Second)
				a, err := ask(h, authz.Token("globex", head.Revision))
				if err != nil || !a.Allowed || a.Account() != "globex" || a.Billing.BillingAccount != "gmain" {
					t.Fatalf("%v; of %q: allowed is %t, %s, paid by %q", err, a.Account(), a.Allowed, a.Code, a.Billing.BillingAccount)
				}
				h.may(annUpdatesNumber, false)
			})
		}
	}
}

// A resource that was not there when it was first asked for is found when it
// is, and is gone when it goes.
func TestAResourceMayComeAndGo(t *testing.T) {
	h := newHouse(t, authz.Options{})
	h.source.Commit("acme", move("subproject:shop", ""))
	for range 3 {
		h.may(annUpdatesNumber, false)
		h.source.Commit("acme", move("", "subproject:shop"))
		h.clock.pass(2 * time.Second)
		h.may(annUpdatesNumber, true)
		h.source.Commit("acme", move("subproject:shop", ""))
		h.clock.pass(2 * time.Second)
	}
}
