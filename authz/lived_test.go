package authz_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/internal/oracle"
	"github.com/tollgate-dev/tollgate/internal/worlds"
)

// lived is how many worlds live in the test below: TOLLGATE_TEST_WORLDS, or a
// number that is soon done. 800 of them are asked more than a million checks.
func lived(t *testing.T) int {
	t.Helper()
	switch n, err := strconv.Atoi(os.Getenv("TOLLGATE_TEST_WORLDS")); {
	case err == nil:
		return n
	case testing.Short():
		return 10
	}
	return 80
}

// Worlds in which nodes are moved, suspended, resumed, deleted, restored and
// relinked, among all else that can be written, are answered for as the oracle
// says: by a replica that lived through it, by one that is started anew, by the
// log replayed from its beginning, and by a stock Casbin that reads the printed
// policy; and by a check as by a batch and an explanation.
func TestWorldsThatHaveLived(t *testing.T) {
	t.Parallel()
	const changes, questions = 25, 30
	count := lived(t)
	source := worlds.NewMemory()
	engine, clock := newEngine(t, source, modelText(t), authz.Options{})
	n, kinds := tally{codes: map[string]int{}}, map[string]int{}
	for seed := range uint64(count) {
		r := rng(seed ^ 1<<40)
		w := worlds.New(seed)
		first := source.Put(&w.World)
		replayed := load(t, &w.World, first)
		for range changes {
			next := w.Clone()
			kinds[next.Mutate(r)]++
			if edits := worlds.Edits(&w.World, &next.World); len(edits) > 0 {
				source.Commit(w.Account, edits...)
			}
			w = next
			d := differential{t: t, engine: engine, clock: clock, seed: seed, w: w, n: &n}
			d.live(questions / 2)
		}

		again, clockToo := newEngine(t, source, modelText(t), authz.Options{})
		d := differential{t: t, engine: again, clock: clockToo, seed: seed, w: w, n: &n}
		d.ask(questions * changes / 2)
		again.Close()
		source.Now = clock.Wall

		head, log, err := source.Since(t.Context(), w.Account, first.Revision)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range log {
			if replayed, err = replayed.Apply(authz.Head{Revision: c.Revision, Basis: head.Basis, At: c.At}, c.Edits); err != nil {
				t.Fatal(err)
			}
		}
		v := version{seed, w, replayed, ask(w, r, questions*changes/2)}
		v.check(t, &n)
	}
	for _, kind := range []string{"move resource", "move subproject", "suspend or resume", "delete or restore", "link", "mint key", "revoke key", "change key"} {
		if kinds[kind] == 0 {
			t.Errorf("no world has lived through %q", kind)
		}
	}
	t.Log(kinds)
	n.telling(t, count*changes*questions*4/3)
}

// live compares the answers to so many questions about a world as it is now.
func (d *differential) live(questions int) {
	d.t.Helper()
	r := rng(d.seed ^ d.w.Serial())
	d.clock.wall.Store(d.w.Instant)
	if _, err := d.engine.Refresh(d.t.Context(), d.w.Account); err != nil {
		d.t.Fatal(err)
	}
	asked := make([]oracle.Question, questions)
	requests := make([]authz.Request, questions)
	for i := range asked {
		asked[i] = d.w.Question(r)
		asked[i].At = d.w.Instant
		requests[i] = request(asked[i])
	}
	results := d.engine.CheckBatch(d.t.Context(), requests)
	for i, q := range asked {
		want := oracle.Decide(&d.w.World, q)
		d.n.count(q, want)
		got, err := d.engine.Check(d.t.Context(), &requests[i])
		d.same(q, want, got, err, "a check")
		d.batched(q, want, results[i])
		d.payer(q, &requests[i])
		if i%3 == 0 {
			d.explain(q, want, &requests[i])
		}
	}
}
