package store

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// hashTag is the part of a key that decides its slot, by Redis's rule.
func hashTag(key string) string {
	_, rest, found := strings.Cut(key, "{")
	tag, _, closed := strings.Cut(rest, "}")
	if !found || !closed || tag == "" {
		return key
	}
	return tag
}

func keysOf(account, name string) []string {
	return []string{
		headKey(account), docsKey(account), resourcesKey(account), payersKey(account), parentsKey(account),
		logKey(account), identitiesKey(account), containerKey(account, name), revokedKey(account, name), madeKey(account, name),
		usedKey(account, hierarchy.Ref{Type: hierarchy.TypeKey, ID: name}),
	}
}

// TestKeys shows that all keys of an account are in one slot, and are no other
// account's.
func TestKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune("ab{}%:7BDé ")))
		a, b := text.Draw(t, "account"), text.Draw(t, "another")
		own := keysOf(a, text.Draw(t, "name"))
		for _, key := range own {
			if a != "" && hashTag(key) != hashTag(own[0]) {
				t.Errorf("%q and %q are in different slots", key, own[0])
			}
			if a != b && slices.Contains(keysOf(b, text.Draw(t, "another name")), key) {
				t.Errorf("%q is a key of %q and of %q", key, a, b)
			}
		}
	})
}

// testBraces uses accounts whose IDs look like parts of keys.
func testBraces(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	ids := []string{"}", "{", "{}", "a", "a}", "{a}", "a}:in:project:X", "a%7D", "a}:docs", "é}{"}
	for _, id := range ids {
		if err := (hierarchy.Ref{Type: "account", ID: id}).Check(); err != nil {
			t.Fatal(err)
		}
		w.must(signUp(id))
		r := register(id, id)
		r.Edits[0].After = []byte(in("project:prj_" + id))
		w.must(r)
	}
	for _, id := range ids {
		state := w.load(id, resource(id))
		if state.Number != 2 || len(state.Records) != 5 || len(state.Resources) != 1 {
			t.Errorf("%q: %+v", id, state)
		}
		if got := w.locate("number:" + id); got != id {
			t.Errorf("%q is located in %q", id, got)
		}
		if _, changes, err := w.Since(t.Context(), id, authz.Revision{}); err != nil || len(changes) != 2 {
			t.Errorf("%q: %v %v", id, changes, err)
		}
	}
}

func testOnce(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	ctx := t.Context()
	claim := func(caller, key, fingerprint, proposal string) (string, error) {
		settled, err := w.ClaimOnce(ctx, []string{caller, key}, fingerprint, []byte(proposal))
		return string(settled), err
	}
	if got, err := claim("service:shop", "secret-key", "f1", "first"); got != "first" || err != nil {
		t.Errorf("the first: %q %v", got, err)
	}
	if got, err := claim("service:shop", "secret-key", "f1", "second"); got != "first" || err != nil {
		t.Errorf("the second: %q %v", got, err)
	}
	if got, err := claim("service:shop", "secret-key", "f2", "third"); got != "" || reason(err) != "IDEMPOTENCY_KEY_REUSED" {
		t.Errorf("for another request: %q %v", got, err)
	}
	for _, other := range [][2]string{{"service:shops", "ecret-key"}, {"service:shop", "key"}, {"service:sho", "psecret-key"}, {"", "service:shopsecret-key"}, {"service:shopsecret-key", ""}} {
		if got, err := claim(other[0], other[1], "f3", "own"); got != "own" || err != nil {
			t.Errorf("%q: %q %v", other, got, err)
		}
	}
	held := w.dump("tg:once:*")
	if len(held) != 6 {
		t.Errorf("%d claims are kept, want 6", len(held))
	}
	for key, value := range held {
		if strings.Contains(key+value, "secret-key") || strings.Contains(key, "shop") {
			t.Errorf("the key stands in %q = %q", key, value)
		}
		if ttl := w.client.TTL(ctx, key).Val(); ttl <= 0 || ttl > OnceLifetime {
			t.Errorf("%s expires in %v", key, ttl)
		}
	}
	// A reply that is lost settles what the retry gets back.
	w.faults.LoseReply(1)
	if _, err := claim("c", "k", "f", "lost"); reason(err) != "STORE_UNAVAILABLE" {
		t.Errorf("a lost reply: %v", err)
	}
	w.faults.Clear()
	if got, err := claim("c", "k", "f", "again"); got != "lost" || err != nil {
		t.Errorf("after a lost reply: %q %v", got, err)
	}
}

// testMade repeats commits that are remembered, after the log has forgotten
// them and what they made is gone.
func testMade(t *testing.T, open opener) {
	w := newWorld(t, open, Options{LogLength: 1})
	w.must(signUp("a"))
	again := func(c *authz.Commit) error { _, _, err := w.Commit(t.Context(), c); return err }
	edit := func(e authz.Edit) *authz.Commit {
		return &authz.Commit{Account: "a", Identity: identity(), Edits: []authz.Edit{e}}
	}
	known, forgotten := edit(made("role:known", "{}")), edit(made("role:forgotten", "{}"))
	known.Outcome = []byte(`{"x": "a b"}`)
	head := w.must(known)
	w.must(forgotten)
	w.must(edit(authz.Edit{Key: "role:known", Before: []byte("{}")}))
	w.must(edit(authz.Edit{Key: "role:forgotten", Before: []byte("{}")}))
	for range 300 { // trimming is lazy
		w.must(edit(made("role:other", "{}")))
	}
	if made, err := w.Made(t.Context(), "a", known.Identity); err != nil || made == nil || made.Revision != head.Revision || made.At != head.At || string(made.Outcome) != `{"x": "a b"}` {
		t.Errorf("remembered is %+v, %v; want %+v", made, err, head)
	}
	if made, err := w.Made(t.Context(), "a", forgotten.Identity); made != nil || err != nil {
		t.Errorf("remembered is %+v, %v", made, err)
	}
	got, previous, err := w.Commit(t.Context(), known)
	if err != nil || got.Revision != head.Revision || got.At != head.At || got.Basis != head.Basis || previous != "" {
		t.Errorf("repeated: %+v %q %v, want %+v", got, previous, err, head)
	}
	if err := again(forgotten); err != nil { // the control
		t.Error(err)
	}
	if _, records, err := w.Read(t.Context(), "a", "role:known", "role:forgotten"); err != nil || len(records) != 1 || records[0].Key != "role:forgotten" {
		t.Errorf("only what was forgotten is made anew: %v %v", records, err)
	}
	for key := range w.dump("tg:{a}:made:*") {
		if ttl := w.client.TTL(t.Context(), key).Val(); ttl <= OnceLifetime || ttl > madeLifetime {
			t.Errorf("%s expires in %v, and has to outlive the claim", key, ttl)
		}
	}
	w.client.Set(t.Context(), madeKey("a", known.Identity), "x", 0)
	if _, err := w.Made(t.Context(), "a", known.Identity); !errors.Is(err, errCorrupt) {
		t.Errorf("a spoilt memory: %v", err)
	}
	if err := again(known); !errors.Is(err, errCorrupt) {
		t.Errorf("a spoilt memory, repeated: %v", err)
	}
}
