package authz_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/worlds"
)

var errRefused = &hierarchy.Error{Kind: hierarchy.KindUnavailable, Reason: "STORE_UNAVAILABLE", Detail: "connection refused"}

// crowd counts who is with the store at once, each for a while.
type crowd struct{ now, most, all atomic.Int64 }

func (c *crowd) enter(stay time.Duration) {
	for now := c.now.Add(1); ; {
		most := c.most.Load()
		if now <= most || c.most.CompareAndSwap(most, now) {
			break
		}
	}
	c.all.Add(1)
	<-time.After(stay)
	c.now.Add(-1)
}

// After the store was away everybody comes at once: a thousand accounts that
// are cold, and a thousand that are out of their bound. It is not asked for
// more than a few together, and each gets its answer. With as much room as
// there are accounts it would be asked for all.
func TestManyAccountsAreReadAFewAtOnce(t *testing.T) {
	model := modelText(t)
	const accounts = 1000
	for room, least := range map[int]int64{0: 32, 5: 5, 3 * accounts: accounts} {
		synctest.Test(t, func(t *testing.T) {
			source := worlds.NewMemory()
			all := many(source, 2*accounts)
			e, err := authz.NewEngine(source, judge(t, model), authz.Options{Conversations: room})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			for _, req := range all[:accounts] {
				mustCheck(t, e, req)
			}
			<-time.After(time.Minute)
			var c crowd
			source.Before = func(string, ...string) error {
				c.enter(time.Millisecond)
				return nil
			}
			var asked sync.WaitGroup
			for _, req := range all {
				asked.Go(func() {
					if a, err := e.Check(t.Context(), &req); err != nil || !a.Allowed {
						t.Errorf("%s: %v", a.Code, err)
					}
				})
			}
			asked.Wait()
			if c.all.Load() != 2*accounts || c.most.Load() < least || (least < accounts && c.most.Load() > least) {
				t.Errorf("with room for %d, %d conversations were had, at most %d at once", room, c.all.Load(), c.most.Load())
			}
		})
	}
}

// Once the store is known to be away nobody waits for it, whatever account is
// asked about: one finds out now and then, less and less often. When it is
// back, so are the answers, soon and without a restart.
func TestWhileTheStoreIsAwayNobodyWaits(t *testing.T) {
	model := modelText(t)
	synctest.Test(t, func(t *testing.T) {
		source := worlds.NewMemory()
		all := many(source, 100)
		e, err := authz.NewEngine(source, judge(t, model), authz.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		silent := make(chan struct{})
		var tried crowd
		source.Before = func(string, ...string) error { // as long as it may take
			select {
			case <-silent:
				return nil
			default:
			}
			tried.enter(5 * time.Second)
			return context.DeadlineExceeded
		}
		var waited int
		ask := func(i int) error {
			begin := time.Now()
			_, err := e.Check(t.Context(), &all[i%len(all)])
			if time.Since(begin) > 0 {
				waited++
			}
			return err
		}
		if reason(ask(0)) != "STATE_UNAVAILABLE" || waited != 1 {
			t.Error("the first does not find out")
		}
		for i := range 10_000 { // a minute and forty seconds, the waiting apart
			if why := reason(ask(i)); why != "STATE_UNAVAILABLE" {
				t.Fatal(why)
			}
			<-time.After(10 * time.Millisecond)
		}
		t.Logf("%d questions waited, %d conversations", waited, tried.all.Load())
		if waited > 200 || waited < 30 || tried.most.Load() != 1 {
			t.Errorf("%d of 10,000 questions waited, %d at once", waited, tried.most.Load())
		}
		close(silent)
		back := time.Now()
		for i := 0; ask(i) != nil; i++ {
			<-time.After(10 * time.Millisecond)
		}
		if took := time.Since(back); took > 3*time.Second {
			t.Errorf("it took %v to find out that the store is back", took)
		}
		for i := range all {
			mustCheck(t, e, all[i])
		}
	})
}

// Refusals of one account's own, and of those who give up, are not the
// store's: others are answered.
func TestWhatIsNotTheStoresFault(t *testing.T) {
	source := worlds.NewMemory()
	all := many(source, 2)
	e, _ := newEngine(t, source, modelText(t), authz.Options{})
	over, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	fails := func(about ...string) error {
		if len(about) > 0 && about[0] == "account:acme-0" {
			return context.Canceled // not one of a store that is away
		}
		return nil
	}
	source.Before = func(_ string, about ...string) error { return fails(about...) }
	somewhere := all[1]
	somewhere.Account, somewhere.Resource = "", "number:none"
	for range 50 {
		_, _ = e.Check(t.Context(), &all[0])
		_, _ = e.Check(over, &somewhere)
	}
	mustCheck(t, e, all[1])
	fails = func(...string) error { return errRefused } // and this is
	for range 50 {
		_, _ = e.Check(t.Context(), &all[0])
	}
	before := source.Loads.Load()
	if _, err := e.Check(t.Context(), &all[0]); reason(err) != "STATE_UNAVAILABLE" || source.Loads.Load() != before || !e.Counters().Away {
		t.Errorf("%v, after %d loads", err, source.Loads.Load()-before)
	}
}
