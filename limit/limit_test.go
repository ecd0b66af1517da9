package limit

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newLimiter(t testing.TB, caller, account Rate) *Limiter {
	t.Helper()
	l, err := New(caller, account)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// A bucket holds a burst, and earns its rate; how much is left and how long to
// wait is told of it as it is.
func TestBucket(t *testing.T) {
	const second = int64(time.Second)
	rate := Rate{PerSecond: 2, Burst: 3}
	var b bucket
	for i, c := range []struct {
		at         int64
		remaining  int
		full, wait time.Duration
		refused    bool
	}{
		{0, 2, 500 * time.Millisecond, 0, false},
		{0, 1, time.Second, 0, false},
		{0, 0, 1500 * time.Millisecond, 500 * time.Millisecond, false},
		{0, 0, 1500 * time.Millisecond, 500 * time.Millisecond, true},
		{second / 4, 0, 1250 * time.Millisecond, 250 * time.Millisecond, true},
		{second / 2, 0, 1500 * time.Millisecond, 500 * time.Millisecond, false},
		{100 * second, 2, 500 * time.Millisecond, 0, false}, // it holds no more than a burst
	} {
		want := Bucket{rate, c.remaining, c.full, c.wait, c.refused}
		if got := b.take(rate, c.at); got != want {
			t.Errorf("%d: %+v, want %+v", i, got, want)
		}
	}
}

// However requests come, no more are let by in any time than a burst and what
// was earned in it; and one that waited as long as it was told to is.
func TestBucketKeepsItsRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := Rate{PerSecond: rapid.Float64Range(0.01, 1000).Draw(t, "rate"), Burst: rapid.IntRange(1, 20).Draw(t, "burst")}
		pauses := rapid.SliceOfN(rapid.Int64Range(0, 3*rate.interval()), 1, 100).Draw(t, "pauses")
		var b bucket
		var by []int64 // when those came that were let by
		now := int64(0)
		for _, pause := range pauses {
			now += pause
			got := b.take(rate, now)
			if got.Refused {
				if now += int64(got.Wait); b.take(rate, now).Refused {
					t.Fatalf("after a wait of %v it is refused again", got.Wait)
				}
			}
			by = append(by, now)
			for i, from := range by {
				most := int64(rate.Burst) + (now-from)/rate.interval()
				if n := int64(len(by) - i); n > most {
					t.Fatalf("%d in %d ns, more than %d", n, now-from, most)
				}
			}
		}
	})
}

// Many at once get what there is, and no more.
func TestTakeAtOnce(t *testing.T) {
	l := newLimiter(t, Rate{}, Rate{PerSecond: MinPerSecond, Burst: 100})
	var let atomic.Int64
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			for range 50 {
				if s := l.Take("key:"+strconv.Itoa(i), "acme"); !s.Refused() {
					let.Add(1)
				}
			}
		})
	}
	all.Wait()
	if _, refused := l.Refused(); let.Load() != 100 || refused != 400 {
		t.Errorf("%d were let by and %d refused, of 500", let.Load(), refused)
	}
}

// Each has a bucket of its own, and one that is empty empties no other: a key
// that asks too often takes nothing from its account.
func TestBucketsAreApart(t *testing.T) {
	l := newLimiter(t, Rate{PerSecond: MinPerSecond, Burst: 2}, Rate{PerSecond: MinPerSecond, Burst: 3})
	take := func(key, account string, refused bool, ofKey, ofAccount int) {
		t.Helper()
		if s := l.Take(key, account); s.Refused() != refused || s.Key.Remaining != ofKey || s.Account.Remaining != ofAccount {
			t.Errorf("%s of %s: %+v", key, account, s)
		}
	}
	take("key:a", "acme", false, 1, 2)
	take("key:a", "acme", false, 0, 1)
	for range 10 {
		take("key:a", "acme", true, 0, 0)
	}
	take("key:b", "acme", false, 1, 0)
	take("key:b", "acme", true, 0, 0)
	take("key:c", "rival", false, 1, 2)
	take("acme", "key:a", false, 1, 2) // a name means one thing among callers and another among accounts
	take("", "rival", false, 0, 1)
	take("key:d", "", false, 1, 0)
}

// Buckets are forgotten beyond a bound.
func TestBucketsAreBounded(t *testing.T) {
	b, err := newBuckets(Rate{PerSecond: 1, Burst: 1}, 100)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.known.StopAllGoroutines() })
	for i := range 10_000 {
		b.take(strconv.Itoa(i), 0)
	}
	b.known.CleanUp()
	if n := b.known.EstimatedSize(); n > 100 {
		t.Errorf("%d buckets are remembered, more than 100", n)
	}
}

func TestNobodyIsLimited(t *testing.T) {
	l, err := New(Rate{}, Rate{})
	if l != nil || err != nil {
		t.Fatal(l, err)
	}
	if s := l.Take("key:a", "acme"); s != (Standing{}) || s.Limited() || s.Refused() || s.Policy() != "" || s.Value() != "" || s.RetryAfter() != 0 {
		t.Errorf("%+v", s)
	}
	l.Close()
}

func TestRates(t *testing.T) {
	for _, r := range []Rate{{1, 0}, {0, 1}, {-1, 1}, {1, -1}, {1e-9, 1}, {1e9, 1}, {1, 1e9}, {nan(), 1}} {
		if _, err := New(r, Rate{}); err == nil {
			t.Errorf("%+v is taken as a rate", r)
		}
		if _, err := New(Rate{1, 1}, r); err == nil {
			t.Errorf("%+v is taken as a rate", r)
		}
	}
}

func nan() float64 { var zero float64; return zero / zero }

func TestHeaders(t *testing.T) {
	l := newLimiter(t, Rate{PerSecond: 0.5, Burst: 2}, Rate{PerSecond: 100, Burst: 50})
	s := l.Take("key:a", "acme")
	if got := s.Policy(); got != `"key";q=2;w=4, "account";q=50;w=1` {
		t.Error(got)
	}
	if got := s.Value(); got != `"key";r=1;t=2, "account";r=49;t=1` {
		t.Error(got)
	}
	l.Take("key:a", "acme")
	s = l.Take("key:a", "acme")
	if got := s.Value(); got != `"key";r=0;t=4` || s.RetryAfter() != 2 {
		t.Errorf("%s, again after %d", got, s.RetryAfter())
	}
}

// To take costs no memory.
func TestTakeAllocatesNothing(t *testing.T) {
	l := newLimiter(t, Rate{1, 10}, Rate{1, 10})
	l.Take("key:a", "acme")
	if n := testing.AllocsPerRun(1000, func() { l.Take("key:a", "acme") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
