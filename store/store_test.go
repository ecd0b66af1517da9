package store

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
)

// TestClockStepsBack shows that an account's times increase when the clock of
// its store goes back.
func TestClockStepsBack(t *testing.T) {
	w := newWorld(t, openEmbedded, Options{})
	now := time.Now()
	w.embedded.SetTime(now)
	last := w.must(signUp("a")).At
	for _, id := range []string{"1", "2", "3"} {
		now = now.Add(-time.Hour)
		w.embedded.SetTime(now)
		if err := w.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		at := w.must(register("a", id)).At
		if at != last+1 {
			t.Errorf("committed at %d after %d", at, last)
		}
		last = at
	}
}

// TestDeadline has a commit come long after it claimed: it is refused, since
// its claims may be another's by now.
func TestDeadline(t *testing.T) {
	w := newWorld(t, openEmbedded, Options{})
	w.must(signUp("a"))
	now := time.Now()
	late := register("a", "1")
	w.faults.Interpose(2, func() { w.embedded.SetTime(now.Add(commitWithin + time.Second)) })
	if _, _, err := w.Commit(t.Context(), late); !errors.Is(err, authz.ErrConflict) {
		t.Fatalf("a commit after its deadline: %v", err)
	}
	w.faults.Clear()
	w.must(late) // it claims anew, by the clock as it now is
	if w.locate("number:1") != "a" {
		t.Error("not located")
	}
}

// TestExpiry shows that revocations and sign-ups of an embedded store expire.
func TestExpiry(t *testing.T) {
	w := newWorld(t, openEmbedded, Options{})
	w.must(signUp("a"))
	w.must(register("a", "1"))
	w.must(w.remove("a", "1")) // revokes the commit that made it
	if held := w.dump("tg:{a}:revoked:*"); len(held) != 1 {
		t.Fatalf("revoked: %v", held)
	}
	w.embedded.FastForward(claimLifetime + time.Second)
	if held := w.dump("tg:{a}:revoked:*"); len(held) != 0 {
		t.Errorf("still revoked: %v", held)
	}
}

// TestTick shows that time goes by in an embedded store.
func TestTick(t *testing.T) {
	w := newWorld(t, openEmbedded, Options{})
	if _, err := w.ClaimOnce(t.Context(), []string{"c", "k"}, "f", nil); err != nil {
		t.Fatal(err)
	}
	w.client.PExpire(t.Context(), onceKey([]string{"c", "k"}), 2*time.Millisecond)
	stop := expire(w.embedded, time.Millisecond)
	defer stop()
	for len(w.dump("tg:once:*")) > 0 { // a clock that stands still ends at the test's own limit
		runtime.Gosched()
	}
}

func TestCommitRefusesNonsense(t *testing.T) {
	w := newWorld(t, openEmbedded, Options{})
	w.must(signUp("a"))
	before := w.dump("*")
	for name, spoil := range map[string]func(c *authz.Commit){
		"no identity":     func(c *authz.Commit) { c.Identity = "" },
		"a long identity": func(c *authz.Commit) { c.Identity += "00" },
		"account":         func(c *authz.Commit) { c.Account = "a,b" },
		"empty edit":      func(c *authz.Commit) { c.Edits[0].After = nil },
		"JSON":            func(c *authz.Commit) { c.Edits[0].After = []byte("{") },
		"parent":          func(c *authz.Commit) { c.Edits[0].After = []byte(`{"parent":"nowhere"}`) },
		"NUL":             func(c *authz.Commit) { c.Parents[0].Node += "\x00" },
		"time":            func(c *authz.Commit) { c.Parents[0].At = 1 << 60 },
	} {
		c := register("a", "1")
		spoil(c)
		if _, _, err := w.Commit(t.Context(), c); err == nil || errors.Is(err, authz.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(w.dump("*")) != len(before) {
		t.Error("something was claimed or written")
	}
}
