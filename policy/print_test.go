package policy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/casbin/casbin/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// nasty are IDs that are legal and that careless text would break on.
var nasty = []string{
	"a b", "a  b", `"`, `""`, `"quoted"`, `a"b`, `'`, `\`, `a\nb`, "#", "#x", "p", "g2", "+49", "=1+1", "@x", "-",
	"a/b", "a:b", ":", "{}", "{account}", "a;b", "a|b", "a\u00a0b", "ä", "日本", "\U0001F600", "e\u0301", "%2F", "*.*x", "[x]", "r.sub", "role:x", "deny:x",
	`\.`, "a.b", "&&", "true", "0", strings.Repeat("x", 200),
}

// stockFile is a stock Casbin that reads model and policy from files.
func stockFile(t *testing.T, policy string) *casbin.Enforcer {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.csv")
	if err := os.WriteFile(path, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := casbin.NewEnforcer("../model.conf", path)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// loaded are the lines that a stock Casbin has, as Derive would emit them.
func loaded(t *testing.T, e *casbin.Enforcer) (all []string) {
	t.Helper()
	for _, key := range []string{"p", "g", "g2"} {
		rules, err := e.GetModel().GetPolicy(key[:1], key)
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range rules {
			all = append(all, strings.Join(append([]string{key}, rule...), ", "))
		}
	}
	return all
}

func derived(t *testing.T, w *world, at int64) (all []string) {
	t.Helper()
	if err := Derive(w.facts(), at, func(line ...string) error { all = append(all, strings.Join(line, ", ")); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

// nastyWorld uses each nasty ID as a user, a group, a role, a scope and a
// node, and in a pattern if it can stand there.
func nastyWorld(t *testing.T, ids []string) *world {
	t.Helper()
	w := &world{roles: map[string][]string{}}
	for _, id := range ids {
		if err := user(id).Check(); err != nil {
			t.Fatalf("%q is not legal: %v", id, err)
		}
		node := hierarchy.Ref{Type: "thing#\"", ID: id}
		w.nodes = append(w.nodes, edge{node, proofAccount})
		w.members = append(w.members, membership{user(id), id})
		w.roles[id] = []string{"number.read"}
		if _, err := ParsePattern(id + ".do"); err == nil {
			w.roles[id] = append(w.roles[id], id+".do", "do."+id)
		}
		w.bind(user(id), id, node, Allow)
		w.bind(groupRef(id), id, proofAccount, Allow)
	}
	return w
}

func TestAStockCasbinLoadsNastyIdentifiers(t *testing.T) {
	w := nastyWorld(t, nasty)
	policy := printed(t, w, 0)
	for name, e := range map[string]*casbin.Enforcer{"file": stockFile(t, policy), "string": literal(t, shipped(t), policy)} {
		if diff := cmp.Diff(derived(t, w, 0), loaded(t, e)); diff != "" {
			t.Errorf("the %s adapter loads something else (-derived +loaded):\n%s", name, diff)
		}
		for i, id := range nasty {
			node := hierarchy.Ref{Type: "thing#\"", ID: id}
			for _, q := range []question{
				{user(id), node, permission("number.read")},
				{user(id), proofAccount, permission("number.read")}, // through the group
				{user(id), node, permission("number.update")},
				{user(id), hierarchy.Ref{Type: "thing", ID: id}, permission("number.read")},
				{user(id), proofAccount, Permission{nasty[(i+1)%len(nasty)], "do"}},
				{user(id + "x"), node, permission("number.read")},
			} {
				if got, want := enforce(t, e, q), w.decide(evaluatorOf(Meaning{}), 0, q); got != want {
					t.Errorf("%s adapter: %v: Casbin says %t, the evaluator %t", name, q, got, want)
				}
			}
		}
	}
}

// Every character of the basic plane that an identifier may have goes through
// Casbin's loader, inside an ID; and each that could be trimmed or quoted, at
// both of its ends.
func TestEveryLegalCharacterGoesThroughCasbinsLoader(t *testing.T) {
	var ids []string
	inside := "x"
	for c := rune(' '); c <= 0xffff; c++ {
		if user("x"+string(c)+"x").Check() != nil {
			continue
		}
		if inside += string(c); len(inside) > 200 {
			ids, inside = append(ids, inside+"x"), "x"
		}
		ends := string(c) + "x" + string(c)
		if (c < 0x100 || unicode.IsSpace(c) || unicode.IsPunct(c)) && user(ends).Check() == nil {
			ids = append(ids, ends)
		}
	}
	w := &world{}
	for _, id := range append(ids, inside) {
		w.nodes = append(w.nodes, edge{user(id), user(id)})
	}
	if diff := cmp.Diff(derived(t, w, 0), loaded(t, stockFile(t, printed(t, w, 0)))); diff != "" {
		t.Errorf("(-derived +loaded):\n%s", diff)
	}
}

type failing struct{ after int }

func (f *failing) Write(p []byte) (int, error) {
	if f.after -= len(p); f.after < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func TestPrintReportsWhatCannotBeWritten(t *testing.T) {
	w := &world{}
	for i := range 10_000 {
		w.nodes = append(w.nodes, edge{user(fmt.Sprint(i)), proofAccount})
	}
	for _, after := range []int{0, 5000, 100_000} {
		if err := Print(&failing{after}, w.facts(), 0); err == nil {
			t.Errorf("a writer that takes %d bytes: no error", after)
		}
	}
}
