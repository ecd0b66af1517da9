package policy

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	stringadapter "github.com/casbin/casbin/v2/persist/string-adapter"
	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// shipped is the model that Tollgate ships.
func shipped(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../model.conf")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func judgeOf(t testing.TB) *Judge {
	t.Helper()
	j, err := NewJudge(shipped(t))
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func ref(s string) hierarchy.Ref {
	typ, id, _ := strings.Cut(s, ":")
	return hierarchy.Ref{Type: typ, ID: id}
}

func permission(s string) Permission {
	p, err := ParsePattern(s)
	if err != nil {
		panic(err)
	}
	return p
}

// printed is the policy of w as of an instant, as a user of a stock Casbin
// would get it.
func printed(t testing.TB, w *world, at int64) string {
	t.Helper()
	var out strings.Builder
	if err := Print(&out, w.facts(), at); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// literal is a stock Casbin, none of our code in it, with a printed policy.
func literal(t testing.TB, modelConf, policy string) *casbin.Enforcer {
	t.Helper()
	m, err := model.NewModelFromString(modelConf)
	if err != nil {
		t.Fatal(err)
	}
	e, err := casbin.NewEnforcer(m, stringadapter.NewAdapter(policy))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func enforce(t testing.TB, e *casbin.Enforcer, q question) bool {
	t.Helper()
	allowed, err := e.Enforce(q.subject.String(), q.node.String(), q.permission.Type, q.permission.Action)
	if err != nil {
		t.Fatal(err)
	}
	return allowed
}

// golden compares with a file of testdata, or rewrites it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s differs; if that is meant, run go test ./policy -update and review the change (-want +got):\n%s", path, diff)
	}
}

// example is a small account with everything that rules can come from.
func example() *world {
	w := &world{
		nodes: []edge{
			{ref("billing_account:cards"), ref("account:acme")},
			{ref("project:web"), ref("account:acme")},
			{ref("project:app"), ref("account:acme")},
			{ref("subproject:client-1"), ref("project:web")},
			{ref("number:+49 30 1234"), ref("subproject:client-1")},
		},
		members: []membership{
			{ref("user:bob"), "ops"}, {ref("group:ops"), "staff"}, {ref("user:eve"), "staff"}, {ref("user:eve"), "unbound"},
		},
		roles: map[string][]string{
			"owner":  {"*.*"},
			"editor": {"*.read", "number.*", "number.*", "compute.instances.get"},
			"viewer": {"*.read"},
		},
	}
	w.bind(ref("user:root"), "owner", ref("account:acme"), Allow)
	w.bind(ref("user:ann"), "editor", ref("project:web"), Allow)
	w.bind(ref("user:ann"), "editor", ref("project:web"), Allow)
	w.bind(ref("service:robot"), "editor", ref("project:web"), Allow)
	w.bind(ref("group:staff"), "viewer", ref("account:acme"), Allow)
	w.bind(ref("group:ops"), "editor", ref("subproject:client-1"), Allow)
	w.bind(ref("user:eve"), "viewer", ref("project:app"), Deny)
	w.bindings = append(w.bindings,
		Binding{ref("user:tmp"), "owner", ref("project:web"), Allow, Window{100, 200}},
		Binding{ref("user:root"), "owner", ref("account:acme"), Allow, Window{0, 300}},
		Binding{ref("user:ann"), "absent", ref("project:app"), Allow, Window{50, 0}})
	return w
}
