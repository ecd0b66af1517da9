package oracle

import "strings"

// The rights that writes take, word by word. The platform's operator, who acts
// for nobody, has all of them.

// may refuses unless who asks has a permission on what lives.
func (w *World) may(q Write, permission, node string) string {
	if !w.lives(node) {
		return "NOT_FOUND"
	}
	return w.mayAt(q, permission, node)
}

// mayAt refuses unless who asks has a permission on something, which may be
// deleted. Who may not even see it is told that it is not there.
func (w *World) mayAt(q Write, permission, node string) string {
	switch {
	case q.Actor == "" || w.decide(q, permission, node).Allowed:
		return ""
	case !w.holds(q, sight(node), node):
		return "NOT_FOUND"
	case w.holds(q, permission, node):
		return "RESOURCE_SUSPENDED"
	}
	return "PERMISSION_DENIED"
}

// mayGrant asks for binding.grant, and for either binding.grant_any or all
// that the role holds. A wildcard is only given with binding.grant_any.
func (w *World) mayGrant(q Write, role, scope string) string {
	if refused := w.mayAt(q, "binding.grant", scope); refused != "" || q.Actor == "" {
		return refused
	}
	if w.decide(q, "binding.grant_any", scope).Allowed {
		return ""
	}
	r := w.role(role)
	if r == nil {
		return ""
	}
	for _, pattern := range r.Permissions {
		if strings.Contains(pattern, "*") || !w.decide(q, pattern, scope).Allowed {
			return "PERMISSION_DENIED"
		}
	}
	return ""
}

// mayDeny asks for binding.deny at what is above the scope, so that nobody
// locks out those above him; above the account is the operator alone.
func (w *World) mayDeny(q Write, scope string) string {
	if q.Actor == "" {
		return ""
	}
	above := w.path(scope)[1:]
	for len(above) > 0 && !w.lives(above[0]) {
		above = above[1:]
	}
	if len(above) == 0 {
		return "PERMISSION_DENIED"
	}
	if w.lives(scope) && w.suspended(scope) {
		return "RESOURCE_SUSPENDED"
	}
	if !w.decide(q, "binding.deny", above[0]).Allowed {
		return "PERMISSION_DENIED"
	}
	return ""
}

// mayJoin asks of who enrols somebody for the right to give all that the group,
// and whatever that is in, is allowed. What nodes have been through does not
// matter: what is given is there once they are resumed and restored.
func (w *World) mayJoin(q Write, group string) string {
	for _, b := range w.Bindings {
		if q.Actor == "" || b.Effect == "deny" || !isOrIsIn(w, group, b.Subject) {
			continue
		}
		if !w.decide(q, "binding.grant", b.Scope).Policy {
			return "PERMISSION_DENIED"
		}
		r := w.role(b.Role)
		if w.decide(q, "binding.grant_any", b.Scope).Policy || r == nil {
			continue
		}
		for _, pattern := range r.Permissions {
			if strings.Contains(pattern, "*") || !w.decide(q, pattern, b.Scope).Policy {
				return "PERMISSION_DENIED"
			}
		}
	}
	return ""
}

// mayLeave asks of who takes somebody out of a group for the right to end all
// that the group, and whatever that is in, is denied.
func (w *World) mayLeave(q Write, group string) string {
	for _, b := range w.Bindings {
		if q.Actor == "" || b.Effect != "deny" || !isOrIsIn(w, group, b.Subject) {
			continue
		}
		above := w.path(b.Scope)[1:]
		if len(above) == 0 || !w.decide(q, "binding.deny", above[0]).Policy {
			return "PERMISSION_DENIED"
		}
	}
	return ""
}

// sees reports whether who asks may know of the bindings on something.
func (w *World) sees(q Write, scope string) bool {
	for _, permission := range []string{sight(scope), "binding.inspect", "binding.grant", "binding.revoke"} {
		if q.Actor == "" || w.holds(q, permission, scope) {
			return true
		}
	}
	return false
}

// sight is the permission without which something is not even shown.
func sight(node string) string {
	typ, _, _ := strings.Cut(node, ":")
	if typ == "billing_account" {
		return "billing_account.inspect"
	}
	return typ + ".read"
}

func (w *World) decide(q Write, permission, node string) Answer {
	return Decide(w, Question{Subject: q.Actor, Permission: permission, Resource: node, At: q.At})
}

// holds is whether who asks is allowed something, as if nothing were
// suspended.
func (w *World) holds(q Write, permission, node string) bool {
	a := w.decide(q, permission, node)
	return a.Policy && a.Code != "RESOURCE_DELETED"
}

// path is a node or a resource and what it stands in, nil for what was never
// made.
func (w *World) path(node string) []string {
	path, _ := pathOf(w, node, "")
	return path
}

// lives reports whether something is there, and nothing that it stands in is
// deleted.
func (w *World) lives(node string) bool {
	path := w.path(node)
	return path != nil && !Deleted(w, path)
}

func (w *World) suspended(node string) bool {
	for _, at := range w.path(node) {
		if s := stateOf(w, at); s.Suspended || s.SuspendedByOperator {
			return true
		}
	}
	return false
}

// state is what has been done to a node, to be changed.
func (w *World) state(node string) *State {
	typ, id, _ := strings.Cut(node, ":")
	for i := range w.BillingAccounts {
		if typ == "billing_account" && w.BillingAccounts[i].ID == id {
			return &w.BillingAccounts[i].State
		}
	}
	for i := range w.Subprojects {
		if typ == "subproject" && w.Subprojects[i].ID == id {
			return &w.Subprojects[i].State
		}
	}
	if typ == "project" {
		return &w.project(id).State
	}
	return &w.State
}

func (w *World) project(id string) *Project {
	for i := range w.Projects {
		if w.Projects[i].ID == id {
			return &w.Projects[i]
		}
	}
	return nil
}

func (w *World) resource(id string) *Resource {
	for i := range w.Resources {
		if w.Resources[i].ID == id {
			return &w.Resources[i]
		}
	}
	return nil
}

func (w *World) group(id string) *Group {
	for i := range w.Groups {
		if w.Groups[i].ID == id {
			return &w.Groups[i]
		}
	}
	return nil
}

func (w *World) role(id string) *Role {
	for i := range w.Roles {
		if w.Roles[i].ID == id {
			return &w.Roles[i]
		}
	}
	return nil
}
