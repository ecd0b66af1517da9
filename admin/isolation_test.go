package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// Whoever binds on what is another account's is answered as if there were no
// such thing, to the letter.
func TestBindingTellsNothingOfOtherAccounts(t *testing.T) {
	h := build(t)
	mine, theirs := h.customer(t), must(h.SignUp(t.Context(), operator, admin.SignUp{Owner: ben, Billing: newcomer().Billing}))(t)
	sub := must(h.CreateSubproject(t.Context(), operator, theirs.Project.Ref.ID, hierarchy.Info{}))(t)
	number := hierarchy.Ref{Type: "number", ID: "+1"}
	must(h.RegisterResource(t.Context(), operator, number, hierarchy.Resource{Parent: sub.Ref}))(t)
	if mine.Account.Ref == theirs.Account.Ref {
		t.Fatal("one account")
	}
	for _, scope := range []hierarchy.Ref{theirs.Account.Ref, theirs.Billing.Ref, theirs.Project.Ref, sub.Ref, number} {
		for _, effect := range []policy.Effect{policy.Allow, policy.Deny} {
			absent := hierarchy.Ref{Type: scope.Type, ID: "absent"}
			answers := map[hierarchy.Ref]*hierarchy.Error{}
			for _, asked := range []hierarchy.Ref{scope, absent} {
				_, err := h.CreateBinding(t.Context(), as(ann), policy.Binding{Subject: ann, Role: "viewer", Scope: asked, Effect: effect})
				var known *hierarchy.Error
				if !errors.As(err, &known) {
					t.Fatalf("%s %s: %v", effect, asked, err)
				}
				same := *known
				if known.Detail != hierarchy.NotFound(asked).Detail {
					t.Errorf("%s %s: %q", effect, asked, known.Detail)
				}
				same.Detail = ""
				answers[asked] = &same
			}
			if diff := cmp.Diff(answers[absent], answers[scope]); diff != "" {
				t.Errorf("%s %s (-absent +there):\n%s", effect, scope, diff)
			}
		}
	}
}

// Lists leave out what a deny hides from a member of the account.
func TestListsLeaveOutWhatIsDenied(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	secret := must(h.CreateProject(t.Context(), operator, c.Account.Ref.ID, hierarchy.Project{}, ""))(t)
	must(h.CreateBinding(t.Context(), operator, policy.Binding{Subject: ben, Role: "viewer", Scope: c.Account.Ref}))(t)
	must(h.CreateBinding(t.Context(), operator, policy.Binding{Subject: ben, Role: "viewer", Scope: secret.Ref, Effect: policy.Deny}))(t)
	page := must(h.Projects(t.Context(), as(ben), c.Account.Ref.ID, admin.Span{Limit: 10}))(t)
	if len(page.Items) != 1 || page.Items[0].Ref != c.Project.Ref {
		t.Errorf("ben is shown %+v", page.Items)
	}
}

// A list of all bindings leaves out those that a deny hides, on nodes and on
// resources; what is bound where nothing is left stays, to be cleared away.
func TestListsLeaveOutBindingsThatAreDenied(t *testing.T) {
	h := build(t)
	ctx := t.Context()
	c := h.customer(t)
	secret := must(h.CreateProject(ctx, operator, c.Account.Ref.ID, hierarchy.Project{}, ""))(t).Ref
	gone := must(h.CreateProject(ctx, operator, c.Account.Ref.ID, hierarchy.Project{}, ""))(t).Ref
	inSecret, open, denied := hierarchy.Ref{Type: "number", ID: "+1"}, hierarchy.Ref{Type: "number", ID: "+2"}, hierarchy.Ref{Type: "number", ID: "+3"}
	for ref, parent := range map[hierarchy.Ref]hierarchy.Ref{inSecret: secret, open: c.Project.Ref, denied: c.Project.Ref} {
		must(h.RegisterResource(ctx, operator, ref, hierarchy.Resource{Parent: parent}))(t)
	}
	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: ben, Role: "access-admin", Scope: c.Account.Ref}))(t)
	for _, scope := range []hierarchy.Ref{secret, gone, inSecret, open, denied} {
		must(h.CreateBinding(ctx, operator, policy.Binding{Subject: ann, Role: "viewer", Scope: scope}))(t)
	}
	must(h.Delete(ctx, operator, gone))(t)
	scopes := func(who admin.Caller) map[hierarchy.Ref]int {
		all, span := map[hierarchy.Ref]int{}, admin.Span{Limit: 2}
		for {
			page := must(h.Bindings(ctx, who, admin.BindingFilter{Account: c.Account.Ref.ID}, span))(t)
			for _, b := range page.Items {
				all[b.Doc.Scope]++
			}
			if span.After = page.Next; span.After == "" {
				return all
			}
		}
	}
	all := scopes(as(ben))
	for _, scope := range []hierarchy.Ref{secret, denied} {
		must(h.CreateBinding(ctx, operator, policy.Binding{Subject: ben, Role: "access-admin", Scope: scope, Effect: policy.Deny}))(t)
	}
	want := maps.Clone(all)
	for _, hidden := range []hierarchy.Ref{secret, inSecret, denied} {
		if want[hidden] != 1 {
			t.Errorf("without a deny ben is shown %v", all)
		}
		delete(want, hidden)
	}
	if got := scopes(as(ben)); !maps.Equal(got, want) || want[gone] != 1 || want[open] != 1 {
		t.Errorf("ben is shown %v, where %v are his to see", got, want)
	}
	if got := scopes(operator); len(got) != len(all) {
		t.Errorf("the operator is shown %v", got)
	}
}

// To change something is no way to read it.
func TestChangingTakesSeeing(t *testing.T) {
	h := build(t)
	ctx := t.Context()
	c := h.customer(t)
	sub := must(h.CreateSubproject(ctx, operator, c.Project.Ref.ID, hierarchy.Info{}))(t).Ref
	group := must(h.CreateGroup(ctx, operator, c.Account.Ref.ID, "crew", policy.Group{}, nil))(t).Ref
	clerk := must(h.CreateRole(ctx, operator, c.Account.Ref.ID, "clerk", policy.Role{Permissions: []string{
		"account.configure", "project.configure", "subproject.configure", "group.define", "role.define",
	}}))(t).Ref
	sight := must(h.CreateRole(ctx, operator, c.Account.Ref.ID, "sight", policy.Role{Permissions: []string{
		"account.read", "project.read", "subproject.read", "group.inspect", "role.inspect",
	}}))(t).Ref
	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: ben, Role: clerk.ID, Scope: c.Account.Ref}))(t)
	changes := map[string]func() error{
		"the account":    func() error { _, err := h.UpdateAccount(ctx, as(ben), c.Account.Ref.ID, asItIs); return err },
		"the project":    func() error { _, err := h.UpdateProject(ctx, as(ben), c.Project.Ref.ID, asItIs); return err },
		"the subproject": func() error { _, err := h.UpdateSubproject(ctx, as(ben), sub.ID, asItIs); return err },
		"the group":      func() error { _, err := h.UpdateGroup(ctx, as(ben), c.Account.Ref.ID, group.ID, asItIs); return err },
		"the role":       func() error { _, err := h.UpdateRole(ctx, as(ben), c.Account.Ref.ID, clerk.ID, asItIs); return err },
	}
	for what, change := range changes {
		if err := change(); err == nil {
			t.Errorf("%s is changed, and answered, for one who may not see it", what)
		}
	}
	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: ben, Role: sight.ID, Scope: c.Account.Ref}))(t)
	for what, change := range changes {
		if err := change(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func asItIs[T any](*T) error { return nil }

// Who may change what a resource says, but not read it, is not answered it.
func TestChangingAResourceShowsNothing(t *testing.T) {
	h := build(t)
	ctx := t.Context()
	c := h.customer(t)
	number := hierarchy.Ref{Type: "number", ID: "+1"}
	must(h.RegisterResource(ctx, operator, number, hierarchy.Resource{Parent: c.Project.Ref, Labels: map[string]string{"a": "b"}, Properties: json.RawMessage(`{"pin":"1234"}`)}))(t)
	for role, sees := range map[string]bool{"provisioner": false, "admin": true} {
		who := hierarchy.Ref{Type: hierarchy.TypeUser, ID: role}
		must(h.CreateBinding(ctx, operator, policy.Binding{Subject: who, Role: role, Scope: c.Account.Ref}))(t)
		got := must(h.UpdateResource(ctx, as(who), number, func(*map[string]string, *json.RawMessage) error { return nil }))(t)
		if (len(got.Doc.Labels) != 0) != sees || (len(got.Doc.Properties) != 0) != sees {
			t.Errorf("%s is answered %+v", role, got.Doc)
		}
	}
}

// What a billing account says of itself is shown to nobody whom a deny keeps
// from inspecting it: neither in a list, nor in an export.
func TestListsLeaveOutBillingThatIsDenied(t *testing.T) {
	h := build(t)
	ctx := t.Context()
	c := h.customer(t)
	other := must(h.CreateBillingAccount(ctx, operator, c.Account.Ref.ID, newcomer().Billing))(t)
	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: ben, Role: policy.Owner, Scope: c.Account.Ref}))(t)
	must(h.Export(ctx, as(ben), c.Account.Ref.ID))(t)
	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: ben, Role: "billing-viewer", Scope: other.Ref, Effect: policy.Deny}))(t)
	page := must(h.BillingAccounts(ctx, as(ben), c.Account.Ref.ID, admin.Span{Limit: 10}))(t)
	if len(page.Items) != 1 || page.Items[0].Ref != c.Billing.Ref {
		t.Errorf("ben is shown %+v", page.Items)
	}
	if page := must(h.BillingAccounts(ctx, operator, c.Account.Ref.ID, admin.Span{Limit: 10}))(t); len(page.Items) != 2 {
		t.Errorf("the operator is shown %+v", page.Items)
	}
	_, err := h.Export(ctx, as(ben), c.Account.Ref.ID)
	want(t, "an export of what is denied", "PERMISSION_DENIED", err)
}

// To change a billing account is no way to read it.
func TestChangingABillingAccountTakesSeeingIt(t *testing.T) {
	h := build(t)
	ctx := t.Context()
	c := h.customer(t)
	role := must(h.CreateRole(ctx, operator, c.Account.Ref.ID, "clerk", policy.Role{Permissions: []string{"billing_account.configure"}}))(t)
	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: ben, Role: role.Ref.ID, Scope: c.Account.Ref}))(t)
	nothing := func(*billing.Account) error { return nil }
	_, err := h.UpdateBillingAccount(ctx, as(ben), c.Billing.Ref.ID, nothing)
	want(t, "one who may only change it", "NOT_FOUND", err)
	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: ben, Role: "billing-viewer", Scope: c.Billing.Ref}))(t)
	must(h.UpdateBillingAccount(ctx, as(ben), c.Billing.Ref.ID, nothing))(t)
}

// What is bound on a deleted node can be cleared away, and frees its group and
// role.
func TestBindingsOnDeletedNodesCanBeDeleted(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	sub := must(h.CreateSubproject(t.Context(), operator, c.Project.Ref.ID, hierarchy.Info{}))(t)
	must(h.CreateGroup(t.Context(), operator, c.Account.Ref.ID, "g", policy.Group{}, nil))(t)
	b := must(h.CreateBinding(t.Context(), operator, policy.Binding{Subject: hierarchy.Ref{Type: "group", ID: "g"}, Role: "viewer", Scope: sub.Ref}))(t)
	must(h.Delete(t.Context(), operator, sub.Ref))(t)
	_, err := h.DeleteBinding(t.Context(), as(ben), b.Ref.ID)
	want(t, "a stranger clears it away", "NOT_FOUND", err)
	must(h.DeleteBinding(t.Context(), as(ann), b.Ref.ID))(t)
	must(h.DeleteGroup(t.Context(), operator, c.Account.Ref.ID, "g"))(t)
}

// Deleting a node and restoring it does not get round a deny on it.
func TestDeletingANodeKeepsItsDeny(t *testing.T) {
	h := build(t)
	ctx := t.Context()
	e := h.estate(t)
	role := must(h.CreateRole(ctx, operator, e.Account.Ref.ID, "clearing", policy.Role{Permissions: []string{"account.read", "binding.inspect", "binding.revoke"}}))(t)
	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: ben, Role: role.Ref.ID, Scope: e.Account.Ref}))(t)
	deny := must(h.CreateBinding(ctx, operator, policy.Binding{Subject: ben, Role: "editor", Scope: e.sub, Effect: policy.Deny}))(t)
	must(h.Delete(ctx, operator, e.sub))(t)
	_, err := h.DeleteBinding(ctx, as(ben), deny.Ref.ID)
	want(t, "one who is denied clears the deny away", "PERMISSION_DENIED", err)
	must(h.DeleteBinding(ctx, as(ann), deny.Ref.ID))(t)
}

// Deleting a resource does not get round a deny on it.
func TestDeletingAResourceKeepsItsDeny(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	number := hierarchy.Ref{Type: "number", ID: "+1"}
	must(h.RegisterResource(t.Context(), operator, number, hierarchy.Resource{Parent: c.Project.Ref}))(t)
	must(h.CreateBinding(t.Context(), operator, policy.Binding{Subject: ben, Role: "provisioner", Scope: c.Project.Ref}))(t)
	must(h.CreateBinding(t.Context(), operator, policy.Binding{Subject: ben, Role: "editor", Scope: number, Effect: policy.Deny}))(t)
	_, err := h.DeleteResource(t.Context(), as(ben), number)
	want(t, "one who is denied deletes the resource", "PERMISSION_DENIED", err)
	must(h.DeleteResource(t.Context(), as(ann), number))(t)
}

// between runs something between the decision of a write and its commit.
type between struct {
	*recorder
	do func()
}

func (b *between) Commit(ctx context.Context, c *authz.Commit) (authz.Head, string, error) {
	if do := b.do; do != nil {
		b.do = nil
		do()
	}
	return b.recorder.Commit(ctx, c)
}

// A resource does not come into an account that is deleted meanwhile.
func TestRegisteringRacesWithDeletingTheAccount(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	racing := &between{recorder: h.store}
	racing.do = func() {
		if _, err := h.Delete(context.Background(), operator, c.Account.Ref); err != nil {
			t.Error(err)
		}
	}
	number := hierarchy.Ref{Type: "number", ID: "+1"}
	_, err := admin.New(h.engine, racing).RegisterResource(t.Context(), operator, number, hierarchy.Resource{Parent: c.Project.Ref})
	want(t, "registering in an account that is gone", "NOT_FOUND", err)
}

// A resource is not changed any more once what it stands in is suspended or
// deleted.
func TestChangingAResourceRacesWithSuspending(t *testing.T) {
	for want, stop := range map[string]func(*house, hierarchy.Ref) error{
		"RESOURCE_SUSPENDED": func(h *house, node hierarchy.Ref) error {
			_, err := h.Suspend(context.Background(), operator, node)
			return err
		},
		"NOT_FOUND": func(h *house, node hierarchy.Ref) error {
			_, err := h.Delete(context.Background(), operator, node)
			return err
		},
	} {
		h := build(t)
		e := h.estate(t)
		racing := &between{recorder: h.store}
		racing.do = func() {
			if err := stop(h, e.Project.Ref); err != nil {
				t.Error(err)
			}
		}
		_, err := admin.New(h.engine, racing).UpdateResource(t.Context(), as(ann), e.nested, func(labels *map[string]string, _ *jsonText) error {
			*labels = map[string]string{"late": "yes"}
			return nil
		})
		if reason(err) != want {
			t.Errorf("changed: %v, want %s", err, want)
		}
	}
}

// An account that was imported without an owner keeps the one it is given.
func TestImportGivesAnOwner(t *testing.T) {
	h := build(t)
	first := must(h.Import(t.Context(), operator, bundle(t, ""), admin.ImportOptions{}))(t)
	second := must(h.Import(t.Context(), operator, bundle(t, ""), admin.ImportOptions{Owner: ann}))(t)
	if !first.OperatorManaged || second.OperatorManaged {
		t.Errorf("operator-managed: %t, then %t", first.OperatorManaged, second.OperatorManaged)
	}
	b := bundle(t, "3")
	b.Projects = append(b.Projects, admin.BundleProject{ID: "shop"})
	_, err := h.Import(t.Context(), operator, b, admin.ImportOptions{DryRun: true})
	want(t, "a dry run with another account's project", "ID_TAKEN", err)
}

// A write whose reply is lost while the store is away is not decided again: it
// may have been made.
func TestACommitThatMayHaveBeenMadeIsNotRepeated(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	h.faults.LoseRepliesOf("evalsha", 8)
	_, err := h.CreateGroup(t.Context(), operator, c.Account.Ref.ID, "g", policy.Group{}, nil)
	h.faults.LoseRepliesOf("evalsha", 0)
	want(t, "a commit without a reply", "STORE_UNAVAILABLE", err)
	must(h.Group(t.Context(), operator, c.Account.Ref.ID, "g"))(t)
}

// Whoever holds the ID of another account's binding learns nothing by it.
func TestDeletingABindingTellsNothing(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	for _, effect := range []policy.Effect{policy.Allow, policy.Deny} {
		b := must(h.CreateBinding(t.Context(), operator, policy.Binding{Subject: ben, Role: "viewer", Scope: c.Project.Ref, Effect: effect}))(t)
		_, err := h.DeleteBinding(t.Context(), as(hierarchy.Ref{Type: "user", ID: "stranger"}), b.Ref.ID)
		if err == nil || err.Error() != hierarchy.NotFound(b.Ref).Error() {
			t.Errorf("%s: %v", effect, err)
		}
	}
}

// An owner who is named twice, in the bundle and beside it, is bound once.
func TestImportBindsAnOwnerOnce(t *testing.T) {
	h := build(t)
	b := bundle(t, "")
	b.Bindings = append(b.Bindings, admin.BundleBinding{Subject: ann, Role: policy.Owner, Scope: hierarchy.Ref{Type: "account", ID: "acme"}})
	done := must(h.Import(t.Context(), operator, b, admin.ImportOptions{Owner: ann}))(t)
	if done.Created["binding"] != len(b.Bindings) {
		t.Errorf("%d bindings were made of %d", done.Created["binding"], len(b.Bindings))
	}
}
