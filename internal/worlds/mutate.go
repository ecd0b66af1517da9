package worlds

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/tollgate-dev/tollgate/internal/oracle"
	"github.com/tollgate-dev/tollgate/policy"
)

// Clone is a copy that shares nothing with w.
func (w *World) Clone() *World {
	c := *w
	c.BillingAccounts = slices.Clone(w.BillingAccounts)
	c.Projects = slices.Clone(w.Projects)
	c.Subprojects = slices.Clone(w.Subprojects)
	c.Resources = slices.Clone(w.Resources)
	c.Bindings = slices.Clone(w.Bindings)
	c.Keys = slices.Clone(w.Keys)
	for i := range c.Keys {
		c.Keys[i].Secrets = slices.Clone(c.Keys[i].Secrets)
		c.Keys[i].Sources = slices.Clone(c.Keys[i].Sources)
	}
	c.subjects = slices.Clone(w.subjects)
	c.Roles = slices.Clone(w.Roles)
	for i := range c.Roles {
		c.Roles[i].Permissions = slices.Clone(c.Roles[i].Permissions)
	}
	c.Groups = slices.Clone(w.Groups)
	for i := range c.Groups {
		c.Groups[i].Members = slices.Clone(c.Groups[i].Members)
	}
	return &c
}

// mutations are the kinds of write. Each changes the world as one write of
// administration does, or leaves it as it is if there is nothing to change.
var mutations = []struct {
	name   string
	weight int
	do     func(w *World, r *rand.Rand)
}{
	{"bind", 6, (*World).AddBinding},
	{"unbind", 5, (*World).unbind},
	{"rewindow", 2, (*World).rewindow},
	{"enrol or expel", 5, (*World).enrolOrExpel},
	{"nest or un-nest", 6, (*World).nestOrUnnest},
	{"open group", 1, (*World).openGroup},
	{"disband group", 1, (*World).disband},
	{"define role", 2, (*World).defineRole},
	{"delete role", 1, (*World).deleteRole},
	{"link", 3, (*World).link},
	{"open project", 1, (*World).AddProject},
	{"open subproject", 2, (*World).AddSubproject},
	{"delete or restore", 2, (*World).deleteOrRestore},
	{"suspend or resume", 2, (*World).suspendOrResume},
	{"register", 2, (*World).AddResource},
	{"move resource", 2, (*World).move},
	{"move subproject", 2, (*World).moveSubproject},
	{"unregister", 1, (*World).unregister},
	{"mint key", 2, (*World).AddKey},
	{"revoke key", 1, (*World).revokeKey},
	{"change key", 3, (*World).changeKey},
}

// Mutate makes one random change, and returns what kind it was.
func (w *World) Mutate(r *rand.Rand) string {
	total := 0
	for _, m := range mutations {
		total += m.weight
	}
	n := r.IntN(total)
	for _, m := range mutations {
		if n -= m.weight; n < 0 {
			m.do(w, r)
			return m.name
		}
	}
	return ""
}

func (w *World) unbind(r *rand.Rand) {
	if n := len(w.Bindings); n > 0 {
		i := r.IntN(n)
		w.Bindings = slices.Delete(w.Bindings, i, i+1)
	}
}

func (w *World) rewindow(r *rand.Rand) {
	if n := len(w.Bindings); n > 0 {
		b := &w.Bindings[r.IntN(n)]
		b.From, b.Until = w.window(r)
	}
}

func (w *World) enrolOrExpel(r *rand.Rand) {
	if len(w.Groups) > 0 {
		toggle(&w.Groups[r.IntN(len(w.Groups))], pick(r, w.subjects))
	}
}

func toggle(g *oracle.Group, member string) {
	if i := slices.Index(g.Members, member); i >= 0 {
		g.Members = slices.Delete(g.Members, i, i+1)
	} else {
		g.Members = append(g.Members, member)
	}
}

// nestOrUnnest keeps groups in order, each in later ones only, so that there
// is no cycle.
func (w *World) nestOrUnnest(r *rand.Rand) {
	if n := len(w.Groups); n > 1 {
		inner := r.IntN(n - 1)
		toggle(&w.Groups[inner+1+r.IntN(n-1-inner)], "group:"+w.Groups[inner].ID)
	}
}

func (w *World) openGroup(r *rand.Rand) {
	if len(w.Groups) < policy.MaxGroupNesting {
		w.Groups = append(w.Groups, oracle.Group{ID: name(r, w.fresh("g"))})
	}
}

func (w *World) disband(r *rand.Rand) {
	if len(w.Groups) == 0 {
		return
	}
	i := r.IntN(len(w.Groups))
	gone := "group:" + w.Groups[i].ID
	w.Groups = slices.Delete(w.Groups, i, i+1)
	for k := range w.Groups {
		w.Groups[k].Members = slices.DeleteFunc(w.Groups[k].Members, func(m string) bool { return m == gone })
	}
	w.Bindings = slices.DeleteFunc(w.Bindings, func(b oracle.Binding) bool { return b.Subject == gone })
}

// defineRole makes a role, or gives one other patterns.
func (w *World) defineRole(r *rand.Rand) {
	custom := len(w.Roles) - len(policy.Predefined)
	if i := r.IntN(custom + 1); i < custom {
		w.Roles[len(policy.Predefined)+i].Permissions = patterns(r)
		return
	}
	w.Roles = append(w.Roles, oracle.Role{ID: name(r, w.fresh("custom")), Permissions: patterns(r)})
}

// deleteRole leaves the role's bindings behind: a role that is gone has no
// permission. No write lets that in, and a snapshot must not mind.
func (w *World) deleteRole(r *rand.Rand) {
	if custom := len(w.Roles) - len(policy.Predefined); custom > 0 {
		i := len(policy.Predefined) + r.IntN(custom)
		w.Roles = slices.Delete(w.Roles, i, i+1)
	}
}

func (w *World) link(r *rand.Rand) {
	p := &w.Projects[r.IntN(len(w.Projects))]
	if p.Payer != "" && r.IntN(2) == 0 {
		p.Payer = ""
		return
	}
	p.Payer = pick(r, w.BillingAccounts).ID
}

func (w *World) deleteOrRestore(r *rand.Rand) {
	w.flip(r, func(s *oracle.State) *bool { return &s.Deleted })
}

func (w *World) suspendOrResume(r *rand.Rand) {
	operators := r.IntN(2) == 0
	w.flip(r, func(s *oracle.State) *bool {
		if operators {
			return &s.SuspendedByOperator
		}
		return &s.Suspended
	})
}

// flip sets a flag of some node, of lower ones more often, or more often
// clears one that is set: a world in which nothing can be done shows little.
func (w *World) flip(r *rand.Rand, flag func(*oracle.State) *bool) {
	all := []*oracle.State{&w.State, &w.BillingAccounts[0].State}
	for i := range w.Projects {
		all = append(all, &w.Projects[i].State, &w.Projects[i].State)
	}
	for i := range w.Subprojects {
		all = append(all, &w.Subprojects[i].State, &w.Subprojects[i].State, &w.Subprojects[i].State)
	}
	var set []*bool
	for _, s := range all {
		if f := flag(s); *f {
			set = append(set, f)
		}
	}
	if len(set) > 0 && r.IntN(4) > 0 {
		*pick(r, set) = false
		return
	}
	*flag(pick(r, all)) = true
}

// moveSubproject moves a subproject, with all that is in it.
func (w *World) moveSubproject(r *rand.Rand) {
	if n := len(w.Subprojects); n > 0 {
		w.Subprojects[r.IntN(n)].Project = pick(r, w.Projects).ID
	}
}

func (w *World) move(r *rand.Rand) {
	if n := len(w.Resources); n > 0 {
		w.Resources[r.IntN(n)].Parent = w.container(r)
	}
}

// unregister removes a resource with what is bound to it.
func (w *World) unregister(r *rand.Rand) {
	if n := len(w.Resources); n > 0 {
		i := r.IntN(n)
		gone := w.Resources[i].ID
		w.Resources = slices.Delete(w.Resources, i, i+1)
		w.Bindings = slices.DeleteFunc(w.Bindings, func(b oracle.Binding) bool { return b.Scope == gone })
	}
}

// String is the world in short, for a test that fails.
func (w *World) String() string {
	var out strings.Builder
	for _, g := range w.Groups {
		fmt.Fprintf(&out, "group %q: %q\n", g.ID, g.Members)
	}
	for _, r := range w.Roles[min(len(policy.Predefined), len(w.Roles)):] {
		fmt.Fprintf(&out, "role %q: %q\n", r.ID, r.Permissions)
	}
	for _, k := range w.Keys {
		fmt.Fprintf(&out, "key %q in %q by %q, disabled %t, until %d, from %q\n", k.ID, k.Parent, k.Sponsor, k.Disabled, k.Until, k.Sources)
	}
	for _, b := range w.Bindings {
		fmt.Fprintf(&out, "%s %q %q on %q [%d, %d)\n", b.Effect, b.Subject, b.Role, b.Scope, b.From, b.Until)
	}
	return out.String()
}
