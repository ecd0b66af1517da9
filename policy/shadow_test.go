package policy

import (
	"math"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// exampleCase is a decision of the example, and the wrong one if it lies.
func exampleCase(w *world, lie bool) Case {
	q := question{ref("user:ann"), ref("project:web"), permission("number.update")}
	return Case{w.facts(), 0, q.subject, q.node, q.permission, w.decide(evaluatorOf(Meaning{}), 0, q) != lie}
}

func TestShadowCountsAndReportsMismatches(t *testing.T) {
	defer goleak.VerifyNone(t)
	w := example()
	var reported []Mismatch
	s := NewShadow(judgeOf(t), 1, 1, func(m Mismatch) { reported = append(reported, m) })
	for i := range 10 {
		s.Offer(func() Case { return exampleCase(w, i == 3) })
	}
	s.Close()
	if got, want := s.Counts(), (Counts{Checked: 10, Mismatches: 1}); got != want {
		t.Errorf("%+v, and not %+v", got, want)
	}
	if len(reported) != 1 || reported[0].Allowed || !reported[0].Casbin || len(reported[0].Rule) != 5 || reported[0].Err != nil {
		t.Errorf("reported %+v", reported)
	}
}

func TestShadowCountsFailures(t *testing.T) {
	defer goleak.VerifyNone(t)
	w := example()
	var reported []Mismatch
	s := NewShadow(judgeOf(t), 1, 1, func(m Mismatch) { reported = append(reported, m) })
	s.Offer(func() Case { c := exampleCase(w, false); c.Subject.ID = ""; return c })
	s.Offer(func() Case { c := exampleCase(w, false); c.Facts.Permissions = nil; return c }) // panics
	s.Offer(func() Case { return exampleCase(w, false) })
	s.Close()
	if got, want := s.Counts(), (Counts{Checked: 1, Failed: 2}); got != want {
		t.Errorf("%+v, and not %+v", got, want)
	}
	for _, m := range reported {
		if m.Err == nil {
			t.Errorf("reported %+v", m)
		}
	}
}

// A worker that stands still drops what does not fit, and keeps nobody waiting.
func TestShadowDropsWhatDoesNotFit(t *testing.T) {
	defer goleak.VerifyNone(t)
	w := example()
	started, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s := NewShadow(judgeOf(t), 1, 1, func(Mismatch) { once.Do(func() { close(started) }); <-release })
	s.Offer(func() Case { return exampleCase(w, true) })
	<-started
	for range shadowQueue + 7 {
		s.Offer(func() Case { return exampleCase(w, false) })
	}
	if got := s.Counts().Dropped; got != 7 {
		t.Errorf("dropped %d, and not 7", got)
	}
	close(release)
	s.Close()
	if got, want := s.Counts(), (Counts{Checked: shadowQueue + 1, Mismatches: 1, Dropped: 7}); got != want {
		t.Errorf("%+v, and not %+v", got, want)
	}
	s.Offer(func() Case { return exampleCase(w, false) })
	s.Close()
	if got := s.Counts().Dropped; got != 8 {
		t.Errorf("dropped %d after it was closed, and not 8", got)
	}
}

func TestShadowMayBeClosedWhileItIsOffered(t *testing.T) {
	defer goleak.VerifyNone(t)
	w := example()
	s := NewShadow(judgeOf(t), 1, 1, func(Mismatch) {})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				s.Offer(func() Case { return exampleCase(w, false) })
			}
		})
	}
	s.Close()
	wg.Wait()
	if c := s.Counts(); c.Checked+c.Dropped != 200 || c.Mismatches+c.Failed != 0 {
		t.Errorf("%+v", c)
	}
}

func TestShadowTakesItsShare(t *testing.T) {
	for share, want := range map[float64]float64{0: 0, -1: 0, math.NaN(): 0, 0.25: 0.25, 1: 1, 2: 1} {
		s := &Shadow{threshold: threshold(share), closed: true, queue: make(chan Case, 1)}
		const offers = 20_000
		for range offers {
			s.Offer(func() Case { return Case{} })
		}
		if got := float64(s.Counts().Dropped) / offers; math.Abs(got-want) > 0.02 {
			t.Errorf("of a share of %g it takes %g", share, got)
		}
	}
}

func TestShadowCostsNothingWhenItDoesNotSample(t *testing.T) {
	w := example()
	rare := &Shadow{threshold: 1, closed: true}
	for name, s := range map[string]*Shadow{"nil": nil, "off": {}, "rare": rare} {
		if n := testing.AllocsPerRun(1000, func() { s.Offer(func() Case { return exampleCase(w, false) }) }); n != 0 {
			t.Errorf("%s: %g allocations", name, n)
		}
	}
}

func TestANilShadowDoesNothing(t *testing.T) {
	var s *Shadow
	s.Offer(func() Case { t.Error("asked for a case"); return Case{} })
	s.Close()
	if s.Counts() != (Counts{}) {
		t.Error("counted something")
	}
}

func BenchmarkOfferNotSampled(b *testing.B) {
	w, s := example(), &Shadow{threshold: 1, closed: true}
	b.ReportAllocs()
	for b.Loop() {
		s.Offer(func() Case { return exampleCase(w, false) })
	}
}

// With little effort, a Shadow rests after each case, and drops what comes
// meanwhile; closing it ends the rest.
func TestShadowRests(t *testing.T) {
	s := NewShadow(judgeOf(t), 1, 1e-9, func(Mismatch) {})
	for range 4 * shadowQueue {
		s.Offer(func() Case { return exampleCase(example(), true) })
	}
	if c := s.Counts(); c.Dropped == 0 {
		t.Errorf("nothing was dropped: %+v", c)
	}
	s.Close()
	if c := s.Counts(); c.Checked == 0 || c.Checked+c.Dropped != 4*shadowQueue {
		t.Errorf("of %d cases: %+v", 4*shadowQueue, c)
	}
}
