package oracle

import (
	"reflect"
	"slices"
	"strings"
)

// Write is something that is asked to be changed.
type Write struct {
	// Action is what is asked: "open" a project, a subproject or a billing
	// account, "register" and "unregister" a resource, "move", "link" and
	// "unlink", "suspend", "resume", "delete" and "restore", "bind" and
	// "unbind", "define" and "remove" a group or a role, "enroll" and "expel".
	Action string
	// Actor is for whom it is asked, as "user:id"; "" for nobody, but by the
	// platform's operator.
	Actor string
	// Node is what it is done to, as "type:id". Of what is opened and of what
	// is bound the type says what it is; the ID is the service's to make, and
	// is of no matter to whether it is refused.
	Node string

	Parent      string   // of what is opened, registered or moved, as "type:id"
	Payer       string   // of a project that is opened or linked, bare; "" for none
	Member      string   // who is enrolled or expelled, as "type:id"
	Permissions []string // of a role
	Binding     Binding  // to be made
	At          int64    // the instant of the write, in microseconds
}

// Apply is the world as a write leaves it, and whether that is another one; or
// the reason why the write is refused. The world that is given stays as it is.
func Apply(w *World, q Write) (next *World, changed bool, refused string) {
	next = copyOf(w)
	if refused = next.apply(q); refused != "" {
		return w, false, refused
	}
	changed = !reflect.DeepEqual(w, next)
	if changed && !next.State.Deleted && !HasEffectiveOwner(next) {
		return w, false, "LAST_OWNER"
	}
	return next, changed, ""
}

func copyOf(w *World) *World {
	next := *w
	next.BillingAccounts = slices.Clone(w.BillingAccounts)
	next.Projects = slices.Clone(w.Projects)
	next.Subprojects = slices.Clone(w.Subprojects)
	next.Resources = slices.Clone(w.Resources)
	next.Roles = slices.Clone(w.Roles)
	next.Bindings = slices.Clone(w.Bindings)
	next.Groups = slices.Clone(w.Groups)
	for i := range next.Groups {
		next.Groups[i].Members = slices.Clone(w.Groups[i].Members)
	}
	return &next
}

func (w *World) apply(q Write) string {
	typ, id, _ := strings.Cut(q.Node, ":")
	switch q.Action {
	case "open":
		return w.open(q, typ, id)
	case "register":
		return w.register(q)
	case "unregister":
		return w.unregister(q)
	case "move":
		return w.move(q, typ, id)
	case "link":
		return w.link(q, id)
	case "unlink":
		return w.unlink(q, id)
	case "suspend":
		return w.suspend(q, typ)
	case "resume":
		return w.resume(q, typ)
	case "delete":
		return w.delete(q, typ, id)
	case "restore":
		return w.restore(q, typ)
	case "bind":
		return w.bind(q)
	case "unbind":
		return w.unbind(q, id)
	case "define":
		return w.define(q, typ, id)
	case "remove":
		return w.remove(q, typ, id)
	case "enroll":
		return w.enroll(q, id)
	case "expel":
		return w.expel(q, id)
	}
	panic("no such action: " + q.Action)
}

func (w *World) open(q Write, typ, id string) string {
	account := "account:" + w.Account
	switch typ {
	case "project":
		if refused := w.may(q, "project.open", account); refused != "" {
			return refused
		}
		if q.Payer != "" {
			if refused := w.may(q, "project.link", account); refused != "" {
				return refused
			}
			if refused := w.may(q, "billing_account.link", "billing_account:"+q.Payer); refused != "" {
				return refused
			}
		}
		w.Projects = append(w.Projects, Project{ID: id, Payer: q.Payer})
	case "billing_account":
		if refused := w.may(q, "billing_account.open", account); refused != "" {
			return refused
		}
		w.BillingAccounts = append(w.BillingAccounts, BillingAccount{ID: id})
	case "subproject":
		if refused := w.may(q, "subproject.open", q.Parent); refused != "" {
			return refused
		}
		_, project, _ := strings.Cut(q.Parent, ":")
		w.Subprojects = append(w.Subprojects, Subproject{ID: id, Project: project})
	}
	return ""
}

func (w *World) register(q Write) string {
	if refused := w.may(q, "resource.register", q.Parent); refused != "" {
		return refused
	}
	if w.resource(q.Node) != nil {
		return "ALREADY_EXISTS"
	}
	w.Resources = append(w.Resources, Resource{ID: q.Node, Parent: q.Parent})
	return ""
}

func (w *World) unregister(q Write) string {
	if refused := w.may(q, "resource.unregister", q.Node); refused != "" {
		return refused
	}
	for _, b := range w.Bindings {
		if b.Scope == q.Node && b.Effect == "deny" {
			if refused := w.mayDeny(q, b.Scope); refused != "" {
				return refused
			}
		}
	}
	w.Resources = slices.DeleteFunc(w.Resources, func(r Resource) bool { return r.ID == q.Node })
	w.Bindings = slices.DeleteFunc(w.Bindings, func(b Binding) bool { return b.Scope == q.Node })
	return ""
}

// move asks for the right to move, for that to put something in the new place,
// and for the rights to end the denies that are left behind and to give the
// roles that are gained.
func (w *World) move(q Write, typ, id string) string {
	permission, into := "resource.move", "resource.register"
	if typ == "subproject" {
		permission, into = "subproject.move", "subproject.open"
	}
	if refused := w.may(q, permission, q.Node); refused != "" {
		return refused
	}
	if refused := w.may(q, into, q.Parent); refused != "" {
		return refused
	}
	before, after := w.path(q.Node)[1:], w.path(q.Parent)
	for _, b := range w.Bindings {
		left := slices.Contains(before, b.Scope) && !slices.Contains(after, b.Scope)
		gained := !slices.Contains(before, b.Scope) && slices.Contains(after, b.Scope)
		if left && b.Effect == "deny" && w.mayDeny(q, b.Scope) != "" {
			return "PERMISSION_DENIED"
		}
		if gained && b.Effect == "allow" && w.mayGrant(q, b.Role, q.Node) != "" {
			return "PERMISSION_DENIED"
		}
	}
	if typ != "subproject" {
		w.resource(q.Node).Parent = q.Parent
		return ""
	}
	for i := range w.Subprojects {
		if w.Subprojects[i].ID == id {
			_, w.Subprojects[i].Project, _ = strings.Cut(q.Parent, ":")
		}
	}
	return ""
}

func (w *World) link(q Write, id string) string {
	if refused := w.may(q, "project.link", q.Node); refused != "" {
		return refused
	}
	if refused := w.may(q, "billing_account.link", "billing_account:"+q.Payer); refused != "" {
		return refused
	}
	w.project(id).Payer = q.Payer
	return ""
}

func (w *World) unlink(q Write, id string) string {
	if refused := w.may(q, "project.link", q.Node); refused != "" {
		return refused
	}
	if w.project(id).Payer == "" {
		return "NOT_FOUND"
	}
	w.project(id).Payer = ""
	return ""
}

// flag is the suspension that who asks has a say over: the operator's or the
// customer's.
func (q Write) flag(s *State) *bool {
	if q.Actor == "" {
		return &s.SuspendedByOperator
	}
	return &s.Suspended
}

func (w *World) suspend(q Write, typ string) string {
	if !w.lives(q.Node) {
		return "NOT_FOUND"
	}
	flag := q.flag(w.state(q.Node))
	if *flag && (q.Actor == "" || w.holds(q, typ+".suspend", q.Node)) {
		return "" // it is asked for again
	}
	refused := w.may(q, typ+".suspend", q.Node)
	if refused == "" {
		*flag = true
	}
	return refused
}

func (w *World) resume(q Write, typ string) string {
	if refused := w.may(q, typ+".resume", q.Node); refused != "" {
		return refused
	}
	state := w.state(q.Node)
	switch flag := q.flag(state); {
	case *flag:
		*flag = false
	case state.SuspendedByOperator:
		return "SUSPENDED_BY_OPERATOR"
	case state.Suspended:
		return "SUSPENDED_BY_CUSTOMER"
	}
	return ""
}

func (w *World) delete(q Write, typ, id string) string {
	if w.path(q.Node) == nil {
		return "NOT_FOUND"
	}
	state := w.state(q.Node)
	if state.Deleted && w.mayAt(q, typ+".restore", q.Node) == "" {
		return "" // it is asked for again
	}
	if refused := w.may(q, typ+".close", q.Node); refused != "" {
		return refused
	}
	projects, billingAccounts := 0, 0
	for _, p := range w.Projects {
		if !p.Deleted {
			projects++
		}
		if !p.Deleted && p.Payer == id && typ == "billing_account" {
			return "BILLING_ACCOUNT_LINKED"
		}
	}
	for _, b := range w.BillingAccounts {
		if !b.Deleted {
			billingAccounts++
		}
	}
	if typ == "project" && projects == 1 {
		return "LAST_PROJECT"
	}
	if typ == "billing_account" && billingAccounts == 1 {
		return "LAST_BILLING_ACCOUNT"
	}
	state.Deleted = true
	return ""
}

func (w *World) restore(q Write, typ string) string {
	path := w.path(q.Node)
	if path == nil {
		return "NOT_FOUND"
	}
	if refused := w.mayAt(q, typ+".restore", q.Node); refused != "" {
		return refused
	}
	if Deleted(w, path[1:]) {
		return "PARENT_DELETED"
	}
	state := w.state(q.Node)
	if !state.Deleted {
		return ""
	}
	if typ == "project" {
		_, id, _ := strings.Cut(q.Node, ":")
		if payer := w.project(id).Payer; payer != "" && !w.lives("billing_account:"+payer) {
			return "BILLING_ACCOUNT_DELETED"
		}
	}
	state.Deleted = false
	return ""
}

func (w *World) bind(q Write) string {
	b := q.Binding
	if !w.lives(b.Scope) || !w.sees(q, b.Scope) {
		return "NOT_FOUND"
	}
	if b.Effect == "deny" {
		if refused := w.mayDeny(q, b.Scope); refused != "" {
			return refused
		}
	} else if refused := w.mayGrant(q, b.Role, b.Scope); refused != "" {
		return refused
	}
	group, ofGroup := strings.CutPrefix(b.Subject, "group:")
	if w.role(b.Role) == nil || (ofGroup && w.group(group) == nil) {
		return "NOT_FOUND"
	}
	for _, other := range w.Bindings {
		if other.ID = b.ID; other == b {
			return "ALREADY_EXISTS"
		}
	}
	w.Bindings = append(w.Bindings, b)
	return ""
}

// unbind asks for the right to revoke at the scope. The bindings of what is
// deleted are the account's to clear away, but for denies.
func (w *World) unbind(q Write, id string) string {
	at := slices.IndexFunc(w.Bindings, func(b Binding) bool { return b.ID == id })
	if at < 0 {
		return "NOT_FOUND"
	}
	b := w.Bindings[at]
	own := w.resource(b.Scope) == nil
	var refused string
	switch {
	case own && !w.lives(b.Scope):
		if refused = w.may(q, "binding.revoke", "account:"+w.Account); refused == "" && b.Effect == "deny" {
			refused = w.mayDeny(q, b.Scope)
		}
	case !w.lives(b.Scope) || !w.sees(q, b.Scope):
		refused = "NOT_FOUND"
	case b.Effect == "deny":
		refused = w.mayDeny(q, b.Scope)
	default:
		refused = w.may(q, "binding.revoke", b.Scope)
	}
	if refused == "" {
		w.Bindings = slices.Delete(w.Bindings, at, at+1)
	}
	return refused
}

func (w *World) define(q Write, typ, id string) string {
	if refused := w.may(q, typ+".define", "account:"+w.Account); refused != "" {
		return refused
	}
	if typ == "group" {
		if w.group(id) != nil {
			return "ALREADY_EXISTS"
		}
		w.Groups = append(w.Groups, Group{ID: id})
		return ""
	}
	if w.role(id) != nil {
		return "ALREADY_EXISTS"
	}
	w.Roles = append(w.Roles, Role{ID: id, Permissions: q.Permissions})
	return ""
}

// remove takes away a group or a role that no binding names.
func (w *World) remove(q Write, typ, id string) string {
	if refused := w.may(q, typ+".define", "account:"+w.Account); refused != "" {
		return refused
	}
	for _, b := range w.Bindings {
		if typ == "group" && b.Subject == q.Node {
			return "GROUP_IN_USE"
		}
		if typ == "role" && b.Role == id {
			return "ROLE_IN_USE"
		}
	}
	if typ == "role" {
		if w.role(id) == nil {
			return "NOT_FOUND"
		}
		w.Roles = slices.DeleteFunc(w.Roles, func(r Role) bool { return r.ID == id })
		return ""
	}
	if w.group(id) == nil {
		return "NOT_FOUND"
	}
	if refused := w.mayLeave(q, q.Node); refused != "" {
		return refused
	}
	w.Groups = slices.DeleteFunc(w.Groups, func(g Group) bool { return g.ID == id })
	for i := range w.Groups {
		w.Groups[i].Members = slices.DeleteFunc(w.Groups[i].Members, func(m string) bool { return m == q.Node })
	}
	return ""
}

// enroll keeps groups from containing themselves.
func (w *World) enroll(q Write, id string) string {
	if refused := w.may(q, "group.enroll", "account:"+w.Account); refused != "" {
		return refused
	}
	g := w.group(id)
	if g == nil {
		return "NOT_FOUND"
	}
	if slices.Contains(g.Members, q.Member) {
		return ""
	}
	if refused := w.mayJoin(q, q.Node); refused != "" {
		return refused
	}
	if inner, nested := strings.CutPrefix(q.Member, "group:"); nested {
		if w.group(inner) == nil {
			return "NOT_FOUND"
		}
		if isOrIsIn(w, q.Node, q.Member) {
			return "GROUP_CYCLE"
		}
	}
	g.Members = append(g.Members, q.Member)
	return ""
}

func (w *World) expel(q Write, id string) string {
	if refused := w.may(q, "group.enroll", "account:"+w.Account); refused != "" {
		return refused
	}
	g := w.group(id)
	if g == nil || !slices.Contains(g.Members, q.Member) {
		return "NOT_FOUND"
	}
	if refused := w.mayLeave(q, q.Node); refused != "" {
		return refused
	}
	g.Members = slices.DeleteFunc(g.Members, func(m string) bool { return m == q.Member })
	return ""
}
