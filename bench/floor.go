package main

import "time"

// floor is the check that one would write by hand for just this data, and
// nothing else: interned IDs, a slice of bindings per subject, a set of
// permissions per role. It knows no groups, windows, wildcards, states or
// payers, gives no reason, and never changes.
type floor struct {
	subjects, nodes, permissions map[string]uint32
	rows                         [][]floorBinding // by subject
	paths                        [][]uint32       // by node: itself and its ancestors
	roles                        [][]uint64       // by role: a bit for each permission
}

type floorBinding struct {
	scope, role uint32
	deny        bool
}

func makeFloor(w *world) *floor {
	f := &floor{subjects: map[string]uint32{}, nodes: map[string]uint32{}, permissions: map[string]uint32{}}
	intern := func(m map[string]uint32, s string) uint32 {
		if _, ok := m[s]; !ok {
			m[s] = uint32(len(m))
		}
		return m[s]
	}
	for i := range permissions {
		intern(f.permissions, permission(i))
	}
	root := intern(f.nodes, "account:"+accountID)
	for node, parent := range w.nodes {
		intern(f.nodes, node)
		intern(f.nodes, parent)
	}
	f.paths = make([][]uint32, len(f.nodes))
	f.paths[root] = []uint32{root}
	for node := range w.nodes {
		for at, ok := node, true; ok; at, ok = w.nodes[at] {
			f.paths[f.nodes[node]] = append(f.paths[f.nodes[node]], f.nodes[at])
		}
	}
	roleIDs := map[string]uint32{}
	for id, held := range w.roles {
		intern(roleIDs, id)
		bits := make([]uint64, permissions/64+1)
		for _, p := range held {
			bits[f.permissions[p]/64] |= 1 << (f.permissions[p] % 64)
		}
		f.roles = append(f.roles, bits)
	}
	f.rows = make([][]floorBinding, users)
	for _, b := range w.bindings {
		s := intern(f.subjects, b.Subject.String())
		f.rows[s] = append(f.rows[s], floorBinding{f.nodes[b.Scope.String()], roleIDs[b.Role], b.Effect == "deny"})
	}
	return f
}

func (f *floor) check(q *query) bool {
	s, ok := f.subjects[q.subject]
	if !ok {
		return false
	}
	n, ok := f.nodes[q.node]
	if !ok {
		return false
	}
	p, ok := f.permissions[q.permission]
	if !ok {
		return false
	}
	allowed := false
	path := f.paths[n]
	for i := range f.rows[s] {
		b := &f.rows[s][i]
		for _, at := range path {
			if b.scope == at && f.roles[b.role][p/64]&(1<<(p%64)) != 0 {
				if b.deny {
					return false
				}
				allowed = true
			}
		}
	}
	return allowed
}

// guarded is the floor with the one thing more that nobody can do without who
// answers from memory what is decided elsewhere: it answers only while its copy
// is inside a bound, by a clock that it reads each time.
type guarded struct {
	*floor
	compared time.Time
	bound    time.Duration
}

func (g *guarded) check(q *query) (allowed, fresh bool) {
	if time.Since(g.compared) > g.bound {
		return false, false
	}
	return g.floor.check(q), true
}
