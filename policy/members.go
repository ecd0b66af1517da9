package policy

import (
	"cmp"
	"slices"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// membership is a member and a group that it is directly in.
type membership struct {
	member hierarchy.Ref
	group  string
}

// deriveMembers emits each membership once per scope where it can matter:
// where its group, or a group that contains it, is bound. Casbin's g holds in
// one scope at a time, so that the whole chain from a member to a role must
// stand in the scope of the role's binding.
func deriveMembers(f Facts, bound []Binding, emit func(line ...string) error) error {
	members := sortedMembers(f)
	reach := newReach(members, bound)
	var scopes []string
	for i, m := range members {
		if i == 0 || members[i-1].group != m.group {
			scopes = reach.of(m.group)
		}
		member, group := m.member.String(), groupRef(m.group).String()
		for _, scope := range scopes {
			if err := emit("g", member, group, scope); err != nil {
				return err
			}
		}
	}
	return nil
}

func sortedMembers(f Facts) []membership {
	var members []membership
	for member, group := range pairs(f.Members) {
		members = append(members, membership{member, group})
	}
	slices.SortFunc(members, func(a, b membership) int {
		return cmp.Or(cmp.Compare(a.group, b.group), compareRefs(a.member, b.member))
	})
	return slices.Compact(members)
}

// reach answers where being in a group can matter.
type reach struct {
	bound      map[string][]string // the scopes where a group is bound itself
	containers map[string][]string // the groups that a group is directly in
}

func newReach(members []membership, bound []Binding) reach {
	r := reach{map[string][]string{}, map[string][]string{}}
	for _, b := range bound {
		if b.Subject.Type == hierarchy.TypeGroup {
			r.bound[b.Subject.ID] = append(r.bound[b.Subject.ID], b.Scope.String())
		}
	}
	for _, m := range members {
		if m.member.Type == hierarchy.TypeGroup {
			r.containers[m.member.ID] = append(r.containers[m.member.ID], m.group)
		}
	}
	return r
}

// of returns the scopes where the group, or one that contains it at any
// distance, is bound; sorted, each once. A cycle, which no write lets in, ends.
func (r reach) of(group string) []string {
	var scopes []string
	seen := map[string]bool{group: true}
	for queue := []string{group}; len(queue) > 0; queue = queue[1:] {
		scopes = append(scopes, r.bound[queue[0]]...)
		for _, container := range r.containers[queue[0]] {
			if !seen[container] {
				seen[container] = true
				queue = append(queue, container)
			}
		}
	}
	slices.Sort(scopes)
	return slices.Compact(scopes)
}
