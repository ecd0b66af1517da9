package policy

import (
	"cmp"
	"slices"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Derive gives emit the lines of the Casbin policy that f comes to at an
// instant, in microseconds since 1970: the lines that model.conf gives their
// meaning.
//
//	p, role:<id>, <scope>, <type>, <action>, allow   a role's patterns, once per scope where it is bound
//	p, deny:<id>, <scope>, <type>, <action>, deny    likewise of the role's deny twin
//	g, <subject>, role:<id> or deny:<id>, <scope>    a binding
//	g, <member>, group:<id>, <scope>                 a membership, once per scope where it can matter
//	g2, <node>, <parent>                             the hierarchy
//
// Bindings whose windows do not include the instant are left out. No line
// comes twice. The order is always the same for roles, bindings and
// memberships, and that of f.Nodes for the hierarchy, which is not held in
// memory. emit may keep the line; its error ends the derivation and is
// returned.
func Derive(f Facts, at int64, emit func(line ...string) error) error {
	bound := inForce(f, at)
	if err := deriveRoles(f, bound, emit); err != nil {
		return err
	}
	for _, b := range bound {
		if err := emit("g", b.Subject.String(), ruleSubject(b), b.Scope.String()); err != nil {
			return err
		}
	}
	if err := deriveMembers(f, bound, emit); err != nil {
		return err
	}
	for node, parent := range pairs(f.Nodes) {
		if err := emit("g2", node.String(), parent.String()); err != nil {
			return err
		}
	}
	return nil
}

// inForce returns the bindings that hold at an instant, sorted by role first,
// without those that say the same as another.
func inForce(f Facts, at int64) []Binding {
	var bound []Binding
	for b := range each(f.Bindings) {
		if b.Holds(at) {
			b.Window = Window{} // it has been resolved; what is left can be compared
			bound = append(bound, b)
		}
	}
	slices.SortFunc(bound, func(a, b Binding) int {
		return cmp.Or(
			cmp.Compare(a.Effect, b.Effect), cmp.Compare(a.Role, b.Role),
			compareRefs(a.Scope, b.Scope), compareRefs(a.Subject, b.Subject))
	})
	return slices.Compact(bound)
}

// ruleSubject is what Casbin calls the role of a binding. A deny binding is to
// a twin of its role, with the same patterns and the other effect.
func ruleSubject(b Binding) string {
	if b.Effect == Deny {
		return "deny:" + b.Role
	}
	return hierarchy.TypeRole + ":" + b.Role
}

// deriveRoles emits each bound role's patterns, once per scope. The bindings
// come sorted by role, so that the patterns of one at a time are held.
func deriveRoles(f Facts, bound []Binding, emit func(line ...string) error) error {
	var patterns []Pattern
	for i, b := range bound {
		sameRole := i > 0 && bound[i-1].Effect == b.Effect && bound[i-1].Role == b.Role
		if sameRole && bound[i-1].Scope == b.Scope {
			continue
		}
		if !sameRole {
			patterns = patternsOf(f, b.Role)
		}
		role, scope := ruleSubject(b), b.Scope.String()
		for _, p := range patterns {
			if err := emit("p", role, scope, p.Type, p.Action, string(b.Effect)); err != nil {
				return err
			}
		}
	}
	return nil
}

// patternsOf are the patterns of a role, sorted, each once. Like Compile it
// leaves out what does not parse, which no write lets in.
func patternsOf(f Facts, role string) []Pattern {
	permissions, _ := f.Permissions(role)
	patterns := make([]Pattern, 0, len(permissions))
	for _, text := range permissions {
		if p, err := ParsePattern(text); err == nil {
			patterns = append(patterns, p)
		}
	}
	slices.SortFunc(patterns, func(a, b Pattern) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Action, b.Action))
	})
	return slices.Compact(patterns)
}

func compareRefs(a, b hierarchy.Ref) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
}
