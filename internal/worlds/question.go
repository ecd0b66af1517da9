package worlds

import (
	"math/rand/v2"
	"strings"

	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/oracle"
)

// Question makes a question about the world. Two of three are made from a
// binding, so that it has a say in them; the rest from anything, some of it
// not there. They are as of the instant, or a microsecond beside it.
func (w *World) Question(r *rand.Rand) oracle.Question {
	q := oracle.Question{At: w.Instant + int64(r.IntN(3)-1)}
	if len(w.Bindings) > 0 && r.IntN(3) > 0 {
		w.askOfBinding(r, &q)
	} else {
		w.askOfAnything(r, &q)
	}
	w.nameParent(r, &q)
	w.present(r, &q)
	q.RequireBilling = r.IntN(10) == 0
	return q
}

// askOfBinding asks for one whom a binding reaches, for something its role
// has, at its scope or below.
func (w *World) askOfBinding(r *rand.Rand, q *oracle.Question) {
	b := pick(r, w.Bindings)
	q.Subject = w.someMember(r, b.Subject, 0)
	q.Permission = anyPermission(r)
	for _, role := range w.Roles {
		if role.ID == b.Role && len(role.Permissions) > 0 {
			q.Permission = permission(r, pick(r, role.Permissions))
		}
	}
	q.Resource = w.somethingBelow(r, b.Scope)
}

func (w *World) askOfAnything(r *rand.Rand, q *oracle.Question) {
	q.Subject, q.Permission = pick(r, w.subjects), anyPermission(r)
	if len(w.Keys) > 0 && r.IntN(8) == 0 {
		q.Subject = "key:" + pick(r, w.Keys).ID
	}
	switch r.IntN(20) {
	case 0:
		q.Resource = pick(r, registered) + ":" + name(r, "nothing")
	case 1:
		q.Resource = pick(r, []string{"project:", "subproject:", "billing_account:", "account:"}) + name(r, "nothing")
	case 2:
		q.Subject, q.Resource = "user:"+name(r, "nobody"), "account:"+w.Account
	case 3:
		q.Resource = w.scope(r)
		if r.IntN(3) == 0 {
			q.Subject = "key:" + hierarchy.PrefixKey + uid(r).String()
		}
	default:
		q.Resource = w.scope(r)
	}
}

// nameParent names the container of a resource that is not registered, and
// now and then one of another resource, rightly or wrongly.
func (w *World) nameParent(r *rand.Rand, q *oracle.Question) {
	typ, _, _ := strings.Cut(q.Resource, ":")
	if typ == unregistered[0] {
		switch r.IntN(12) {
		case 0: // not named
		case 1:
			q.Parent = "project:" + name(r, "nothing")
		case 2:
			q.Parent = "account:" + w.Account
		default:
			q.Parent = w.container(r)
		}
		return
	}
	switch r.IntN(60) {
	case 0:
		q.Parent = w.container(r)
	case 1:
		q.Parent = "account:" + w.Account
	case 2:
		for _, res := range w.Resources {
			if res.ID == q.Resource {
				q.Parent = res.Parent
			}
		}
	}
}

// someMember is a user, a service or a key that is a subject or in it.
func (w *World) someMember(r *rand.Rand, subject string, depth int) string {
	for _, g := range w.Groups {
		if "group:"+g.ID == subject && len(g.Members) > 0 && depth < len(w.Groups) {
			return w.someMember(r, pick(r, g.Members), depth+1)
		}
	}
	if strings.HasPrefix(subject, "group:") {
		return pick(r, w.subjects)
	}
	return subject
}

// somethingBelow is a node or a resource at a scope or below it.
func (w *World) somethingBelow(r *rand.Rand, scope string) string {
	below := []string{scope}
	for i := 0; i < len(below); i++ {
		at := below[i]
		if at == "account:"+w.Account {
			for _, b := range w.BillingAccounts {
				below = append(below, "billing_account:"+b.ID)
			}
			for _, p := range w.Projects {
				below = append(below, "project:"+p.ID)
			}
		}
		for _, s := range w.Subprojects {
			if at == "project:"+s.Project {
				below = append(below, "subproject:"+s.ID)
			}
		}
		for _, res := range w.Resources {
			if res.Parent == at {
				below = append(below, res.ID)
			}
		}
		if strings.HasPrefix(at, "project:") && r.IntN(3) == 0 {
			below = append(below, unregistered[0]+":"+name(r, "m"))
		}
	}
	return pick(r, below)
}
