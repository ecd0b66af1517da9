package authz_test

import (
	"slices"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/internal/oracle"
)

// chainFlaw says what is wrong with the groups through which a binding is said
// to reach a subject: each must be a direct member of the next.
func chainFlaw(w *oracle.World, subject string, c *authz.Cause) string {
	member := subject
	for _, group := range c.Groups {
		i := slices.IndexFunc(w.Groups, func(g oracle.Group) bool { return g.ID == group })
		if i < 0 || !slices.Contains(w.Groups[i].Members, member) {
			return member + " is not directly in group:" + group
		}
		member = "group:" + group
	}
	if member != c.Subject.String() {
		return "the chain ends at " + member + ", and " + c.Subject.String() + " is bound"
	}
	return ""
}

// missFlaw says what is wrong with a nearest miss: it must be an allow that
// reaches the subject, fails for the one thing that it is said to fail for,
// and there must be none that is nearer. q is what was denied, on a path.
func missFlaw(w *oracle.World, q oracle.Question, path []string, m *authz.Miss) string {
	nearest := ""
	for _, kind := range []authz.MissKind{authz.MissNotYet, authz.MissExpired, authz.MissPermission, authz.MissOtherScope} {
		for _, b := range w.Bindings {
			if b.Effect == "allow" && nearest == "" && missKind(w, q, path, b) == kind {
				nearest = string(kind)
			}
		}
	}
	if m == nil {
		if nearest != "" {
			return "there is a miss of kind " + nearest
		}
		return ""
	}
	if flaw := chainFlaw(w, q.Subject, &m.Cause); flaw != "" {
		return flaw
	}
	i := slices.IndexFunc(w.Bindings, func(b oracle.Binding) bool { return b.ID == m.Binding })
	if i < 0 || w.Bindings[i].Effect != "allow" || missKind(w, q, path, w.Bindings[i]) != m.Kind || string(m.Kind) != nearest {
		return "it is said to be " + string(m.Kind) + " of " + m.Binding + ", and is " + nearest
	}
	return ""
}

// missKind is the one thing for which a binding does not allow a question, or
// "" if there are several, or it is another's. What fails for a thing allows
// the question once that is put right, and the oracle says whether it does.
func missKind(w *oracle.World, q oracle.Question, path []string, b oracle.Binding) authz.MissKind {
	allows := func(change func(b *oracle.Binding, role *oracle.Role)) bool {
		fixed, role := b, oracle.Role{ID: "the role"}
		for _, r := range w.Roles {
			if r.ID == b.Role {
				role.Permissions = r.Permissions
			}
		}
		change(&fixed, &role)
		fixed.Role = role.ID
		alone := *w
		alone.Roles, alone.Bindings = []oracle.Role{role}, []oracle.Binding{fixed}
		return oracle.Decide(&alone, q).Policy
	}
	onPath := slices.Contains(path, b.Scope)
	switch {
	case onPath && allows(func(b *oracle.Binding, _ *oracle.Role) { b.From, b.Until = 0, 0 }):
		if q.At < b.From {
			return authz.MissNotYet
		}
		return authz.MissExpired
	case onPath && allows(func(_ *oracle.Binding, r *oracle.Role) { r.Permissions = []string{"*.*"} }):
		return authz.MissPermission
	case allows(func(b *oracle.Binding, _ *oracle.Role) { b.Scope = path[0] }):
		return authz.MissOtherScope
	}
	return ""
}
