package authz

import (
	"slices"
	"testing"

	"github.com/tollgate-dev/tollgate/policy"
)

// Whatever decides changes the digest, and nothing else does.
func TestDigest(t *testing.T) {
	roles := func(change func([]policy.PredefinedRole) []policy.PredefinedRole) []policy.PredefinedRole {
		all := slices.Clone(policy.Predefined)
		for i := range all {
			all[i].Permissions = slices.Clone(all[i].Permissions)
		}
		return change(all)
	}
	plain := digestOf(policy.Meaning{}, policy.Predefined, map[string]bool{"event": true, "call": true})
	for name, got := range map[string]string{
		"the order of roles":       digestOf(policy.Meaning{}, roles(func(r []policy.PredefinedRole) []policy.PredefinedRole { slices.Reverse(r); return r }), map[string]bool{"call": true, "event": true}),
		"the order of permissions": digestOf(policy.Meaning{}, roles(func(r []policy.PredefinedRole) []policy.PredefinedRole { slices.Reverse(r[1].Permissions); return r }), map[string]bool{"call": true, "event": true}),
		"a role's name":            digestOf(policy.Meaning{}, roles(func(r []policy.PredefinedRole) []policy.PredefinedRole { r[0].DisplayName = "Boss"; return r }), map[string]bool{"call": true, "event": true}),
	} {
		if got != plain {
			t.Errorf("%s changes the digest", name)
		}
	}
	seen := map[string]string{plain: "the plain one"}
	for name, got := range map[string]string{
		"deny":                  digestOf(policy.Meaning{IgnoreDeny: true}, policy.Predefined, map[string]bool{"event": true, "call": true}),
		"the type":              digestOf(policy.Meaning{IgnoreType: true}, policy.Predefined, map[string]bool{"event": true, "call": true}),
		"the action":            digestOf(policy.Meaning{IgnoreAction: true}, policy.Predefined, map[string]bool{"event": true, "call": true}),
		"a permission":          digestOf(policy.Meaning{}, roles(func(r []policy.PredefinedRole) []policy.PredefinedRole { r[1].Permissions[0] = "*.see"; return r }), map[string]bool{"event": true, "call": true}),
		"a role":                digestOf(policy.Meaning{}, policy.Predefined[1:], map[string]bool{"event": true, "call": true}),
		"an unregistered type":  digestOf(policy.Meaning{}, policy.Predefined, map[string]bool{"event": true}),
		"no unregistered types": digestOf(policy.Meaning{}, policy.Predefined, nil),
	} {
		if other, ok := seen[got]; ok {
			t.Errorf("%s does not change the digest: it is that of %s", name, other)
		}
		seen[got] = name
	}
}
