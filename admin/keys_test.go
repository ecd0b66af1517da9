package admin_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/apikey"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// mint makes a key of ann's, and binds it to a role on what it belongs to.
func (h *house) mint(t *testing.T, parent hierarchy.Ref, role string) admin.Minted {
	t.Helper()
	k, err := h.CreateKey(t.Context(), as(ann), admin.NewKey{Parent: parent, Environment: "live"})
	if err != nil {
		t.Fatal(err)
	}
	if role != "" {
		h.bindKey(t, k.Ref, role, parent)
	}
	return k
}

func (h *house) bindKey(t *testing.T, key hierarchy.Ref, role string, scope hierarchy.Ref) {
	t.Helper()
	if _, err := h.CreateBinding(t.Context(), operator, policy.Binding{Subject: key, Role: role, Scope: scope}); err != nil {
		t.Fatal(err)
	}
}

// askWith is the answer to whoever presents a key.
func (h *house) askWith(t *testing.T, secret apikey.Secret, permission string, on hierarchy.Ref) authz.Answer {
	t.Helper()
	return h.askFrom(t, secret, permission, on, netip.Addr{})
}

func (h *house) askFrom(t *testing.T, secret apikey.Secret, permission string, on hierarchy.Ref, from netip.Addr) authz.Answer {
	t.Helper()
	presented, err := apikey.Parse(secret.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	a, err := h.engine.Check(t.Context(), &authz.Request{Key: presented, Source: from, Permission: permission, Resource: on.String()})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (h *house) wantCode(t *testing.T, what string, a authz.Answer, code authz.Code) {
	t.Helper()
	if a.Code != code || a.Allowed != (code == authz.Allowed) {
		t.Errorf("%s: %v %s, want %s", what, a.Allowed, a.Code, code)
	}
}

// A key reaches what it belongs to, has what is bound to it, and no more than
// its sponsor (M22, M23).
func TestKeyDecides(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		c := h.customer(t)
		project := c.Project.Ref
		sub := must(h.CreateSubproject(t.Context(), as(ann), project.ID, hierarchy.Info{}))(t).Ref
		other := must(h.CreateProject(t.Context(), as(ann), c.Account.Ref.ID, hierarchy.Project{}, ""))(t).Ref
		ofProject, ofSub := h.mint(t, project, "viewer"), h.mint(t, sub, "viewer")

		for _, x := range []struct {
			what string
			key  admin.Minted
			on   hierarchy.Ref
			code authz.Code
		}{
			{"a project's key on the project", ofProject, project, authz.Allowed},
			{"a project's key on its subproject", ofProject, sub, authz.Allowed},
			{"a project's key on another project", ofProject, other, authz.KeyOutOfReach},
			{"a project's key on the account", ofProject, c.Account.Ref, authz.KeyOutOfReach},
			{"a project's key on who pays", ofProject, c.Billing.Ref, authz.KeyOutOfReach},
			{"a subproject's key on the subproject", ofSub, sub, authz.Allowed},
			{"a subproject's key on the project", ofSub, project, authz.KeyOutOfReach},
		} {
			a := h.askWith(t, x.key.Secret, x.on.Type+".read", x.on)
			h.wantCode(t, x.what, a, x.code)
			if a.Principal() != x.key.Ref.String() {
				t.Errorf("%s: the principal is %q", x.what, a.Principal())
			}
		}
		h.wantCode(t, "what is not bound to it", h.askWith(t, ofProject.Secret, "project.configure", project), authz.NoBinding)

		if a := h.askWith(t, ofProject.Secret, "project.read", project); a.Sponsor() != ann.String() || a.Billing.BillingAccount != c.Billing.Ref.ID {
			t.Errorf("sponsored by %q, paid by %q", a.Sponsor(), a.Billing.BillingAccount)
		}
	})
}

// The sponsor's rights bound the key's, in the same snapshot.
func TestKeyHasNoMoreThanItsSponsor(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	project := c.Project.Ref
	h.bindKey(t, ben, "editor", project)
	if _, err := h.CreateKey(t.Context(), as(ben), admin.NewKey{Parent: project, Environment: "live"}); err == nil {
		t.Fatal("an editor makes keys")
	}
	k, err := h.CreateKey(t.Context(), operator, admin.NewKey{Parent: project, Environment: "live", Sponsor: ben})
	if err != nil {
		t.Fatal(err)
	}
	h.bindKey(t, k.Ref, "owner", project)
	h.wantCode(t, "what both hold", h.askWith(t, k.Secret, "number.update", project), authz.Allowed)
	h.wantCode(t, "what the sponsor lacks", h.askWith(t, k.Secret, "project.configure", project), authz.SponsorLacks)

	deny, err := h.CreateBinding(t.Context(), operator, policy.Binding{Subject: ben, Role: "editor", Scope: project, Effect: policy.Deny})
	if err != nil {
		t.Fatal(err)
	}
	h.wantCode(t, "what the sponsor is denied", h.askWith(t, k.Secret, "number.update", project), authz.SponsorLacks)
	if _, err := h.DeleteBinding(t.Context(), operator, deny.Ref.ID); err != nil {
		t.Fatal(err)
	}

	_, err = h.TransferKey(t.Context(), as(ann), k.Ref.ID, ben)
	want(t, "a sponsor who holds less than the key", "SPONSOR_LACKS_PERMISSION", err)
	if _, err := h.TransferKey(t.Context(), as(ann), k.Ref.ID, ann); err != nil {
		t.Fatal(err)
	}
	h.wantCode(t, "what the new sponsor holds", h.askWith(t, k.Secret, "project.configure", project), authz.Allowed)
	_, err = h.TransferKey(t.Context(), as(ann), k.Ref.ID, k.Ref)
	want(t, "a key as sponsor", "SPONSOR_INVALID", err)
}

// A key is refused by its state, for a reason that only its holder is told.
func TestKeyLife(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		c := h.customer(t)
		project := c.Project.Ref
		k := h.mint(t, project, "viewer")
		id := k.Ref.ID
		ask := func(s apikey.Secret) authz.Answer { return h.askWith(t, s, "project.read", project) }

		must(h.DisableKey(t.Context(), as(ann), id))(t)
		h.wantCode(t, "disabled", ask(k.Secret), authz.KeyDisabled)
		must(h.EnableKey(t.Context(), as(ann), id))(t)
		h.wantCode(t, "enabled", ask(k.Secret), authz.Allowed)

		uid, _ := hierarchy.ParseUID(strings.TrimPrefix(id, "key_"))
		forged, _ := apikey.Mint("live", uid)
		unknown, _ := apikey.Mint("live", hierarchy.NewUID(time.Now()))
		h.wantCode(t, "a wrong secret", ask(forged), authz.KeyNotFound)
		h.wantCode(t, "no such key", ask(unknown), authz.KeyNotFound)

		next := must(h.RotateKey(t.Context(), as(ann), id, "live", time.Hour))(t)
		h.wantCode(t, "the old secret in the overlap", ask(k.Secret), authz.Allowed)
		h.wantCode(t, "the new secret", ask(next.Secret), authz.Allowed)
		last := must(h.RotateKey(t.Context(), as(ann), id, "live", 0))(t)
		h.wantCode(t, "a secret without overlap", ask(next.Secret), authz.KeyNotFound)
		h.wantCode(t, "the last secret", ask(last.Secret), authz.Allowed)

		must(h.UpdateKey(t.Context(), as(ann), id, func(k *apikey.Key) error {
			k.Sources = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
			return nil
		}))(t)
		h.wantCode(t, "from an unknown address", ask(last.Secret), authz.AddressBlocked)
		h.wantCode(t, "from an address on the list", h.askFrom(t, last.Secret, "project.read", project, netip.MustParseAddr("192.0.2.9")), authz.Allowed)
		h.wantCode(t, "a wrong secret from an unknown address", ask(forged), authz.KeyNotFound)

		if _, err := h.RevokeKey(t.Context(), as(ann), id); err != nil {
			t.Fatal(err)
		}
		h.wantCode(t, "revoked", ask(last.Secret), authz.KeyNotFound)
		page, err := h.Bindings(t.Context(), operator, admin.BindingFilter{Account: c.Account.Ref.ID, Subject: k.Ref}, admin.Span{Limit: 10})
		if err != nil || len(page.Items) != 0 {
			t.Errorf("what was bound to a revoked key: %v, %v", page.Items, err)
		}
		_, err = h.Key(t.Context(), as(ann), id)
		want(t, "a revoked key", "NOT_FOUND", err)
	})
}

// To be refused for a wrong secret takes a look-up in the store, as it does for
// a key that there is not: how long it takes does not tell which keys exist.
func TestAWrongSecretCostsAsMuchAsNoKey(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	k := h.mint(t, c.Project.Ref, "viewer")
	uid, _ := hierarchy.ParseUID(strings.TrimPrefix(k.Ref.ID, "key_"))
	wrong, _ := apikey.Mint("live", uid)
	none, _ := apikey.Mint("live", hierarchy.NewUID(time.Now()))
	gone := h.mint(t, c.Project.Ref, "viewer")
	h.wantCode(t, "a key", h.askWith(t, k.Secret, "project.read", c.Project.Ref), authz.Allowed)
	h.wantCode(t, "another", h.askWith(t, gone.Secret, "project.read", c.Project.Ref), authz.Allowed)
	if _, err := h.RevokeKey(t.Context(), operator, gone.Ref.ID); err != nil {
		t.Fatal(err)
	}
	h.wantCode(t, "a key just revoked", h.askWith(t, gone.Secret, "project.read", c.Project.Ref), authz.KeyNotFound)
	for what, x := range map[string]struct {
		secret apikey.Secret
		code   authz.Code
		looks  int64
	}{
		"a good key": {k.Secret, authz.Allowed, 0}, "a wrong secret": {wrong, authz.KeyNotFound, 1},
		"no such key": {none, authz.KeyNotFound, 1}, "a revoked key": {gone.Secret, authz.KeyNotFound, 1},
	} {
		for range 3 {
			before := h.store.located.Load()
			h.wantCode(t, what, h.askWith(t, x.secret, "project.read", c.Project.Ref), x.code)
			if looks := h.store.located.Load() - before; looks != x.looks {
				t.Errorf("%s takes %d look-ups, want %d", what, looks, x.looks)
			}
		}
	}
}

func TestKeyExpires(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	now := h.engine.Now()
	_, err := h.CreateKey(t.Context(), as(ann), admin.NewKey{Parent: c.Project.Ref, Environment: "live", ExpiresAt: now - 1})
	want(t, "an end in the past", "EXPIRY_INVALID", err)
	h.SetClock(func() int64 { return now - time.Hour.Microseconds() }) // it is made an hour ago
	k := must(h.CreateKey(t.Context(), as(ann), admin.NewKey{Parent: c.Project.Ref, Environment: "live", ExpiresAt: now - time.Minute.Microseconds()}))(t)
	h.bindKey(t, k.Ref, "viewer", c.Project.Ref)
	h.wantCode(t, "after its end", h.askWith(t, k.Secret, "project.read", c.Project.Ref), authz.KeyExpired)
}

// A project has at most ten live keys (M22), and one that has ended makes room.
func TestKeysAreFew(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	in := admin.NewKey{Parent: c.Project.Ref, Environment: "live"}
	var ids []string
	for range apikey.MaxKeys {
		ids = append(ids, must(h.CreateKey(t.Context(), as(ann), in))(t).Ref.ID)
	}
	_, err := h.CreateKey(t.Context(), as(ann), in)
	want(t, "an eleventh key", "TOO_MANY_KEYS", err)
	if _, err := h.RevokeKey(t.Context(), as(ann), ids[0]); err != nil {
		t.Fatal(err)
	}
	must(h.CreateKey(t.Context(), as(ann), in))(t)
}

// The secret is shown once: a repeat under the same idempotency key answers
// the key without it.
func TestSecretIsShownOnce(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	in := admin.NewKey{Parent: c.Project.Ref, Environment: "live"}
	first := must(h.CreateKey(t.Context(), under(as(ann), "k"), in))(t)
	again := must(h.CreateKey(t.Context(), under(as(ann), "k"), in))(t)
	if first.Shown || first.Secret == (apikey.Secret{}) || !again.Shown || again.Secret != (apikey.Secret{}) || again.Ref != first.Ref {
		t.Errorf("shown %v, then %v; %s, then %s", first.Shown, again.Shown, first.Ref, again.Ref)
	}
	h.wantCode(t, "the key of the first answer", h.askWith(t, first.Secret, "project.read", c.Project.Ref), authz.NoBinding)
}

// Whoever finds a secret can end its use, and it comes back with a new one only.
func TestLeak(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	k := h.mint(t, c.Project.Ref, "viewer")
	found, _ := apikey.Parse(k.Secret.Reveal())
	uid, _ := hierarchy.ParseUID(strings.TrimPrefix(k.Ref.ID, "key_"))
	forged, _ := apikey.Mint("live", uid)
	guess, _ := apikey.Parse(forged.Reveal())
	if err := h.ReportLeak(t.Context(), guess); err != nil {
		t.Fatal(err)
	}
	h.wantCode(t, "after a guess", h.askWith(t, k.Secret, "project.read", c.Project.Ref), authz.Allowed)
	if err := h.ReportLeak(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	h.wantCode(t, "after a report", h.askWith(t, k.Secret, "project.read", c.Project.Ref), authz.KeyDisabled)
	_, err := h.EnableKey(t.Context(), as(ann), k.Ref.ID)
	want(t, "enabling what has leaked", "KEY_LEAKED", err)
	next := must(h.RotateKey(t.Context(), as(ann), k.Ref.ID, "live", time.Hour))(t)
	h.wantCode(t, "the new secret", h.askWith(t, next.Secret, "project.read", c.Project.Ref), authz.Allowed)
	h.wantCode(t, "the leaked secret", h.askWith(t, k.Secret, "project.read", c.Project.Ref), authz.KeyNotFound)
}

// What a key may not be given.
func TestKeyRules(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	project, account := c.Project.Ref, c.Account.Ref
	k := h.mint(t, project, "")
	_, err := h.CreateBinding(t.Context(), as(ann), policy.Binding{Subject: k.Ref, Role: "viewer", Scope: account})
	want(t, "a binding out of its reach", "KEY_OUT_OF_REACH", err)
	_, err = h.CreateBinding(t.Context(), as(ann), policy.Binding{Subject: hierarchy.Ref{Type: "key", ID: "key_none"}, Role: "viewer", Scope: project})
	want(t, "a key that does not exist", "NOT_FOUND", err)
	group := must(h.CreateGroup(t.Context(), as(ann), account.ID, "g", policy.Group{}, nil))(t)
	_, err = h.AddMember(t.Context(), as(ann), account.ID, group.Ref.ID, k.Ref)
	want(t, "a key in a group", "SUBJECT_INVALID", err)
	_, err = h.CreateKey(t.Context(), operator, admin.NewKey{Parent: project, Environment: "live"})
	want(t, "a key without a sponsor", "SPONSOR_REQUIRED", err)
	_, err = h.CreateKey(t.Context(), as(ann), admin.NewKey{Parent: project, Environment: "live", Sponsor: ben})
	want(t, "another as sponsor", "SPONSOR_INVALID", err)
	_, err = h.CreateKey(t.Context(), as(ann), admin.NewKey{Parent: account, Environment: "live"})
	want(t, "a key of an account", "PARENT_INVALID", err)
	_, err = h.CreateKey(t.Context(), as(ann), admin.NewKey{Parent: project, Environment: "live", Service: hierarchy.Ref{Type: "service", ID: "x"}})
	want(t, "a project's key that stands for a service", "SERVICE_INVALID", err)
	_, err = h.CreateKey(t.Context(), as(ben), admin.NewKey{Parent: project, Environment: "live"})
	want(t, "a key in a project of somebody else", "NOT_FOUND", err)
	by := admin.Caller{Name: k.Ref.String(), Principal: k.Ref}
	h.bindKey(t, k.Ref, "owner", project)
	_, err = h.CreateKey(t.Context(), by, admin.NewKey{Parent: project, Environment: "live"})
	want(t, "a key made by a key", "SPONSOR_INVALID", err)
}

// A secret is given to nobody who could not give all that it opens.
func TestRotatingIsAGrant(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	project := c.Project.Ref
	k := h.mint(t, project, "owner")
	role := must(h.CreateRole(t.Context(), as(ann), c.Account.Ref.ID, "rotator", policy.Role{Permissions: []string{"project.read", "key.inspect", "key.rotate", "key.transfer"}}))(t)
	h.bindKey(t, ben, role.Ref.ID, project)
	_, err := h.RotateKey(t.Context(), as(ben), k.Ref.ID, "live", 0)
	want(t, "rotating an owner's key", "PERMISSION_DENIED", err)
	_, err = h.TransferKey(t.Context(), as(ben), k.Ref.ID, ben)
	want(t, "transferring an owner's key", "PERMISSION_DENIED", err)
	must(h.RotateKey(t.Context(), as(ann), k.Ref.ID, "live", 0))(t)
}

// A service key stands for its service; what that is bound to on the platform
// holds in every account, and a deny in an account wins.
func TestServiceKey(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		if err := h.EnsurePlatform(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := h.EnsurePlatform(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := h.customer(t)
		gateway := hierarchy.Ref{Type: "service", ID: "gateway"}
		k := must(h.CreateKey(t.Context(), operator, admin.NewKey{Parent: admin.Platform, Environment: "live", Service: gateway}))(t)
		_, err := h.CreateKey(t.Context(), as(ann), admin.NewKey{Parent: admin.Platform, Environment: "live", Service: gateway})
		want(t, "a customer's service key", "NOT_FOUND", err)
		presented, _ := apikey.Parse(k.Secret.Reveal())
		principal, account, code, err := h.engine.Authenticate(t.Context(), presented, netip.Addr{})
		if principal != gateway.String() || account != hierarchy.PlatformID || code != authz.Allowed || err != nil {
			t.Fatal(principal, account, code, err)
		}
		h.bindKey(t, gateway, "viewer", c.Project.Ref)
		a := h.askWith(t, k.Secret, "number.read", c.Project.Ref)
		h.wantCode(t, "a service's own binding", a, authz.Allowed)
		if a.Principal() != gateway.String() || a.Sponsor() != "" {
			t.Errorf("the principal is %s, sponsored by %q", a.Principal(), a.Sponsor())
		}

		who := func() admin.Caller {
			s, err := h.engine.Snapshot(t.Context(), hierarchy.PlatformID, "")
			if err != nil {
				t.Fatal(err)
			}
			return admin.Caller{Name: gateway.String(), Principal: gateway, Platform: s}
		}
		_, err = h.Account(t.Context(), who(), c.Account.Ref.ID)
		want(t, "without a binding on the platform", "NOT_FOUND", err)
		h.bindKey(t, gateway, "viewer", admin.Platform)
		must(h.Account(t.Context(), who(), c.Account.Ref.ID))(t)
		_, err = h.UpdateAccount(t.Context(), who(), c.Account.Ref.ID, func(*hierarchy.Account) error { return nil })
		want(t, "what the role lacks", "PERMISSION_DENIED", err)
		both := who()
		both.Actor = ben
		_, err = h.Account(t.Context(), both, c.Account.Ref.ID)
		want(t, "for one who lacks it", "NOT_FOUND", err)
		both.Actor = ann
		must(h.Account(t.Context(), both, c.Account.Ref.ID))(t)
		deny := policy.Binding{Subject: gateway, Role: "viewer", Scope: c.Account.Ref, Effect: policy.Deny}
		if _, err := h.CreateBinding(t.Context(), operator, deny); err != nil {
			t.Fatal(err)
		}
		_, err = h.Account(t.Context(), who(), c.Account.Ref.ID)
		want(t, "denied in the account", "NOT_FOUND", err)

		_, err = h.Delete(t.Context(), operator, admin.Platform)
		want(t, "deleting the platform", "PLATFORM_PERMANENT", err)
	})
}

// The zero Caller may do nothing.
func TestNobodyMayDoAnything(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	_, err := h.Account(t.Context(), admin.Caller{}, c.Account.Ref.ID)
	want(t, "nobody", "NOT_FOUND", err)
	_, err = h.Import(t.Context(), admin.Caller{}, &admin.Bundle{}, admin.ImportOptions{})
	want(t, "nobody's bundle", "PERMISSION_DENIED", err)
	_, err = h.SignUp(t.Context(), admin.Caller{}, newcomer())
	want(t, "nobody's sign-up", "PERMISSION_DENIED", err)
}

// A hash in the log would be of no use, and is not there all the same.
func TestLogHasNoHashes(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	k := h.mint(t, c.Project.Ref, "viewer")
	must(h.DisableKey(t.Context(), as(ann), k.Ref.ID))(t)
	page := must(h.Log(t.Context(), operator, c.Account.Ref.ID, admin.LogQuery{Span: admin.Span{Limit: 100}}))(t)
	seen := 0
	for _, e := range page.Entries {
		for _, r := range e.Records {
			if r.Kind == hierarchy.TypeKey {
				seen++
				if text := string(r.Before) + string(r.After); strings.Contains(text, "hash") || !strings.Contains(text, "sponsor") {
					t.Errorf("the log has %s", text)
				}
			}
		}
	}
	if seen < 2 {
		t.Errorf("the log has %d changes of keys", seen)
	}
}

// Keys, and what is bound to them, stay where they were made.
func TestKeysAreNotExported(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	k := h.mint(t, c.Project.Ref, "viewer")
	b, err := h.Export(t.Context(), operator, c.Account.Ref.ID)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(fmt.Sprintf("%+v", b), k.Ref.ID) {
		t.Error("the bundle names a key")
	}
}

// A secret that was found is of no use any more, even of a key whose project is
// deleted: it comes back with the project, disabled.
func TestALeakIsHeardOfWhatIsDeleted(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	project := must(h.CreateProject(t.Context(), operator, c.Account.Ref.ID, hierarchy.Project{}, ""))(t).Ref
	found, kept := h.mint(t, project, "viewer"), h.mint(t, project, "viewer")
	must(h.Delete(t.Context(), operator, project))(t)
	presented, err := apikey.Parse(found.Secret.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.ReportLeak(t.Context(), presented); err != nil {
		t.Errorf("whoever reports it is told %v", err)
	}
	must(h.Restore(t.Context(), operator, project))(t)
	h.wantCode(t, "what was found", h.askWith(t, found.Secret, "project.read", project), authz.KeyDisabled)
	h.wantCode(t, "what was not", h.askWith(t, kept.Secret, "project.read", project), authz.Allowed)
}

// A key that has ended makes room for another, though it was disabled before.
func TestADisabledKeyEnds(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	now := h.engine.Now()
	var last admin.Minted
	for range apikey.MaxKeys {
		last = must(h.CreateKey(t.Context(), as(ann), admin.NewKey{Parent: c.Project.Ref, Environment: "live", ExpiresAt: now + time.Hour.Microseconds()}))(t)
	}
	must(h.DisableKey(t.Context(), as(ann), last.Ref.ID))(t)
	another := func() error {
		_, err := h.CreateKey(t.Context(), as(ann), admin.NewKey{Parent: c.Project.Ref, Environment: "live"})
		return err
	}
	want(t, "beside ten live keys, of which one is disabled", "TOO_MANY_KEYS", another())
	h.SetClock(func() int64 { return now + 2*time.Hour.Microseconds() })
	for range apikey.MaxKeys {
		want(t, "once all have ended", "", another())
	}
	want(t, "beside ten that have not", "TOO_MANY_KEYS", another())
}
