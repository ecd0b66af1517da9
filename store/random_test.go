package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
	"github.com/tollgate-dev/tollgate/store"
	"github.com/tollgate-dev/tollgate/store/storetest"
)

// Random operations by several servers at once, on one Redis, with a fault at
// every call to it in turn. What must then hold is in random_look_test.go;
// that it would be noticed if it did not, in random_controls_test.go.

// operationsAsked is how many operations are made in all on each Redis:
// TOLLGATE_TEST_OPERATIONS.
func operationsAsked() int {
	if n, err := strconv.Atoi(os.Getenv("TOLLGATE_TEST_OPERATIONS")); err == nil {
		return n
	}
	if testing.Short() {
		return 1_200
	}
	return 6_000
}

// How a round is made up. Accounts are small, so that operations meet.
const (
	writersAtOnce = 5
	phases        = 3
	perRound      = 1_200
)

// swept is from how many operations on every call of every kind must have been
// interrupted in every way.
const swept = 50_000

func TestRandomOperations(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		randomRounds(t, func(t *testing.T) *store.Store {
			s, err := store.OpenEmbedded(store.Options{LogLength: endless})
			return must(t, s, err)
		})
	})
	t.Run("redis", func(t *testing.T) {
		url := storetest.Redis(t)
		randomRounds(t, func(t *testing.T) *store.Store {
			s, err := store.Open(t.Context(), url, store.Options{LogLength: endless})
			must(t, s, err).Raw().FlushAll(t.Context())
			return s
		})
	})
}

// endless is longer than any log gets: it is what all is compared with.
const endless = 1 << 30

// randomRounds makes rounds until all operations are made; and if they are so many
// that every call should have been interrupted, and chance left one out, up to as
// many again. Each has a seed, which is printed where something is wrong.
func randomRounds(t *testing.T, open func(*testing.T) *store.Store) {
	totals := newTotals()
	began := time.Now()
	lacking := func() bool { return totals.made() >= swept && len(totals.unswept()) > 0 }
	for seed, asked := uint64(1), operationsAsked(); totals.made() < asked || (lacking() && totals.made() < 2*asked); seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			r := newRound(t, open(t), seed, totals)
			for phase := range phases {
				r.write(perRound / phases)
				r.look(phase == phases-1)
			}
		})
	}
	totals.print(t, time.Since(began))
	if lacking() {
		t.Error(strings.Join(totals.unswept(), "\n"))
	}
}

// round is one Redis that was empty, and what happens on it.
type round struct {
	t        *testing.T
	truth    *store.Store // without faults
	rng      *rand.Rand
	seed     uint64
	turns    *turns // nil: writers do not wait for one another
	known    *atlas
	writers  []*writer
	follower *replica // follows from the first operation on, and listens to the feed
	aim      aim
	totals   *totals

	mu     sync.Mutex
	at     time.Time                 // the Redis's clock, if the round sets it
	told   []told                    // what writers were told
	logs   map[string][]authz.Change // as they were seen last
	latest *asked                    // creation under a key; nil if it is too late to repeat it
	past   []paidAt                  // answers to who paid when
	yes    []decided                 // answers to checks
}

// Every third round lets the writers loose, on as many processors as there
// are. In the others they take turns at each call, by the seed, so that a
// round can be repeated; and if the Redis is embedded, time passes by the
// seed too.
func newRound(t *testing.T, truth *store.Store, seed uint64, totals *totals) *round {
	t.Helper()
	r := &round{t: t, truth: truth, rng: rand.New(rand.NewPCG(seed, 1)), seed: seed, known: newAtlas(), aim: aim{calls: map[*operation]int{}}, logs: map[string][]authz.Change{}, totals: totals}
	if seed%3 != 0 {
		r.turns = &turns{rng: rand.New(rand.NewPCG(seed, 2))}
	}
	if r.turns != nil && truth.IsEmbedded() {
		r.at = start
		truth.SetTime(r.at)
	}
	r.follower = r.newReplica(nil)
	deaf := r.listen()
	for i := range writersAtOnce {
		r.writers = append(r.writers, newWriter(r, i))
	}
	t.Cleanup(func() {
		for _, w := range r.writers {
			w.close()
		}
		deaf()
		r.follower.close()
		if err := truth.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// listen has the follower hear of what is written, but for a message now and
// then: the feed is a hint. The function that it returns ends that.
func (r *round) listen() (deaf func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	follower, heard := r.follower, 0
	var listening sync.WaitGroup
	listening.Go(func() {
		r.truth.Feed(ctx, func(t store.Told) {
			if heard++; heard%10 != 0 {
				follower.engine.Heard(t.Account, t.Change, t.Basis, t.Whole)
			}
		}, func(error) {})
	})
	return func() {
		cancel()
		listening.Wait()
		r.totals.compared("messages heard", heard)
	}
}

// write has the writers make operations, and waits for them.
func (r *round) write(operations int) {
	if r.turns != nil {
		r.turns.begin(len(r.writers))
	}
	var all sync.WaitGroup
	for _, w := range r.writers {
		all.Go(func() {
			if r.turns != nil {
				r.turns.wait(w.number)
				defer r.turns.leave()
			}
			for range operations / len(r.writers) {
				w.step()
			}
		})
	}
	all.Wait()
}

// look checks everything, and lets time pass so that claims go stale. The
// last look of a round asks who paid at every instant.
func (r *round) look(last bool) {
	r.t.Helper()
	r.known.learn(r.seen())
	for _, p := range r.check(last) {
		r.t.Errorf("seed %d: %s", r.seed, p)
	}
	r.pass(70 * time.Second)
	if r.at.IsZero() || r.seed%2 != 0 {
		return
	}
	r.pass(hierarchy.Retention) // and what was deleted is gone for good
	for _, w := range r.writers {
		w.pending = nil // it is too late to repeat it
	}
	r.latest = nil
	if last {
		r.collect()
	}
}

// collect collects all that is due, and checks that nothing is left that ought
// to have been, and that all the rest still holds.
func (r *round) collect() {
	r.t.Helper()
	p := r.newReplica(nil)
	defer p.close()
	for nodes := 1; nodes > 0; {
		var err error
		if nodes, err = p.Purge(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
	}
	for _, found := range append(r.check(true), r.uncollected()...) {
		r.t.Errorf("seed %d, once all was collected: %s", r.seed, found)
	}
}

// tick lets a little time pass, and at times so much that what servers have in
// memory is too old to be answered from.
func (r *round) tick() {
	switch {
	case r.at.IsZero():
	case r.turns.rng.IntN(100) == 0:
		r.pass(700 * time.Millisecond)
	default:
		r.pass(time.Duration(1+r.turns.rng.IntN(40)) * time.Microsecond)
	}
}

// clock is what servers of the round go by: its own time, or the machine's.
func (r *round) clock() authz.Clock {
	if r.at.IsZero() {
		return nil
	}
	return r
}

// Monotonic implements authz.Clock.
func (r *round) Monotonic() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at.Sub(start)
}

// Wall implements authz.Clock.
func (r *round) Wall() int64 { return start.Add(r.Monotonic()).UnixMicro() }

// start is when the time of rounds begins.
var start = time.UnixMicro(1_800_000_000_000_000)

// pass lets time pass, where the round sets it.
func (r *round) pass(d time.Duration) {
	if r.at.IsZero() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = r.at.Add(d)
	r.truth.SetTime(r.at)
	if d > time.Second {
		r.truth.Expire(d)
	}
}

// turns lets one writer go on at a time, and chooses at each call who is next.
type turns struct {
	mu      sync.Mutex
	rng     *rand.Rand // used by whose turn it is
	ready   map[int]chan struct{}
	writers int // that have not left
}

func (s *turns) begin(writers int) { s.ready, s.writers = map[int]chan struct{}{}, writers }

// wait gives the turn up, and waits for it.
func (s *turns) wait(writer int) {
	turn := make(chan struct{})
	s.mu.Lock()
	s.ready[writer] = turn
	s.next()
	s.mu.Unlock()
	<-turn
}

// leave gives the turn up for good.
func (s *turns) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writers--
	s.next()
}

// next chooses among the writers, once all of them wait.
func (s *turns) next() {
	if len(s.ready) < s.writers || s.writers == 0 {
		return
	}
	chosen := s.rng.IntN(s.writers)
	for w := 0; ; w++ {
		turn, waits := s.ready[w]
		if !waits {
			continue
		}
		if chosen == 0 {
			delete(s.ready, w)
			close(turn)
			return
		}
		chosen--
	}
}

var judge = sync.OnceValues(func() (*policy.Judge, error) { return policy.NewJudge(tollgate.Model) })

// must is what was asked for, if there was no error.
func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A round in which writers take turns comes out the same each time, so that
// what a seed has found can be looked at again.
func TestRandomOperationsRepeat(t *testing.T) {
	var before []string
	for range 2 {
		s, err := store.OpenEmbedded(store.Options{LogLength: endless})
		r := newRound(t, must(t, s, err), 2, newTotals())
		r.write(300)
		r.look(false)
		r.write(300)
		var now []string
		for _, d := range r.told {
			now = append(now, fmt.Sprint(d.caller, d.kind.name, d.outcome, d.err == nil))
		}
		if before != nil && !slices.Equal(before, now) {
			t.Errorf("the same seed came out otherwise: %s", cmp.Diff(before, now))
		}
		before = now
	}
}
