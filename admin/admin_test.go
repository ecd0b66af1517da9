package admin_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/tollgate-dev/tollgate"
	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
	"github.com/tollgate-dev/tollgate/store"
	"github.com/tollgate-dev/tollgate/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a service on an embedded store of its own.
type house struct {
	*admin.Service
	engine *authz.Engine
	store  *recorder
	faults *storetest.Faults
}

// recorder notes to which account the last commit went, and how often the
// store was asked what was settled or made before.
type recorder struct {
	*store.Store
	mu     sync.Mutex
	last   *authz.Commit
	refuse func(*authz.Commit) error // makes commits fail; nil for none
	asked  int
	// located is how often it was asked for accounts of nodes and keys.
	located atomic.Int64
}

func (r *recorder) Locate(ctx context.Context, refs ...hierarchy.Ref) ([]string, error) {
	r.located.Add(1)
	return r.Store.Locate(ctx, refs...)
}

func (r *recorder) ClaimOnce(ctx context.Context, scope []string, fingerprint string, proposal []byte) ([]byte, error) {
	r.ask()
	return r.Store.ClaimOnce(ctx, scope, fingerprint, proposal)
}

func (r *recorder) Made(ctx context.Context, account, identity string) (*authz.Made, error) {
	r.ask()
	return r.Store.Made(ctx, account, identity)
}

func (r *recorder) ask() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
}

func (r *recorder) Commit(ctx context.Context, c *authz.Commit) (authz.Head, string, error) {
	r.mu.Lock()
	r.last = c
	r.mu.Unlock()
	if r.refuse != nil {
		if err := r.refuse(c); err != nil {
			return authz.Head{}, "", err
		}
	}
	return r.Store.Commit(ctx, c)
}

var judge = sync.OnceValues(func() (*policy.Judge, error) { return policy.NewJudge(tollgate.Model) })

func build(t *testing.T) *house {
	t.Helper()
	faults := new(storetest.Faults)
	s, err := store.OpenEmbedded(store.Options{Fault: faults})
	return on(t, must(s, err)(t), faults)
}

// onBoth runs a test on the embedded store, and on a real Redis.
func onBoth(t *testing.T, test func(*testing.T, *house)) {
	t.Run("embedded", func(t *testing.T) { test(t, build(t)) })
	t.Run("redis", func(t *testing.T) {
		faults := new(storetest.Faults)
		s, err := store.Open(t.Context(), storetest.Redis(t), store.Options{Fault: faults})
		test(t, on(t, must(s, err)(t), faults))
	})
}

func on(t *testing.T, s *store.Store, faults *storetest.Faults) *house {
	t.Helper()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return replica(t, &recorder{Store: s}, faults)
}

// replica is a service of its own on a store.
func replica(t *testing.T, rec *recorder, faults *storetest.Faults) *house {
	t.Helper()
	j, err := judge()
	if err != nil {
		t.Fatal(err)
	}
	e, err := authz.NewEngine(rec, j, authz.Options{ShadowShare: 1, ShadowEffort: 1, Unregistered: []string{"message"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		e.Close()
		if n := e.Counters().ShadowMismatches; n != 0 {
			t.Errorf("Casbin decided %d checks otherwise", n)
		}
	})
	return &house{admin.New(e, rec), e, rec, faults}
}

var (
	operator = admin.Caller{Name: "operator", Operator: true}
	ann      = hierarchy.Ref{Type: hierarchy.TypeUser, ID: "ann"}
	ben      = hierarchy.Ref{Type: hierarchy.TypeUser, ID: "ben"}
)

func as(r hierarchy.Ref) admin.Caller {
	return admin.Caller{Name: "operator", Operator: true, Actor: r}
}

// under is who asks, under an idempotency key.
func under(who admin.Caller, key string) admin.Caller {
	who.IdempotencyKey = key
	return who
}

func newcomer() admin.SignUp {
	return admin.SignUp{Owner: ann, Billing: billing.Account{Mode: billing.Postpaid, Currency: "EUR"}}
}

// customer signs one up.
func (h *house) customer(t *testing.T) admin.SignedUp {
	t.Helper()
	out, err := h.SignUp(t.Context(), operator, newcomer())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// reason is the reason of an error that a caller may see, or "" for none.
func reason(err error) string {
	var known *hierarchy.Error
	if errors.As(err, &known) {
		return known.Reason
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// want fails unless an error has a reason.
func want(t *testing.T, what, reasonWanted string, err error) {
	t.Helper()
	if got := reason(err); got != reasonWanted {
		t.Errorf("%s: %q (%v), want %q", what, got, err, reasonWanted)
	}
}

// must fails unless what it was given went well.
func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// allowed asks the engine.
func (h *house) allowed(t *testing.T, subject hierarchy.Ref, permission string, resource hierarchy.Ref, token string) authz.Answer {
	t.Helper()
	a, err := h.engine.Check(t.Context(), &authz.Request{Subject: subject.String(), Permission: permission, Resource: resource.String(), AtLeast: token})
	if err != nil {
		t.Fatal(err)
	}
	return a
}
