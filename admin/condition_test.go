package admin_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// amendment changes one text of a thing, and answers its tag; "" reads it.
type amendment func(ctx context.Context, s *house, who admin.Caller, text string) (tag, now string, err error)

// amendments are one for each kind of thing that can be changed.
func amendments(t *testing.T, h *house, c *admin.SignedUp) map[string]amendment {
	t.Helper()
	account := c.Account.Ref.ID
	sub := must(h.CreateSubproject(t.Context(), operator, c.Project.Ref.ID, hierarchy.Info{}))(t).Ref.ID
	number := hierarchy.Ref{Type: "number", ID: account}
	must(h.RegisterResource(t.Context(), operator, number, hierarchy.Resource{Parent: c.Project.Ref}))(t)
	must(h.CreateGroup(t.Context(), operator, account, "g", policy.Group{}, nil))(t)
	must(h.CreateRole(t.Context(), operator, account, "r", policy.Role{Permissions: []string{"number.read"}}))(t)
	return map[string]amendment{
		"account": func(ctx context.Context, s *house, who admin.Caller, text string) (string, string, error) {
			i, err := either(text, func() (admin.Item[hierarchy.Account], error) { return s.Account(ctx, who, account) }, func() (admin.Item[hierarchy.Account], error) {
				return s.UpdateAccount(ctx, who, account, func(doc *hierarchy.Account) error { doc.DisplayName = text; return nil })
			})
			return i.Tag, i.Doc.DisplayName, err
		},
		"billing account": func(ctx context.Context, s *house, who admin.Caller, text string) (string, string, error) {
			i, err := either(text, func() (admin.Item[billing.Account], error) { return s.BillingAccount(ctx, who, c.Billing.Ref.ID) }, func() (admin.Item[billing.Account], error) {
				return s.UpdateBillingAccount(ctx, who, c.Billing.Ref.ID, func(doc *billing.Account) error { doc.DisplayName = text; return nil })
			})
			return i.Tag, i.Doc.DisplayName, err
		},
		"project": func(ctx context.Context, s *house, who admin.Caller, text string) (string, string, error) {
			i, err := either(text, func() (admin.Item[admin.Project], error) { return s.Project(ctx, who, c.Project.Ref.ID) }, func() (admin.Item[admin.Project], error) {
				return s.UpdateProject(ctx, who, c.Project.Ref.ID, func(doc *hierarchy.Project) error { doc.DisplayName = text; return nil })
			})
			return i.Tag, i.Doc.DisplayName, err
		},
		"subproject": func(ctx context.Context, s *house, who admin.Caller, text string) (string, string, error) {
			i, err := either(text, func() (admin.Item[hierarchy.Subproject], error) { return s.Subproject(ctx, who, sub) }, func() (admin.Item[hierarchy.Subproject], error) {
				return s.UpdateSubproject(ctx, who, sub, func(info *hierarchy.Info) error { info.DisplayName = text; return nil })
			})
			return i.Tag, i.Doc.DisplayName, err
		},
		"resource": func(ctx context.Context, s *house, who admin.Caller, text string) (string, string, error) {
			i, err := either(text, func() (admin.Item[hierarchy.Resource], error) { return s.Resource(ctx, who, number) }, func() (admin.Item[hierarchy.Resource], error) {
				return s.UpdateResource(ctx, who, number, func(labels *map[string]string, _ *json.RawMessage) error {
					*labels = map[string]string{"text": text}
					return nil
				})
			})
			return i.Tag, i.Doc.Labels["text"], err
		},
		"group": func(ctx context.Context, s *house, who admin.Caller, text string) (string, string, error) {
			i, err := either(text, func() (admin.Item[policy.Group], error) { return s.Group(ctx, who, account, "g") }, func() (admin.Item[policy.Group], error) {
				return s.UpdateGroup(ctx, who, account, "g", func(doc *policy.Group) error { doc.DisplayName = text; return nil })
			})
			return i.Tag, i.Doc.DisplayName, err
		},
		"role": func(ctx context.Context, s *house, who admin.Caller, text string) (string, string, error) {
			i, err := either(text, func() (admin.Item[policy.Role], error) { return s.Role(ctx, who, account, "r") }, func() (admin.Item[policy.Role], error) {
				return s.UpdateRole(ctx, who, account, "r", func(doc *policy.Role) error { doc.DisplayName = text; return nil })
			})
			return i.Tag, i.Doc.DisplayName, err
		},
	}
}

// either reads if there is no text, and changes otherwise.
func either[T any](text string, read, change func() (admin.Item[T], error)) (admin.Item[T], error) {
	if text == "" {
		return read()
	}
	return change()
}

// Nothing comes between the comparison of a condition and the write: whatever
// call another's change is made before, it is not lost. The negative control
// is the same without the condition, after a comparison by the caller: there
// it is lost.
func TestConditionIsHeldByTheCommit(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		c, other := h.customer(t), replica(t, h.store, h.faults)
		for kind, amend := range amendments(t, h, &c) {
			for _, conditional := range []bool{true, false} {
				if lost := lostUpdates(t, h, other, kind, amend, conditional); (lost > 0) == conditional {
					t.Errorf("%s: under a condition %v, %d changes of others were lost", kind, conditional, lost)
				}
			}
		}
	})
}

// lostUpdates makes a change with another's in between, before each of its
// calls, and counts how often the other's was lost.
func lostUpdates(t *testing.T, h, other *house, kind string, amend amendment, conditional bool) (lost int) {
	t.Helper()
	for n := 1; ; n++ {
		tag, was, err := amend(t.Context(), h, operator, "")
		if err != nil {
			t.Fatal(err)
		}
		who, interposed := operator, false
		if conditional {
			who.If = &admin.Condition{Tags: []string{tag}}
		}
		theirs, mine := was+"-", was+"+"
		h.faults.Interpose(n, func() {
			interposed = true
			if _, _, err := amend(t.Context(), other, operator, theirs); err != nil {
				t.Error(err)
			}
		})
		_, _, err = amend(t.Context(), h, who, mine)
		h.faults.Clear()
		if !interposed {
			if n < 3 {
				t.Fatalf("%s: the change took %d calls", kind, n-1)
			}
			return lost
		}
		_, now, _ := amend(t.Context(), h, operator, "")
		switch {
		case err != nil && (reason(err) != "PRECONDITION_FAILED" || now != theirs):
			t.Errorf("%s, call %d: %v, and it is %q", kind, n, err, now)
		case err == nil && now == mine:
			lost++
		}
	}
}

// A condition that nobody looks at is no condition that holds.
func TestConditionOfNothing(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	who := operator
	who.If = &admin.Condition{Any: true}
	if _, err := h.CreateProject(t.Context(), who, c.Account.Ref.ID, hierarchy.Project{}, ""); err == nil {
		t.Error("a write that replaces nothing was made under If-Match")
	}
}
