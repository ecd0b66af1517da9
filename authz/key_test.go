package authz_test

import (
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/apikey"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// keyring is a key of project web in the house, which may do there what ann,
// its sponsor, may.
type keyring struct {
	*house
	uid    hierarchy.UID
	secret apikey.Secret
	record apikey.Key
}

func newKeyring(t *testing.T) *keyring {
	k := &keyring{house: newHouse(t, authz.Options{}), uid: hierarchy.UID{7}}
	var hash apikey.Hash
	k.secret, hash = apikey.Mint("live", k.uid)
	k.record = apikey.Key{Parent: refOf("project:web"), Sponsor: refOf("user:ann"), Secrets: []apikey.Stored{{Hash: hash}}}
	id := hierarchy.PrefixKey + k.uid.String()
	k.source.Commit("acme", edit(hierarchy.TypeKey, id, nil, k.record),
		edit(hierarchy.TypeBinding, hierarchy.BindingID(k.uid, "acme"), nil, policy.Binding{Subject: refOf("key:" + id), Role: "editor", Scope: refOf("project:web"), Effect: policy.Allow}))
	return k
}

// change commits a record of the key in place of the one that it has.
func (k *keyring) change(record any) {
	k.source.Commit("acme", edit(hierarchy.TypeKey, hierarchy.PrefixKey+k.uid.String(), k.record, record))
	k.clock.pass(2 * time.Second)
}

func (k *keyring) shows(s apikey.Secret) authz.Answer {
	k.t.Helper()
	presented, err := apikey.Parse(s.Reveal())
	if err != nil {
		k.t.Fatal(err)
	}
	return mustCheck(k.t, k.Engine, authz.Request{Key: presented, Permission: "number.update", Resource: "subproject:shop"})
}

// To read a key and to verify it allocates nothing once it was accepted, and
// for the first time does, which shows that it would be seen.
func TestAKeyDoesNotAllocate(t *testing.T) {
	k := newKeyring(t)
	ctx, text := t.Context(), k.secret.Reveal()
	check := func() {
		presented, err := apikey.Parse(text)
		req := authz.Request{Key: presented, Permission: "number.update", Resource: "subproject:shop"}
		if a, wrong := k.Check(ctx, &req); err != nil || wrong != nil || !a.Allowed {
			t.Fatalf("%v, %v, %s", err, wrong, a.Code)
		}
	}
	check()
	if n := testing.AllocsPerRun(100, check); n != 0 {
		t.Errorf("%g allocations", n)
	}
	if k.ForgetKeys(); testing.AllocsPerRun(1, func() { k.ForgetKeys(); check() }) == 0 {
		t.Error("what it takes to find a key is not counted")
	}
}

// That a key is remembered says where to look for it, and nothing more: what is
// told of it, and whom a secret is taken for, is what it would be else.
func TestAKeyThatIsRememberedIsVerified(t *testing.T) {
	other := hierarchy.UID{8}
	_, next := apikey.Mint("live", hierarchy.UID{7})
	for name, c := range map[string]struct {
		change func(*keyring) any // the record that it has then; nil for none
		want   authz.Code
	}{
		"as it was": {func(k *keyring) any { return k.record }, authz.Allowed},
		"revoked":   {func(*keyring) any { return nil }, authz.KeyNotFound},
		"disabled":  {func(k *keyring) any { r := k.record; r.Disabled = true; return r }, authz.KeyDisabled},
		"expired":   {func(k *keyring) any { r := k.record; r.ExpiresAt = 1; return r }, authz.KeyExpired},
		"rotated":   {func(k *keyring) any { r := k.record; r.Secrets = []apikey.Stored{{Hash: next}}; return r }, authz.KeyNotFound},
		"orphaned":  {func(k *keyring) any { r := k.record; r.Sponsor = hierarchy.Ref{}; return r }, authz.SponsorMissing},
	} {
		k := newKeyring(t)
		for range 2 { // the first leaves the hint, the second takes it
			if a := k.shows(k.secret); !a.Allowed || a.Sponsor() != "user:ann" {
				t.Fatalf("%s, sponsored by %q", a.Code, a.Sponsor())
			}
		}
		for _, uid := range []hierarchy.UID{k.uid, other} {
			wrong, _ := apikey.Mint("live", uid)
			if a := k.shows(wrong); a.Code != authz.KeyNotFound || a.Principal() != "" || a.Account() != "" {
				t.Errorf("a wrong secret: %s, %s, %s", a.Code, a.Principal(), a.Account())
			}
		}
		k.change(c.change(k))
		for range 2 {
			if a := k.shows(k.secret); a.Code != c.want {
				t.Errorf("%s: %s, want %s", name, a.Code, c.want)
			}
		}
	}
}
