package admin

import (
	"slices"
	"strings"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// Writes that change what bindings come to are grants, though they write no
// binding. To put somebody into a group gives him what the group has; to take
// him out of it ends what the group is denied; to widen a role gives more to
// whom it is bound to; to narrow one ends what it denies. Each takes what it
// would take to make those bindings, or to end them.
//
// What a binding gives is given for good, so that it does not matter here
// whether its window is open, or its scope suspended or deleted.

// mayEnroll refuses to put anybody into a group who could not give all that
// the group, and what it is in, is bound to.
func (d *draft) mayEnroll(group string) error {
	return d.eachBound(d.boundAround(group, policy.Allow), func(b *policy.Binding, at site) error {
		patterns, _ := d.snapshot.Permissions(b.Role)
		if !d.who.couldGive(d.snapshot, patterns, at, d.at) {
			return forbidden(d.who.acting(), "the right to give all access that its members have,", groupRef(group))
		}
		return nil
	})
}

// mayExpel refuses to take anybody out of a group who could not end all that
// denies its members something.
func (d *draft) mayExpel(group string) error {
	return d.eachBound(d.boundAround(group, policy.Deny), func(b *policy.Binding, at site) error {
		if !d.couldLift(b.Scope, at) {
			return forbidden(d.who.acting(), "the right to end a deny binding that reaches its members,", groupRef(group))
		}
		return nil
	})
}

// mayRedefine refuses to give a role other patterns who could not give what is
// added where the role is bound, and end what it no longer denies.
func (d *draft) mayRedefine(role string, before, after []string) error {
	added, removed := uncovered(after, before), uncovered(before, after)
	if len(added) == 0 && len(removed) == 0 || d.who.operates() {
		return nil
	}
	bound := d.snapshot.FindBindings("", "", func(b policy.Binding) bool { return b.Role == role })
	return d.eachBound(bound, func(b *policy.Binding, at site) error {
		switch {
		case b.Effect == policy.Allow && len(added) > 0 && !d.who.couldGive(d.snapshot, added, at, d.at):
			return forbidden(d.who.acting(), "the right to give what would be added, wherever it is bound,", roleRef(role))
		case b.Effect == policy.Deny && len(removed) > 0 && !d.couldLift(b.Scope, at):
			return forbidden(d.who.acting(), "the right to end a deny binding that it would be missing from,", roleRef(role))
		}
		return nil
	})
}

// boundAround are the bindings of one effect to a group, and to the groups that
// it is in at any distance.
func (d *draft) boundAround(group string, effect policy.Effect) (bound []authz.BoundBinding) {
	if d.who.operates() {
		return nil
	}
	around := []string{group}
	for i := 0; i < len(around); i++ {
		ref := groupRef(around[i])
		bound = append(bound, d.snapshot.FindBindings(ref.String(), "", func(b policy.Binding) bool { return b.Effect == effect })...)
		for _, outer := range d.snapshot.GroupsOf(ref) {
			if !slices.Contains(around, outer) {
				around = append(around, outer)
			}
		}
	}
	return bound
}

// eachBound visits bindings, with where their scopes stand. Those whose scope is
// gone for good are left out.
func (d *draft) eachBound(bound []authz.BoundBinding, visit func(*policy.Binding, site) error) error {
	if len(bound) == 0 {
		return nil
	}
	containers, err := d.containers(bound)
	if err != nil {
		return err
	}
	for i := range bound {
		b := &bound[i].Binding
		at := site{node: b.Scope}
		if !hierarchy.IsOwn(b.Scope.Type) {
			at = site{node: containers[b.Scope], resource: b.Scope}
		}
		if !d.snapshot.Known(at.node) {
			continue
		}
		if err := visit(b, at); err != nil {
			return err
		}
	}
	return nil
}

// containers are what the product resources stand in that bindings are on.
func (d *draft) containers(bound []authz.BoundBinding) (map[hierarchy.Ref]hierarchy.Ref, error) {
	var keys []authz.Key
	in := map[hierarchy.Ref]hierarchy.Ref{}
	for _, b := range bound {
		if _, seen := in[b.Scope]; !seen && !hierarchy.IsOwn(b.Scope.Type) {
			in[b.Scope] = hierarchy.Ref{}
			keys = append(keys, authz.ResourceKey(b.Scope))
		}
	}
	for chunk := range slices.Chunk(keys, exportPage) {
		records, err := d.read(chunk...)
		if err != nil {
			return nil, err
		}
		for scope := range in {
			r, ok := records[authz.ResourceKey(scope)]
			if !ok {
				continue
			}
			var doc hierarchy.Resource
			if err := unmarshal(r, &doc); err != nil {
				return nil, err
			}
			in[scope] = doc.Parent
		}
	}
	return in, nil
}

// couldLift reports whether who asks could end a deny binding on a scope.
func (d *draft) couldLift(scope hierarchy.Ref, at site) bool {
	parent := at.node
	if at.resource.IsZero() {
		parent = d.snapshot.Parent(scope)
	}
	deny := policy.Permission{Type: "binding", Action: "deny"}
	return d.who.operates() || (!parent.IsZero() && d.who.all((*authz.Snapshot).RightsGiven, d.snapshot, deny, parent, hierarchy.Ref{}, d.at))
}

// couldGive reports whether the caller could bind a role of these patterns at a
// site, whatever the state of nodes.
func (c Caller) couldGive(s *authz.Snapshot, patterns []string, at site, now int64) bool {
	grant := policy.Permission{Type: "binding", Action: "grant"}
	return c.operates() || (c.all((*authz.Snapshot).RightsGiven, s, grant, at.node, at.resource, now) &&
		c.passesOn((*authz.Snapshot).RightsGiven, s, patterns, at, now))
}

// passesOn reports whether the caller may give what patterns stand for: it has
// binding.grant_any, or all of it. A wildcard takes binding.grant_any.
func (c Caller) passesOn(how rights, s *authz.Snapshot, patterns []string, at site, now int64) bool {
	if c.all(how, s, policy.Permission{Type: "binding", Action: "grant_any"}, at.node, at.resource, now) {
		return true
	}
	for _, text := range patterns {
		p, err := policy.ParsePattern(text)
		if err != nil || strings.Contains(text, policy.Any) || !c.all(how, s, p, at.node, at.resource, now) {
			return false
		}
	}
	return true
}

// uncovered are the patterns of which others do not hold everything.
func uncovered(patterns, others []string) (left []string) {
	same, wild := map[string]bool{}, []policy.Pattern{}
	for _, text := range others {
		same[text] = true
		if p, err := policy.ParsePattern(text); err == nil && strings.Contains(text, policy.Any) {
			wild = append(wild, p)
		}
	}
	for _, text := range patterns {
		p, err := policy.ParsePattern(text)
		covers := func(held policy.Pattern) bool { return err == nil && policy.Covers(held, p) }
		if !same[text] && !slices.ContainsFunc(wild, covers) {
			left = append(left, text)
		}
	}
	return left
}
