package admin_test

import (
	"encoding/json"
	"testing"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

type jsonText = json.RawMessage

// A project that was deleted is answered for as it was.
func TestWhoPaidForWhatIsGone(t *testing.T) {
	h := build(t)
	made := h.customer(t)
	ctx, account := t.Context(), made.Account.Ref.ID
	project := must(h.CreateProject(ctx, operator, account, hierarchy.Project{}, made.Billing.Ref.ID))(t)
	number := hierarchy.Ref{Type: "number", ID: "+1"}
	registered := must(h.RegisterResource(ctx, operator, number, hierarchy.Resource{Parent: project.Ref}))(t)
	must(h.RemoveLink(ctx, operator, project.Ref.ID))(t)
	must(h.DeleteResource(ctx, operator, number))(t)
	must(h.Delete(ctx, operator, project.Ref))(t)

	paid := must(h.BillingOwnerAt(ctx, &authz.Request{Resource: number.String(), Account: account}, registered.Created))(t)
	if paid.Billing.BillingAccount != made.Billing.Ref.ID || len(paid.Path) != 3 {
		t.Errorf("%+v", paid)
	}
	// No locator leads to a deleted resource; one does to a deleted project.
	if paid := must(h.BillingOwnerAt(ctx, &authz.Request{Resource: number.String()}, registered.Created))(t); paid.Billing.Code != authz.PayerUnknown || paid.Account != "" {
		t.Errorf("%+v", paid)
	}
	if paid := must(h.BillingOwnerAt(ctx, &authz.Request{Resource: project.Ref.String()}, registered.Created))(t); paid.Billing.Code != authz.Billed {
		t.Errorf("%+v", paid)
	}
	// A message is not registered; its container is named.
	if paid := must(h.BillingOwnerAt(ctx, &authz.Request{Resource: "message:1", Parent: project.Ref.String()}, registered.Created))(t); paid.Billing.Code != authz.Billed || paid.Path[0] != "message:1" {
		t.Errorf("%+v", paid)
	}
	if paid := must(h.BillingOwnerAt(ctx, &authz.Request{Resource: "message:1"}, registered.Created))(t); paid.Billing.Code != authz.PayerUnknown {
		t.Errorf("%+v", paid)
	}
	if paid := must(h.BillingOwnerAt(ctx, &authz.Request{Resource: number.String(), Account: account, Parent: made.Project.Ref.String()}, registered.Created))(t); paid.Billing.Code != authz.PayerUnknown || paid.Path != nil {
		t.Errorf("a parent that was not its own: %+v", paid)
	}
}

func TestWhoPaidRefuses(t *testing.T) {
	h := build(t)
	made, other := h.customer(t), h.customer(t)
	head, _, err := h.store.Read(t.Context(), made.Account.Ref.ID)
	if err != nil {
		t.Fatal(err)
	}
	project := made.Project.Ref.String()
	for name, tc := range map[string]struct {
		req    authz.Request
		at     int64
		reason string
	}{
		"the last settled instant": {authz.Request{Resource: project}, head.Settled(), ""},
		"tomorrow":                 {authz.Request{Resource: project}, head.Now + 86_400_000_000, "AT_IN_FUTURE"},
		"tomorrow, of nothing":     {authz.Request{Resource: "number:none"}, head.Now + 86_400_000_000, "AT_IN_FUTURE"},
		"another's revision":       {authz.Request{Resource: project, AtLeast: other.Revision}, 1, "REVISION_OF_ANOTHER_ACCOUNT"},
		"its own revision":         {authz.Request{Resource: project, AtLeast: made.Revision}, 1, ""},
		"no identifier":            {authz.Request{Resource: "x"}, 1, "IDENTIFIER_INVALID"},
		"no account":               {authz.Request{Resource: project, Account: "acc_none"}, 1, ""},
		"no parent":                {authz.Request{Resource: project, Parent: "x"}, 1, "IDENTIFIER_INVALID"},
	} {
		_, err := h.BillingOwnerAt(t.Context(), &tc.req, tc.at)
		want(t, name, tc.reason, err)
	}
	h.faults.Down()
	_, err = h.BillingOwnerAt(t.Context(), &authz.Request{Resource: project}, 1)
	h.faults.Up()
	want(t, "the store is down", "STORE_UNAVAILABLE", err)
}

// The history of what is deleted is for who may read what it stood in.
func TestWhoReadsHistories(t *testing.T) {
	h := build(t)
	made := h.customer(t)
	ctx, account, project := t.Context(), made.Account.Ref.ID, made.Project.Ref
	cleo := hierarchy.Ref{Type: hierarchy.TypeUser, ID: "cleo"}
	sub := must(h.CreateSubproject(ctx, operator, project.ID, hierarchy.Info{}))(t)
	number := hierarchy.Ref{Type: "number", ID: "+1"}
	must(h.RegisterResource(ctx, operator, number, hierarchy.Resource{Parent: sub.Ref}))(t)
	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: ben, Role: "provisioner", Scope: project}))(t) // has resource.*, and no number.read
	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: cleo, Role: "viewer", Scope: sub.Ref}))(t)
	span := admin.Span{Limit: 10}
	read := func(who admin.Caller, of string) error {
		_, err := h.ResourceParents(ctx, who, number, of, span)
		return err
	}
	want(t, "cleo reads the living", "", read(as(cleo), ""))
	want(t, "ben reads the living", "NOT_FOUND", read(as(ben), ""))
	must(h.DeleteResource(ctx, operator, number))(t)
	want(t, "ben reads the deleted", "", read(as(ben), account))
	want(t, "cleo reads the deleted", "", read(as(cleo), account))
	want(t, "dora reads the deleted", "NOT_FOUND", read(as(hierarchy.Ref{Type: "user", ID: "dora"}), account))
	want(t, "ann reads the deleted", "", read(as(ann), account))
	want(t, "nobody named the account", "NOT_FOUND", read(operator, ""))
	must(h.Delete(ctx, operator, sub.Ref))(t)
	want(t, "ben reads what stood in the deleted", "", read(as(ben), account))
	want(t, "cleo reads what stood in the deleted", "NOT_FOUND", read(as(cleo), account))
	for who, reason := range map[admin.Caller]string{operator: "", as(ann): "", as(ben): "", as(cleo): "NOT_FOUND"} {
		_, err := h.SubprojectParents(ctx, who, sub.Ref.ID, span)
		want(t, who.Actor.String()+" reads the subproject's", reason, err)
	}
	for who, reason := range map[admin.Caller]string{operator: "", as(ann): "", as(ben): "", as(cleo): "NOT_FOUND"} {
		_, err := h.BillingLinks(ctx, who, project.ID, span)
		want(t, who.Actor.String()+" reads the links", reason, err)
	}
	_, err := h.BillingLinks(ctx, operator, project.ID, admin.Span{Limit: 1, After: "x"})
	want(t, "no token", "PAGE_TOKEN_INVALID", err)
}

// While a resource is deleted and registered again and again, who paid for its
// first instant stays the same: its record and its history are read as of one
// moment.
func TestWhoPaidWhileItChanges(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		made := h.customer(t)
		ctx, account := t.Context(), made.Account.Ref.ID
		number, doc := hierarchy.Ref{Type: "number", ID: "+1"}, hierarchy.Resource{Parent: made.Project.Ref}
		at := must(h.RegisterResource(ctx, operator, number, doc))(t).Created
		stop, ended := make(chan struct{}), make(chan int)
		for range 2 {
			go func() {
				asked := 0
				defer func() { ended <- asked }()
				for {
					select {
					case <-stop:
						return
					default:
					}
					paid, err := h.BillingOwnerAt(ctx, &authz.Request{Resource: number.String(), Account: account}, at)
					if err != nil || paid.Billing.BillingAccount != made.Billing.Ref.ID {
						t.Errorf("%+v, %v", paid, err)
						return
					}
					asked++
				}
			}()
		}
		for range 100 {
			must(h.DeleteResource(ctx, operator, number))(t)
			must(h.RegisterResource(ctx, operator, number, doc))(t)
		}
		close(stop)
		t.Logf("asked %d times", <-ended+<-ended)
	})
}
