package policy

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// instant is when the random worlds are asked about.
const instant = 1_000

// randomWorld is an account of four levels with everything that can change an
// answer: groups in groups, overlapping roles, wildcards, deny, and windows
// that open and close at the instant and beside it.
func randomWorld(r *rand.Rand) *world {
	w := &world{roles: map[string][]string{}}
	account := ref("account:a")
	for p := range 2 {
		project := hierarchy.Ref{Type: hierarchy.TypeProject, ID: fmt.Sprint(p)}
		w.nodes = append(w.nodes, edge{project, account})
		for s := range 2 {
			subproject := hierarchy.Ref{Type: hierarchy.TypeSubproject, ID: fmt.Sprint(p, s)}
			w.nodes = append(w.nodes, edge{subproject, project}, edge{hierarchy.Ref{Type: "number", ID: fmt.Sprint(p, s)}, subproject})
		}
		w.nodes = append(w.nodes, edge{hierarchy.Ref{Type: "number", ID: fmt.Sprint(p)}, project})
	}
	for i := range 6 {
		for range 1 + r.IntN(3) {
			w.roles[fmt.Sprint("r", i)] = append(w.roles[fmt.Sprint("r", i)], pick(r, "*", "number", "number", "compute.instances", "compute")+"."+pick(r, "*", "read", "read", "update", "get"))
		}
	}
	w.randomMembers(r)
	for range 10 + r.IntN(20) {
		w.bindings = append(w.bindings, w.randomBinding(r))
	}
	return w
}

// randomMembers nests five groups without a cycle: each may be in later ones.
func (w *world) randomMembers(r *rand.Rand) {
	for i := range 5 {
		for k := i + 1; k < 5; k++ {
			if r.IntN(3) == 0 {
				w.members = append(w.members, membership{groupRef(fmt.Sprint("g", i)), fmt.Sprint("g", k)})
			}
		}
		for u := range 4 {
			if r.IntN(3) == 0 {
				w.members = append(w.members, membership{user(fmt.Sprint("u", u)), fmt.Sprint("g", i)})
			}
		}
	}
}

func (w *world) randomBinding(r *rand.Rand) Binding {
	b := Binding{Subject: user(fmt.Sprint("u", r.IntN(4))), Role: fmt.Sprint("r", r.IntN(6)), Scope: w.randomNode(r), Effect: Allow}
	if r.IntN(2) == 0 {
		b.Subject = groupRef(fmt.Sprint("g", r.IntN(5)))
	}
	if r.IntN(10) == 0 {
		b.Effect = Deny
	}
	if r.IntN(3) == 0 {
		b.NotBefore = pick[int64](r, 0, instant-1, instant, instant+1)
	}
	if r.IntN(3) == 0 {
		b.ExpiresAt = pick[int64](r, 0, instant-1, instant, instant+1, instant+2)
	}
	return b
}

// randomNode prefers the account, so that much is allowed on every level.
func (w *world) randomNode(r *rand.Rand) hierarchy.Ref {
	if r.IntN(3) == 0 {
		return ref("account:a")
	}
	return w.nodes[r.IntN(len(w.nodes))].node
}

func (w *world) randomQuestion(r *rand.Rand) question {
	return question{user(fmt.Sprint("u", r.IntN(4))), w.randomNode(r), permission(pick(r, "number", "number", "compute.instances", "message") + "." + pick(r, "read", "read", "update", "get"))}
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// The evaluator answers as a stock Casbin with the printed policy does, under
// each meaning that a model may have; and so does the judge, over facts
// narrowed to the question. Both answers are frequent, so that agreeing is
// not luck.
func TestTheEvaluatorAnswersAsAStockCasbin(t *testing.T) {
	worlds, questions := 250, 100
	if testing.Short() || raceDetector { // which has nothing to find on one goroutine
		worlds = 25
	}
	models := []string{shipped(t), altered(t, denyHalf, ""), altered(t, actionClause, ""), altered(t, typeClause, "")}
	for i, name := range []string{"as shipped", "without deny", "ignoring the action", "ignoring the type"} {
		t.Run(name, func(t *testing.T) {
			judge, err := NewJudge(models[i])
			if err != nil {
				t.Fatal(err)
			}
			checked, allowed := 0, 0
			for seed := range uint64(worlds) {
				r := rand.New(rand.NewPCG(seed, uint64(i)))
				w := randomWorld(r)
				stock := literal(t, judge.Model(), printed(t, w, instant))
				for n := range questions {
					q := w.randomQuestion(r)
					want := enforce(t, stock, q)
					if got := w.decide(evaluatorOf(judge.Meaning()), instant, q); got != want {
						t.Fatalf("seed %d: %v: the evaluator says %t, a stock Casbin %t", seed, q, got, want)
					}
					if n%10 == 0 {
						judgeNarrowed(t, judge, w, q, want)
					}
					checked++
					if want {
						allowed++
					}
				}
			}
			t.Logf("%d of %d checks are allowed", allowed, checked)
			if share := allowed * 100 / checked; share < 30 || share > 70 {
				t.Errorf("%d %% of the checks are allowed: the test shows little", share)
			}
		})
	}
}

func judgeNarrowed(t *testing.T, j *Judge, w *world, q question, want bool) {
	t.Helper()
	f := w.facts().NarrowedTo(w.path(q.node), w.principals(q.subject))
	got, rule, err := j.Decide(f, instant, q.subject, q.node, q.permission)
	if err != nil || got != want || (got && rule == nil) {
		t.Fatalf("%v: the judge says %t by %q, %v, over narrowed facts; a stock Casbin %t over all", q, got, rule, err, want)
	}
}

// Whatever legal identifiers an account has, a stock Casbin loads the printed
// policy as what was derived.
func TestAnyLegalIdentifiersArePrintedAndLoaded(t *testing.T) {
	id := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.RuneFrom([]rune("\"#'\\ a:;/\u00a0")), 1, 12, -1)).
		Filter(func(s string) bool { return user(s).Check() == nil })
	rapid.Check(t, func(rt *rapid.T) {
		ids := rapid.SliceOfNDistinct(id, 1, 6, rapid.ID).Draw(rt, "ids")
		w := nastyWorld(t, ids)
		if diff := cmp.Diff(derived(t, w, 0), loaded(t, literal(t, shipped(t), printed(t, w, 0)))); diff != "" {
			rt.Fatalf("(-derived +loaded):\n%s", diff)
		}
	})
}
