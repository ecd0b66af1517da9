package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// estate is a customer with something on every level: a resource in the first
// project, and one in its subproject, where ben is an editor.
type estate struct {
	admin.SignedUp
	sub, other     hierarchy.Ref // a subproject of the first project, and another project
	number, nested hierarchy.Ref // in the project and in the subproject
}

func (h *house) estate(t *testing.T) estate {
	t.Helper()
	ctx := t.Context()
	e := estate{SignedUp: h.customer(t)}
	e.other = must(h.CreateProject(ctx, operator, e.Account.Ref.ID, hierarchy.Project{}, ""))(t).Ref
	e.sub = must(h.CreateSubproject(ctx, operator, e.Project.Ref.ID, hierarchy.Info{}))(t).Ref
	e.number, e.nested = hierarchy.Ref{Type: "number", ID: e.Account.Ref.ID + "-1"}, hierarchy.Ref{Type: "number", ID: e.Account.Ref.ID + "-2"}
	must(h.RegisterResource(ctx, operator, e.number, hierarchy.Resource{Parent: e.Project.Ref}))(t)
	must(h.RegisterResource(ctx, operator, e.nested, hierarchy.Resource{Parent: e.sub}))(t)
	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: ben, Role: "editor", Scope: e.sub}))(t)
	return e
}

// code asks the engine, and expects a reason.
func (h *house) code(t *testing.T, want authz.Code, subject hierarchy.Ref, permission string, resource hierarchy.Ref, token string) {
	t.Helper()
	if a := h.allowed(t, subject, permission, resource, token); a.Code != want || a.Allowed != (want == authz.Allowed) {
		t.Errorf("%s, %s on %s: %v, want %v", subject, permission, resource, a.Code, want)
	}
}

// M24: suspending takes effect for everything below in one write, and is taken
// back by one write, exactly.
func TestSuspension(t *testing.T) {
	h := build(t)
	ctx := t.Context()
	e := h.estate(t)
	before := must(h.Export(ctx, operator, e.Account.Ref.ID))(t)
	for _, node := range []hierarchy.Ref{e.Account.Ref, e.Project.Ref, e.sub} {
		done := must(h.Suspend(ctx, as(ann), node))(t)
		if !done.Changed || !done.State.Suspended || done.State.SuspendedByOperator {
			t.Errorf("suspending %s: %+v", node, done)
		}
		h.code(t, authz.ResourceSuspended, ben, "number.update", e.nested, done.Revision)
		h.code(t, authz.ResourceSuspended, ann, "binding.grant", e.sub, "")
		h.code(t, authz.ResourceSuspended, ann, "number.resume", e.nested, "")
		h.code(t, authz.Allowed, ben, "number.read", e.nested, "")
		h.code(t, authz.Allowed, ann, node.Type+".resume", node, "")
		h.code(t, authz.NoBinding, ben, "account.resume", e.sub, "")

		_, err := h.RegisterResource(ctx, as(ann), hierarchy.Ref{Type: "number", ID: "new"}, hierarchy.Resource{Parent: e.sub})
		want(t, "registering in what is suspended", "RESOURCE_SUSPENDED", err)
		_, err = h.UpdateSubproject(ctx, as(ann), e.sub.ID, func(*hierarchy.Info) error { return nil })
		want(t, "changing what is suspended", "RESOURCE_SUSPENDED", err)
		if again := must(h.Suspend(ctx, as(ann), node))(t); again.Changed {
			t.Error("suspended twice")
		}
		done = must(h.Resume(ctx, as(ann), node))(t)
		h.code(t, authz.Allowed, ben, "number.update", e.nested, done.Revision)
		if again := must(h.Resume(ctx, as(ann), node))(t); again.Changed {
			t.Error("resumed twice")
		}
	}
	if diff := cmp.Diff(before, must(h.Export(ctx, operator, e.Account.Ref.ID))(t)); diff != "" {
		t.Errorf("suspended and resumed (-before +after):\n%s", diff)
	}
}

// The two flags: each is set and cleared by its own side, and either suspends.
func TestTheOperatorsSuspensionIsTheOperators(t *testing.T) {
	h := build(t)
	ctx := t.Context()
	e := h.estate(t)
	node := e.Project.Ref
	must(h.Suspend(ctx, operator, node))(t)
	_, err := h.Resume(ctx, as(ann), node)
	want(t, "the customer resuming what the operator suspended", "SUSPENDED_BY_OPERATOR", err)
	_, err = h.Suspend(ctx, as(ann), node)
	want(t, "suspending what is suspended already, by the operator", "RESOURCE_SUSPENDED", err)
	must(h.Resume(ctx, operator, node))(t)

	must(h.Suspend(ctx, as(ann), node))(t)
	_, err = h.Resume(ctx, operator, node)
	want(t, "the operator resuming what the customer suspended", "SUSPENDED_BY_CUSTOMER", err)
	both := must(h.Suspend(ctx, operator, node))(t)
	if !both.State.Suspended || !both.State.SuspendedByOperator {
		t.Errorf("both flags: %+v", both.State)
	}
	half := must(h.Resume(ctx, as(ann), node))(t)
	h.code(t, authz.ResourceSuspended, ann, "number.update", e.number, half.Revision)
	whole := must(h.Resume(ctx, operator, node))(t)
	h.code(t, authz.Allowed, ann, "number.update", e.number, whole.Revision)
}

// Who may not, is refused; who may not even see, is told that there is nothing.
func TestSuspensionNeedsItsRight(t *testing.T) {
	h := build(t)
	ctx := t.Context()
	e := h.estate(t)
	zoe := hierarchy.Ref{Type: hierarchy.TypeUser, ID: "zoe"}
	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: zoe, Role: "viewer", Scope: e.Project.Ref}))(t)
	for name, do := range map[string]func(admin.Caller, hierarchy.Ref) (admin.Stated, error){
		"suspending": func(c admin.Caller, r hierarchy.Ref) (admin.Stated, error) { return h.Suspend(ctx, c, r) },
		"resuming":   func(c admin.Caller, r hierarchy.Ref) (admin.Stated, error) { return h.Resume(ctx, c, r) },
		"deleting":   func(c admin.Caller, r hierarchy.Ref) (admin.Stated, error) { return h.Delete(ctx, c, r) },
		"restoring":  func(c admin.Caller, r hierarchy.Ref) (admin.Stated, error) { return h.Restore(ctx, c, r) },
	} {
		_, err := do(as(zoe), e.Project.Ref)
		want(t, name+" by who may read", "PERMISSION_DENIED", err)
		_, err = do(as(zoe), e.other)
		want(t, name+" by who may not read", "NOT_FOUND", err)
		_, err = do(operator, hierarchy.Ref{Type: hierarchy.TypeProject, ID: "none"})
		want(t, name+" what is not there", "NOT_FOUND", err)
		_, err = do(operator, e.number)
		want(t, name+" a product's resource", "TYPE_INVALID", err)
	}
	must(h.Delete(ctx, operator, e.Project.Ref))(t)
	_, err := h.Restore(ctx, as(zoe), e.Project.Ref)
	want(t, "restoring by who could read it", "NOT_FOUND", err)
}

// A suspended billing account is told of beside the payer, and denies only what
// requires billing.
func TestSuspendedBillingAccount(t *testing.T) {
	h := build(t)
	ctx := t.Context()
	e := h.estate(t)
	clerk := hierarchy.Ref{Type: hierarchy.TypeUser, ID: "clerk"}
	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: clerk, Role: "billing-admin", Scope: e.Account.Ref}))(t)
	suspended := must(h.Suspend(ctx, as(clerk), e.Billing.Ref))(t)
	ask := func(require bool) authz.Answer {
		a, err := h.engine.Check(ctx, &authz.Request{Subject: ann.String(), Permission: "number.update", Resource: e.nested.String(), AtLeast: suspended.Revision, RequireBilling: require})
		return must(a, err)(t)
	}
	if a := ask(false); !a.Allowed || !a.Billing.Suspended || a.Billing.BillingAccount != e.Billing.Ref.ID {
		t.Errorf("without requiring billing: %v %+v", a.Code, a.Billing)
	}
	if a := ask(true); a.Allowed || a.Code != authz.BillingSuspended {
		t.Errorf("requiring billing: %v", a.Code)
	}
	must(h.BillingAccount(ctx, as(clerk), e.Billing.Ref.ID))(t)
	_, err := h.UpdateBillingAccount(ctx, as(clerk), e.Billing.Ref.ID, func(*billing.Account) error { return nil })
	want(t, "changing it", "RESOURCE_SUSPENDED", err)
	must(h.Resume(ctx, as(clerk), e.Billing.Ref))(t)
}

// Deletion takes what is below along, and restoring brings back exactly what
// was taken.
func TestDeletionIsRestoredExactly(t *testing.T) {
	h := build(t)
	ctx := t.Context()
	e := h.estate(t)
	gone := must(h.CreateSubproject(ctx, operator, e.Project.Ref.ID, hierarchy.Info{}))(t).Ref
	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: ben, Role: "viewer", Scope: e.number}))(t)
	must(h.Suspend(ctx, as(ann), e.sub))(t)
	must(h.Delete(ctx, as(ann), gone))(t)
	before := must(h.Export(ctx, operator, e.Account.Ref.ID))(t)

	for _, node := range []hierarchy.Ref{e.sub, e.Project.Ref, e.Account.Ref} {
		if node == e.sub {
			must(h.Resume(ctx, as(ann), node))(t)
		}
		deleted := must(h.Delete(ctx, as(ann), node))(t)
		h.code(t, authz.ResourceDeleted, ann, "number.read", e.nested, deleted.Revision)
		h.code(t, authz.ResourceDeleted, ben, "number.read", e.nested, "")
		h.code(t, authz.Allowed, ann, node.Type+".restore", node, "")
		_, err := h.Resource(ctx, operator, e.nested)
		want(t, "a resource in what is deleted", "NOT_FOUND", err)
		_, err = h.RegisterResource(ctx, operator, hierarchy.Ref{Type: "number", ID: "new"}, hierarchy.Resource{Parent: e.sub})
		want(t, "registering in what is deleted", "NOT_FOUND", err)
		_, err = h.RegisterResource(ctx, operator, e.nested, hierarchy.Resource{Parent: e.other})
		if reason(err) == "" {
			t.Error("a resource of what can be restored was registered anew")
		}
		again := must(h.Delete(ctx, as(ann), node))(t)
		if again.Changed || again.RestorableUntil != deleted.RestorableUntil || again.RestorableUntil != admin.RestorableUntil(deleted.At) {
			t.Errorf("deleted twice: %+v, at first %+v", again, deleted)
		}
		_, err = h.Delete(ctx, as(ben), node)
		want(t, "deleting twice, by who may not know", "NOT_FOUND", err)
		_, err = h.Suspend(ctx, operator, node)
		want(t, "suspending what is deleted", "NOT_FOUND", err)
		if node != e.Account.Ref { // which can be exported no more
			for _, b := range must(h.Export(ctx, operator, e.Account.Ref.ID))(t).Bindings {
				if b.Scope == e.sub {
					t.Error("an export has a binding on what is deleted")
				}
			}
		}
		restored := must(h.Restore(ctx, as(ann), node))(t)
		if node == e.sub {
			must(h.Suspend(ctx, as(ann), node))(t)
		}
		h.code(t, authz.Allowed, ben, "number.read", e.number, restored.Revision)
		if again := must(h.Restore(ctx, as(ann), node))(t); again.Changed {
			t.Error("restored twice")
		}
		if diff := cmp.Diff(before, must(h.Export(ctx, operator, e.Account.Ref.ID))(t)); diff != "" {
			t.Errorf("%s deleted and restored (-before +after):\n%s", node, diff)
		}
	}
	h.code(t, authz.ResourceDeleted, ann, "subproject.read", gone, "")
}

// What a restored node would stand in, and who would pay for it, must be there.
func TestRestoringNeedsWhatItHangsOn(t *testing.T) {
	h := build(t)
	ctx := t.Context()
	e := h.estate(t)
	must(h.Delete(ctx, operator, e.sub))(t)
	must(h.Delete(ctx, operator, e.Project.Ref))(t)
	_, err := h.Restore(ctx, operator, e.sub)
	want(t, "restoring in a deleted project", "PARENT_DELETED", err)

	must(h.CreateBillingAccount(ctx, operator, e.Account.Ref.ID, billing.Account{Mode: billing.Prepaid, Currency: "EUR"}))(t)
	must(h.Delete(ctx, operator, e.Billing.Ref))(t)
	_, err = h.Restore(ctx, operator, e.Project.Ref)
	want(t, "restoring what a deleted billing account pays for", "BILLING_ACCOUNT_DELETED", err)
	must(h.Restore(ctx, operator, e.Billing.Ref))(t)
	must(h.Restore(ctx, operator, e.Project.Ref))(t)
	must(h.Restore(ctx, operator, e.sub))(t)
}

// For 30 days, and not for a microsecond longer.
func TestRestoringEnds(t *testing.T) {
	h := build(t)
	ctx := t.Context()
	e := h.estate(t)
	deleted := must(h.Delete(ctx, operator, e.Project.Ref))(t)
	at := admin.RestorableUntil(deleted.At)
	h.SetClock(func() int64 { return at })
	_, err := h.Restore(ctx, operator, e.Project.Ref)
	want(t, "restoring after 30 days", "NOT_FOUND", err)
	at--
	must(h.Restore(ctx, operator, e.Project.Ref))(t)
}

// Suspending costs the same, whatever is below: TOLLGATE_TEST_BELOW
// is how many resources there are at most, 3,000 unless it is set.
func TestSuspendingCostsTheSameWhateverIsBelow(t *testing.T) {
	most := 3_000
	if n, err := strconv.Atoi(os.Getenv("TOLLGATE_TEST_BELOW")); err == nil {
		most = n
	}
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		e := h.estate(t)
		var commands []int
		for have, below := 0, 10; ; below = most {
			for ; have < below; have += min(1_000, below-have) {
				h.fill(t, e.SignedUp, have, min(1_000, below-have))
			}
			least := []int{1 << 20, 1 << 20, 1 << 20, 1 << 20}
			for range 5 { // on a slow machine a snapshot may get too old, and be compared once more
				for i, do := range []func(context.Context, admin.Caller, hierarchy.Ref) (admin.Stated, error){h.Suspend, h.Resume, h.Delete, h.Restore} {
					must(h.engine.Refresh(ctx, e.Account.Ref.ID))(t)
					h.faults.Clear()
					must(do(ctx, operator, e.Account.Ref))(t)
					least[i] = min(least[i], h.faults.Calls())
				}
			}
			commands = append(commands, least...)
			if below == most {
				break
			}
		}
		t.Logf("calls to suspend, resume, delete and restore: %v with 10 resources below, %v with %d", commands[:4], commands[4:], most)
		if !slices.Equal(commands[:4], commands[4:]) {
			t.Error("they differ")
		}
		h.code(t, authz.Allowed, ann, "number.update", hierarchy.Ref{Type: "number", ID: e.Account.Ref.ID + "-below-3"}, "")
		must(h.Suspend(ctx, operator, e.Account.Ref))(t)
		h.code(t, authz.ResourceSuspended, ann, "number.update", hierarchy.Ref{Type: "number", ID: e.Account.Ref.ID + "-below-3"}, "")
	})
}

// fill registers so many resources at once.
func (h *house) fill(t *testing.T, c admin.SignedUp, from, count int) {
	t.Helper()
	commit := authz.Commit{Account: c.Account.Ref.ID, Identity: fmt.Sprintf("%016x", from+1), Versions: map[authz.Key]uint64{}, Actor: "operator", Caller: "operator", Action: "resource.register"}
	for i := range count {
		key := authz.ResourceKey(hierarchy.Ref{Type: "number", ID: fmt.Sprintf("%s-below-%d", c.Account.Ref.ID, from+i)})
		commit.Edits = append(commit.Edits, authz.Edit{Key: key, After: json.RawMessage(`{"parent":"` + c.Project.Ref.String() + `"}`)})
	}
	_, _, err := h.store.Commit(t.Context(), &commit)
	must(0, err)(t)
}

// A copy of what is suspended is suspended, on every level; and what an export
// says can be imported, whatever is deleted.
func TestBundlesCarrySuspensions(t *testing.T) {
	h, copied := build(t), build(t)
	ctx := t.Context()
	e := h.estate(t)
	extra := must(h.CreateBillingAccount(ctx, operator, e.Account.Ref.ID, billing.Account{Mode: billing.Prepaid, Currency: "EUR"}))(t)
	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: ben, Role: "billing-viewer", Scope: extra.Ref}))(t)
	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: ben, Role: "viewer", Scope: e.nested}))(t)
	must(h.Delete(ctx, operator, extra.Ref))(t)
	for _, node := range []hierarchy.Ref{e.sub, e.Project.Ref, e.Billing.Ref, e.Account.Ref} {
		must(h.Suspend(ctx, as(ann), node))(t)
		must(h.Suspend(ctx, operator, node))(t)
	}
	bundle := must(h.Export(ctx, operator, e.Account.Ref.ID))(t)
	must(copied.Import(ctx, operator, bundle, admin.ImportOptions{}))(t)
	if diff := cmp.Diff(bundle, must(copied.Export(ctx, operator, e.Account.Ref.ID))(t)); diff != "" {
		t.Errorf("exported and imported (-original +copy):\n%s", diff)
	}
	if again := must(copied.Import(ctx, operator, bundle, admin.ImportOptions{}))(t); len(again.Created)+len(again.Updated) > 0 {
		t.Errorf("imported twice: %+v", again)
	}
	copied.code(t, authz.ResourceSuspended, ann, "number.update", e.nested, "")
}
