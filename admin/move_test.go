package admin_test

import (
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// M9: a resource and a subproject can be moved within their account; access and
// payer follow at once, and the answer says how they change.
func TestMove(t *testing.T) {
	h := build(t)
	ctx := t.Context()
	e := h.estate(t)
	here, there := hierarchy.Ref{Type: hierarchy.TypeUser, ID: "here"}, hierarchy.Ref{Type: hierarchy.TypeUser, ID: "there"}
	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: here, Role: "viewer", Scope: e.Project.Ref}))(t)
	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: there, Role: "viewer", Scope: e.other}))(t)
	h.code(t, authz.Allowed, here, "number.read", e.nested, "")
	h.code(t, authz.NoBinding, there, "number.read", e.nested, "")

	moved := must(h.MoveSubproject(ctx, as(ann), e.sub.ID, e.other.ID))(t)
	if moved.From != e.Project.Ref || moved.To != e.other || !moved.Changed || !moved.Complete ||
		moved.PayerFrom.BillingAccount != e.Billing.Ref.ID || moved.PayerTo.Code != authz.NoBillingLink {
		t.Errorf("moved: %+v", moved)
	}
	if len(moved.Lost) != 1 || moved.Lost[0].Subject != here || len(moved.Gained) != 1 || moved.Gained[0].Subject != there {
		t.Errorf("lost %+v, gained %+v", moved.Lost, moved.Gained)
	}
	h.code(t, authz.NoBinding, here, "number.read", e.nested, moved.Revision)
	h.code(t, authz.Allowed, there, "number.read", e.nested, "")
	h.code(t, authz.Allowed, ben, "number.read", e.nested, "")
	if a := h.allowed(t, ann, "number.read", e.nested, ""); a.Billing.Code != authz.NoBillingLink || a.Billing.Project != e.other.ID {
		t.Errorf("who pays: %+v", a.Billing)
	}
	if again := must(h.MoveSubproject(ctx, as(ann), e.sub.ID, e.other.ID))(t); again.Changed || len(again.Lost)+len(again.Gained) > 0 {
		t.Errorf("moved to where it is: %+v", again)
	}

	moved = must(h.MoveResource(ctx, as(ann), e.nested, e.Project.Ref))(t)
	if len(moved.Lost) != 2 || len(moved.Gained) != 1 || moved.PayerTo.BillingAccount != e.Billing.Ref.ID {
		t.Errorf("moved: %+v", moved)
	}
	h.code(t, authz.NoBinding, ben, "number.read", e.nested, moved.Revision)
	h.code(t, authz.Allowed, here, "number.read", e.nested, "")
	if page := must(h.Resources(ctx, operator, e.sub, admin.Span{Limit: 10}))(t); len(page.Items) != 0 {
		t.Errorf("left behind: %+v", page.Items)
	}
	must(h.MoveResource(ctx, as(ann), e.nested, e.sub))(t)
	h.code(t, authz.Allowed, there, "number.read", e.nested, "")
}

// A move needs rights at both ends, and a deny is not escaped by it.
func TestMoveNeedsRightsAtBothEnds(t *testing.T) {
	h := build(t)
	ctx := t.Context()
	e := h.estate(t)
	stranger := h.estate(t)
	bind := func(role string, scope hierarchy.Ref) {
		must(h.CreateBinding(ctx, operator, policy.Binding{Subject: ben, Role: role, Scope: scope}))(t)
	}
	mover := must(h.CreateRole(ctx, operator, e.Account.Ref.ID, "mover", policy.Role{Permissions: []string{"subproject.move", "resource.move", "subproject.read", "number.read"}}))(t)
	bind(mover.Ref.ID, e.sub)
	_, err := h.MoveSubproject(ctx, as(ben), e.sub.ID, e.other.ID)
	want(t, "to what one does not see", "NOT_FOUND", err)
	bind("viewer", e.other)
	_, err = h.MoveSubproject(ctx, as(ben), e.sub.ID, e.other.ID)
	want(t, "to where one may not open", "PERMISSION_DENIED", err)
	_, err = h.MoveResource(ctx, as(ben), e.nested, e.other)
	want(t, "to where one may not register", "PERMISSION_DENIED", err)
	bind("provisioner", e.other)

	_, err = h.MoveSubproject(ctx, operator, e.sub.ID, stranger.Project.Ref.ID)
	want(t, "to another account", "NOT_FOUND", err)
	_, err = h.MoveResource(ctx, operator, e.nested, stranger.sub)
	want(t, "a resource to another account", "NOT_FOUND", err)
	_, err = h.MoveResource(ctx, operator, e.nested, e.Account.Ref)
	want(t, "a resource to an account", "PARENT_INVALID", err)
	_, err = h.MoveSubproject(ctx, as(ben), "none", e.other.ID)
	want(t, "what is not there", "NOT_FOUND", err)

	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: ben, Role: "viewer", Scope: e.Project.Ref, Effect: policy.Deny}))(t)
	_, err = h.MoveSubproject(ctx, as(ben), e.sub.ID, e.other.ID)
	want(t, "out of a deny that hides it", "PERMISSION_DENIED", err)
	if strings.Contains(err.Error(), e.Project.Ref.ID) {
		t.Errorf("the refusal names what is hidden: %v", err)
	}
	narrow := must(h.CreateRole(ctx, operator, e.Account.Ref.ID, "narrow", policy.Role{Permissions: []string{"number.erase"}}))(t)
	for _, b := range must(h.Bindings(ctx, operator, admin.BindingFilter{Scope: e.Project.Ref}, admin.Span{Limit: 10}))(t).Items {
		must(h.DeleteBinding(ctx, operator, b.Ref.ID))(t)
	}
	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: ben, Role: narrow.Ref.ID, Scope: e.Project.Ref, Effect: policy.Deny}))(t)
	_, err = h.MoveSubproject(ctx, as(ben), e.sub.ID, e.other.ID)
	want(t, "out of a deny", "PERMISSION_DENIED", err)
	_, err = h.MoveResource(ctx, as(ben), e.nested, e.other)
	want(t, "a resource out of a deny", "PERMISSION_DENIED", err)
	must(h.MoveSubproject(ctx, as(ann), e.sub.ID, e.other.ID))(t)
}

// To move something to where one has more rights is to give them to oneself.
func TestMoveDoesNotGiveWhatOneCouldNotGive(t *testing.T) {
	h := build(t)
	ctx := t.Context()
	e := h.estate(t)
	zoe := hierarchy.Ref{Type: hierarchy.TypeUser, ID: "zoe"}
	bind := func(role string, scope hierarchy.Ref) admin.Item[policy.Binding] {
		return must(h.CreateBinding(ctx, operator, policy.Binding{Subject: zoe, Role: role, Scope: scope}))(t)
	}
	bind("provisioner", e.Account.Ref)
	must(h.MoveSubproject(ctx, as(zoe), e.sub.ID, e.other.ID))(t)
	must(h.MoveSubproject(ctx, operator, e.sub.ID, e.Project.Ref.ID))(t)

	more := bind("editor", e.other)
	_, err := h.MoveSubproject(ctx, as(zoe), e.sub.ID, e.other.ID)
	want(t, "to where one may do more", "PERMISSION_DENIED", err)
	_, err = h.MoveResource(ctx, as(zoe), e.nested, e.other)
	want(t, "a resource to where one may do more", "PERMISSION_DENIED", err)
	bind("access-admin", e.Account.Ref)
	must(h.MoveSubproject(ctx, as(zoe), e.sub.ID, e.other.ID))(t)
	must(h.DeleteBinding(ctx, operator, more.Ref.ID))(t)
}

// What another replica has written is in the revision that a write answers
// which finds nothing to change: the replica's own snapshot may not have it.
func TestNothingToChangeIsAsNewAsWhatWasWritten(t *testing.T) {
	h := build(t)
	ctx := t.Context()
	e := h.estate(t)
	other := replica(t, h.store, h.faults)
	must(other.SetLink(ctx, operator, e.Project.Ref.ID, e.Billing.Ref.ID))(t) // knows the account from now on
	moved := must(h.MoveResource(ctx, operator, e.nested, e.other))(t)
	again := must(other.SetLink(ctx, operator, e.Project.Ref.ID, e.Billing.Ref.ID))(t)
	if again.Revision != moved.Revision {
		t.Errorf("answers %s, after %s was answered", again.Revision, moved.Revision)
	}
	other.code(t, authz.NoBinding, ben, "number.read", e.nested, again.Revision)
}
