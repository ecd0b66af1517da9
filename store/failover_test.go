package store

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate"
	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
	"github.com/tollgate-dev/tollgate/store/storetest"
)

// redundant is a Redis that survives its masters.
type redundant struct {
	url      string
	replicas int // of each master
	// of is the master that has an account, and its replicas.
	of func(account string) (master *storetest.Server, replicas []*storetest.Server)
	// over waits until another is master in place of one that was killed.
	over func(killed *storetest.Server, replicas []*storetest.Server)
}

// onRedundant runs a test on each kind of them.
func onRedundant(t *testing.T, test func(t *testing.T, r redundant)) {
	t.Helper()
	t.Run("Sentinel", func(t *testing.T) {
		w := storetest.Sentinel(t)
		test(t, redundant{w.URL, 2,
			func(string) (*storetest.Server, []*storetest.Server) { return w.Master(), w.Replicas() },
			func(killed *storetest.Server, _ []*storetest.Server) { w.FailedOver(t, killed) }})
	})
	t.Run("Cluster", func(t *testing.T) {
		n := storetest.Cluster(t)
		test(t, redundant{n.URL, 1,
			func(account string) (*storetest.Server, []*storetest.Server) {
				master, replica := n.Of(headKey(account))
				return master, []*storetest.Server{replica}
			},
			func(killed *storetest.Server, replicas []*storetest.Server) { n.FailedOver(t, killed, replicas[0]) }})
	})
}

// The master is killed amid writes. The store recovers by itself; with all
// replicas waited for, nothing is lost that was acknowledged.
func TestMasterKilled(t *testing.T) {
	skipUnlessCI(t, "failovers")
	onRedundant(t, func(t *testing.T, r redundant) {
		o := hasty(r.replicas)
		o.lookAnew = time.Hour // but when a call fails
		w := newWorld(t, openAt(r.url), o)
		for first := signUp("a"); ; {
			if _, _, err := w.Commit(t.Context(), first); err == nil {
				break
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		outcomes := w.writeOn(ctx, 3)
		for acknowledged := 0; acknowledged < 50; {
			if <-outcomes == nil {
				acknowledged++
			}
		}
		master, replicas := r.of("a")
		master.Kill()
		r.over(master, replicas)
		for made := 0; made < 20; { // the test's own limit ends this
			err := <-outcomes
			if err == nil || reason(err) == "NOT_REPLICATED" { // there may be a replica fewer
				made++
			} else if reason(err) != "STORE_UNAVAILABLE" {
				t.Fatal(err)
			}
		}
		cancel()
		for range outcomes {
		}
	})
}

// The feed outlives the node that it comes from.
func TestFeedFailedOver(t *testing.T) {
	skipUnlessCI(t, "failovers")
	n := storetest.Cluster(t)
	w := newWorld(t, openAt(n.URL), Options{lookAnew: time.Hour})
	source, replica := n.Of(feedChannel)
	account := ""
	for i, on := 0, source; on == source; i++ { // of another node, whose calls do not fail
		account = fmt.Sprint("a", i)
		on, _ = n.Of(headKey(account))
	}
	told := make(chan Told, 100)
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() { w.Feed(ctx, func(m Told) { told <- m }, func(error) {}) })
	defer ended.Wait()
	defer cancel()

	role := func() { w.must(set(account, w.load(account).Basis, "role:r", "{}")) }
	w.must(signUp(account))
	hear := func() {
		for role(); len(told) == 0; role() { // until it is subscribed, or subscribed again
		}
	}
	hear()
	source.Kill()
	n.FailedOver(t, source, replica)
	for len(told) > 0 {
		<-told
	}
	hear()
}

// writeOn has writers write until the context ends. What becomes of each write
// is sent. In the end all that was acknowledged has to be there.
func (w *world) writeOn(ctx context.Context, writers int) <-chan error {
	outcomes := make(chan error)
	finish := context.WithoutCancel(ctx) // what was begun
	acknowledged := make([]map[string]authz.Revision, writers)
	var all sync.WaitGroup
	for i := range writers {
		acknowledged[i] = map[string]authz.Revision{}
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				id := fmt.Sprintf("%d.%d", i, n)
				head, _, err := w.Commit(finish, register("a", id))
				if err == nil {
					acknowledged[i][id] = head.Revision
				}
				select {
				case outcomes <- err:
				case <-ctx.Done():
				}
			}
		})
	}
	go func() {
		all.Wait()
		for _, of := range acknowledged {
			for id, revision := range of {
				w.kept(finish, id, revision)
			}
		}
		close(outcomes)
	}()
	return outcomes
}

// kept checks that a resource that was registered is there, in every way that
// it is looked for.
func (w *world) kept(ctx context.Context, id string, r authz.Revision) {
	identity, _, err := w.RevisionAt(ctx, "a", r.Number)
	if err != nil || identity != r.Identity {
		w.t.Errorf("%s was acknowledged as %v, and the log has %q: %v", id, r, identity, err)
	}
	if _, records, err := w.Read(ctx, "a", resource(id)); err != nil || len(records) != 1 {
		w.t.Errorf("%s was acknowledged, and %d are there: %v", id, len(records), err)
	}
	if accounts, err := w.Locate(ctx, hierarchy.Ref{Type: "number", ID: id}); err != nil || accounts[0] != "a" {
		w.t.Errorf("%s was acknowledged, and is found in %q: %v", id, accounts, err)
	}
}

// office is an account of its own, on a store.
type office struct {
	*admin.Service
	t       *testing.T
	account string
	project hierarchy.Ref
	owner   hierarchy.Ref
}

var operator = admin.Caller{Name: "operator", Operator: true}

// settle opens an office on a store, with the account that another has made,
// or with one of its own.
func settle(t *testing.T, s *Store, made *office) *office {
	t.Helper()
	judge, err := policy.NewJudge(tollgate.Model)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := authz.NewEngine(s, judge, authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Close)
	o := &office{Service: admin.New(engine, s), t: t}
	if made != nil {
		o.account, o.project, o.owner = made.account, made.project, made.owner
		return o
	}
	o.owner = hierarchy.Ref{Type: "user", ID: "ann"}
	done, err := o.SignUp(t.Context(), operator, admin.SignUp{Owner: o.owner, Billing: billing.Account{Mode: billing.Prepaid, Currency: "EUR"}})
	if err != nil {
		t.Fatal(err)
	}
	o.account, o.project = done.Account.Ref.ID, done.Project.Ref
	return o
}

// write registers a resource, and returns the token of that.
func (o *office) write() (token string, err error) {
	done, err := o.RegisterResource(o.t.Context(), operator, hierarchy.Ref{Type: "number", ID: identity()}, hierarchy.Resource{Parent: o.project})
	return done.Revision, err
}

// must is the token of a write that succeeds.
func (o *office) must() string {
	o.t.Helper()
	token, err := o.write()
	if err != nil {
		o.t.Fatal(err)
	}
	return token
}

// try writes, and returns why that failed, if it did.
func (o *office) try() string {
	_, err := o.write()
	return reason(err)
}

// number is that of the account's newest revision that is in memory.
func (o *office) number() uint64 {
	o.t.Helper()
	s, err := o.Engine().Snapshot(o.t.Context(), o.account, "")
	if err != nil {
		o.t.Fatal(err)
	}
	return s.Revision().Number
}

func (o *office) numberOf(token string) uint64 {
	o.t.Helper()
	r, err := authz.ParseToken(o.account, token)
	if err != nil {
		o.t.Fatal(err)
	}
	return r.Number
}

// ask makes a check at a revision, and returns why it is refused, if it is.
func (o *office) ask(token string) string {
	_, err := o.Engine().Check(o.t.Context(), &authz.Request{
		Subject: o.owner.String(), Permission: "number.read", Resource: o.project.String(), AtLeast: token,
	})
	if reason(err) == "" && err != nil {
		o.t.Fatal(err)
	}
	return reason(err)
}

// A failover loses a write that was acknowledged. Its token says so, whether
// the counter is below its number or has grown past it, and on a replica that
// had seen the write as on one that had not. Had replicas been waited for, the
// write would not have been acknowledged.
func TestLostWrite(t *testing.T) {
	skipUnlessCI(t, "failovers")
	onRedundant(t, func(t *testing.T, r redundant) {
		seen := settle(t, newWorld(t, openAt(r.url), Options{}).Store, nil)
		opener := func(t *testing.T, o Options) *Store { return open(t, r.url, o) }
		cold := settle(t, newWorld(t, opener, Options{}).Store, seen)
		waiting := settle(t, newWorld(t, opener, hasty(r.replicas)).Store, seen)
		for waiting.try() != "" { // until the replicas have what was before
		}

		master, replicas := r.of(seen.account)
		storetest.Detach(master, replicas...)
		lost := seen.must()
		if why := seen.ask(lost); why != "" {
			t.Fatalf("before the failover: %s", why)
		}
		if why := waiting.try(); why != "NOT_REPLICATED" {
			t.Errorf("with replicas waited for: %q", why)
		}
		if number := waiting.number(); number != seen.numberOf(lost)+1 {
			t.Errorf("a write that was made and not replicated is not seen: at %d", number)
		}
		master.Kill()
		for _, s := range replicas {
			s.Continue()
		}
		r.over(master, replicas)

		for name, o := range map[string]*office{"saw it": seen, "did not see it": cold} {
			why := o.ask(lost)
			for ; why == "REVISION_UNCONFIRMED"; why = o.ask(lost) {
			}
			if why != "REVISION_LOST" {
				t.Fatalf("the replica that %s: %q", name, why)
			}
		}
		newest := seen.must()
		for seen.numberOf(newest) <= seen.numberOf(lost) {
			newest = seen.must()
		}
		// By its number alone it would not be missed.
		if seen.number() < seen.numberOf(lost) {
			t.Error("the counter has not grown past what was lost, so that this shows nothing")
		}
		for name, o := range map[string]*office{"saw it": seen, "did not see it": cold} {
			if o.ask(newest) != "" || o.ask(lost) != "REVISION_LOST" {
				t.Errorf("the replica that %s: new %q, lost %q", name, o.ask(newest), o.ask(lost))
			}
		}
	})
}
