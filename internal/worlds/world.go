// Package worlds makes random accounts for tests, each from a seed: every
// level of the hierarchy, awkward but legal identifiers, overlapping roles
// with and without wildcards, nested groups, deny bindings, windows that open
// and close at and beside one instant, deleted and unbilled nodes. A world is
// the oracle's plain data; it can be turned into the records of a snapshot, a
// bundle to import, and an in-memory source for an engine.
package worlds

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/oracle"
	"github.com/tollgate-dev/tollgate/policy"
)

// World is a random account, and the instant that its windows are around, in
// microseconds since 1970.
type World struct {
	oracle.World
	Instant int64

	subjects []string // users and services, as "type:id"
	serial   uint64   // of what was made last
	tag      string   // that names of this world end with
}

// Epoch is when the windows of worlds are around: 1 January 2026.
const Epoch int64 = 1_767_225_600_000_000

// New makes the world of a seed. The same seed makes the same world. Nodes
// and resources of different seeds have different identifiers; users, groups
// and roles have the same ones in all worlds.
func New(seed uint64) *World {
	r := rand.New(rand.NewPCG(seed, 1))
	w := &World{Instant: Epoch + int64(seed), tag: fmt.Sprintf("%x", seed)}
	w.Account = name(r, "acc-"+w.tag)
	w.Unregistered = slices.Clone(unregistered)
	for _, p := range policy.Predefined {
		w.Roles = append(w.Roles, oracle.Role{ID: p.ID, Permissions: slices.Clone(p.Permissions)})
	}
	w.makeNodes(r)
	w.makeRoles(r)
	w.makeGroups(r)
	n := 6 + r.IntN(20)
	if r.IntN(8) == 0 {
		n = 70 + r.IntN(50) // rows long enough to be searched rather than read through
	}
	for range n {
		w.AddBinding(r)
	}
	for range r.IntN(5) {
		w.AddKey(r)
	}
	return w
}

// Serial is the number of what was made last in the world.
func (w *World) Serial() uint64 { return w.serial }

func (w *World) fresh(kind string) string {
	w.serial++
	return fmt.Sprintf("%s%d-%s", kind, w.serial, w.tag)
}

func (w *World) makeNodes(r *rand.Rand) {
	w.State = state(r, 60)
	for range 1 + r.IntN(3) {
		w.BillingAccounts = append(w.BillingAccounts, oracle.BillingAccount{ID: name(r, w.fresh("bil")), State: state(r, 30)})
	}
	for range 1 + r.IntN(4) {
		w.AddProject(r)
	}
	for range r.IntN(6) {
		w.AddSubproject(r)
	}
	for range 1 + r.IntN(8) {
		w.AddResource(r)
	}
}

// state is, each one time in so many, deleted, suspended or both.
func state(r *rand.Rand, rare int) oracle.State {
	return oracle.State{Suspended: r.IntN(2*rare) == 0, SuspendedByOperator: r.IntN(2*rare) == 0, Deleted: r.IntN(rare) == 0}
}

func (w *World) makeRoles(r *rand.Rand) {
	n := 2 + r.IntN(5)
	if r.IntN(25) == 0 {
		n = 60 + r.IntN(20) // more than fit into one word of bits
	}
	for i := range n {
		w.Roles = append(w.Roles, oracle.Role{ID: name(r, fmt.Sprint("custom", i)), Permissions: patterns(r)})
	}
}

// patterns are those of one role; rarely so many that it is a large one.
func patterns(r *rand.Rand) []string {
	n := 1 + r.IntN(4)
	if r.IntN(10) == 0 {
		n = 30
	}
	all := []string{}
	for range n {
		all = append(all, pattern(r))
	}
	return all
}

func (w *World) makeGroups(r *rand.Rand) {
	for i := range 3 + r.IntN(4) {
		w.subjects = append(w.subjects, "user:"+name(r, fmt.Sprint("u", i)))
	}
	// A subject that is named like a role has nothing of that role.
	w.subjects = append(w.subjects, "service:"+name(r, "s"), "user:role:"+w.Roles[0].ID)
	n := r.IntN(policy.MaxGroupNesting + 1)
	for i := range n {
		w.Groups = append(w.Groups, oracle.Group{ID: name(r, fmt.Sprint("g", i))})
	}
	// A group may be in those after it: no cycle, and no deeper than there
	// are groups.
	chain := r.IntN(3) == 0
	for i := range n {
		for k := i + 1; k < n; k++ {
			if r.IntN(5) == 0 || (chain && k == i+1) {
				w.Groups[k].Members = append(w.Groups[k].Members, "group:"+w.Groups[i].ID)
			}
		}
		for _, s := range w.subjects {
			if r.IntN(5) == 0 || (chain && i == 0 && s == w.subjects[0]) {
				w.Groups[i].Members = append(w.Groups[i].Members, s)
			}
		}
	}
}

// AddProject opens a project, linked to a billing account as a rule.
func (w *World) AddProject(r *rand.Rand) {
	p := oracle.Project{ID: name(r, w.fresh("prj")), State: state(r, 25)}
	if r.IntN(4) > 0 {
		p.Payer = pick(r, w.BillingAccounts).ID
	}
	w.Projects = append(w.Projects, p)
}

// AddSubproject opens a subproject in some project.
func (w *World) AddSubproject(r *rand.Rand) {
	w.Subprojects = append(w.Subprojects, oracle.Subproject{ID: name(r, w.fresh("sub")), Project: pick(r, w.Projects).ID, State: state(r, 20)})
}

// AddResource registers a resource in some container.
func (w *World) AddResource(r *rand.Rand) {
	w.Resources = append(w.Resources, oracle.Resource{ID: pick(r, registered) + ":" + name(r, w.fresh("res")), Parent: w.container(r)})
}

// container is some project or subproject.
func (w *World) container(r *rand.Rand) string {
	if n := len(w.Subprojects); n > 0 && r.IntN(2) == 0 {
		return "subproject:" + pick(r, w.Subprojects).ID
	}
	return "project:" + pick(r, w.Projects).ID
}

// AddBinding binds some role to somebody somewhere.
func (w *World) AddBinding(r *rand.Rand) {
	if len(w.Keys) > 0 && r.IntN(6) == 0 {
		w.bindKey(r, &w.Keys[r.IntN(len(w.Keys))])
		return
	}
	w.serial++
	b := oracle.Binding{
		ID: hierarchy.BindingID(uid(r), w.Account), Subject: pick(r, w.subjects), Role: pick(r, w.Roles).ID,
		Scope: w.scope(r), Effect: string(policy.Allow),
	}
	if len(w.Groups) > 0 && r.IntN(2) == 0 {
		b.Subject = "group:" + pick(r, w.Groups).ID
	}
	if r.IntN(7) == 0 {
		b.Effect = string(policy.Deny)
	}
	b.From, b.Until = w.window(r)
	w.Bindings = append(w.Bindings, b)
}

// window opens and closes around the instant, at the very microseconds that
// matter; mostly it is always open.
func (w *World) window(r *rand.Rand) (from, until int64) {
	if r.IntN(3) > 0 {
		return 0, 0
	}
	t := w.Instant
	from = pick(r, []int64{0, t - 1, t, t + 1})
	until = pick(r, []int64{0, t - 1, t, t + 1, t + 2})
	if until <= from {
		until = 0
	}
	return from, until
}

// scope is some node, the upper ones more often.
func (w *World) scope(r *rand.Rand) string {
	switch n := r.IntN(20); {
	case n < 6:
		return "account:" + w.Account
	case n < 8:
		return "billing_account:" + pick(r, w.BillingAccounts).ID
	case n < 13:
		return "project:" + pick(r, w.Projects).ID
	case n < 16 && len(w.Subprojects) > 0:
		return "subproject:" + pick(r, w.Subprojects).ID
	case len(w.Resources) > 0:
		return pick(r, w.Resources).ID
	}
	return "account:" + w.Account
}
