package admin

import (
	"context"
	"slices"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

func roleRef(id string) hierarchy.Ref { return hierarchy.Ref{Type: hierarchy.TypeRole, ID: id} }

// CreateRole defines a custom role. It needs role.define on the account.
func (s *Service) CreateRole(ctx context.Context, who Caller, account, id string, doc policy.Role) (Item[policy.Role], error) {
	if err := checkRole(id, &doc); err != nil {
		return Item[policy.Role]{}, err
	}
	o, err := s.once(ctx, who, account, "role.define", []any{id, doc})
	if err != nil {
		return Item[policy.Role]{}, err
	}
	return createOnce(ctx, s, who, o, roleRef(id), func(d *draft) error {
		if err := d.may("role.define", d.account()); err != nil {
			return err
		}
		if d.snapshot.HasRole(id) {
			return hierarchy.Conflict("ALREADY_EXISTS", "the account has a %s already", roleRef(id))
		}
		d.create(authz.KeyOf(hierarchy.TypeRole, id), doc)
		return nil
	}, readRole(account))
}

func checkRole(id string, doc *policy.Role) error {
	if err := roleRef(id).Check(); err != nil {
		return fieldOf("id", err)
	}
	if policy.IsPredefined(id) {
		return hierarchy.Invalid("ROLE_PREDEFINED", "id", "%s is predefined in every account and cannot be defined anew; choose another name", id)
	}
	return doc.Check()
}

func readRole(account string) func(*Service, context.Context, Caller, string) (Item[policy.Role], error) {
	return func(s *Service, ctx context.Context, who Caller, id string) (Item[policy.Role], error) {
		return s.Role(ctx, who, account, id)
	}
}

// Role returns a role, predefined or custom. It needs role.inspect on the
// account.
func (s *Service) Role(ctx context.Context, who Caller, account, id string) (Item[policy.Role], error) {
	v, err := s.viewRoles(ctx, who, account)
	if err != nil {
		return Item[policy.Role]{}, err
	}
	if i := slices.IndexFunc(policy.Predefined, func(p policy.PredefinedRole) bool { return p.ID == id }); i >= 0 {
		return predefined(v, i), nil
	}
	return get[policy.Role](ctx, v, roleRef(id), authz.KeyOf(hierarchy.TypeRole, id))
}

func (s *Service) viewRoles(ctx context.Context, who Caller, account string) (*view, error) {
	v, err := s.view(ctx, who, hierarchy.Ref{Type: hierarchy.TypeAccount, ID: account})
	if err != nil {
		return nil, err
	}
	return v, v.may("role.inspect", v.account())
}

func predefined(v *view, i int) Item[policy.Role] {
	r := policy.Predefined[i]
	return Item[policy.Role]{
		Ref: roleRef(r.ID), Account: v.snapshot.Account(), Doc: r.Role, Revision: authz.Token(v.snapshot.Account(), v.snapshot.Revision()),
		Tag: tagOf(authz.Record{Key: authz.KeyOf(hierarchy.TypeRole, r.ID), Body: encode(r.Role)}),
	}
}

// Roles lists an account's roles: first the predefined ones, in their order, then
// its own. No role of its own has the ID of a predefined one, so the ID after
// which a page begins says in which part it is. It needs role.inspect on the
// account.
func (s *Service) Roles(ctx context.Context, who Caller, account string, span Span) (Page[policy.Role], error) {
	v, err := s.viewRoles(ctx, who, account)
	if err != nil {
		return Page[policy.Role]{}, err
	}
	first, after := 0, ""
	if span.After != "" {
		first = 1 + slices.IndexFunc(policy.Predefined, func(p policy.PredefinedRole) bool { return p.ID == span.After })
		if first == 0 {
			first, after = len(policy.Predefined), span.After
		}
	}
	var items []Item[policy.Role]
	for i := first; i < len(policy.Predefined) && len(items) < span.Limit; i++ {
		items = append(items, predefined(v, i))
	}
	own := v.snapshot.CustomRoles(after)
	if len(items) == span.Limit {
		page := Page[policy.Role]{Items: items}
		if first+len(items) < len(policy.Predefined) || len(own) > 0 {
			page.Next = items[len(items)-1].Ref.ID
		}
		return page, nil
	}
	page, err := list[policy.Role](ctx, v, hierarchy.TypeRole, own, Span{After: after, Limit: span.Limit - len(items)})
	page.Items = append(items, page.Items...)
	return page, err
}

// UpdateRole changes a custom role by change. It needs role.define on the
// account, that the actor could give what is added wherever the role is bound,
// and that it could end the deny bindings that something is taken out of.
func (s *Service) UpdateRole(ctx context.Context, who Caller, account, id string, change func(*policy.Role) error) (Item[policy.Role], error) {
	if policy.IsPredefined(id) {
		return Item[policy.Role]{}, hierarchy.Conflict("ROLE_PREDEFINED", "%s is predefined and the same in every account; define a role of your own", id)
	}
	return amend(ctx, s, who, account, "role.define", roleRef(id), func(d *draft) error {
		if err := errorOr(d.may("role.inspect", d.account()), d.may("role.define", d.account())); err != nil {
			return err
		}
		var doc policy.Role
		was, err := d.one(authz.KeyOf(hierarchy.TypeRole, id), &doc)
		if err != nil {
			return err
		}
		before := slices.Clone(doc.Permissions)
		if err := change(&doc); err != nil {
			return err
		}
		d.replace(was, doc)
		if err := doc.Check(); err != nil {
			return err
		}
		return d.mayRedefine(id, before, doc.Permissions)
	}, readRole(account))
}

// DeleteRole deletes a custom role that nothing is bound to. It needs
// role.define on the account.
func (s *Service) DeleteRole(ctx context.Context, who Caller, account, id string) (Written, error) {
	if policy.IsPredefined(id) {
		return Written{}, hierarchy.Conflict("ROLE_PREDEFINED", "%s is predefined and stays", id)
	}
	return s.write(ctx, who, account, "role.define", func(d *draft) error {
		if err := d.may("role.define", d.account()); err != nil {
			return err
		}
		if used := d.snapshot.FindBindings("", "", func(b policy.Binding) bool { return b.Role == id }); len(used) > 0 {
			return hierarchy.Conflict("ROLE_IN_USE", "%d bindings give %s, %s among them; delete them first", len(used), roleRef(id), used[0].ID)
		}
		var doc policy.Role
		was, err := d.one(authz.KeyOf(hierarchy.TypeRole, id), &doc)
		if err == nil {
			d.remove(was)
		}
		return err
	})
}
