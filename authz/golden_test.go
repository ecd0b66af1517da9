package authz_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/internal/oracle"
	"github.com/tollgate-dev/tollgate/internal/worlds"
	"github.com/tollgate-dev/tollgate/policy"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The tree of the truth table, one node of each level and a project beside.
var tree = []struct{ letter, name, node string }{
	{"A", "account", "account:acme"},
	{"B", "billing account", "billing_account:main"},
	{"P", "project", "project:web"},
	{"O", "other project", "project:other"},
	{"S", "subproject of the project", "subproject:shop"},
	{"R", "resource in the subproject", "number:1"},
}

// tablePermissions are one of each kind of thing that roles tell apart.
var tablePermissions = []string{
	"account.read", "account.configure", "account.close",
	"project.read", "project.open", "project.configure", "project.close", "project.suspend", "project.resume", "project.restore", "project.link",
	"subproject.read", "subproject.open", "subproject.configure", "subproject.close",
	"resource.read", "resource.register", "resource.configure", "resource.unregister",
	"billing_account.read", "billing_account.inspect", "billing_account.open", "billing_account.configure", "billing_account.link", "billing_account.close",
	"binding.inspect", "binding.grant", "binding.deny", "role.inspect", "role.define", "group.inspect", "group.define", "group.enroll",
	"log.inspect", "policy.export",
	"number.read", "number.list", "number.get", "number.create", "number.update", "number.delete", "number.use", "number.port",
}

// The truth table of the predefined roles is a golden file: to review a change
// of roles is to read its diff. `go test ./authz -update` rewrites it.
func TestPredefinedRolesTruthTable(t *testing.T) {
	const file = "testdata/roles.golden"
	got := truthTable(t)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-golden +now), `go test ./authz -update` accepts it:\n%s", diff)
	}
}

// truthTable asks for each role, bound to a subject of its own at each level,
// every permission on every level.
func truthTable(t *testing.T) string {
	t.Helper()
	w := acme()
	w.Projects = append(w.Projects, oracle.Project{ID: "other"})
	w.Bindings = nil
	for _, role := range policy.Predefined {
		for i, level := range tree {
			w.Bindings = append(w.Bindings, oracle.Binding{ID: bindingID(len(w.Bindings)), Subject: holder(role.ID, i), Role: role.ID, Scope: level.node, Effect: "allow"})
		}
	}
	source := worlds.NewMemory()
	engine, _ := newEngine(t, source, modelText(t), authz.Options{})
	source.Put(w)

	var out strings.Builder
	out.WriteString("# What the predefined roles may do: each is bound at one level (columns), and asked\n# for each permission (rows) on every level: a letter where it is allowed.\n#\n")
	for _, level := range tree {
		fmt.Fprintf(&out, "#   %s  %s\n", level.letter, level.name)
	}
	for _, role := range policy.Predefined {
		fmt.Fprintf(&out, "\n%s: %s\n%-27s", role.ID, strings.Join(role.Permissions, " "), "bound at")
		for _, level := range tree {
			fmt.Fprintf(&out, "%-8s", level.letter)
		}
		out.WriteString("\n")
		for _, permission := range tablePermissions {
			fmt.Fprintf(&out, "%-27s", permission)
			for i := range tree {
				out.WriteString(row(t, engine, holder(role.ID, i), permission) + "  ")
			}
			out.WriteString("\n")
		}
	}
	lines := strings.Split(out.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func holder(role string, level int) string {
	return fmt.Sprintf("user:%s-at-%s", role, tree[level].letter)
}

func row(t *testing.T, engine *authz.Engine, subject, permission string) string {
	t.Helper()
	letters := ""
	for _, level := range tree {
		a := mustCheck(t, engine, authz.Request{Subject: subject, Permission: permission, Resource: level.node, Account: "acme"})
		if a.Allowed {
			letters += level.letter
		} else {
			letters += "."
		}
	}
	return letters
}
