package policy

import (
	"errors"
	"slices"
	"testing"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

func TestPrintedPolicyOfAnExample(t *testing.T) {
	golden(t, "policy.golden.csv", printed(t, example(), 199))
}

func TestDeriveIsTheSameInAnyOrderOfBindingsAndMembers(t *testing.T) {
	w := example()
	want := printed(t, w, 199)
	slices.Reverse(w.bindings)
	slices.Reverse(w.members)
	if got := printed(t, w, 199); got != want {
		t.Errorf("reversed facts derive\n%s\nand not\n%s", got, want)
	}
}

func TestDeriveResolvesWindows(t *testing.T) {
	w := &world{roles: map[string][]string{"all": {"*.*"}}}
	w.bindings = []Binding{{ref("user:u"), "all", ref("account:a"), Allow, Window{100, 200}}}
	for at, lines := range map[int64]int{99: 0, 100: 2, 101: 2, 199: 2, 200: 0, 201: 0} {
		n := 0
		_ = Derive(w.facts(), at, func(...string) error { n++; return nil })
		if n != lines {
			t.Errorf("as of %d there are %d lines, and not %d", at, n, lines)
		}
	}
}

func TestDeriveEndsAtAnError(t *testing.T) {
	full := errors.New("full")
	total := 0
	_ = Derive(example().facts(), 199, func(...string) error { total++; return nil })
	for stop := range total {
		n := 0
		err := Derive(example().facts(), 199, func(...string) error {
			if n++; n > stop {
				return full
			}
			return nil
		})
		if !errors.Is(err, full) || n != stop+1 {
			t.Errorf("stopped after line %d: error %v, %d lines", stop, err, n)
		}
	}
}

func TestDeriveEndsOnACycleOfGroups(t *testing.T) {
	w := &world{roles: map[string][]string{"all": {"*.*"}}, members: []membership{{ref("group:a"), "b"}, {ref("group:b"), "a"}, {ref("user:u"), "a"}}}
	w.bind(ref("group:b"), "all", ref("account:a"), Allow)
	if err := Derive(w.facts(), 0, func(...string) error { return nil }); err != nil {
		t.Error(err)
	}
}

func TestDeriveOfNothing(t *testing.T) {
	none := func(string) ([]string, bool) { return nil, false }
	for _, f := range []Facts{{Permissions: none}, Facts{Permissions: none}.NarrowedTo(nil, nil)} {
		if err := Derive(f, 0, func(line ...string) error { t.Error(line); return nil }); err != nil {
			t.Error(err)
		}
	}
}

func TestValidUntil(t *testing.T) {
	bindings := []Binding{
		{}, {Window: Window{NotBefore: 100}}, {Window: Window{ExpiresAt: 200}}, {Window: Window{150, 400}},
	}
	for at, want := range map[int64]int64{0: 100, 99: 100, 100: 150, 150: 200, 199: 200, 200: 400, 400: 0, 500: 0} {
		if got := ValidUntil(slices.Values(bindings), at); got != want {
			t.Errorf("as of %d it is valid until %d, and not %d", at, got, want)
		}
	}
	if got := ValidUntil(nil, 7); got != 0 {
		t.Errorf("nothing is valid until %d", got)
	}
}

// What is derived stays the same until ValidUntil, and changes then.
func TestValidUntilIsWhenTheDerivedPolicyChanges(t *testing.T) {
	w := example()
	for at := int64(1); ; {
		until := ValidUntil(slices.Values(w.bindings), at)
		if until == 0 {
			return
		}
		if printed(t, w, at) != printed(t, w, until-1) {
			t.Errorf("the policy of %d changes before %d", at, until)
		}
		if until < 300 && printed(t, w, at) == printed(t, w, until) { // at 300 one of two equal bindings ends
			t.Errorf("the policy of %d does not change at %d", at, until)
		}
		at = until
	}
}

func TestNarrowedKeepsOnlyWhatCanMatter(t *testing.T) {
	w := example()
	path, principals := w.path(ref("subproject:client-1")), w.principals(ref("user:bob"))
	f := w.facts().NarrowedTo(path, principals)
	nodes, members, bindings := 0, 0, 0
	for range f.Nodes {
		nodes++
	}
	for range f.Members {
		members++
	}
	for b := range f.Bindings {
		bindings++
		if b.Subject.Type != hierarchy.TypeGroup {
			t.Errorf("%s is no principal of user:bob", b.Subject)
		}
	}
	if nodes != 2 || members != 2 || bindings != 2 {
		t.Errorf("narrowed to %d nodes, %d members, %d bindings", nodes, members, bindings)
	}
}
