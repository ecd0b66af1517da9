package oracle

import "strings"

// pathOf is the resource and its ancestors, nearest first, or the reason why
// there is no path.
func pathOf(w *World, resource, parent string) (path []string, problem string) {
	typ, id, _ := strings.Cut(resource, ":")
	switch typ {
	case "account", "billing_account", "project", "subproject":
		path = pathOfNode(w, typ, id)
	default:
		if isUnregistered(w, typ) {
			return pathInNamedParent(w, resource, parent)
		}
		for _, r := range w.Resources {
			if r.ID == resource {
				path = append([]string{resource}, pathOfContainer(w, r.Parent)...)
			}
		}
	}
	if path == nil {
		return nil, "RESOURCE_NOT_FOUND"
	}
	if parent != "" && (len(path) < 2 || path[1] != parent) {
		return nil, "PARENT_MISMATCH"
	}
	return path, ""
}

func isUnregistered(w *World, typ string) bool {
	for _, u := range w.Unregistered {
		if u == typ {
			return true
		}
	}
	return false
}

// pathInNamedParent is the path of a resource that nobody registered: the
// container that the question names says where it stands.
func pathInNamedParent(w *World, resource, parent string) (path []string, problem string) {
	if parent == "" {
		return nil, "PARENT_REQUIRED"
	}
	above := pathOfContainer(w, parent)
	if above == nil {
		return nil, "PARENT_NOT_FOUND"
	}
	return append([]string{resource}, above...), ""
}

// pathOfContainer is the path of a project or a subproject, nil for anything
// else.
func pathOfContainer(w *World, container string) []string {
	typ, id, _ := strings.Cut(container, ":")
	if typ != "project" && typ != "subproject" {
		return nil
	}
	return pathOfNode(w, typ, id)
}

func pathOfNode(w *World, typ, id string) []string {
	root := "account:" + w.Account
	if typ == "account" && id == w.Account {
		return []string{root}
	}
	if typ == "billing_account" {
		for _, b := range w.BillingAccounts {
			if b.ID == id {
				return []string{"billing_account:" + id, root}
			}
		}
	}
	if typ == "project" {
		for _, p := range w.Projects {
			if p.ID == id {
				return []string{"project:" + id, root}
			}
		}
	}
	if typ == "subproject" {
		for _, s := range w.Subprojects {
			if s.ID == id {
				return append([]string{"subproject:" + id}, pathOfNode(w, "project", s.Project)...)
			}
		}
	}
	return nil
}

// stateOf is what has been done to a node; a resource has no state.
func stateOf(w *World, node string) State {
	typ, id, _ := strings.Cut(node, ":")
	if typ == "account" {
		return w.State
	}
	for _, b := range w.BillingAccounts {
		if typ == "billing_account" && b.ID == id {
			return b.State
		}
	}
	for _, p := range w.Projects {
		if typ == "project" && p.ID == id {
			return p.State
		}
	}
	for _, s := range w.Subprojects {
		if typ == "subproject" && s.ID == id {
			return s.State
		}
	}
	return State{}
}

// standsInTheWay is the reason why nobody may do what is asked on a path, ""
// if there is none. What is deleted cannot be used, except that a deleted node
// in what is not deleted can be restored. What is suspended cannot be used,
// except to read it, and to inspect, resume and restore what is Tollgate's own.
func standsInTheWay(w *World, path []string, permission string) string {
	typ, action := halves(permission)
	own := typ == "account" || typ == "billing_account" || typ == "project" || typ == "subproject" ||
		typ == "group" || typ == "role" || typ == "binding" || typ == "key"
	for i, node := range path {
		restores := own && action == "restore" && i == 0 && !Deleted(w, path[1:])
		if stateOf(w, node).Deleted && !restores {
			return "RESOURCE_DELETED"
		}
	}
	for _, node := range path {
		open := action == "read" || own && action == "inspect" || own && action == "resume" || own && action == "restore"
		if s := stateOf(w, node); (s.Suspended || s.SuspendedByOperator) && !open {
			return "RESOURCE_SUSPENDED"
		}
	}
	return ""
}

// Deleted reports whether anything on a path is deleted: a policy that is
// printed has nothing of it.
func Deleted(w *World, path []string) bool {
	for _, node := range path {
		if stateOf(w, node).Deleted {
			return true
		}
	}
	return false
}

// whoPays walks up to the first node that says who pays. A subproject never
// does, and neither does a resource.
func whoPays(w *World, path []string) (reason, payer, project string) {
	for _, node := range path {
		typ, id, _ := strings.Cut(node, ":")
		if typ == "billing_account" {
			return "BILLED", id, ""
		}
		if typ == "project" {
			for _, p := range w.Projects {
				if p.ID == id && p.Payer == "" {
					return "NO_BILLING_LINK", "", id
				}
				if p.ID == id {
					return "BILLED", p.Payer, id
				}
			}
		}
	}
	return "NOT_BILLABLE", "", ""
}
