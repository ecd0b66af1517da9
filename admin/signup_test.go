package admin_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// M3: a sign-up makes an account, a billing account, a project that it pays
// for, and the owner.
func TestSignUp(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	a := h.allowed(t, ann, "number.create", c.Project.Ref, c.Revision)
	if !a.Allowed || a.Billing.BillingAccount != c.Billing.Ref.ID {
		t.Errorf("the owner is answered %v %v, paid by %q", a.Allowed, a.Code, a.Billing.BillingAccount)
	}
	if a := h.allowed(t, ben, "number.create", c.Project.Ref, ""); a.Allowed {
		t.Error("a stranger is allowed")
	}
	if !c.Billing.Doc.Linked {
		t.Error("the billing account is not marked as linked: its currency could still change")
	}
}

func TestSignUpIsIdempotent(t *testing.T) {
	h := build(t)
	first := must(h.SignUp(t.Context(), under(operator, "k1"), newcomer()))(t)
	again := must(h.SignUp(t.Context(), under(operator, "k1"), newcomer()))(t)
	if first.Account.Ref != again.Account.Ref || first.Binding.Ref != again.Binding.Ref {
		t.Errorf("the same key made %s, then %s", first.Account.Ref, again.Account.Ref)
	}
	other := must(h.SignUp(t.Context(), under(operator, "k2"), newcomer()))(t)
	if other.Account.Ref == first.Account.Ref {
		t.Error("another key made the same account")
	}
	changed := newcomer()
	changed.Billing.Currency = "USD"
	_, err := h.SignUp(t.Context(), under(operator, "k1"), changed)
	want(t, "another body under the same key", "IDEMPOTENCY_KEY_REUSED", err)
}

func TestSignUpRefusesBadInput(t *testing.T) {
	h := build(t)
	in := newcomer()
	in.Billing.Currency = "XXX"
	_, err := h.SignUp(t.Context(), operator, in)
	want(t, "a currency that does not exist", "CURRENCY_UNKNOWN", err)
	in = newcomer()
	in.Owner = hierarchy.Ref{Type: "service", ID: "x"}
	_, err = h.SignUp(t.Context(), operator, in)
	want(t, "a service as owner", "SUBJECT_INVALID", err)
	_, err = h.SignUp(t.Context(), as(ben), newcomer())
	want(t, "signing up somebody else", "PERMISSION_DENIED", err)
}

// interruptions runs a write once for every call to the store and each way of
// failing there, and reports what was seen of it in between.
func interruptions(t *testing.T, h *house, write func(run string) error, check func(run string, err error)) {
	t.Helper()
	faults := map[string]func(int){"unsent": h.faults.FailBefore, "reply lost": h.faults.LoseReply}
	for name, fail := range faults {
		for n := 1; ; n++ {
			run := fmt.Sprintf("%s %d", name, n)
			h.faults.Clear()
			fail(n)
			err := write(run)
			calls := h.faults.Calls()
			h.faults.Clear()
			check(run, err)
			if calls < n {
				if n < 4 {
					t.Fatalf("the write took %d calls: nothing was interrupted", calls)
				}
				break
			}
		}
	}
}

// A sign-up that is interrupted at any call, or loses any reply, has made all
// of the account or none of it, and a retry completes it.
func TestSignUpInterrupted(t *testing.T) { onBoth(t, signUpInterrupted) }

func signUpInterrupted(t *testing.T, h *house) {
	interruptions(t, h, func(run string) error {
		h.store.last = nil
		_, err := h.SignUp(t.Context(), under(operator, run), newcomer())
		return err
	}, func(run string, err error) {
		if h.store.last != nil {
			s, loadErr := h.store.Load(t.Context(), h.store.last.Account)
			none := errors.Is(loadErr, authz.ErrNoAccount)
			if !none && (loadErr != nil || len(s.Records) != len(h.store.last.Edits)) {
				t.Errorf("%s: the account is half done: %v", run, loadErr)
			}
			if none && err == nil {
				t.Errorf("%s: success was answered, and nothing was made", run)
			}
		}
		out, err := h.SignUp(t.Context(), under(operator, run), newcomer())
		if err != nil {
			t.Fatalf("%s: the retry fails: %v", run, err)
		}
		if h.store.last != nil && h.store.last.Account != out.Account.Ref.ID {
			t.Errorf("%s: the retry made %s, not %s", run, out.Account.Ref.ID, h.store.last.Account)
		}
		if a := h.allowed(t, ann, "number.create", out.Project.Ref, out.Revision); !a.Allowed || a.Billing.Code != authz.Billed {
			t.Errorf("%s: after the retry the owner is answered %v, %v", run, a.Code, a.Billing.Code)
		}
	})
}

// A sign-up that is repeated after the account has changed is still the same
// one; after the account was deleted, it is refused.
func TestSignUpRepeatedLater(t *testing.T) {
	h := build(t)
	first := must(h.SignUp(t.Context(), under(operator, "k"), newcomer()))(t)
	must(h.CreateBinding(t.Context(), operator, policy.Binding{Subject: ben, Role: policy.Owner, Scope: first.Account.Ref}))(t)
	must(h.DeleteBinding(t.Context(), operator, first.Binding.Ref.ID))(t)
	again := must(h.SignUp(t.Context(), under(operator, "k"), newcomer()))(t)
	if again.Account.Ref != first.Account.Ref || again.Binding.Ref != first.Binding.Ref || again.Binding.Doc != first.Binding.Doc {
		t.Errorf("repeated, it made %+v", again)
	}
	must(h.Delete(t.Context(), operator, first.Account.Ref))(t)
	_, err := h.SignUp(t.Context(), under(operator, "k"), newcomer())
	want(t, "a sign-up of a deleted account", "ID_DELETED", err)
}
