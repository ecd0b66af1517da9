package admin_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
	"github.com/tollgate-dev/tollgate/store"
)

// overtaken is a store in which others write just after each commit.
type overtaken struct {
	*store.Store
	others func(*authz.Commit)
}

func (s *overtaken) Commit(ctx context.Context, c *authz.Commit) (authz.Head, string, error) {
	head, previous, err := s.Store.Commit(ctx, c)
	if others := s.others; err == nil && others != nil {
		s.others = nil
		others(c)
	}
	return head, previous, err
}

// What others remove before it is read again was written all the same: it is
// answered as it was written, and never as if it had not been.
func TestWriteAnswersWhatOthersRemove(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	ctx, account, project := t.Context(), c.Account.Ref.ID, c.Project.Ref.ID
	must(h.CreateProject(ctx, operator, account, hierarchy.Project{}, ""))(t)
	number := hierarchy.Ref{Type: "number", ID: "+1"}
	through := &overtaken{Store: h.store.Store}
	e := must(authz.NewEngine(through, must(judge())(t), authz.Options{}))(t)
	t.Cleanup(e.Close)
	s := admin.New(e, through)

	must(h.RemoveLink(ctx, operator, project))(t) // to be linked again
	removeNode := func(c *authz.Commit) {
		kind, id := c.Edits[0].Key.Split()
		must(h.Delete(ctx, operator, hierarchy.Ref{Type: kind, ID: id}))(t)
		must(e.Refresh(ctx, account))(t) // or the node would be read, deleted as it is
	}
	unlink := func(*authz.Commit) { must(h.RemoveLink(ctx, operator, project))(t) }
	for _, w := range []struct {
		name   string
		others func(*authz.Commit)
		write  func() (doc any, created int64, updated int64, err error)
		want   any
	}{
		{"a binding", func(c *authz.Commit) {
			_, id := c.Edits[0].Key.Split()
			must(h.DeleteBinding(ctx, operator, id))(t)
		}, answer(func() (admin.Item[policy.Binding], error) {
			return s.CreateBinding(ctx, operator, policy.Binding{Subject: ben, Role: "viewer", Scope: c.Project.Ref})
		}), policy.Binding{Subject: ben, Role: "viewer", Scope: c.Project.Ref, Effect: policy.Allow}},
		{"a role", func(*authz.Commit) { must(h.DeleteRole(ctx, operator, account, "r"))(t) }, answer(func() (admin.Item[policy.Role], error) {
			return s.CreateRole(ctx, operator, account, "r", policy.Role{Permissions: []string{"number.read"}})
		}), policy.Role{Permissions: []string{"number.read"}}},
		{"a group", func(*authz.Commit) { must(h.DeleteGroup(ctx, operator, account, "g"))(t) }, answer(func() (admin.Item[policy.Group], error) {
			return s.CreateGroup(ctx, operator, account, "g", policy.Group{DisplayName: "G"}, []hierarchy.Ref{ben})
		}), policy.Group{DisplayName: "G"}},
		{"a subproject", removeNode, answer(func() (admin.Item[hierarchy.Subproject], error) {
			return s.CreateSubproject(ctx, operator, project, hierarchy.Info{DisplayName: "S"})
		}), hierarchy.Subproject{Info: hierarchy.Info{DisplayName: "S"}, Project: project}},
		{"a resource", func(*authz.Commit) { must(h.DeleteResource(ctx, operator, number))(t) }, answer(func() (admin.Item[hierarchy.Resource], error) {
			return s.RegisterResource(ctx, operator, number, hierarchy.Resource{Parent: c.Project.Ref, Properties: json.RawMessage(`{"a":1}`)})
		}), hierarchy.Resource{Parent: c.Project.Ref, Properties: json.RawMessage(`{"a":1}`)}},
		{"a link", unlink, answer(func() (admin.Item[billing.Link], error) {
			return s.SetLink(ctx, operator, project, c.Billing.Ref.ID)
		}), billing.Link{BillingAccount: c.Billing.Ref.ID}},
		{"a project", removeNode, answer(func() (admin.Item[admin.Project], error) {
			return s.UpdateProject(ctx, operator, project, func(p *hierarchy.Project) error { p.DisplayName = "P"; return nil })
		}), admin.Project{Project: hierarchy.Project{Info: hierarchy.Info{DisplayName: "P"}}}},
	} {
		through.others = w.others
		doc, created, updated, err := w.write()
		if err != nil || through.others != nil {
			t.Errorf("%s: %v", w.name, err)
			continue
		}
		if diff := cmp.Diff(w.want, doc); diff != "" || created <= 0 || updated < created {
			t.Errorf("%s, created %d, updated %d: %s", w.name, created, updated, diff)
		}
	}
}

// answer is a write, of whatever it is of.
func answer[T any](write func() (admin.Item[T], error)) func() (any, int64, int64, error) {
	return func() (any, int64, int64, error) {
		item, err := write()
		return item.Doc, item.Created, item.Updated, err
	}
}
