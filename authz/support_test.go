package authz_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/apikey"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/oracle"
	"github.com/tollgate-dev/tollgate/internal/worlds"
	"github.com/tollgate-dev/tollgate/policy"
	"github.com/tollgate-dev/tollgate/policy/stockcasbin"
)

// modelText is the shipped model, altered by taking texts out of it.
func modelText(t testing.TB, without ...string) string {
	t.Helper()
	text, err := os.ReadFile("../model.conf")
	if err != nil {
		t.Fatal(err)
	}
	model := string(text)
	for _, part := range without {
		if !strings.Contains(model, part) {
			t.Fatalf("model.conf does not have %q", part)
		}
		model = strings.ReplaceAll(model, part, "")
	}
	return model
}

// judges are those that were made, by their models: to prove one takes 50 ms.
var judges sync.Map

func judge(t testing.TB, model string) *policy.Judge {
	t.Helper()
	if j, ok := judges.Load(model); ok {
		return j.(*policy.Judge) //nolint:forcetypeassert // nothing else is kept there
	}
	j, err := policy.NewJudge(model)
	if err != nil {
		t.Fatal(err)
	}
	judges.Store(model, j)
	return j
}

// shipped is the meaning of the shipped model, for snapshots.
func shipped() *authz.Model { return authz.NewModel(policy.Meaning{}) }

func rng(seed uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, 3))
}

// clock is a clock that stands until it is moved.
type clock struct{ mono, wall atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.wall.Store(worlds.Epoch)
	return c
}

func (c *clock) Monotonic() time.Duration { return time.Duration(c.mono.Load()) }
func (c *clock) Wall() int64              { return c.wall.Load() }

// pass lets time pass, on both faces.
func (c *clock) pass(d time.Duration) {
	c.mono.Add(int64(d))
	c.wall.Add(d.Microseconds())
}

// newEngine makes an engine over a source, with a clock that the store shares.
func newEngine(t testing.TB, source *worlds.Memory, model string, opts authz.Options) (*authz.Engine, *clock) {
	t.Helper()
	c := newClock()
	source.Now = c.Wall
	opts.Clock = c
	if opts.Unregistered == nil {
		opts.Unregistered = []string{"message"}
	}
	e, err := authz.NewEngine(source, judge(t, model), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e, c
}

// request is the question as an engine takes it. Where a secret is shown, it
// alone says who asks.
func request(q oracle.Question) authz.Request {
	req := authz.Request{Subject: q.Subject, Permission: q.Permission, Resource: q.Resource, Parent: q.Parent, RequireBilling: q.RequireBilling}
	if q.Secret == "" {
		return req
	}
	presented, err := apikey.Parse(q.Secret)
	if err != nil {
		panic(err) // worlds make them well
	}
	req.Subject, req.Key = "", presented
	if q.Source != "" {
		req.Source = netip.MustParseAddr(q.Source)
	}
	return req
}

// answered is what an answer says that an oracle can say too.
func answered(a *authz.Answer) oracle.Answer {
	return oracle.Answer{
		Allowed: a.Allowed, Code: a.Code.String(), Path: a.Path(),
		Billing: a.Billing.Code.String(), Payer: a.Billing.BillingAccount, Project: a.Billing.Project, PayerSuspended: a.Billing.Suspended,
	}
}

// differs compares an answer with the oracle's, and the binding that it names
// as its cause with those that can be.
func differs(want oracle.Answer, got *authz.Answer) string {
	decided := slices.Contains([]string{"ALLOWED", "DENIED_BY_BINDING", "SPONSOR_LACKS_PERMISSION", "UNBILLED", "BILLING_SUSPENDED"}, want.Code)
	deciders, sponsor := want.Deciders, want.Sponsor
	want.Policy, want.Deciders, want.Sponsor, want.SponsorPolicy = false, nil, "", false
	have := answered(got)
	if len(have.Path) == 0 {
		have.Path = nil
	}
	if diff := cmp.Diff(want, have); diff != "" {
		return "(-oracle +engine):\n" + diff
	}
	if got.Sponsor() != sponsor {
		return "the sponsor who was asked is " + got.Sponsor() + ", and has to be " + sponsor
	}
	cause, found := got.Cause()
	if decided != found || (found && !slices.Contains(deciders, cause.Binding)) {
		return "the cause is " + cause.Binding + ", and the bindings that decide are " + strings.Join(deciders, " ")
	}
	return ""
}

// facts are all that a stock Casbin is told of a world: those of its
// snapshot, and where the resources stand that nothing is bound to.
func facts(s *authz.Snapshot, w *oracle.World) policy.Facts {
	place := func(resource string) (string, bool) {
		for _, r := range w.Resources {
			if r.ID == resource {
				return r.Parent, true
			}
		}
		return "", false
	}
	f := s.Facts(place)
	return policy.Facts{
		Members: f.Members, Bindings: f.Bindings, Permissions: f.Permissions,
		Nodes: func(yield func(node, parent hierarchy.Ref) bool) {
			seen := map[hierarchy.Ref]bool{}
			for node, parent := range f.Nodes {
				seen[node] = true
				if !yield(node, parent) {
					return
				}
			}
			for _, r := range w.Resources {
				if node := refOf(r.ID); !seen[node] && !yield(node, refOf(r.Parent)) {
					return
				}
			}
		},
	}
}

// stock is a stock Casbin with the policy that facts print as of an instant.
func stock(t testing.TB, model string, f policy.Facts, at int64) *stockcasbin.Enforcer {
	t.Helper()
	var text strings.Builder
	if err := policy.Print(&text, f, at); err != nil {
		t.Fatal(err)
	}
	e, err := stockcasbin.Load(model, text.String())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func enforce(t testing.TB, e *stockcasbin.Enforcer, q oracle.Question) bool {
	t.Helper()
	dot := strings.LastIndexByte(q.Permission, '.')
	allowed, err := e.Enforce(q.Subject, q.Resource, q.Permission[:dot], q.Permission[dot+1:])
	if err != nil {
		t.Fatal(err)
	}
	return allowed
}

func refOf(s string) hierarchy.Ref {
	typ, id, _ := strings.Cut(s, ":")
	return hierarchy.Ref{Type: typ, ID: id}
}

// reason is the reason of an error that a caller may see, "" for another.
func reason(err error) string {
	var known *hierarchy.Error
	if errors.As(err, &known) {
		return known.Reason
	}
	return ""
}

// mustCheck answers a request that has an answer.
func mustCheck(t testing.TB, e *authz.Engine, req authz.Request) authz.Answer {
	t.Helper()
	a, err := e.Check(context.Background(), &req)
	if err != nil {
		t.Fatalf("%+v: %v", req, err)
	}
	return a
}
