package admin_test

import (
	"fmt"
	"testing"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// M4: the last billing account and the last project stay; deleted ones do not
// count.
func TestLastOfEitherStays(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	_, err := h.Delete(t.Context(), operator, c.Project.Ref)
	want(t, "the last project", "LAST_PROJECT", err)
	_, err = h.Delete(t.Context(), operator, c.Billing.Ref)
	want(t, "a billing account that pays", "BILLING_ACCOUNT_LINKED", err)
	must(h.RemoveLink(t.Context(), operator, c.Project.Ref.ID))(t)
	_, err = h.Delete(t.Context(), operator, c.Billing.Ref)
	want(t, "the last billing account", "LAST_BILLING_ACCOUNT", err)

	second := must(h.CreateProject(t.Context(), operator, c.Account.Ref.ID, hierarchy.Project{}, c.Billing.Ref.ID))(t)
	must(h.Delete(t.Context(), operator, c.Project.Ref))(t)
	_, err = h.Delete(t.Context(), operator, second.Ref)
	want(t, "the last live project", "LAST_PROJECT", err)
	_, err = h.Project(t.Context(), operator, c.Project.Ref.ID)
	want(t, "a deleted project", "NOT_FOUND", err)
}

// A resource that is deleted takes its bindings along: registered again, it
// inherits nothing.
func TestDeletedResourceLeavesNoBinding(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	number := hierarchy.Ref{Type: "number", ID: "+1"}
	doc := hierarchy.Resource{Parent: c.Project.Ref}
	must(h.RegisterResource(t.Context(), operator, number, doc))(t)
	must(h.CreateBinding(t.Context(), operator, policy.Binding{Subject: ben, Role: "viewer", Scope: number}))(t)
	if a := h.allowed(t, ben, "number.read", number, ""); !a.Allowed {
		t.Fatalf("ben: %v", a.Code)
	}
	must(h.DeleteResource(t.Context(), operator, number))(t)
	again := must(h.RegisterResource(t.Context(), operator, number, doc))(t)
	if a := h.allowed(t, ben, "number.read", number, again.Revision); a.Allowed {
		t.Error("ben is allowed by a binding of the resource before")
	}
}

// The owner rule: every write leaves an effective owner.
func TestOwnerStays(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	at := c.Account.Ref
	_, err := h.DeleteBinding(t.Context(), operator, c.Binding.Ref.ID)
	want(t, "deleting the only owner's binding", "LAST_OWNER", err)
	_, err = h.CreateBinding(t.Context(), operator, policy.Binding{Subject: ann, Role: "viewer", Scope: at, Effect: policy.Deny})
	want(t, "denying the only owner anything at the account", "LAST_OWNER", err)

	must(h.CreateGroup(t.Context(), operator, at.ID, "inner", policy.Group{}, []hierarchy.Ref{ann}))(t)
	must(h.CreateGroup(t.Context(), operator, at.ID, "outer", policy.Group{}, nil))(t)
	must(h.CreateBinding(t.Context(), operator, policy.Binding{Subject: hierarchy.Ref{Type: "group", ID: "outer"}, Role: "editor", Scope: at, Effect: policy.Deny}))(t)
	_, err = h.AddMember(t.Context(), operator, at.ID, "outer", hierarchy.Ref{Type: "group", ID: "inner"})
	want(t, "a deny that reaches the only owner through nested groups", "LAST_OWNER", err)

	expiring := policy.Binding{Subject: ben, Role: policy.Owner, Scope: at}
	expiring.ExpiresAt = h.engine.Now() + 3_600_000_000
	must(h.CreateBinding(t.Context(), operator, expiring))(t)
	_, err = h.DeleteBinding(t.Context(), operator, c.Binding.Ref.ID)
	want(t, "leaving only an owner who expires", "LAST_OWNER", err)

	must(h.CreateBinding(t.Context(), operator, policy.Binding{Subject: ben, Role: policy.Owner, Scope: at}))(t)
	must(h.DeleteBinding(t.Context(), operator, c.Binding.Ref.ID))(t)
}

func TestGroups(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	id := c.Account.Ref.ID
	group := func(n int) hierarchy.Ref { return hierarchy.Ref{Type: "group", ID: fmt.Sprint("g", n)} }
	for n := 1; n <= policy.MaxGroupNesting+1; n++ {
		must(h.CreateGroup(t.Context(), operator, id, group(n).ID, policy.Group{}, nil))(t)
	}
	for n := 1; n < policy.MaxGroupNesting; n++ {
		must(h.AddMember(t.Context(), operator, id, group(n).ID, group(n+1)))(t)
	}
	_, err := h.AddMember(t.Context(), operator, id, group(policy.MaxGroupNesting).ID, group(1))
	want(t, "a cycle", "GROUP_CYCLE", err)
	_, err = h.AddMember(t.Context(), operator, id, group(1).ID, group(1))
	want(t, "a group in itself", "GROUP_CYCLE", err)
	_, err = h.AddMember(t.Context(), operator, id, group(policy.MaxGroupNesting).ID, group(policy.MaxGroupNesting+1))
	want(t, "nine groups deep", "GROUP_TOO_DEEP", err)
	_, err = h.AddMember(t.Context(), operator, id, "g1", hierarchy.Ref{Type: "group", ID: "none"})
	want(t, "a group that is not there", "NOT_FOUND", err)

	must(h.AddMember(t.Context(), operator, id, group(policy.MaxGroupNesting).ID, ben))(t)
	done := must(h.CreateBinding(t.Context(), operator, policy.Binding{Subject: group(1), Role: "viewer", Scope: c.Project.Ref}))(t)
	if a := h.allowed(t, ben, "number.read", c.Project.Ref, done.Revision); !a.Allowed {
		t.Errorf("ben, eight groups deep: %v", a.Code)
	} else if cause, _ := a.Cause(); len(cause.Groups) != policy.MaxGroupNesting {
		t.Errorf("the chain is %v", cause.Groups)
	}
	_, err = h.DeleteGroup(t.Context(), operator, id, "g1")
	want(t, "a group that is bound", "GROUP_IN_USE", err)
	removed := must(h.RemoveMember(t.Context(), operator, id, "g4", group(5)))(t)
	if a := h.allowed(t, ben, "number.read", c.Project.Ref, removed.Revision); a.Allowed {
		t.Error("ben is still allowed after the chain was cut")
	}
	must(h.DeleteGroup(t.Context(), operator, id, "g5"))(t)
}

// M13, and the currency of M11.
func TestLinks(t *testing.T) {
	h := build(t)
	c, other := h.customer(t), h.customer(t)
	_, err := h.SetLink(t.Context(), operator, c.Project.Ref.ID, other.Billing.Ref.ID)
	want(t, "another account's billing account", "NOT_FOUND", err)
	second := must(h.CreateBillingAccount(t.Context(), operator, c.Account.Ref.ID, billing.Account{Mode: billing.Prepaid, Currency: "USD"}))(t)
	must(h.UpdateBillingAccount(t.Context(), operator, second.Ref.ID, func(a *billing.Account) error { a.Currency = "SEK"; return nil }))(t)
	must(h.SetLink(t.Context(), operator, c.Project.Ref.ID, second.Ref.ID))(t)
	if a := h.allowed(t, ann, "number.create", c.Project.Ref, ""); a.Billing.BillingAccount != second.Ref.ID {
		t.Errorf("paid by %+v", a.Billing)
	}
	_, err = h.UpdateBillingAccount(t.Context(), operator, second.Ref.ID, func(a *billing.Account) error { a.Currency = "EUR"; return nil })
	want(t, "a currency once linked", "CURRENCY_FIXED", err)
	must(h.RemoveLink(t.Context(), operator, c.Project.Ref.ID))(t)
	_, err = h.Link(t.Context(), operator, c.Project.Ref.ID)
	want(t, "a link that is gone", "NOT_FOUND", err)

	history := must(h.store.Payers(t.Context(), c.Account.Ref.ID, c.Project.Ref.String()))(t)
	got := ""
	for i, x := range history {
		got += x.From + ">" + x.To + " "
		if i > 0 && x.At <= history[i-1].At {
			t.Error("times are not strictly increasing")
		}
	}
	if wanted := fmt.Sprintf(">%[1]s %[1]s>%[2]s %[2]s> ", c.Billing.Ref.ID, second.Ref.ID); got != wanted {
		t.Errorf("the history is %q, want %q", got, wanted)
	}
}

// What a customer's people may do is decided by the same engine; whoever sees
// nothing of a node is told that it does not exist.
func TestActors(t *testing.T) {
	h := build(t)
	c, other := h.customer(t), h.customer(t)
	id := c.Account.Ref.ID
	_, err := h.Project(t.Context(), as(ben), c.Project.Ref.ID)
	want(t, "a stranger reads", "NOT_FOUND", err)
	_, err = h.CreateBinding(t.Context(), as(ben), policy.Binding{Subject: ben, Role: "viewer", Scope: c.Project.Ref})
	want(t, "a stranger grants", "NOT_FOUND", err)

	must(h.CreateBinding(t.Context(), as(ann), policy.Binding{Subject: ben, Role: "viewer", Scope: c.Project.Ref}))(t)
	must(h.Project(t.Context(), as(ben), c.Project.Ref.ID))(t)
	_, err = h.CreateSubproject(t.Context(), as(ben), c.Project.Ref.ID, hierarchy.Info{})
	want(t, "a viewer opens a subproject", "PERMISSION_DENIED", err)
	_, err = h.Account(t.Context(), as(ben), id)
	want(t, "a project's viewer reads the account", "NOT_FOUND", err)
	_, err = h.BillingAccount(t.Context(), as(ben), c.Billing.Ref.ID)
	want(t, "a viewer reads a billing account", "NOT_FOUND", err)
	_, err = h.CreateBinding(t.Context(), as(ann), policy.Binding{Subject: ben, Role: "viewer", Scope: c.Account.Ref, Effect: policy.Deny})
	want(t, "an owner denies at the account", "PERMISSION_DENIED", err)
	must(h.CreateBinding(t.Context(), as(ann), policy.Binding{Subject: ben, Role: "editor", Scope: c.Project.Ref, Effect: policy.Deny}))(t)

	page := must(h.Projects(t.Context(), as(ann), id, admin.Span{Limit: 10}))(t)
	if len(page.Items) != 1 {
		t.Errorf("ann sees %d projects", len(page.Items))
	}
	stranger := hierarchy.Ref{Type: "user", ID: "stranger"}
	_, err = h.Projects(t.Context(), as(stranger), other.Account.Ref.ID, admin.Span{Limit: 10})
	want(t, "a stranger lists", "NOT_FOUND", err)
}

// Granting without grant_any passes on only what one has.
func TestNoEscalation(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	id := c.Account.Ref.ID
	must(h.CreateRole(t.Context(), operator, id, "lead", policy.Role{Permissions: []string{"binding.grant", "project.read", "number.read"}}))(t)
	must(h.CreateRole(t.Context(), operator, id, "reader", policy.Role{Permissions: []string{"number.read"}}))(t)
	must(h.CreateBinding(t.Context(), operator, policy.Binding{Subject: ben, Role: "lead", Scope: c.Project.Ref}))(t)
	cleo := hierarchy.Ref{Type: "user", ID: "cleo"}
	must(h.CreateBinding(t.Context(), as(ben), policy.Binding{Subject: cleo, Role: "reader", Scope: c.Project.Ref}))(t)
	_, err := h.CreateBinding(t.Context(), as(ben), policy.Binding{Subject: ben, Role: policy.Owner, Scope: c.Project.Ref})
	want(t, "a lead makes himself owner", "PERMISSION_DENIED", err)
	_, err = h.CreateBinding(t.Context(), as(ben), policy.Binding{Subject: ben, Role: "viewer", Scope: c.Project.Ref})
	want(t, "a lead grants a wildcard", "PERMISSION_DENIED", err)
}

// M8: a type that is not registered is asked about by its container.
func TestUnregisteredTypes(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	_, err := h.RegisterResource(t.Context(), operator, hierarchy.Ref{Type: "message", ID: "m1"}, hierarchy.Resource{Parent: c.Project.Ref})
	want(t, "registering a message", "TYPE_NOT_REGISTERED", err)
	ask := func(resource, parent string) authz.Code {
		a, err := h.engine.Check(t.Context(), &authz.Request{Subject: "user:ann", Permission: "message.send", Resource: resource, Parent: parent})
		if err != nil {
			t.Fatal(err)
		}
		return a.Code
	}
	number := hierarchy.Ref{Type: "number", ID: "+1"}
	must(h.RegisterResource(t.Context(), operator, number, hierarchy.Resource{Parent: c.Project.Ref}))(t)
	for _, x := range []struct {
		resource, parent string
		code             authz.Code
	}{
		{"message:m1", c.Project.Ref.String(), authz.Allowed},
		{"message:m1", "", authz.ParentRequired},
		{"message:m1", "project:none", authz.ParentNotFound},
		{"message:m1", c.Account.Ref.String(), authz.ParentNotFound},
		{"number:+1", c.Project.Ref.String(), authz.Allowed},
		{"number:+1", "project:none", authz.ParentMismatch},
		{"number:+2", c.Project.Ref.String(), authz.ResourceNotFound},
	} {
		if got := ask(x.resource, x.parent); got != x.code {
			t.Errorf("%s in %q: %v, want %v", x.resource, x.parent, got, x.code)
		}
	}
}
