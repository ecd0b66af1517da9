package authz

import (
	"strings"

	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// maxPath is the longest path: resource, subproject, project, account.
const maxPath = 4

// path is what a question is asked about: rows of nodes, nearest first. A
// product resource has a row only if it carries a binding; without one it is
// on the path by name alone.
type path struct {
	rows     [maxPath]uint32 // n of them; the others are 0, and the account's row, which is on every path, is 0 too
	n        int
	flags    flags  // of all nodes on it together
	resource string // the product resource at the head of the path, or ""
}

func (s *Snapshot) add(p *path, row uint32) {
	p.rows[p.n] = row
	p.n++
	p.flags |= s.nodes.At(row).flags
}

// has reports whether a row is on the path: whether it differs from one of
// the rows by nothing. That is one branch, where comparing each makes four.
func (p *path) has(row uint32) bool {
	return min(row^p.rows[0], row^p.rows[1], row^p.rows[2], row^p.rows[3]) == 0
}

// climb puts a node and its ancestors on the path: subproject, project,
// account; or billing account, account.
func (s *Snapshot) climb(p *path, row uint32) {
	s.add(p, row)
	if n := s.nodes.At(row); n.kind == subproject {
		s.add(p, n.parent)
	}
	if row != 0 {
		s.add(p, 0)
	}
}

// pathOfNode is the path of one of the account's own nodes. It reports false
// if there is no such node; a deleted one is found.
func (s *Snapshot) pathOfNode(key string, p *path) bool {
	row, ok := s.nodes.Find(key)
	if k := s.kindOfRow(row, ok); k == none || k == resource {
		return false
	}
	s.climb(p, row)
	return true
}

// pathOfResource is the path of a product resource in a container, which is a
// project or a subproject of the account.
func (s *Snapshot) pathOfResource(key string, container uint32, p *path) {
	p.resource = key
	if row, ok := s.nodes.Find(key); ok && s.nodes.At(row).kind == resource {
		s.add(p, row)
	}
	s.climb(p, container)
}

// barriers are the flags on the path that keep a permission from being used
// there, whoever holds it.
func (s *Snapshot) barriers(p *path, permission string) flags {
	all := p.flags
	if all == 0 {
		return 0
	}
	typ, action := permission, ""
	if dot := strings.LastIndexByte(permission, '.'); dot >= 0 {
		typ, action = permission[:dot], permission[dot+1:]
	}
	if all&deleted != 0 && hierarchy.OpenWhileDeleted(typ, action) && s.deletedItself(p) {
		all &^= deleted
	}
	if hierarchy.OpenWhileSuspended(typ, action) {
		all &^= suspended | suspendedByOperator
	}
	return all
}

// deletedItself reports whether what is asked about is a node that is deleted,
// and nothing above it is.
func (s *Snapshot) deletedItself(p *path) bool {
	if p.resource != "" {
		return false
	}
	for i := 1; i < p.n; i++ {
		if s.nodes.At(p.rows[i]).deleted() {
			return false
		}
	}
	return true
}

// code is the reason of a denial by flags, or NoBinding for none.
func (f flags) code() Code {
	switch {
	case f&(deleted|purged) != 0:
		return ResourceDeleted
	case f != 0:
		return ResourceSuspended
	}
	return NoBinding
}

// verdict is what the bindings come to. The zero verdict is a denial.
type verdict struct {
	allowed bool
	found   bool   // a binding decided; who and by say which
	who     uint32 // the subject or group in whose row it stands
	by      *grant
}

// asked is what is asked of a path: a permission, at an instant.
type asked struct {
	permission policy.Probe
	// known is set for a permission that the snapshot's roles name exactly;
	// held are the roles that hold it, and permission need not be set.
	known bool
	held  holders
	// at is the instant, in microseconds. While it is 0 and there is a clock,
	// it is not settled yet: it is read when a window first depends on it,
	// since to read a clock costs as much as to walk a row.
	at    int64
	clock *corrected
}

func askedAt(p policy.Permission, at int64) *asked {
	return &asked{permission: p.Probe(), at: at}
}

// now is the instant that the question is decided at.
func (q *asked) now() int64 {
	if q.at == 0 && q.clock != nil {
		q.at = q.clock.Now()
	}
	return q.at
}

// decide says whether policy allows a subject what is asked on a path. Levels
// do not override one another: all bindings of the path are one set, in which
// a deny wins (unless the model says otherwise), so that the first one ends
// the search. The state of nodes is not policy, and is applied by the caller.
func (s *Snapshot) decide(subject uint32, q *asked, on *path, v *verdict) {
	me := s.subjects.At(subject)
	if s.scan(subject, me, q, on, v) {
		return
	}
	for _, g := range me.groups() {
		group := s.subjects.At(g)
		if s.scan(g, group, q, on, v) {
			return
		}
		for _, o := range group.outer() {
			if s.scan(o, s.subjects.At(o), q, on, v) {
				return
			}
		}
	}
}

// long is the length of a row from which on it is searched by scope rather
// than read through.
const long = 24

// scan takes one row of bindings into the verdict, and reports whether that
// settles it.
func (s *Snapshot) scan(who uint32, row *principal, q *asked, on *path, v *verdict) (settled bool) {
	if len(row.grants) < long {
		return s.scanGrants(who, row.grants, q, on, v)
	}
	for i := range on.n {
		if s.scanGrants(who, ofScope(row.grants, on.rows[i]), q, on, v) {
			return true
		}
	}
	return false
}

func (s *Snapshot) scanGrants(who uint32, grants []grant, q *asked, on *path, v *verdict) (settled bool) {
	for i := range grants {
		g := &grants[i]
		if !on.has(g.scope) || (v.found && !g.denies()) || !s.grants(g, q) {
			continue
		}
		denies := g.denies()
		if denies && s.model.meaning.IgnoreDeny {
			continue
		}
		*v = verdict{allowed: s.model.meaning.Decide(!denies, denies), found: true, who: who, by: g}
		if denies {
			return true
		}
	}
	return false
}

// grants reports whether a binding is about what is asked, at its instant: its
// role has the permission, and its window holds.
func (s *Snapshot) grants(g *grant, q *asked) bool {
	return s.holds(g, q) && (g.window == 0 || s.window(g).Holds(q.now()))
}

// holds reports whether a binding's role has the permission. A role that is
// gone has none.
func (s *Snapshot) holds(g *grant, q *asked) bool {
	if q.known {
		return q.held.has(g.role &^ denyBit)
	}
	r := s.role(g.role)
	return r != nil && r.Holds(&q.permission)
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
