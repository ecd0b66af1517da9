package store_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// totals count what was done, on all rounds.
type totals struct {
	mu      sync.Mutex
	kinds   map[*operation]*total
	checked map[string]int // things that were compared, by what they are
}

// total is what became of one kind of operation.
type total struct {
	made     int
	outcomes [unknown + 1]int
	struck   [ways]map[int]int // by call: how often it was interrupted there
	lengths  map[int]int       // by number of calls: operations that were done undisturbed
	longest  int               // most calls of any
}

func newTotal() *total {
	k := &total{lengths: map[int]int{}}
	for w := range ways {
		k.struck[w] = map[int]int{}
	}
	return k
}

func newTotals() *totals {
	s := &totals{kinds: map[*operation]*total{}, checked: map[string]int{}}
	for i := range operations {
		s.kinds[&operations[i]] = newTotal()
	}
	return s
}

// count notes an operation.
func (s *totals) count(kind *operation, f fault, calls int, struck bool, out outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kinds[kind]
	k.made++
	k.outcomes[out]++
	k.longest = max(k.longest, calls)
	if struck {
		k.struck[f.way][f.call]++
	} else if out == acknowledged {
		k.lengths[calls]++
	}
}

// usual is how many calls an operation of a kind most often makes when nothing
// disturbs it.
func (k *total) usual() (calls int) {
	for n, often := range k.lengths {
		if often > k.lengths[calls] || (often == k.lengths[calls] && n < calls) {
			calls = n
		}
	}
	return calls
}

// interrupted is how many operations were interrupted in a way, and up to
// which call at every one.
func (k *total) interrupted(w way) (times, upTo int) {
	for _, n := range k.struck[w] {
		times += n
	}
	for k.struck[w][upTo+1] > 0 {
		upTo++
	}
	return times, upTo
}

// compared notes that something was compared n times.
func (s *totals) compared(what string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checked[what] += n
}

// made is how many operations there were.
func (s *totals) made() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.kinds {
		n += k.made
	}
	return n
}

// print shows for each kind how many operations there were, what became of
// them, how many calls they make, and how many were interrupted, and from the
// first call up to which at every one.
func (s *totals) print(t *testing.T, took time.Duration) {
	t.Helper()
	var out strings.Builder
	fmt.Fprintf(&out, "%-28s %7s %7s %7s %7s %9s", "", "made", "done", "refused", "unknown", "calls")
	for w := range ways {
		fmt.Fprintf(&out, " %14s", wayNames[w])
	}
	made, struck, outcomes := 0, [ways]int{}, [unknown + 1]int{}
	for i := range operations {
		k := s.kinds[&operations[i]]
		fmt.Fprintf(&out, "\n%-28s %7d %7d %7d %7d %9s", operations[i].name, k.made, k.outcomes[acknowledged], k.outcomes[refused], k.outcomes[unknown], fmt.Sprintf("%d to %d", k.usual(), k.longest))
		made += k.made
		for w := range ways {
			n, upTo := k.interrupted(w)
			struck[w] += n
			fmt.Fprintf(&out, " %14s", fmt.Sprintf("%d, 1 to %d", n, upTo))
		}
		for o := range outcomes {
			outcomes[o] += k.outcomes[o]
		}
	}
	fmt.Fprintf(&out, "\n%-28s %7d %7d %7d %7d %9s", "all", made, outcomes[acknowledged], outcomes[refused], outcomes[unknown], "")
	for w := range ways {
		fmt.Fprintf(&out, " %14d", struck[w])
	}
	t.Logf("%d operations in %v; compared: %v\n%s", made, took.Round(time.Second), s.checked, out.String())
}

// unswept says which kinds of operations were never done, or not interrupted in
// every way at every call that they usually make.
func (s *totals) unswept() (lacks []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range operations {
		k := s.kinds[&operations[i]]
		if k.outcomes[acknowledged] == 0 {
			lacks = append(lacks, operations[i].name+": never done, so nothing was tested")
		}
		for w := range ways {
			if _, upTo := k.interrupted(w); upTo < k.usual() {
				lacks = append(lacks, fmt.Sprintf("%s: interrupted (%s) at every call up to %d only; it makes %d", operations[i].name, wayNames[w], upTo, k.usual()))
			}
		}
	}
	return lacks
}

// aim chooses which call of an operation fails: any of those that the last ones
// of its kind in the round have made, and the later ones more often, since many an
// operation is refused before them. One that found nothing to do makes few: the
// number falls by one at a time.
type aim struct {
	mu    sync.Mutex
	calls map[*operation]int
}

// fault chooses what happens to an operation: to two of five, nothing.
func (a *aim) fault(kind *operation, rng *rand.Rand) fault {
	how, calm, share := way(rng.IntN(int(ways))), rng.IntN(5) < 2, rng.Float64()
	if calm {
		return fault{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	calls := a.calls[kind]
	if calls == 0 {
		calls = 6
	}
	return fault{how, 1 + int(math.Sqrt(share)*float64(calls))}
}

// done takes in how many calls an operation made that was done.
func (a *aim) done(kind *operation, calls int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls[kind] = max(calls, a.calls[kind]-1)
}
