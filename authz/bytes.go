package authz

import (
	"net/netip"
	"unsafe"

	"github.com/tollgate-dev/tollgate/apikey"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Bytes is about how much memory the snapshot takes, the text of identifiers
// included. It is an estimate that Apply keeps up to date at no cost: what the
// tables take follows from their sizes, and what their rows point to is added
// and taken away with each row. Pages that it shares with other snapshots of
// its account are counted whole: those are on their way out.
func (s *Snapshot) Bytes() int {
	const fixed = int(unsafe.Sizeof(*s)) + remembered*(int(unsafe.Sizeof(known{}))+2*identityBytes+tokenBytes)
	words := (len(s.model.predefined) + int(s.roles.Len()) + 63) / 64 // of a set of roles
	return fixed + s.nodes.Bytes() + s.subjects.Bytes() + s.roles.Bytes() + s.windows.Bytes() +
		s.permissions.Bytes() + int(s.permissions.Len())*words*8 + 4*cap(s.owners) + s.pointed
}

// bytes are those that a subject's row points to.
func (p *principal) bytes() int {
	const row = int(unsafe.Sizeof(uint32(0)))
	n := cap(p.grants) * int(unsafe.Sizeof(grant{}))
	if p.ties != nil {
		n += int(unsafe.Sizeof(*p.ties)) + (cap(p.ties.groups)+cap(p.ties.outer))*row
		if k := p.ties.key; k != nil {
			n += int(unsafe.Sizeof(*k)) + cap(k.secrets)*int(unsafe.Sizeof(apikey.Stored{})) + cap(k.sources)*int(unsafe.Sizeof(netip.Prefix{}))
		}
	}
	return n
}

// tie gives a subject other groups.
func (a *applying) tie(row uint32, groups, outer []uint32) {
	p := a.subjects.Edit(a.edit, row)
	a.pointed -= p.bytes()
	p.tie(groups, outer, p.key())
	a.pointed += p.bytes()
}

// A table keeps the row of what was removed: rows keep their numbers. So what
// is removed is counted, each at the most rows that it can have left behind,
// and a snapshot that may consist of such rows for the greater part is worn:
// its account is loaded anew (see renew).

// leaveRecord counts the row that a record of a kind may leave behind.
func (a *applying) leaveRecord(kind string) {
	switch kind {
	case KindResource, KindLink: // have no row of their own
	case hierarchy.TypeBinding: // see leaveBinding
	default:
		a.left++
	}
}

// leaveBinding counts the rows that a binding may leave behind: its subject's,
// its window's, and that of the resource that it was bound to.
func (a *applying) leaveBinding(g *grant) {
	a.left++
	if g.window != 0 {
		a.left++
	}
	if a.nodes.At(g.scope).kind == resource {
		a.left++
	}
}

// wearLeast is how many rows are left behind at least before a snapshot is
// worn: below that nothing is gained.
const wearLeast = 1024

// worn reports whether most rows may be of no use any more.
func (s *Snapshot) worn() bool {
	rows := s.nodes.Len() + s.subjects.Len() + s.windows.Len() + s.roles.Len()
	return s.left > wearLeast && 2*s.left > int(rows)
}
