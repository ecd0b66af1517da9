package authz_test

import (
	"testing"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/internal/oracle"
	"github.com/tollgate-dev/tollgate/internal/worlds"
)

// Parts of model.conf that a model may be without.
const (
	denyHalf     = ` && !some(where (p.eft == deny))`
	typeClause   = ` && (p.obj == "*" || p.obj == r.obj)`
	actionClause = ` && (p.act == "*" || p.act == r.act)`
)

// Under a model that means something else, the engine follows it: it answers
// as a stock Casbin does under that same model, and no longer always as the
// oracle, which knows the shipped one only.
func TestAlteredModelsAreFollowed(t *testing.T) {
	t.Parallel()
	worldsOfEach, questions := 120, 60
	if testing.Short() {
		worldsOfEach = 20
	}
	models := []struct {
		name    string
		without []string
	}{
		{"without the deny half", []string{denyHalf}},
		{"ignoring the action", []string{actionClause}},
		{"ignoring the type", []string{typeClause}},
		{"ignoring all three", []string{denyHalf, actionClause, typeClause}},
	}
	for _, m := range models {
		t.Run(m.name, func(t *testing.T) {
			source := worlds.NewMemory()
			engine, clock := newEngine(t, source, modelText(t, m.without...), authz.Options{ShadowShare: 0.1, ShadowEffort: 1})
			checks, allowed, changed := 0, 0, 0
			for seed := range uint64(worldsOfEach) {
				w, r := worlds.New(seed), rng(seed)
				source.Put(&w.World)
				clock.wall.Store(w.Instant)
				s, err := engine.Refresh(t.Context(), w.Account)
				if err != nil {
					t.Fatal(err)
				}
				casbin := stock(t, engine.Judge().Model(), facts(s, &w.World), w.Instant)
				for range questions {
					q := w.Question(r)
					q.At, q.RequireBilling = w.Instant, false
					want := oracle.Decide(&w.World, q)
					if want.Path == nil || want.Code == "RESOURCE_SUSPENDED" || oracle.Deleted(&w.World, want.Path) || isUnregistered(q) {
						continue
					}
					req := request(q)
					got := mustCheck(t, engine, req)
					theirs, asked := literal(t, casbin, &w.World, q, &got)
					if !asked {
						continue
					}
					if got.Allowed != theirs {
						t.Fatalf("seed %d: %+v: the engine says %t, a stock Casbin %t\n%s", seed, q, got.Allowed, theirs, w)
					}
					if _, why, err := engine.Explain(t.Context(), &req); err != nil || (why.Casbin.Allowed && (why.Sponsor == nil || why.Sponsor.Casbin.Allowed)) != got.Allowed {
						t.Fatalf("seed %d: %+v: explained as %+v, %v", seed, q, why, err)
					}
					checks++
					if got.Allowed {
						allowed++
					}
					if got.Allowed != want.Allowed {
						changed++
					}
				}
			}
			engine.Close()
			t.Logf("%d checks, %d %% allowed, %d otherwise than under the shipped model", checks, 100*allowed/checks, changed)
			if changed == 0 {
				t.Error("the altered model changed no answer: the test shows nothing")
			}
			if c := engine.Counters(); c.ShadowMismatches != 0 || c.ShadowFailed != 0 || c.ShadowChecked == 0 {
				t.Errorf("of the checks in the background: %+v", c)
			}
		})
	}
}
