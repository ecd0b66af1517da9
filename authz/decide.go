package authz

import (
	"github.com/tollgate-dev/tollgate/policy"
)

// maxPath is the longest path: resource, subproject, project, account.
const maxPath = 4

// path is what a question is asked about: rows of nodes, nearest first. A
// product resource has a row only if it carries a binding; without one it is
// on the path by name alone.
type path struct {
	rows     [maxPath]uint32
	n        int
	resource string // the product resource at the head of the path, or ""
}

func (p *path) add(row uint32) {
	p.rows[p.n] = row
	p.n++
}

func (p *path) has(row uint32) bool {
	for i := range p.n {
		if p.rows[i] == row {
			return true
		}
	}
	return false
}

// climb puts a node and its ancestors on the path: subproject, project,
// account; or billing account, account.
func (s *Snapshot) climb(p *path, row uint32) {
	p.add(row)
	if n := s.nodes.At(row); n.kind == subproject {
		p.add(n.parent)
	}
	if row != 0 {
		p.add(0)
	}
}

// pathOfNode is the path of one of the account's own nodes. It reports false
// if there is no such node; a deleted one is found.
func (s *Snapshot) pathOfNode(key string) (p path, ok bool) {
	row, found := s.nodes.Find(key)
	if !found {
		return p, false
	}
	if k := s.nodes.At(row).kind; k == none || k == resource {
		return p, false
	}
	s.climb(&p, row)
	return p, true
}

// pathOfResource is the path of a product resource in a container, which is a
// project or a subproject of the account.
func (s *Snapshot) pathOfResource(key string, container uint32) path {
	p := path{resource: key}
	if row, ok := s.nodes.Find(key); ok && s.nodes.At(row).kind == resource {
		p.add(row)
	}
	s.climb(&p, container)
	return p
}

// deleted reports whether anything on the path is deleted.
func (s *Snapshot) deleted(p *path) bool {
	for i := range p.n {
		if s.nodes.At(p.rows[i]).deleted {
			return true
		}
	}
	return false
}

// verdict is what the bindings come to. The zero verdict is a denial.
type verdict struct {
	allowed bool
	found   bool   // a binding decided; who and by say which
	who     uint32 // the subject or group in whose row it stands
	by      grant
}

// decide says whether policy allows a subject a permission on a path, at an
// instant. Levels do not override one another: all bindings of the path are
// one set, in which a deny wins (unless the model says otherwise), so that
// the first one ends the search. The state of nodes is not policy, and is
// applied by the caller.
func (s *Snapshot) decide(subject uint32, text string, p policy.Permission, on *path, at int64) (v verdict) {
	me := s.subjects.At(subject)
	if s.scan(subject, me, text, p, on, at, &v) {
		return v
	}
	for _, g := range me.groups {
		group := s.subjects.At(g)
		if s.scan(g, group, text, p, on, at, &v) {
			return v
		}
		for _, o := range group.outer {
			if s.scan(o, s.subjects.At(o), text, p, on, at, &v) {
				return v
			}
		}
	}
	return v
}

// long is the length of a row from which on it is searched by scope rather
// than read through.
const long = 24

// scan takes one row of bindings into the verdict, and reports whether that
// settles it.
func (s *Snapshot) scan(who uint32, row *principal, text string, p policy.Permission, on *path, at int64, v *verdict) (settled bool) {
	if len(row.grants) < long {
		return s.scanGrants(who, row.grants, text, p, on, at, v)
	}
	for i := range on.n {
		if s.scanGrants(who, ofScope(row.grants, on.rows[i]), text, p, on, at, v) {
			return true
		}
	}
	return false
}

func (s *Snapshot) scanGrants(who uint32, grants []grant, text string, p policy.Permission, on *path, at int64, v *verdict) (settled bool) {
	for i := range grants {
		g := &grants[i]
		if !on.has(g.scope) || (v.found && !g.denies()) || !s.window(g).Holds(at) || !s.holds(g, text, p) {
			continue
		}
		denies := g.denies()
		if denies && s.model.meaning.IgnoreDeny {
			continue
		}
		*v = verdict{allowed: s.model.meaning.Decide(!denies, denies), found: true, who: who, by: *g}
		if denies {
			return true
		}
	}
	return false
}

// holds reports whether a binding's role has a permission. A role that is
// gone has none.
func (s *Snapshot) holds(g *grant, text string, p policy.Permission) bool {
	r := s.role(g.role)
	return r != nil && r.Holds(text, p)
}

// ofScope is the part of a row that is bound at one scope.
func ofScope(grants []grant, scope uint32) []grant {
	from, to := 0, len(grants)
	for from < to {
		if mid := (from + to) / 2; grants[mid].scope < scope {
			from = mid + 1
		} else {
			to = mid
		}
	}
	end := from
	for end < len(grants) && grants[end].scope == scope {
		end++
	}
	return grants[from:end]
}
