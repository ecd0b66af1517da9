package authz_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/oracle"
	"github.com/tollgate-dev/tollgate/internal/worlds"
	"github.com/tollgate-dev/tollgate/policy"
)

// acme is a small account: ann may use what is in subproject shop, of project
// web, which main pays for; and nothing in subproject lab.
func acme() *oracle.World {
	return &oracle.World{
		Account:         "acme",
		BillingAccounts: []oracle.BillingAccount{{ID: "main"}},
		Projects:        []oracle.Project{{ID: "web", Payer: "main"}},
		Subprojects:     []oracle.Subproject{{ID: "shop", Project: "web"}, {ID: "lab", Project: "web"}},
		Resources:       []oracle.Resource{{ID: "number:1", Parent: "subproject:shop"}},
		Bindings:        []oracle.Binding{annUsesShop},
	}
}

var (
	annUsesShop = oracle.Binding{ID: hierarchy.BindingID(hierarchy.UID{1}, "acme"), Subject: "user:ann", Role: "editor", Scope: "subproject:shop", Effect: "allow"}

	annUpdatesNumber = authz.Request{Subject: "user:ann", Permission: "number.update", Resource: "number:1", Account: "acme"}
	annUpdatesShop   = authz.Request{Subject: "user:ann", Permission: "number.update", Resource: "subproject:shop", Account: "acme"}
)

// The two writes that the tests make: taking ann's binding away or giving it
// back, and moving the number out of the shop or back into it.

func bind(yes bool) authz.Edit {
	e := authz.Edit{Key: authz.KeyOf(hierarchy.TypeBinding, annUsesShop.ID)}
	body, _ := json.Marshal(policy.Binding{Subject: refOf(annUsesShop.Subject), Role: annUsesShop.Role, Scope: refOf(annUsesShop.Scope), Effect: policy.Allow})
	if yes {
		e.After = body
	} else {
		e.Before = body
	}
	return e
}

func move(from, to string) authz.Edit {
	e := authz.Edit{Key: authz.ResourceKey(refOf("number:1"))}
	e.Before, _ = json.Marshal(hierarchy.Resource{Parent: refOf(from)})
	e.After, _ = json.Marshal(hierarchy.Resource{Parent: refOf(to), Moved: true})
	if from == "" {
		e.Before = nil
	}
	if to == "" {
		e.After = nil
	}
	return e
}

// house is an engine over a source that holds acme.
type house struct {
	*authz.Engine
	source *worlds.Memory
	clock  *clock
	t      *testing.T
}

func newHouse(t *testing.T, opts authz.Options) *house {
	t.Helper()
	h := &house{source: worlds.NewMemory(), t: t}
	h.Engine, h.clock = newEngine(t, h.source, modelText(t), opts)
	h.source.Put(acme())
	return h
}

// may fails the test unless the request is answered so.
func (h *house) may(req authz.Request, allowed bool) authz.Answer {
	h.t.Helper()
	a := mustCheck(h.t, h.Engine, req)
	if a.Allowed != allowed {
		h.t.Fatalf("%+v: allowed is %t, %s, at revision %d", req, a.Allowed, a.Code, a.Revision().Number)
	}
	return a
}

// refused fails the test unless the request is an error of that reason, which
// allows nothing, however it is asked.
func (h *house) refused(req authz.Request, want string) {
	h.t.Helper()
	a, err := h.Check(context.Background(), &req)
	if reason(err) != want || a.Allowed {
		h.t.Fatalf("%+v: %v, allowed is %t; want %s", req, err, a.Allowed, want)
	}
	if r := h.CheckBatch(context.Background(), []authz.Request{req})[0]; reason(r.Err) != want || r.Answer.Allowed {
		h.t.Fatalf("%+v, in a batch: %v, allowed is %t; want %s", req, r.Err, r.Answer.Allowed, want)
	}
}
