package route

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// attack is an entry of testdata/attacks.txt.
type attack struct{ request, want, what string }

func (a attack) path() string {
	_, path, _ := strings.Cut(a.request, " ")
	return path
}

func attacks(t testing.TB) []attack {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "attacks.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var all []attack
	for n, line := range strings.Split(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			t.Fatalf("line %d: %v", n+1, err)
		}
		request, _ := strconv.Unquote(quoted)
		rest := strings.TrimSpace(line[len(quoted):])
		want, what, found := strings.Cut(rest, "  ")
		if !found {
			t.Fatalf("line %d does not say what it is", n+1)
		}
		all = append(all, attack{request, want, strings.TrimSpace(what)})
	}
	return all
}

func attacked(t testing.TB) *Map {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "attacked.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Each of the corpus is refused for its reason, or means what it must.
func TestAttacks(t *testing.T) {
	m := attacked(t)
	refusals := 0
	for _, a := range attacks(t) {
		answer := m.Answer(Case{Request: a.request})
		got := answer.Permission + " " + answer.Resource
		switch {
		case answer.Unmatched:
			got = "unmatched"
		case answer.Refused != "":
			got = answer.Refused
			refusals++
		}
		if got != a.want {
			t.Errorf("%q is %s, and should be %s: %s", a.request, got, a.want, a.what)
		}
	}
	if refusals < 100 {
		t.Errorf("only %d attacks are refused", refusals)
	}
}

// What Normalise refuses never has a target, whatever the map.
func TestWhatIsRefusedNeverMatches(t *testing.T) {
	m, err := New([]Route{{Route: "GET /{_all...}", Permission: "all.read", Resource: "account:all", EncodedSlash: false}, {Route: "GET /", Permission: "all.read", Resource: "account:all"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range attacks(t) {
		p, err := Normalise(a.path())
		if err == nil {
			continue
		}
		if target, again := m.Resolve("GET", "", a.path()); again == nil || target != (Target{}) {
			t.Errorf("%q is refused, %v, and is %+v", a.path(), err, target)
		}
		if target, again := m.Find("GET", Host{}, &p); again == nil || target != (Target{}) {
			t.Errorf("%q is refused, %v, and what is left of it is %+v", a.path(), err, target)
		}
	}
}

// docs/routes.md names each reason for which a request is refused.
func TestReasonsAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "routes.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, a := range attacks(t) {
		named[a.want] = strings.ToUpper(a.want) == a.want
	}
	for want, isReason := range named {
		if isReason && !strings.Contains(string(page), "`"+want+"`") {
			t.Errorf("%s is not in docs/routes.md", want)
		}
	}
	for _, written := range strings.Split(string(page), "`") {
		if strings.HasPrefix(written, "PATH_") && !named[written] && !strings.HasPrefix(written, "PATH_TOO_") {
			t.Errorf("no path of the corpus is %s", written)
		}
	}
}
