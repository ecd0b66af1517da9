package authz_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/internal/oracle"
	"github.com/tollgate-dev/tollgate/internal/worlds"
)

// An engine that may hold next to nothing, so that nearly every check finds
// its account evicted, answers as the oracle does and as an engine does that
// keeps everything, while the accounts change.
func TestEvictionChangesNoAnswer(t *testing.T) {
	t.Parallel()
	accounts, rounds := 24, 400
	if testing.Short() {
		rounds = 60
	}
	source := worlds.NewMemory()
	tight, clock := newEngine(t, source, modelText(t), authz.Options{Memory: 1})
	roomy, other := newEngine(t, source, modelText(t), authz.Options{})
	source.Now = clock.Wall
	all := make([]*worlds.World, accounts)
	for i := range all {
		all[i] = worlds.New(uint64(i))
		source.Put(&all[i].World)
	}
	r, checks, allowed := rng(1), 0, 0
	for range rounds {
		for i, w := range all {
			if r.IntN(10) == 0 {
				next := w.Clone()
				next.Mutate(r)
				edits := worlds.Edits(&w.World, &next.World)
				head, change := source.Commit(w.Account, edits...)
				for _, e := range []*authz.Engine{tight, roomy} {
					e.Committed(&authz.Commit{Account: w.Account, Edits: edits}, head, change.Previous)
				}
				all[i], w = next, next
			}
			q := w.Question(r)
			clock.wall.Store(q.At)
			other.wall.Store(q.At)
			want := oracle.Decide(&w.World, q)
			req := request(q)
			if req.Account = w.Account; r.IntN(2) == 0 {
				req.Account = ""
			}
			for name, e := range map[string]*authz.Engine{"tight": tight, "roomy": roomy} {
				a := mustCheck(t, e, req)
				if diff := differs(want, &a); diff != "" {
					t.Fatalf("%s: %+v: %s\n%s", name, q, diff, w)
				}
			}
			if checks++; want.Allowed {
				allowed++
			}
		}
	}
	c := tight.Counters()
	t.Logf("%d checks, %d allowed, %d evictions", checks, allowed, c.Evictions)
	if allowed < checks/5 || allowed > checks*4/5 {
		t.Errorf("%d of %d checks are allowed: agreeing on them shows little", allowed, checks)
	}
	if c.Residents > 1 || int(c.Evictions) < checks/2 {
		t.Errorf("%d accounts are in memory after %d evictions: this tells nothing", c.Residents, c.Evictions)
	}
	if c := roomy.Counters(); c.Evictions != 0 {
		t.Errorf("%d accounts were evicted without a limit", c.Evictions)
	}
}

// While one account changes and others drive it out of memory, every answer is
// right for the revision that it says it is of, no reader goes back, and a
// write is seen by the very next check here, evicted or not.
func TestEvictionWhileItChanges(t *testing.T) {
	writes := 1_500
	if testing.Short() {
		writes = 300
	}
	h := newHouse(t, authz.Options{Memory: 1})
	const others = 5
	var large [others]worlds.Large
	for i := range large {
		large[i] = worlds.LargeOf(i, 20)
		h.source.PutRecords(large[i].Account(), large[i].Records())
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	var readings [3]atomic.Int64
	for i, read := range []func(t *testing.T, e *authz.Engine) (uint64, bool){readSingle, readBatch, readAnywhere} {
		readers.Go(func() { readOn(t, h.Engine, read, &readings[i], done) })
	}
	readers.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			l := large[i%others]
			q := l.Question(i)
			req := l.Request(q)
			if a, err := h.Check(t.Context(), &req); err != nil || a.Allowed != l.Allowed(q) {
				t.Errorf("%+v: %v, %v", req, a.Allowed, err)
				return
			}
		}
	})
	enough := func() bool {
		return readings[0].Load() > 100 && readings[1].Load() > 100 && readings[2].Load() > 100 && h.Counters().Evictions > 1_000
	}
	for i := 0; !t.Failed() && (i < writes || !enough()); i++ {
		edit := round[i%len(round)].edit
		head, change := h.source.Commit("acme", edit)
		h.Committed(&authz.Commit{Account: "acme", Edits: []authz.Edit{edit}}, head, change.Previous)
		if i%211 == 0 {
			h.source.Trim("acme")
		}
		if a := mustCheck(t, h.Engine, annUpdatesShop); a.Revision().Number < head.Number {
			t.Errorf("revision %d was answered after %d was written here", a.Revision().Number, head.Number)
		}
	}
	close(done)
	readers.Wait()
	t.Logf("%d evictions, %d loads", h.Counters().Evictions, h.source.Loads.Load())
}

// late is a source whose answer to Load is held back after it was read.
type late struct {
	*worlds.Memory
	read, answer chan struct{}
}

func (l *late) Load(ctx context.Context, account string, resources ...authz.Key) (*authz.State, error) {
	state, err := l.Memory.Load(ctx, account, resources...)
	l.read <- struct{}{}
	<-l.answer
	return state, err
}

// A write that is committed while its account is being loaded, from what the
// store had before it, is seen by the next check. That the load does answer
// from before it, and inside the bound, is seen if the engine is not told of
// the write.
func TestAWriteIsSeenThoughItsAccountWasBeingLoaded(t *testing.T) {
	for told, want := range map[bool]uint64{true: 2, false: 1} {
		source := &late{worlds.NewMemory(), make(chan struct{}, 8), make(chan struct{})}
		source.Put(acme())
		e, err := authz.NewEngine(source, judge(t, modelText(t)), authz.Options{Clock: newClock()})
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		all.Go(func() { _, _ = e.Check(t.Context(), &annUpdatesShop) })
		<-source.read
		head, change := source.Commit("acme", bind(false))
		begun := make(chan struct{})
		all.Go(func() {
			close(begun)
			if told {
				e.Committed(&authz.Commit{Account: "acme", Edits: change.Edits}, head, change.Previous)
			}
		})
		<-begun
		for range 1000 { // it is told before the load ends, or else the test shows nothing
			runtime.Gosched()
		}
		close(source.answer)
		all.Wait()
		if a := mustCheck(t, e, annUpdatesShop); a.Revision().Number != want || a.Allowed != (want == 1) {
			t.Errorf("told of it: %t: revision %d was answered, allowed is %t", told, a.Revision().Number, a.Allowed)
		}
		e.Close()
	}
}

// An account that is asked about again and again stays; those that were asked
// about once go.
func TestWhatIsUsedStays(t *testing.T) {
	source := worlds.NewMemory()
	const accounts, room = 200, 10
	all := make([]worlds.Large, accounts)
	for i := range all {
		all[i] = worlds.LargeOf(i, 50)
		source.PutRecords(all[i].Account(), all[i].Records())
	}
	e, _ := newEngine(t, source, modelText(t), authz.Options{})
	mustCheck(t, e, all[0].Request(all[0].Question(0)))
	one := e.Counters().Bytes
	e, _ = newEngine(t, source, modelText(t), authz.Options{Memory: room * one})
	loads := map[string]int{}
	source.Before = func(method string, about ...string) error {
		if method == "Load" {
			loads[about[0]]++
		}
		return nil
	}
	for range 3 {
		for i := range all {
			mustCheck(t, e, all[i].Request(all[i].Question(i)))
			mustCheck(t, e, all[0].Request(all[0].Question(i)))
		}
	}
	if n := loads["account:"+all[0].Account()]; n != 1 {
		t.Errorf("the account that was used most was loaded %d times", n)
	}
	if n := loads["account:"+all[7].Account()]; n != 3 {
		t.Errorf("an account that was used now and then was loaded %d times", n)
	}
	c := e.Counters()
	if c.Bytes > room*one || c.Residents < room/2 || c.Residents > room+room/2 {
		t.Errorf("%d accounts are in memory, of %d B, where %d B are allowed", c.Residents, c.Bytes, room*one)
	}
	if rows, arriving := e.ResidentRows(); rows > 2*c.Residents+1024 || arriving != 0 {
		t.Errorf("the table of %d accounts has %d rows, and %d are on their way", c.Residents, rows, arriving)
	}
}

// The table of accounts does not keep those that are gone.
func TestTheTableOfAccountsIsBounded(t *testing.T) {
	source := worlds.NewMemory()
	e, _ := newEngine(t, source, modelText(t), authz.Options{Memory: 1})
	accounts := 5_000
	for i := range accounts {
		w := acme()
		w.Account = fmt.Sprint("acme-", i)
		source.Put(w)
		mustCheck(t, e, authz.Request{Subject: "user:ann", Permission: "number.update", Resource: "subproject:shop", Account: w.Account})
	}
	if rows, _ := e.ResidentRows(); rows > 1_100 {
		t.Errorf("after %d accounts the table has %d rows", accounts, rows)
	}
}

// An account that exceeds the limit by itself answers, and from memory; the
// log says so once.
func TestAnAccountMayExceedTheLimitAlone(t *testing.T) {
	core, logged := observer.New(zap.WarnLevel)
	h := newHouse(t, authz.Options{Memory: 1, Logger: zap.New(core)})
	for range 5 {
		h.may(annUpdatesShop, true)
	}
	if n := h.source.Loads.Load(); n != 1 {
		t.Errorf("it was loaded %d times", n)
	}
	l := worlds.LargeOf(1, 10)
	h.source.PutRecords(l.Account(), l.Records())
	mustCheck(t, h.Engine, l.Request(l.Question(0)))
	h.may(annUpdatesShop, true)
	if n := len(logged.All()); n != 1 {
		t.Errorf("the log has %d lines: %v", n, logged.All())
	}
}
