package admin

import (
	"context"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

func groupRef(id string) hierarchy.Ref { return hierarchy.Ref{Type: hierarchy.TypeGroup, ID: id} }

// MaxMembersAtOnce is how many members one write can add to a group.
const MaxMembersAtOnce = 10_000

// CreateGroup defines a group, with its first members. It needs group.define
// on the account, and group.enroll for members.
func (s *Service) CreateGroup(ctx context.Context, who Caller, account, id string, doc policy.Group, members []hierarchy.Ref) (Item[policy.Group], error) {
	if err := groupRef(id).Check(); err != nil {
		return Item[policy.Group]{}, fieldOf("id", err)
	}
	if err := doc.Check(); err != nil {
		return Item[policy.Group]{}, err
	}
	if len(members) > MaxMembersAtOnce {
		return Item[policy.Group]{}, hierarchy.Invalid("TOO_MANY_MEMBERS_AT_ONCE", "members", "has %d members; one request adds at most %d", len(members), MaxMembersAtOnce)
	}
	o, err := s.once(ctx, who, account, "group.define", []any{id, doc, members})
	if err != nil {
		return Item[policy.Group]{}, err
	}
	return createOnce(ctx, s, who, o, groupRef(id), func(d *draft) error {
		if err := d.may("group.define", d.account()); err != nil {
			return err
		}
		if d.snapshot.HasGroup(id) {
			return hierarchy.Conflict("ALREADY_EXISTS", "the account has a %s already", groupRef(id))
		}
		d.create(authz.KeyOf(hierarchy.TypeGroup, id), doc)
		if len(members) == 0 {
			return nil
		}
		if err := d.may("group.enroll", d.account()); err != nil {
			return err
		}
		return d.enrollAll(id, members)
	}, readGroup(account))
}

func (d *draft) enrollAll(group string, members []hierarchy.Ref) error {
	seen := map[hierarchy.Ref]bool{}
	for _, m := range members {
		if err := d.checkMember(group, m); err != nil {
			return fieldOf("members", err)
		}
		if !seen[m] {
			seen[m] = true
			d.create(authz.MemberKey(m, group), struct{}{})
		}
	}
	return nil
}

// checkMember refuses who cannot be a member of a group.
func (d *draft) checkMember(group string, m hierarchy.Ref) error {
	if err := policy.CheckMember(m); err != nil {
		return err
	}
	if m == groupRef(group) {
		return hierarchy.Conflict("GROUP_CYCLE", "%s would contain itself", m)
	}
	if m.Type == hierarchy.TypeGroup && !d.snapshot.HasGroup(m.ID) {
		return hierarchy.NotFound(m)
	}
	return nil
}

func readGroup(account string) func(*Service, context.Context, Caller, string) (Item[policy.Group], error) {
	return func(s *Service, ctx context.Context, who Caller, id string) (Item[policy.Group], error) {
		return s.Group(ctx, who, account, id)
	}
}

// Group returns a group. It needs group.inspect on the account.
func (s *Service) Group(ctx context.Context, who Caller, account, id string) (Item[policy.Group], error) {
	v, err := s.viewGroups(ctx, who, account)
	if err != nil {
		return Item[policy.Group]{}, err
	}
	return get[policy.Group](ctx, v, groupRef(id), authz.KeyOf(hierarchy.TypeGroup, id))
}

func (s *Service) viewGroups(ctx context.Context, who Caller, account string) (*view, error) {
	v, err := s.view(ctx, who, hierarchy.Ref{Type: hierarchy.TypeAccount, ID: account})
	if err != nil {
		return nil, err
	}
	return v, v.may("group.inspect", v.account())
}

// Groups lists an account's groups. It needs group.inspect on the account.
func (s *Service) Groups(ctx context.Context, who Caller, account string, span Span) (Page[policy.Group], error) {
	v, err := s.viewGroups(ctx, who, account)
	if err != nil {
		return Page[policy.Group]{}, err
	}
	return list[policy.Group](ctx, v, hierarchy.TypeGroup, v.snapshot.Groups(span.After), span)
}

// UpdateGroup changes a group's text by change. It needs group.define on the
// account.
func (s *Service) UpdateGroup(ctx context.Context, who Caller, account, id string, change func(*policy.Group) error) (Item[policy.Group], error) {
	return amend(ctx, s, who, account, "group.define", groupRef(id), func(d *draft) error {
		if err := errorOr(d.may("group.inspect", d.account()), d.may("group.define", d.account())); err != nil {
			return err
		}
		var doc policy.Group
		was, err := d.one(authz.KeyOf(hierarchy.TypeGroup, id), &doc)
		if err != nil {
			return err
		}
		if err := change(&doc); err != nil {
			return err
		}
		d.replace(was, doc)
		return doc.Check()
	}, readGroup(account))
}

// DeleteGroup deletes a group that nothing is bound to, with all its
// memberships. It needs group.define on the account, and that the actor could
// end what the groups that it is in are denied.
func (s *Service) DeleteGroup(ctx context.Context, who Caller, account, id string) (Written, error) {
	return s.write(ctx, who, account, "group.define", func(d *draft) error {
		if err := d.may("group.define", d.account()); err != nil {
			return err
		}
		ref := groupRef(id)
		if bound := d.snapshot.FindBindings(ref.String(), "", func(policy.Binding) bool { return true }); len(bound) > 0 {
			return hierarchy.Conflict("GROUP_IN_USE", "%s has %d bindings, %s among them; delete them first", ref, len(bound), bound[0].ID)
		}
		var doc policy.Group
		was, err := d.one(authz.KeyOf(hierarchy.TypeGroup, id), &doc)
		if err != nil {
			return err
		}
		d.remove(was)
		if err := d.mayExpel(id); err != nil {
			return err
		}
		return d.disband(id)
	})
}

// disband removes all memberships in a group, and the group's own in others.
func (d *draft) disband(id string) error {
	var keys []authz.Key
	for _, m := range d.snapshot.MembersOf(id, "") {
		ref, err := hierarchy.ParseRef(m)
		if err != nil {
			return err
		}
		keys = append(keys, authz.MemberKey(ref, id))
	}
	for _, outer := range d.snapshot.GroupsOf(groupRef(id)) {
		keys = append(keys, authz.MemberKey(groupRef(id), outer))
	}
	if len(keys) == 0 {
		return nil
	}
	records, err := d.read(keys...)
	for _, key := range keys {
		if r, ok := records[key]; ok {
			d.remove(r)
		}
	}
	return err
}

// AddMember puts a user, a service or a group into a group. It needs
// group.enroll on the account, and that the actor could give all that the group,
// and what it is in, is bound to. It changes nothing if the member is there.
func (s *Service) AddMember(ctx context.Context, who Caller, account, group string, member hierarchy.Ref) (Written, error) {
	return s.member(ctx, who, account, group, member, func(d *draft, was authz.Record, there bool) error {
		if there {
			return nil
		}
		if err := d.mayEnroll(group); err != nil {
			return err
		}
		return d.enrollAll(group, []hierarchy.Ref{member})
	})
}

// RemoveMember takes a member out of a group. It needs group.enroll on the
// account, and that the actor could end what the group, and what it is in, is
// denied.
func (s *Service) RemoveMember(ctx context.Context, who Caller, account, group string, member hierarchy.Ref) (Written, error) {
	return s.member(ctx, who, account, group, member, func(d *draft, was authz.Record, there bool) error {
		if !there {
			return hierarchy.NotFound(hierarchy.Ref{Type: "member of " + groupRef(group).String(), ID: member.String()})
		}
		d.remove(was)
		return d.mayExpel(group)
	})
}

func (s *Service) member(ctx context.Context, who Caller, account, group string, member hierarchy.Ref, decide func(d *draft, was authz.Record, there bool) error) (Written, error) {
	if err := policy.CheckMember(member); err != nil {
		return Written{}, fieldOf("member", err)
	}
	return s.write(ctx, who, account, "group.enroll", func(d *draft) error {
		if err := d.may("group.enroll", d.account()); err != nil {
			return err
		}
		if !d.snapshot.HasGroup(group) {
			return hierarchy.NotFound(groupRef(group))
		}
		key := authz.MemberKey(member, group)
		records, err := d.read(key)
		if err != nil {
			return err
		}
		was, there := records[key]
		return decide(d, was, there)
	})
}

// Members lists a group's direct members, as "type:id" in order. It needs
// group.inspect on the account.
func (s *Service) Members(ctx context.Context, who Caller, account, group string, span Span) (members []string, next string, err error) {
	v, err := s.viewGroups(ctx, who, account)
	if err != nil {
		return nil, "", err
	}
	if !v.snapshot.HasGroup(group) {
		return nil, "", hierarchy.NotFound(groupRef(group))
	}
	members = v.snapshot.MembersOf(group, span.After)
	if len(members) > span.Limit {
		members = members[:span.Limit]
		next = members[span.Limit-1]
	}
	return members, next, nil
}
