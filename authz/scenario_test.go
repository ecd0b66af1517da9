package authz_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/internal/oracle"
	"github.com/tollgate-dev/tollgate/internal/scenario"
	"github.com/tollgate-dev/tollgate/internal/worlds"
)

// worked are the examples that the account model names, and where they stand.
var worked = map[string]string{"M25": "cost-centres", "M26": "currencies", "M27": "separate-teams", "M28": "dynamic-projects"}

// Every scenario, on the core: the decision and its reason, who pays, the
// path, and what an explanation says of it.
func TestScenarios(t *testing.T) {
	all, err := scenario.Load("testdata/scenarios")
	if err != nil {
		t.Fatal(err)
	}
	for statement, name := range worked {
		if !slices.ContainsFunc(all, func(s scenario.Scenario) bool { return s.Name == name && slices.Contains(s.Shows, statement) }) {
			t.Errorf("%s has no scenario %s", statement, name)
		}
	}
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			w := worlds.FromBundle(&s.Bundle)
			w.Unregistered = s.Unregistered
			source := worlds.NewMemory()
			engine, clock := newEngine(t, source, modelText(t), authz.Options{Unregistered: s.Unregistered, ShadowShare: 1, ShadowEffort: 1})
			source.Put(w)
			for _, c := range s.Checks {
				t.Run(c.Name(), func(t *testing.T) {
					clock.wall.Store(worlds.Epoch)
					if c.At != nil {
						clock.wall.Store(c.At.UnixMicro())
					}
					runCheck(t, engine, w, &c, clock.Wall())
				})
			}
			engine.Close()
			if c := engine.Counters(); c.ShadowMismatches != 0 || c.ShadowFailed != 0 {
				t.Errorf("of the checks in the background: %+v", c)
			}
		})
	}
}

func runCheck(t *testing.T, engine *authz.Engine, w *oracle.World, c *scenario.Check, at int64) {
	t.Helper()
	req := authz.Request{Subject: c.Subject, Permission: c.Permission, Resource: c.Resource, Account: c.Account, Parent: c.Parent, RequireBilling: c.RequireBilling}
	got, why, err := engine.Explain(t.Context(), &req)
	if err != nil {
		t.Fatal(err)
	}
	if got.Allowed != c.Allowed || got.Code.String() != c.Code {
		t.Errorf("allowed is %t, %s", got.Allowed, got.Code)
	}
	if diff := cmp.Diff(c.Billing, billingOf(&got)); diff != "" {
		t.Errorf("billing (-want +got):\n%s", diff)
	}
	if c.Path != nil && !slices.Equal(c.Path, got.Path()) {
		t.Errorf("the path is %q", got.Path())
	}
	if cause, found := got.Cause(); c.Because != nil && (!found || !cmp.Equal(*c.Because, causeOf(cause))) {
		t.Errorf("because of %+v", cause)
	}
	var obstacles []string
	for _, o := range why.Obstacles {
		obstacles = append(obstacles, o.Code.String())
		if o.Detail == "" {
			t.Errorf("obstacle %s has no sentence", o.Code)
		}
	}
	if c.Obstacles != nil && !slices.Equal(c.Obstacles, obstacles) {
		t.Errorf("the obstacles are %q", obstacles)
	}
	if m := why.NearestMiss; c.Miss != nil && (m == nil || *c.Miss != scenario.Miss{Kind: string(m.Kind), Role: m.Role, Scope: m.Scope.String()}) {
		t.Errorf("the nearest miss is %+v", m)
	}
	if c.Account != "" && c.Account != w.Account {
		return // the oracle knows one account
	}
	want := oracle.Decide(w, oracle.Question{Subject: c.Subject, Permission: c.Permission, Resource: c.Resource, Parent: c.Parent, At: at, RequireBilling: c.RequireBilling})
	if want.Allowed != c.Allowed || want.Code != c.Code {
		t.Errorf("the oracle says %t, %s: is the file right?", want.Allowed, want.Code)
	}
}

// billingOf is the billing of an answer in the words of the wire.
func billingOf(a *authz.Answer) scenario.Billing {
	b := scenario.Billing{Status: "billed", BillingAccount: a.Billing.BillingAccount, Project: a.Billing.Project}
	if a.Billing.Code != authz.Billed {
		b.Status, b.Reason = "unbilled", a.Billing.Code.String()
	}
	return b
}

func causeOf(c authz.Cause) scenario.Cause {
	return scenario.Cause{Subject: c.Subject.String(), Role: c.Role, Scope: c.Scope.String(), Groups: c.Groups}
}
