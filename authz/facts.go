package authz

import (
	"iter"
	"slices"
	"strings"

	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// Facts is all that Casbin's rules for the account are derived from. The
// deleted part of the hierarchy is left out: a deleted node denies, and state
// is not policy. Resources are in it as far as bindings are bound to them;
// they stand where place says.
func (s *Snapshot) Facts(place func(resource string) (container string, ok bool)) policy.Facts {
	return policy.Facts{
		Nodes:       s.edges(place),
		Members:     s.Members,
		Bindings:    s.Bindings(nil),
		Permissions: s.Permissions,
	}
}

// edges yields every live node and its parent, in the order of their names.
func (s *Snapshot) edges(place func(string) (string, bool)) iter.Seq2[hierarchy.Ref, hierarchy.Ref] {
	return func(yield func(node, parent hierarchy.Ref) bool) {
		root := refOf(s.nodes.Key(0))
		rows := make([]uint32, s.nodes.Len())
		for i := range rows {
			rows[i] = uint32(i)
		}
		slices.SortFunc(rows, func(x, y uint32) int { return strings.Compare(s.nodes.Key(x), s.nodes.Key(y)) })
		for _, row := range rows {
			n, key := s.nodes.At(row), s.nodes.Key(row)
			parent := root
			switch n.kind {
			case none, account:
				continue
			case subproject:
				parent = refOf(s.nodes.Key(n.parent))
			case resource:
				container, ok := place(key)
				if !ok {
					continue
				}
				parent = refOf(container)
			}
			if !n.deleted() && !yield(refOf(key), parent) {
				return
			}
		}
	}
}

// Members yields every membership: a user, a service or a group, and the bare
// ID of a group that it is directly in.
func (s *Snapshot) Members(yield func(member hierarchy.Ref, group string) bool) {
	for row := range s.subjects.Len() {
		for _, g := range s.subjects.At(row).groups() {
			if !yield(refOf(s.subjects.Key(row)), bare(s.subjects.Key(g))) {
				return
			}
		}
	}
}

// Bindings yields the account's bindings that keep accepts, or all if it is
// nil.
func (s *Snapshot) Bindings(keep func(policy.Binding) bool) iter.Seq[policy.Binding] {
	return func(yield func(policy.Binding) bool) {
		for row := range s.subjects.Len() {
			for i := range s.subjects.At(row).grants {
				b := s.binding(row, &s.subjects.At(row).grants[i])
				if (keep == nil || keep(b)) && !yield(b) {
					return
				}
			}
		}
	}
}

func (s *Snapshot) binding(subject uint32, g *grant) policy.Binding {
	return policy.Binding{
		Subject: refOf(s.subjects.Key(subject)),
		Role:    s.roleID(g.role),
		Scope:   refOf(s.nodes.Key(g.scope)),
		Effect:  effectOf(g),
		Window:  s.window(g),
	}
}

// Permissions are the patterns of a role of the account, by its bare ID.
func (s *Snapshot) Permissions(role string) ([]string, bool) {
	if row, ok := s.model.rows[role]; ok {
		return s.model.predefined[row].Patterns, true
	}
	if row, ok := s.roles.Find(role); ok {
		if c := s.roles.At(row).compiled; c != nil {
			return c.Patterns, true
		}
	}
	return nil, false
}

// narrowed is the part of the facts that can matter to one question.
func (s *Snapshot) narrowed(subject string, a *Answer) policy.Facts {
	who := s.principals(subject)
	on, nodes := a.path, a.Path()
	return policy.Facts{
		Permissions: s.Permissions,
		Nodes: func(yield func(node, parent hierarchy.Ref) bool) {
			for i := range len(nodes) - 1 {
				if !yield(refOf(nodes[i]), refOf(nodes[i+1])) {
					return
				}
			}
		},
		Members: func(yield func(member hierarchy.Ref, group string) bool) {
			for _, row := range who {
				for _, g := range s.subjects.At(row).groups() {
					if !yield(refOf(s.subjects.Key(row)), bare(s.subjects.Key(g))) {
						return
					}
				}
			}
		},
		Bindings: func(yield func(policy.Binding) bool) {
			for _, row := range who {
				for i := range s.subjects.At(row).grants {
					g := &s.subjects.At(row).grants[i]
					if on.has(g.scope) && !yield(s.binding(row, g)) {
						return
					}
				}
			}
		},
	}
}

// principals are the rows of a subject and of all groups that it is in,
// directly or not; none if nothing is known of it.
func (s *Snapshot) principals(subject string) []uint32 {
	row, ok := s.subjects.Find(subject)
	if !ok {
		return nil
	}
	rows := []uint32{row}
	add := func(row uint32) {
		if !slices.Contains(rows, row) {
			rows = append(rows, row)
		}
	}
	for _, g := range s.subjects.At(row).groups() {
		add(g)
		for _, o := range s.subjects.At(g).outer() {
			add(o)
		}
	}
	return rows
}

// shadowCase is a decision that was made, for Casbin to make again.
func (s *Snapshot) shadowCase(a Answer, permission string, at int64) policy.Case {
	p, _ := policy.ParsePermission(permission) // it was decided on, so it is good
	return policy.Case{
		Facts: s.narrowed(a.subject, &a), At: at,
		Subject: refOf(a.subject), Node: refOf(a.Path()[0]), Permission: p,
		Allowed: a.verdict.allowed,
	}
}
