package authz_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/oracle"
	"github.com/tollgate-dev/tollgate/internal/worlds"
	"github.com/tollgate-dev/tollgate/policy"
)

// A snapshot that changes were applied to, one at a time, answers as one that
// is made from the records that they lead to, and as the oracle does; and the
// snapshots that it came from go on answering as they did.
func TestApplyingChangesIsLoadingTheResult(t *testing.T) {
	t.Parallel()
	histories, changes, questions := 150, 25, 30
	if testing.Short() {
		histories = 20
	}
	n, kinds := tally{codes: map[string]int{}}, map[string]int{}
	for seed := range uint64(histories) {
		r := rng(seed)
		w := worlds.New(seed)
		head := authz.Head{Revision: authz.Revision{Number: 1, Identity: "0000000000000001"}, Basis: 1}
		s := load(t, &w.World, head)
		var versions []version
		for range changes {
			next := w.Clone()
			kinds[next.Mutate(r)]++
			head.Number++
			head.Basis++
			applied, err := s.Apply(head, worlds.Edits(&w.World, &next.World))
			if err != nil {
				t.Fatal(err)
			}
			w, s = next, applied
			versions = append(versions, version{seed, w, s, ask(w, r, questions)})
			versions[len(versions)-1].check(t, &n)
			sameState(t, seed, s, load(t, &w.World, head), &w.World)
		}
		again := tally{codes: map[string]int{}}
		for i := range versions {
			versions[i].check(t, &again)
		}
	}
	t.Log(kinds)
	n.telling(t, histories*changes*questions)
}

func load(t testing.TB, w *oracle.World, head authz.Head) *authz.Snapshot {
	t.Helper()
	s, err := authz.NewSnapshot(w.Account, shipped(), worlds.State(w, head))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// version is a world at one time, its snapshot, and questions about it.
type version struct {
	seed      uint64
	w         *worlds.World
	s         *authz.Snapshot
	questions []oracle.Question
}

func ask(w *worlds.World, r interface{ IntN(int) int }, n int) []oracle.Question {
	seeded := rng(uint64(r.IntN(1 << 30)))
	var all []oracle.Question
	for len(all) < n {
		if q := w.Question(seeded); !isUnregistered(q) {
			all = append(all, q)
		}
	}
	return all
}

func isUnregistered(q oracle.Question) bool { return strings.HasPrefix(q.Resource, "message:") }

func (v *version) check(t *testing.T, n *tally) {
	t.Helper()
	for _, q := range v.questions {
		want := oracle.Decide(&v.w.World, q)
		if diff := v.differs(t, q, want); diff != "" {
			t.Fatalf("seed %d, revision %d: %+v: %s\n%s", v.seed, v.s.Revision().Number, q, diff, v.w)
		}
		n.count(q, want)
		v.rights(t, q)
	}
}

// rights asks what administration asks, which names who acts and knows no
// secret, and for which it does not matter who pays.
func (v *version) rights(t *testing.T, q oracle.Question) {
	t.Helper()
	q.Secret, q.RequireBilling, q.Parent = "", false, ""
	want := oracle.Decide(&v.w.World, q)
	p, err := policy.ParsePermission(q.Permission)
	if err != nil {
		t.Fatal(err)
	}
	node, resource := refOf(q.Resource), hierarchy.Ref{}
	if in := container(&v.w.World, q.Resource); in != "" {
		node, resource = refOf(in), node
	}
	if got := v.s.Rights(refOf(q.Subject), p, node, resource, q.At); (got == authz.Allowed) != want.Allowed {
		t.Fatalf("seed %d, revision %d: %+v: the rights are %s, and the oracle says %s\n%s", v.seed, v.s.Revision().Number, q, got, want.Code, v.w)
	}
}

func (v *version) differs(t *testing.T, q oracle.Question, want oracle.Answer) string {
	t.Helper()
	a, err := v.s.Ask(request(q), container(&v.w.World, q.Resource), q.At)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	return differs(want, &a)
}

func container(w *oracle.World, resource string) string {
	for _, r := range w.Resources {
		if r.ID == resource {
			return r.Parent
		}
	}
	return ""
}

// sameState compares all else that two snapshots of one state say.
func sameState(t *testing.T, seed uint64, applied, loaded *authz.Snapshot, w *oracle.World) {
	t.Helper()
	a, b := described(t, applied, w), described(t, loaded, w)
	if diff := cmp.Diff(b, a); diff != "" {
		t.Fatalf("seed %d, revision %d: (-loaded +applied):\n%s", seed, applied.Revision().Number, diff)
	}
	if applied.HasEffectiveOwner() != oracle.HasEffectiveOwner(w) {
		t.Fatalf("seed %d: the account has an effective owner: the oracle says %t", seed, oracle.HasEffectiveOwner(w))
	}
}

// description is what administration and export read from a snapshot.
type description struct {
	Policy             []string
	Groups, Roles      []string
	Members            map[string][]string
	Nodes              map[string][]string
	PaidBy             map[string][]string
	Bindings           []authz.BoundBinding
	Bound, Subprojects int
	Owner, Managed     bool
	NestingRefused     bool
	Head               authz.Head
	Account            string
}

func described(t *testing.T, s *authz.Snapshot, w *oracle.World) description {
	t.Helper()
	d := description{
		Policy: lines(t, facts(s, w)), Groups: s.Groups(""), Roles: s.CustomRoles(""),
		Members: map[string][]string{}, Nodes: map[string][]string{}, PaidBy: map[string][]string{},
		Bindings: s.FindBindings("", "", func(policy.Binding) bool { return true }),
		Owner:    s.HasEffectiveOwner(), Managed: s.OperatorManaged(), Head: s.Head(), Account: s.Account(),
		NestingRefused: s.CheckNesting() != nil,
	}
	d.Bound, d.Subprojects = s.Counts()
	for _, g := range d.Groups {
		d.Members[g] = s.MembersOf(g, "")
	}
	for _, typ := range []string{hierarchy.TypeBillingAccount, hierarchy.TypeProject, hierarchy.TypeSubproject} {
		d.Nodes[typ] = s.Nodes(typ, "", "")
	}
	for _, b := range d.Nodes[hierarchy.TypeBillingAccount] {
		d.PaidBy[b] = s.PaidBy(b)
		slices.Sort(d.PaidBy[b])
	}
	return d
}

// lines are the printed policy, in order.
func lines(t *testing.T, f policy.Facts) []string {
	t.Helper()
	var all []string
	err := policy.Derive(f, worlds.Epoch, func(line ...string) error {
		all = append(all, strings.Join(line, ","))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}
