package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/store/storetest"
)

// patient waits for replicas long enough for a machine that does other things
// as well.
func patient(replicas int) Options {
	return Options{Replicas: replicas, ReplicaTimeout: 4 * time.Second}
}

// hasty has replicas that do not answer found out soon.
func hasty(replicas int) Options {
	return Options{Replicas: replicas, ReplicaTimeout: 200 * time.Millisecond}
}

// TestReplicated runs the contract with all replicas waited for.
func TestReplicated(t *testing.T) {
	skipUnlessCI(t, "the contract again, with replicas waited for")
	for name, c := range map[string]struct {
		url      string
		replicas int
	}{"Sentinel": {storetest.Sentinel(t).URL, 2}, "Cluster": {storetest.Cluster(t).URL, 1}} {
		t.Run(name, func(t *testing.T) {
			runContract(t, func(t *testing.T, o Options) *Store {
				o.Replicas, o.ReplicaTimeout = c.replicas, patient(c.replicas).ReplicaTimeout
				return openAt(c.url)(t, o)
			})
		})
	}
}

// A write that the replicas do not have in time is made, and reported. It can
// be sent again, and then waits again.
func TestNotReplicated(t *testing.T) {
	watched := storetest.Sentinel(t)
	w := newWorld(t, openAt(watched.URL), hasty(2))
	w.must(signUp("a"))
	replicas := watched.Replicas()
	replicas[0].Stop()
	w.unreplicatedOnce(register("a", "1"))
	one := newWorld(t, func(t *testing.T, o Options) *Store { return open(t, watched.URL, o) }, patient(1))
	one.must(register("a", "2")) // the other replica is there

	replicas[1].Stop()
	c := register("a", "3")
	c.Outcome = []byte("{}") // it is remembered
	head := w.unreplicatedOnce(c)
	w.unreplicatedOnce(c)
	if made, err := w.Made(t.Context(), "a", c.Identity); reason(err) != "NOT_REPLICATED" || made != nil {
		t.Errorf("a repeat is told of what the replicas do not have: %v %v", made, err)
	}
	replicas[0].Continue()
	replicas[1].Continue()
	for {
		again, _, err := w.Commit(t.Context(), c)
		if again.Revision != head.Revision || (err != nil && reason(err) != "NOT_REPLICATED") {
			t.Fatalf("sent again: %+v %v, want %+v", again, err, head)
		}
		if err == nil {
			break
		}
	}
	if made, err := w.Made(t.Context(), "a", c.Identity); err != nil || made == nil || made.Revision != head.Revision {
		t.Errorf("once the replicas have it: %v %v", made, err)
	}
	if w.locate("number:3") != "a" || len(w.load("a", resource("3")).Resources) != 1 {
		t.Error("not made")
	}
}

// What a commit claims is in other slots, and must be there after a failover
// as well: an identifier that nobody claims any more could be taken twice.
func TestClaimsNotReplicated(t *testing.T) {
	nodes := storetest.Cluster(t)
	w := newWorld(t, openAt(nodes.URL), hasty(1))
	w.must(signUp("a"))
	home, _ := nodes.Of(headKey("a"))
	for id := 0; ; id++ {
		c := register("a", string(rune('a'+id)))
		ref, _ := locatable(c.Edits[0].Key)
		elsewhere, replica := nodes.Of(locatorKey(ref))
		if elsewhere == home {
			w.must(c)
			continue
		}
		replica.Stop()
		w.unreplicatedOnce(c)
		replica.Continue()
		return
	}
}

// unreplicatedOnce commits what the replicas do not get.
func (w *world) unreplicatedOnce(c *authz.Commit) authz.Head {
	w.t.Helper()
	was := w.Unreplicated()
	head, _, err := w.Commit(w.t.Context(), c)
	if reason(err) != "NOT_REPLICATED" || errors.Is(err, authz.ErrConflict) || w.Unreplicated() != was+1 {
		w.t.Fatalf("with replicas away: %v, %d counted", err, w.Unreplicated()-was)
	}
	if identity, found, err := w.RevisionAt(w.t.Context(), c.Account, head.Number); identity != c.Identity || !found || err != nil {
		w.t.Errorf("reported as made, and the log has %q %v", identity, err)
	}
	return head
}

// A connection that has not written itself is told that all replicas have
// everything, while they have nothing: WAIT must have the connection of the
// write.
func TestWaitElsewhere(t *testing.T) {
	watched := storetest.Sentinel(t)
	w := newWorld(t, openAt(watched.URL), hasty(2))
	w.must(signUp("a"))
	other := w.client.(*redis.Client).Conn()
	defer func() { _ = other.Close() }()
	if err := other.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	w.must(signUp("b")) // the replicas have all that was before
	for _, r := range watched.Replicas() {
		r.Stop()
		defer r.Continue()
	}
	w.unreplicatedOnce(register("a", "1"))
	if n, err := other.Wait(t.Context(), 2, time.Second).Result(); n != 2 || err != nil {
		t.Errorf("another connection is told of %d replicas (%v), so that it would do", n, err)
	}
}

// A caller who does not wait as long as replicas are waited for is not told
// that they have the write.
func TestWaitCutShort(t *testing.T) {
	watched := storetest.Sentinel(t)
	w := newWorld(t, openAt(watched.URL), patient(2))
	w.must(signUp("a"))
	for _, r := range watched.Replicas() {
		r.Stop()
		defer r.Continue()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, _, err := w.Commit(ctx, set("a", 1, "role:r", "{}")); reason(err) != "NOT_REPLICATED" && reason(err) != "STORE_UNAVAILABLE" {
		t.Errorf("cut short: %v", err)
	}
}
