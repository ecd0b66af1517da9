package policy

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

func TestPermissionsSplitAtTheLastDot(t *testing.T) {
	for text, want := range map[string]Permission{
		"number.update":         {"number", "update"},
		"compute.instances.get": {"compute.instances", "get"},
		"a..b.c":                {"a..b", "c"},
		"ä.ö":                   {"ä", "ö"},
		`"#.x`:                  {`"#`, "x"},
	} {
		if got, err := ParsePermission(text); err != nil || got != want || got.String() != text {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}

func TestMalformedPermissionsAreRefused(t *testing.T) {
	long := strings.Repeat("x", hierarchy.MaxIdentifier) + ".y"
	for _, text := range []string{"", ".", "number", ".read", "number.", "number..", "a b.c", "a.b c", " a.b", "a.b\n", "a,b.c", "a$.b", "a.\x00", "a.\xff", "a.\u200b", "a.\u0085", long} {
		for name, parse := range map[string]func(string) (Permission, error){"permission": ParsePermission, "pattern": ParsePattern} {
			var e *hierarchy.Error
			if p, err := parse(text); !errors.As(err, &e) || e.Kind != hierarchy.KindInvalid || p != (Permission{}) {
				t.Errorf("%q as a %s: %v, %v", text, name, p, err)
			}
		}
	}
}

func TestWildcardsStandInPatternsOnly(t *testing.T) {
	for _, text := range []string{"*.*", "number.*", "*.read", "compute.instances.*"} {
		if _, err := ParsePattern(text); err != nil {
			t.Error(err)
		}
		if _, err := ParsePermission(text); err == nil {
			t.Errorf("%q was taken as a permission", text)
		}
	}
	for _, text := range []string{"num*.read", "number.re*", "**.read", "number.**", "compute.*.get", "*", "*."} {
		if p, err := ParsePattern(text); err == nil {
			t.Errorf("%q was taken as the pattern %v", text, p)
		}
	}
}

func TestWindowsAreHalfOpen(t *testing.T) {
	const at = 1_000
	for w, want := range map[Window]bool{
		{}: true, {0, at}: false, {0, at + 1}: true, {at, 0}: true, {at + 1, 0}: false, {at - 1, at}: false, {at, at + 1}: true, {at - 1, at + 1}: true, {at + 1, at + 2}: false,
	} {
		if w.Holds(at) != want {
			t.Errorf("%+v includes %d: %t", w, at, !want)
		}
	}
}

// A permission that parses is its text, is itself a pattern, and is held by
// the roles of its four forms and by no others.
func FuzzPermission(f *testing.F) {
	for _, seed := range []string{"number.read", "compute.instances.get", "a..b", "*.read", `".#`, "ä.ö", "", "."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePermission(text)
		if err != nil {
			return
		}
		if pattern, err := ParsePattern(text); err != nil || pattern != p || p.String() != text {
			t.Fatalf("%q is the permission %q and the pattern %q, %v", text, p, pattern, err)
		}
		for pattern, want := range map[string]bool{
			text: true, p.Type + ".*": true, "*." + p.Action: true, "*.*": true,
			text + "x": false, "x" + text: false, p.Type + "x.*": false, "*.x" + p.Action: false,
		} {
			if len(pattern) <= hierarchy.MaxIdentifier && (Meaning{}).Compile([]string{pattern}).Holds(ptr(probeOf(text, p))) != want {
				t.Errorf("%q is held by a role with %q: %t", text, pattern, !want)
			}
		}
	})
}

// A pattern that parses is its text, goes through Casbin's loader whole, and
// means to the evaluator what its halves say.
func FuzzPattern(f *testing.F) {
	for _, seed := range []string{"number.read", "*.*", "number.*", "*.read", "compute.*.get", `"q".#`, "num*.read", `\.x`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePattern(text)
		if err != nil {
			return
		}
		if p.String() != text {
			t.Fatalf("%q is the pattern %q", text, p)
		}
		w := &world{roles: map[string][]string{"r": {text}}}
		w.bind(user("u"), "r", proofAccount, Allow)
		if diff := cmp.Diff(derived(t, w, 0), loaded(t, literal(t, shipped(t), printed(t, w, 0)))); diff != "" {
			t.Errorf("(-derived +loaded):\n%s", diff)
		}
		for _, asked := range []Permission{{"number", "read"}, {"other", "other"}, p} {
			want := (p.Type == Any || p.Type == asked.Type) && (p.Action == Any || p.Action == asked.Action)
			if got := (Meaning{}).Compile([]string{text}).Holds(ptr(asked.Probe())); got != want {
				t.Errorf("%q is held by a role with %q: %t", asked, text, got)
			}
		}
	})
}

func ptr[T any](v T) *T { return &v }
