package policy

import (
	"iter"
	"slices"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// world is a small account that can be both derived for Casbin and walked.
type world struct {
	nodes    []edge
	members  []membership
	bindings []Binding
	roles    map[string][]string
}

type edge struct{ node, parent hierarchy.Ref }

// question is a request, asked as of the instant 0.
type question struct {
	subject, node hierarchy.Ref
	permission    Permission
}

func (w *world) facts() Facts {
	return Facts{
		Nodes: func(yield func(node, parent hierarchy.Ref) bool) {
			for _, e := range w.nodes {
				if !yield(e.node, e.parent) {
					return
				}
			}
		},
		Members: func(yield func(member hierarchy.Ref, group string) bool) {
			for _, m := range w.members {
				if !yield(m.member, m.group) {
					return
				}
			}
		},
		Bindings:    slices.Values(w.bindings),
		Permissions: func(role string) ([]string, bool) { p, ok := w.roles[role]; return p, ok },
	}
}

// decide answers by walking: every binding of every principal on every level
// of the path, the evaluator saying what each comes to.
func (w *world) decide(e evaluator, at int64, q question) bool {
	path, principals := setOf(w.path(q.node)), setOf(w.principals(q.subject))
	var allow, deny bool
	for _, b := range w.bindings {
		if b.Holds(at) && path[b.Scope] && principals[b.Subject] && e.holds(w.roles[b.Role], q.permission) {
			allow = allow || b.Effect == Allow
			deny = deny || b.Effect == Deny
		}
	}
	return e.decide(allow, deny)
}

// path is the node and its ancestors, nearest first.
func (w *world) path(node hierarchy.Ref) []hierarchy.Ref {
	path := []hierarchy.Ref{node}
	for next := range w.above(node) {
		path = append(path, w.path(next)...)
	}
	return path
}

func (w *world) above(node hierarchy.Ref) iter.Seq[hierarchy.Ref] {
	return func(yield func(hierarchy.Ref) bool) {
		for _, e := range w.nodes {
			if e.node == node && !yield(e.parent) {
				return
			}
		}
	}
}

// principals are the subject and the groups that it is in, at any distance.
func (w *world) principals(subject hierarchy.Ref) []hierarchy.Ref {
	all := []hierarchy.Ref{subject}
	for i := 0; i < len(all); i++ {
		for _, m := range w.members {
			if group := groupRef(m.group); m.member == all[i] && !slices.Contains(all, group) {
				all = append(all, group)
			}
		}
	}
	return all
}

func user(id string) hierarchy.Ref { return hierarchy.Ref{Type: hierarchy.TypeUser, ID: id} }

func (w *world) bind(subject hierarchy.Ref, role string, scope hierarchy.Ref, effect Effect) {
	w.bindings = append(w.bindings, Binding{Subject: subject, Role: role, Scope: scope, Effect: effect})
}
