package admin

import (
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Limits of one account.
const (
	MaxBindings    = 250_000
	MaxSubprojects = 250_000
	MaxMembers     = 100_000 // direct ones, of one group
)

// limits are how much one account may have.
type limits struct{ bindings, subprojects, members int }

// check refuses what would be over a limit and is more than there was: what is
// over one already, since it was once higher, can still become less.
func (l limits) check(before, after *authz.Snapshot, edits []authz.Edit) error {
	had, hadSub := before.Counts()
	bindings, subprojects := after.Counts()
	if bindings > l.bindings && bindings > had {
		return hierarchy.Conflict("TOO_MANY_BINDINGS", "an account has at most %d bindings; bind groups instead of people", l.bindings)
	}
	if subprojects > l.subprojects && subprojects > hadSub {
		return hierarchy.Conflict("TOO_MANY_SUBPROJECTS", "an account has at most %d subprojects", l.subprojects)
	}
	for _, e := range edits {
		if kind, _ := e.Key.Split(); kind != authz.KindMember || e.After == nil {
			continue
		}
		_, group := e.Key.Member()
		if size := after.Size(group); size > l.members && size > before.Size(group) {
			return hierarchy.Conflict("TOO_MANY_MEMBERS", "%s would have %d members; a group has at most %d direct members, of which each may be a group", groupRef(group), size, l.members)
		}
	}
	return nil
}
