package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// administrative are the permissions on Tollgate's own nodes; product are
// representative ones of a product.
var (
	administrative = []string{
		"account: read configure close suspend resume restore",
		"project: read open configure close suspend resume restore link",
		"subproject: read open configure close suspend resume restore move",
		"resource: register configure unregister move",
		"billing_account: inspect open configure close link suspend resume restore",
		"binding: inspect grant revoke deny grant_any",
		"role: inspect define",
		"group: inspect define enroll",
		"log: inspect",
		"policy: export",
		"key: inspect mint configure suspend resume rotate transfer revoke",
		"access: check",
		"platform: operate",
		"route_map: inspect define",
		"metrics: inspect",
		"replica: report",
		"actor: assume",
	}
	product = []string{"number: read create update delete call", "compute.instances: get list use"}
)

func permissionsOf(lists ...[]string) (all []Permission) {
	for _, list := range lists {
		for _, line := range list {
			typ, actions, _ := strings.Cut(line, ": ")
			for _, action := range strings.Fields(actions) {
				all = append(all, Permission{typ, action})
			}
		}
	}
	return all
}

// Which predefined role has which permission. A change of that is reviewed as
// a change of this file; each cell is Casbin's answer as well as ours.
func TestPredefinedRoles(t *testing.T) {
	w := &world{roles: map[string][]string{}}
	var grid strings.Builder
	fmt.Fprintf(&grid, "%-28s", "permission")
	for _, role := range Predefined {
		fmt.Fprintf(&grid, "%-*s", len(role.ID)+2, role.ID)
		w.roles[role.ID] = role.Permissions
		w.bind(user(role.ID), role.ID, proofAccount, Allow)
	}
	stock := literal(t, shipped(t), printed(t, w, 0))
	for _, p := range permissionsOf(administrative, product) {
		fmt.Fprintf(&grid, "\n%-28s", p)
		for _, role := range Predefined {
			q := question{user(role.ID), proofAccount, p}
			cell, allowed := "-", Meaning{}.Compile(role.Permissions).Holds(ptr(p.Probe()))
			if allowed {
				cell = "allow"
			}
			fmt.Fprintf(&grid, "%-*s", len(role.ID)+2, cell)
			if enforce(t, stock, q) != allowed {
				t.Errorf("%s as %s: Casbin does not say %q", p, role.ID, cell)
			}
		}
	}
	lines := strings.Split(grid.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	golden(t, "predefined.golden", strings.Join(lines, "\n")+"\n")
}

func TestPredefinedRolesKeepTheRulesOfRoles(t *testing.T) {
	for _, role := range Predefined {
		if err := role.Check(); err != nil {
			t.Errorf("%s: %v", role.ID, err)
		}
		if err := (hierarchy.Ref{Type: hierarchy.TypeRole, ID: role.ID}).Check(); err != nil {
			t.Error(err)
		}
		if role.DisplayName == "" || role.Description == "" || !IsPredefined(role.ID) {
			t.Errorf("%s is not documented", role.ID)
		}
	}
	if IsPredefined("custom") {
		t.Error("custom is predefined")
	}
}

// What a product's roles may say of every type administers nothing.
func TestProductActionsAdministerNothing(t *testing.T) {
	broad := Meaning{}.Compile([]string{"*.create", "*.update", "*.delete", "*.get", "*.list", "*.use", "*.call"})
	for _, p := range permissionsOf(administrative) {
		if broad.Holds(ptr(p.Probe())) {
			t.Errorf("a product's wildcard has %s", p)
		}
	}
}

// Every pattern of a predefined role that names a type of Tollgate's own has a
// permission in the grid, so that the grid leaves nothing out.
func TestTheGridCoversThePredefinedPatterns(t *testing.T) {
	all := permissionsOf(administrative, product)
	for _, role := range Predefined {
		for _, pattern := range role.Permissions {
			compiled, found := Meaning{}.Compile([]string{pattern}), 0
			for _, p := range all {
				if compiled.Holds(ptr(p.Probe())) {
					found++
				}
			}
			if found == 0 {
				t.Errorf("%s: nothing in the grid matches %s", role.ID, pattern)
			}
		}
	}
}
