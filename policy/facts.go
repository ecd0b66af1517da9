package policy

import (
	"iter"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Facts is what rules are derived from: one account, or the part of it that
// can matter to a question. A nil sequence is empty. Facts that are decided
// later or elsewhere, as in a Shadow, MUST come from something immutable.
type Facts struct {
	// Nodes yields every node but the root, with its parent, each once.
	Nodes iter.Seq2[hierarchy.Ref, hierarchy.Ref]
	// Members yields a user, a service or a group, and the bare ID of a group
	// that it is directly in.
	Members iter.Seq2[hierarchy.Ref, string]
	// Bindings yields bindings whether or not their windows are open.
	Bindings iter.Seq[Binding]
	// Permissions are the patterns of a role, by its bare ID. A role that is
	// not known holds nothing.
	Permissions func(role string) ([]string, bool)
}

// NarrowedTo is the part of f that can matter to a question about path[0],
// whose ancestors are the rest of path, asked for principals: the subject and
// every group that it is in, directly or not. It walks f only when it is
// walked itself; who has an index at hand builds narrow Facts without it.
func (f Facts) NarrowedTo(path, principals []hierarchy.Ref) Facts {
	onPath, isPrincipal := setOf(path), setOf(principals)
	return Facts{
		Permissions: f.Permissions,
		Nodes: func(yield func(node, parent hierarchy.Ref) bool) {
			for node, parent := range pairs(f.Nodes) {
				if onPath[node] && onPath[parent] && !yield(node, parent) {
					return
				}
			}
		},
		Members: func(yield func(member hierarchy.Ref, group string) bool) {
			for member, group := range pairs(f.Members) {
				if isPrincipal[member] && isPrincipal[groupRef(group)] && !yield(member, group) {
					return
				}
			}
		},
		Bindings: func(yield func(Binding) bool) {
			for b := range each(f.Bindings) {
				if isPrincipal[b.Subject] && onPath[b.Scope] && !yield(b) {
					return
				}
			}
		},
	}
}

func groupRef(id string) hierarchy.Ref { return hierarchy.Ref{Type: hierarchy.TypeGroup, ID: id} }

func setOf(refs []hierarchy.Ref) map[hierarchy.Ref]bool {
	s := make(map[hierarchy.Ref]bool, len(refs))
	for _, r := range refs {
		s[r] = true
	}
	return s
}

// each and pairs are sequences that may be nil, as ones that may not.

func each[T any](s iter.Seq[T]) iter.Seq[T] {
	if s == nil {
		return func(func(T) bool) {}
	}
	return s
}

func pairs[A, B any](s iter.Seq2[A, B]) iter.Seq2[A, B] {
	if s == nil {
		return func(func(A, B) bool) {}
	}
	return s
}
