package admin_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// Whatever is taken for a bundle keeps every rule, is exported as an account
// that imports unchanged, over itself and elsewhere, and leaves the account as
// it is when it is imported again. What is not taken is refused with a reason,
// and leaves nothing.
func FuzzBundle(f *testing.F) {
	for _, text := range bundleTexts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { takes(t, text) })
}

// Bundles that are put together at random, of which some are taken.
func TestBundles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	taken, all := 0, 300
	for range all {
		text := []byte("#")
		for range rng.IntN(200) {
			text = append(text, byte(rng.IntN(256)))
		}
		if takes(t, text) {
			taken++
		}
	}
	if t.Logf("%d of %d are taken", taken, all); taken < all/10 || taken > all*9/10 {
		t.Error("which is too few or too many to test anything")
	}
}

// takes imports what a fuzzer has made, checks all that must hold then, and
// reports whether it was taken.
func takes(t *testing.T, text []byte) bool {
	t.Helper()
	var b admin.Bundle
	if len(text) > 0 && text[0] == '#' { // not a bundle, but how to choose one
		text = must(json.Marshal((&choices{text[1:]}).bundle()))(t)
	}
	if len(text) > 1<<16 || json.Unmarshal(text, &b) != nil {
		return false
	}
	h := build(t)
	done, err := h.Import(t.Context(), operator, &b, admin.ImportOptions{})
	if err != nil {
		refusedWhole(t, h, &b, err)
		return false
	}
	out := must(h.Export(t.Context(), operator, done.Account))(t)
	if diff := cmp.Diff(canonical(t, &b), canonical(t, out)); diff != "" {
		t.Errorf("exported otherwise than imported: %s", diff)
	}
	keepsRules(t, out, done.OperatorManaged)
	unchanged(t, h, &b, "the bundle again")
	unchanged(t, h, out, "its export")
	if again := must(h.Export(t.Context(), operator, done.Account))(t); !cmp.Equal(out, again) {
		t.Errorf("exported again: %s", cmp.Diff(out, again))
	}
	other := build(t)
	must(other.Import(t.Context(), operator, wired(t, out), admin.ImportOptions{}))(t)
	if elsewhere := must(other.Export(t.Context(), operator, done.Account))(t); !cmp.Equal(out, elsewhere) {
		t.Errorf("imported elsewhere and exported: %s", cmp.Diff(out, elsewhere))
	}
	return true
}

// choices are bytes by which a bundle is put together of parts that fit, and of
// some that do not: changing bytes of JSON seldom comes to anything like one.
type choices struct{ bytes []byte }

// below is a choice of n.
func (c *choices) below(n int) int {
	if len(c.bytes) == 0 {
		return 0
	}
	b := c.bytes[0]
	c.bytes = c.bytes[1:]
	return int(b) % n
}

// of is one of some words.
func (c *choices) of(words ...string) string { return words[c.below(len(words))] }

// object is a JSON object.
type object map[string]any

// list is a list of up to most objects.
func (c *choices) list(most int, make func() object) (all []object) {
	for range c.below(most + 1) {
		all = append(all, make())
	}
	return all
}

// good is of, but now and then of bad words.
func (c *choices) good(words []string, bad ...string) string {
	if c.below(40) == 1 {
		return c.of(bad...)
	}
	return c.of(words...)
}

// id is a name, of few.
func (c *choices) id() string {
	return c.good([]string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "ä", "acme"}, "a/b", "a:b", "project:a", "role:a", "group:a", "owner", "", ".", "a,b", "a$", " a", "*", "a\u200b", "\x00")
}

// bundle has one of each thing that others refer to, and some by choice.
func (c *choices) bundle() object {
	return object{
		"account": c.stated(object{"id": c.good([]string{"acme", "account:acme"}, c.id())}),
		"roles":   c.list(3, func() object { return object{"id": c.id(), "permissions": []string{c.permission(), c.permission()}} }),
		"groups": append(c.list(10, func() object { return object{"id": c.id(), "members": c.subjects()} }),
			object{"id": "team", "members": []string{}}),
		"billing_accounts": append(c.list(2, func() object {
			return c.stated(object{"id": c.id(), "mode": "prepaid", "currency": c.good([]string{"EUR", "USD"}, "XXX")})
		}), object{"id": "pays", "mode": "postpaid", "currency": "EUR"}),
		"projects": append(c.list(2, func() object {
			return c.stated(object{"id": c.id(), "billing_account": c.good([]string{"pays", "", "billing_account:pays"}, "a")})
		}), object{"id": "main"}),
		"subprojects": append(c.list(3, func() object {
			return c.stated(object{"id": c.id(), "project": c.good([]string{"main", "project:main"}, "a")})
		}), object{"id": "sub", "project": "main"}),
		"resources": append(c.list(3, func() object {
			return c.labelled(object{"type": c.good([]string{"number", "call"}, "project", "message", "n*"), "id": c.id(), "parent": c.scope(), "properties": c.properties()})
		}), object{"type": "number", "id": "one", "parent": "subproject:sub"}),
		"bindings": c.list(5, c.binding),
	}
}

func (c *choices) stated(o object) object {
	o["suspended"], o["suspended_by_operator"] = c.below(4) == 1, c.below(4) == 1
	o["display_name"] = c.good([]string{"", "A"}, "\u202e")
	return c.labelled(o)
}

func (c *choices) labelled(o object) object {
	if c.below(3) == 1 {
		o["labels"] = object{c.good([]string{"a", "tier"}, ""): c.good([]string{"", "b"}, "\n")}
	}
	return o
}

func (c *choices) permission() string {
	return c.good([]string{"number.read", "number.*", "*.read", "*.*", "a.b.c"}, "number.up*", "number", ".", "x.", "binding.grant")
}

func (c *choices) subjects() (all []string) {
	for range c.below(3) {
		all = append(all, c.subject())
	}
	return all
}

func (c *choices) subject() string {
	return c.good([]string{"user:ann", "user:ben", "service:shop", "group:team", "group:a", "group:b", "group:c"}, "role:owner", "user:", "ann")
}

// scope is a container most often, and of bindings something else too.
func (c *choices) scope(others ...string) string {
	return c.good(append(others, "project:main", "subproject:sub"), "account:acme", "project:none", "group:a", "subproject:a")
}

func (c *choices) properties() any {
	if c.below(40) == 1 {
		return []any{[]int{}, "x", 1}[c.below(3)]
	}
	return []any{object{}, object{"a": []int{1}}}[c.below(2)]
}

func (c *choices) binding() object {
	o := object{"subject": c.subject(), "role": c.good([]string{"owner", "viewer", "role:owner"}, "a", "none"), "scope": c.scope("account:acme", "billing_account:pays", "number:one")}
	if effect := c.good([]string{"", "allow", "deny"}, "perhaps"); effect != "" {
		o["effect"] = effect
	}
	for _, end := range []string{"not_before", "expires_at"} {
		if at := c.good([]string{"", "", "2026-01-01T00:00:00.0000009Z", "2027-01-01T01:00:00+01:00", "9999-12-31T23:59:59Z"}, "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "10000-01-01T00:00:00Z"); at != "" {
			o[end] = at
		}
	}
	return o
}

// canonical is a bundle in one way of saying it: IDs bare where their type is
// known, each thing once and in order, nothing said that goes without saying.
func canonical(t *testing.T, b *admin.Bundle) *admin.Bundle {
	t.Helper()
	out := wired(t, b)
	bare(&out.Account.ID, "account")
	tidy(&out.Account.Labels)
	for i := range out.Roles {
		bare(&out.Roles[i].ID, "role")
	}
	for i := range out.Groups {
		bare(&out.Groups[i].ID, "group")
		out.Groups[i].Members = once(append([]hierarchy.Ref{}, out.Groups[i].Members...), hierarchy.Ref.String)
	}
	for i := range out.BillingAccounts {
		bare(&out.BillingAccounts[i].ID, "billing_account")
		tidy(&out.BillingAccounts[i].Labels)
	}
	for i := range out.Projects {
		bare(&out.Projects[i].ID, "project")
		bare(&out.Projects[i].BillingAccount, "billing_account")
		tidy(&out.Projects[i].Labels)
	}
	for i := range out.Subprojects {
		bare(&out.Subprojects[i].ID, "subproject")
		bare(&out.Subprojects[i].Project, "project")
		tidy(&out.Subprojects[i].Labels)
	}
	for i := range out.Resources {
		tidy(&out.Resources[i].Labels)
	}
	for i := range out.Bindings {
		x := &out.Bindings[i]
		bare(&x.Role, "role")
		x.NotBefore, x.ExpiresAt = instant(x.NotBefore), instant(x.ExpiresAt)
		if x.Effect == policy.Allow {
			x.Effect = ""
		}
	}
	out.Roles = once(out.Roles, func(r admin.BundleRole) string { return r.ID })
	out.Groups = once(out.Groups, func(g admin.BundleGroup) string { return g.ID })
	out.BillingAccounts = once(out.BillingAccounts, func(a admin.BundleBillingAccount) string { return a.ID })
	out.Projects = once(out.Projects, func(p admin.BundleProject) string { return p.ID })
	out.Subprojects = once(out.Subprojects, func(p admin.BundleSubproject) string { return p.ID })
	out.Resources = once(out.Resources, func(r admin.BundleResource) string { return r.Type + ":" + r.ID })
	out.Bindings = once(out.Bindings, func(x admin.BundleBinding) string { return string(must(json.Marshal(x))(t)) })
	return out
}

func bare(id *string, typ string) { *id = strings.TrimPrefix(*id, typ+":") }

// tidy says no labels in one way.
func tidy(labels *map[string]string) {
	if len(*labels) == 0 {
		*labels = nil
	}
}

// instant is a time as it is kept: in microseconds.
func instant(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	kept := time.UnixMicro(at.UnixMicro()).UTC()
	return &kept
}

// once is a list in the order of its names, without what is named twice.
func once[T any](list []T, name func(T) string) []T {
	slices.SortFunc(list, func(a, b T) int { return strings.Compare(name(a), name(b)) })
	list = slices.CompactFunc(list, func(a, b T) bool { return name(a) == name(b) })
	if len(list) == 0 {
		return nil
	}
	return list
}

// refusedWhole checks that a refusal has a reason, and left nothing.
func refusedWhole(t *testing.T, h *house, b *admin.Bundle, err error) {
	t.Helper()
	var known *hierarchy.Error
	if !errors.As(err, &known) || known.Reason == "" || known.Detail == "" || known.Kind == hierarchy.KindUnavailable {
		t.Fatalf("refused without a reason: %v", err)
	}
	if !utf8.ValidString(known.Detail) || slices.ContainsFunc([]rune(known.Detail), unicode.IsControl) {
		t.Errorf("a reason that cannot be shown: %q", known.Detail)
	}
	if h.store.last != nil {
		t.Errorf("refused with %v, and committed: %+v", err, h.store.last)
	}
	if _, err := h.Export(t.Context(), operator, b.Account.ID); err == nil {
		t.Error("refused, and there")
	}
}

// wired is a bundle as it comes back from where it was sent.
func wired(t *testing.T, b *admin.Bundle) *admin.Bundle {
	t.Helper()
	var back admin.Bundle
	if err := json.Unmarshal(must(json.Marshal(b))(t), &back); err != nil {
		t.Fatalf("an export that cannot be read: %v", err)
	}
	return &back
}

func unchanged(t *testing.T, h *house, b *admin.Bundle, what string) {
	t.Helper()
	done, err := h.Import(t.Context(), operator, wired(t, b), admin.ImportOptions{})
	if err != nil || len(done.Created)+len(done.Updated) > 0 {
		t.Errorf("importing %s: %+v, %v", what, done, err)
	}
}

// keepsRules checks an account by rules that are written down here once more.
func keepsRules(t *testing.T, b *admin.Bundle, managed bool) {
	t.Helper()
	seen := map[hierarchy.Ref]bool{}
	name := func(typ, id string) {
		ref := hierarchy.Ref{Type: typ, ID: id}
		if seen[ref] || ref.Check() != nil || len(ref.String()) > 256 {
			t.Errorf("%q is named twice, or cannot be a name", ref)
		}
		seen[ref] = true
	}
	name("account", b.Account.ID)
	for _, r := range b.Roles {
		name("role", r.ID)
		for _, p := range r.Permissions {
			if pattern, err := policy.ParsePattern(p); err != nil || pattern.String() != p || policy.IsPredefined(r.ID) {
				t.Errorf("role %q holds %q", r.ID, p)
			}
		}
	}
	for _, g := range b.Groups {
		name("group", g.ID)
	}
	for _, a := range b.BillingAccounts {
		name("billing_account", a.ID)
		if len(a.Currency) != 3 || (a.Mode != "prepaid" && a.Mode != "postpaid") {
			t.Errorf("billing account %q: %q, %q", a.ID, a.Mode, a.Currency)
		}
	}
	if len(b.BillingAccounts) == 0 || len(b.Projects) == 0 {
		t.Error("an account without a billing account or without a project")
	}
	for _, p := range b.Projects {
		name("project", p.ID)
		mustHave(t, seen, p.BillingAccount == "", hierarchy.Ref{Type: "billing_account", ID: p.BillingAccount})
	}
	for _, p := range b.Subprojects {
		name("subproject", p.ID)
		mustHave(t, seen, false, hierarchy.Ref{Type: "project", ID: p.Project})
	}
	for _, r := range b.Resources {
		name(r.Type, r.ID)
		mustHave(t, seen, false, r.Parent)
		if hierarchy.IsOwn(r.Type) || r.Type == "message" || (r.Parent.Type != "project" && r.Parent.Type != "subproject") || (r.Properties != nil && r.Properties[0] != '{') {
			t.Errorf("resource %+v", r)
		}
	}
	nests(t, b, seen)
	if !owned(t, b, seen) && !managed {
		t.Error("an account that nobody owns and no operator manages")
	}
}

func mustHave(t *testing.T, seen map[hierarchy.Ref]bool, none bool, ref hierarchy.Ref) {
	t.Helper()
	if !none && !seen[ref] {
		t.Errorf("%q is referred to, and not there", ref)
	}
}

// nests checks that groups nest without a circle, and at most eight deep.
func nests(t *testing.T, b *admin.Bundle, seen map[hierarchy.Ref]bool) {
	t.Helper()
	members := map[string][]hierarchy.Ref{}
	for _, g := range b.Groups {
		members[g.ID] = g.Members
	}
	var depth func(id string, above int) int
	depth = func(id string, above int) (deepest int) {
		if above > 9 {
			return above
		}
		for _, m := range members[id] {
			if m.Type == "group" {
				mustHave(t, seen, false, m)
				deepest = max(deepest, depth(m.ID, above+1))
			} else if m.Type != "user" && m.Type != "service" {
				t.Errorf("group %q has the member %q", id, m)
			}
		}
		return deepest + 1
	}
	for _, g := range b.Groups {
		if n := depth(g.ID, 1); n > 8 {
			t.Errorf("group %q nests %d deep", g.ID, n)
		}
	}
}

// owned checks the bindings, and reports whether a user may be an effective
// owner.
func owned(t *testing.T, b *admin.Bundle, seen map[hierarchy.Ref]bool) (yes bool) {
	t.Helper()
	for i, x := range b.Bindings {
		role := hierarchy.Ref{Type: "role", ID: x.Role}
		mustHave(t, seen, policy.IsPredefined(x.Role), role)
		mustHave(t, seen, x.Subject.Type == "user" || x.Subject.Type == "service", x.Subject)
		mustHave(t, seen, false, x.Scope)
		if x.NotBefore != nil && x.ExpiresAt != nil && !x.NotBefore.Before(*x.ExpiresAt) {
			t.Errorf("binding %+v never holds", x)
		}
		if x.Effect != "" && x.Effect != policy.Deny {
			t.Errorf("binding %+v", x)
		}
		if i > 0 && cmp.Equal(x, b.Bindings[i-1]) {
			t.Errorf("binding %+v is there twice", x)
		}
		yes = yes || (x.Subject.Type == "user" && x.Role == "owner" && x.Scope.Type == "account" && x.Effect == "" && x.NotBefore == nil && x.ExpiresAt == nil)
	}
	return yes
}

// bundleTexts are where fuzzing begins: what is good, and what nearly is.
var bundleTexts = func() []string {
	whole, err := os.ReadFile("testdata/whole.json")
	if err != nil {
		panic(err)
	}
	const least = `"billing_accounts":[{"id":"b","mode":"prepaid","currency":"EUR"}],"projects":[{"id":"p","billing_account":"b"}]`
	return []string{
		string(whole),
		`{"account":{"id":"a"},` + least + `}`,
		`{"account":{"id":"account:a"},` + least + `}`,
		`{"account":{"id":"a","suspended":true,"suspended_by_operator":true},` + least + `}`,
		`{"account":{"id":"a"}}`,
		`{}`, `[]`, `null`, "#", "#\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09",
	}
}()
