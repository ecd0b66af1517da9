package policy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// The account of the proof: a resource in a subproject, and what is beside
// each of them.
var (
	proofAccount     = hierarchy.Ref{Type: hierarchy.TypeAccount, ID: "a"}
	proofProject     = hierarchy.Ref{Type: hierarchy.TypeProject, ID: "p"}
	proofSubproject  = hierarchy.Ref{Type: hierarchy.TypeSubproject, ID: "s"}
	proofResource    = hierarchy.Ref{Type: "number", ID: "r"}
	besideProject    = hierarchy.Ref{Type: hierarchy.TypeProject, ID: "beside"}
	besideSubproject = hierarchy.Ref{Type: hierarchy.TypeSubproject, ID: "beside"}

	proofNodes = []edge{
		{proofProject, proofAccount}, {besideProject, proofAccount},
		{proofSubproject, proofProject}, {besideSubproject, proofProject},
		{proofResource, proofSubproject},
	}
	proofScopes = []hierarchy.Ref{proofAccount, proofProject, proofSubproject, proofResource, besideProject, besideSubproject}
)

var numberRead = Permission{"number", "read"}

// formsOfPatterns has a role of each form, allowed to one user and denied to
// another, and asks each for permissions whose type and action match or not.
func formsOfPatterns() (world, []question) {
	roles := map[string][]string{
		"nothing": {}, "exact": {"number.read"}, "type": {"number.*"}, "action": {"*.read"}, "all": {"*.*"},
		"dotted": {"compute.instances.read"}, "dotted-type": {"compute.instances.*"},
		"beginnings": {"numb.*", "number.rea", "*.rea", "compute.*", "n.read"},
		"longer":     {"numbers.*", "number.reads", "*.reads", "compute.instances.read.all"},
		"mixed":      {"compute.*", "*.update", "number.read"},
		"long":       manyPatterns("number.read", "compute.*", "*.list"),
	}
	w := world{nodes: proofNodes, roles: roles}
	var questions []question
	for _, role := range slices.Sorted(maps.Keys(roles)) {
		allowed, denied := user("may:"+role), user("may-not:"+role)
		w.bind(allowed, role, proofAccount, Allow)
		w.bind(denied, "all", proofAccount, Allow)
		w.bind(denied, role, proofAccount, Deny)
		for _, typ := range []string{"number", "compute", "compute.instances", "numb", "other"} {
			for _, action := range []string{"read", "update", "list", "rea"} {
				p := Permission{typ, action}
				questions = append(questions, question{allowed, proofProject, p}, question{denied, proofProject, p})
			}
		}
	}
	return w, questions
}

// manyPatterns puts patterns behind so many others of each form that a role
// keeps them in its form for large roles.
func manyPatterns(patterns ...string) []string {
	var all []string
	for i := range 2 * few {
		n := strconv.Itoa(i)
		all = append(all, "type"+n+".action"+n, "type"+n+".*", "*.action"+n)
	}
	return append(all, patterns...)
}

// effectsAndScopes has a user for every two bindings that differ in effect,
// in whether their role has the permission, or in their scope: on the node
// asked about, above, below or beside it; and for every single one, and none.
func effectsAndScopes() (world, []question) {
	var single []Binding
	for _, effect := range []Effect{Allow, Deny} {
		for _, role := range []string{"matches", "other"} {
			for _, scope := range proofScopes {
				single = append(single, Binding{Role: role, Scope: scope, Effect: effect})
			}
		}
	}
	w := world{nodes: proofNodes, roles: map[string][]string{"matches": {"number.*"}, "other": {"message.*"}}}
	questions := []question{{user("unbound"), proofSubproject, numberRead}}
	for i := range single {
		for k := i; k < len(single); k++ {
			subject := user(fmt.Sprint(i, "+", k))
			w.bind(subject, single[i].Role, single[i].Scope, single[i].Effect)
			w.bind(subject, single[k].Role, single[k].Scope, single[k].Effect)
			questions = append(questions, question{subject, proofSubproject, numberRead})
		}
	}
	return w, questions
}

// severalRoles has a user for each way to hold three roles, each of which is
// absent, allowed or denied, and has the permission or not.
func severalRoles() (world, []question) {
	ways := []Binding{
		{Role: "absent", Effect: Allow},
		{Role: "matches", Effect: Allow}, {Role: "matches", Effect: Deny},
		{Role: "other", Effect: Allow}, {Role: "other", Effect: Deny},
	}
	patterns := map[string][]string{"matches": {"*.read"}, "other": {"*.update"}}
	w := world{nodes: proofNodes, roles: map[string][]string{}}
	var questions []question
	for n := range len(ways) * len(ways) * len(ways) {
		subject := user(strconv.Itoa(n))
		for i, rest := 0, n; i < 3; i, rest = i+1, rest/len(ways) {
			way := ways[rest%len(ways)]
			role := way.Role + strconv.Itoa(i)
			w.roles[role] = patterns[way.Role]
			w.bind(subject, role, proofAccount, way.Effect)
		}
		questions = append(questions, question{subject, proofAccount, numberRead})
	}
	return w, questions
}

// nestedGroups has groups nested as deep as they may be, allowed or denied at
// the outermost, and asks for members at each depth, for a stranger, for
// subjects named like a role, and elsewhere.
func nestedGroups() (world, []question) {
	w := world{nodes: proofNodes, roles: map[string][]string{"reader": {"*.read"}}}
	questions := []question{
		{user("stranger"), proofSubproject, numberRead},
		{hierarchy.Ref{Type: hierarchy.TypeRole, ID: "reader"}, proofSubproject, numberRead},
		{hierarchy.Ref{Type: "deny", ID: "reader"}, proofSubproject, numberRead},
	}
	for _, effect := range []Effect{Allow, Deny} {
		chain := string(effect)
		for depth := range MaxGroupNesting {
			member := user(chain + strconv.Itoa(depth))
			if effect == Deny {
				w.bind(member, "reader", proofAccount, Allow)
			}
			w.members = append(w.members, membership{member, chain + strconv.Itoa(depth)})
			if depth > 0 {
				w.members = append(w.members, membership{groupRef(chain + strconv.Itoa(depth-1)), chain + strconv.Itoa(depth)})
			}
			for _, node := range proofScopes {
				questions = append(questions, question{member, node, numberRead})
			}
		}
		w.bind(groupRef(chain+strconv.Itoa(MaxGroupNesting-1)), "reader", proofProject, effect)
	}
	return w, questions
}
