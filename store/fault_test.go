package store

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// testInterrupted makes every call of a commit fail in turn, unsent or with
// its reply lost. The commit is then made whole or not at all, and the same
// commit sent again succeeds, once.
func testInterrupted(t *testing.T, open opener) {
	commits := map[string]func(w *world) *authz.Commit{
		"sign-up":  func(*world) *authz.Commit { return signUp("a") },
		"register": func(w *world) *authz.Commit { w.must(signUp("a")); return register("a", "1") },
		"remove": func(w *world) *authz.Commit {
			w.must(signUp("a"))
			w.must(register("a", "1"))
			return w.remove("a", "1")
		},
	}
	for name, prepare := range commits {
		for how, fail := range map[string]func(f failer, n int){"unsent": failer.FailBefore, "reply lost": failer.LoseReply} {
			t.Run(name+" "+how, func(t *testing.T) {
				w := newWorld(t, open, Options{})
				w.must(signUp("warm")) // the scripts are known from here on
				for n, over := 1, false; !over; n++ {
					w.empty(t)
					over = w.interrupt(prepare(w), func() { fail(w.faults, n) }, n)
				}
			})
		}
	}
}

type failer interface {
	FailBefore(n int)
	LoseReply(n int)
}

// interrupt makes c with a fault at call n, and reports whether c had fewer.
func (w *world) interrupt(c *authz.Commit, fault func(), n int) (over bool) {
	w.t.Helper()
	before := w.account("a")
	fault()
	head, previous, err := w.Commit(w.t.Context(), c)
	over = w.faults.Calls() < n
	w.faults.Clear()
	after := w.account("a")
	found, committed, _ := w.RevisionAt(w.t.Context(), "a", head.Number)
	if err == nil && (!committed || found != c.Identity) {
		w.t.Errorf("call %d: success, and nothing in the log", n)
	}
	if err != nil && reason(err) != "STORE_UNAVAILABLE" {
		w.t.Errorf("call %d: %v", n, err)
	}
	if err != nil && w.client.ZScore(w.t.Context(), identitiesKey("a"), c.Identity).Err() != nil {
		if diff := cmp.Diff(before, after); diff != "" {
			w.t.Errorf("call %d: not made, and this changed:\n%s", n, diff)
		}
	}
	again, previousAgain, errAgain := w.Commit(w.t.Context(), c)
	if errAgain != nil {
		w.t.Fatalf("call %d: sent again: %v", n, errAgain)
	}
	if err == nil && (again.Revision != head.Revision || again.At != head.At || previous != previousAgain) {
		w.t.Errorf("call %d: %+v %q, sent again %+v %q", n, head, previous, again, previousAgain)
	}
	w.whole(c, again, n)
	return over
}

// whole checks that all of a commit is there, and once.
func (w *world) whole(c *authz.Commit, head authz.Head, n int) {
	w.t.Helper()
	state := w.load("a", resource("1"))
	records := bodies(append(state.Records, state.Resources...))
	if state.Revision != head.Revision {
		w.t.Errorf("call %d: made more than once: %+v, want %+v", n, state.Head, head)
	}
	for _, e := range c.Edits {
		if records[e.Key] != string(e.After) {
			w.t.Errorf("call %d: %s is %q", n, e.Key, records[e.Key])
		}
		if ref, ok := locatable(e.Key); ok {
			want := ""
			if len(e.After) > 0 {
				want = "a"
			}
			if got := w.locate(ref.String()); got != want {
				w.t.Errorf("call %d: %s is located in %q, want %q", n, ref, got, want)
			}
		}
	}
}

// testLostReplies loses the replies of the script, of its repetition too, and
// lets others write before the commit is sent again.
func testLostReplies(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	first := w.must(signUp("a"))

	c := set("a", first.Basis, "role:r", "{}")
	w.faults.LoseRepliesOf("evalsha", 1)
	second, previous, err := w.Commit(t.Context(), c)
	if err != nil || second.Number != 2 || previous != first.Identity {
		t.Fatalf("one reply lost: %+v %q %v", second, previous, err)
	}
	c = set("a", second.Basis, "role:r", "{}")
	w.faults.LoseRepliesOf("evalsha", 2)
	if _, _, err := w.Commit(t.Context(), c); reason(err) != "STORE_UNAVAILABLE" {
		t.Fatalf("both replies lost: %v", err)
	}
	w.faults.Clear()
	other := w.must(set("a", 3, "role:s", "{}"))
	third, previous, err := w.Commit(t.Context(), c)
	if err != nil || third.Number != 3 || third.Identity != c.Identity || previous != second.Identity {
		t.Errorf("sent again after another's write: %+v %q %v", third, previous, err)
	}
	if head := w.load("a").Head; head.Revision != other.Revision {
		t.Errorf("head %+v, want %+v", head, other)
	}

	// Redis goes away in the middle, at every call: nothing is known, and the
	// same sign-up succeeds later.
	for n := 1; n <= 5; n++ {
		w.empty(t)
		s := signUp("a")
		w.faults.Interpose(n, w.faults.Down)
		_, _, err := w.Commit(t.Context(), s)
		if err != nil && reason(err) != "STORE_UNAVAILABLE" {
			t.Errorf("call %d: %v", n, err)
		}
		w.faults.Up()
		w.faults.Clear()
		w.whole(s, w.must(s), n)
	}
}

// testUnavailable switches Redis off, and finds errors, never answers.
func testUnavailable(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	w.must(signUp("a"))
	w.must(register("a", "1"))
	calls := map[string]func(ctx context.Context) error{
		"Ping":  w.Ping,
		"Load":  func(ctx context.Context) error { _, err := w.Load(ctx, "a"); return err },
		"Read":  func(ctx context.Context) error { _, _, err := w.Read(ctx, "a"); return err },
		"Heads": func(ctx context.Context) error { _, err := w.Heads(ctx, []string{"a"}); return err },
		"Since": func(ctx context.Context) error {
			_, _, err := w.Since(ctx, "a", authz.Revision{})
			return err
		},
		"Locate": func(ctx context.Context) error {
			_, err := w.Locate(ctx, hierarchy.Ref{Type: "number", ID: "1"})
			return err
		},
		"Commit": func(ctx context.Context) error { _, _, err := w.Commit(ctx, register("a", "2")); return err },
		"Resources": func(ctx context.Context) error {
			_, err := w.Resources(ctx, "a", hierarchy.Ref{Type: "project", ID: "prj_a"}, "", 10)
			return err
		},
		"Log":        func(ctx context.Context) error { _, err := w.Log(ctx, "a", 0, 10); return err },
		"RevisionAt": func(ctx context.Context) error { _, _, err := w.RevisionAt(ctx, "a", 1); return err },
		"Payers":     func(ctx context.Context) error { _, err := w.Payers(ctx, "a", "project:prj_a"); return err },
		"Parents":    func(ctx context.Context) error { _, err := w.Parents(ctx, "a", "number:1"); return err },
		"ClaimOnce":  func(ctx context.Context) error { _, err := w.ClaimOnce(ctx, []string{"c"}, "f", nil); return err },
		"Made":       func(ctx context.Context) error { _, err := w.Made(ctx, "a", "00"); return err },
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range calls {
		w.faults.Down()
		var public *hierarchy.Error
		if err := call(t.Context()); !errors.As(err, &public) || public.Kind != hierarchy.KindUnavailable || public.Reason != "STORE_UNAVAILABLE" || public.Detail == "" {
			t.Errorf("%s without Redis: %v", name, err)
		}
		w.faults.Up()
		if err := call(t.Context()); err != nil {
			t.Errorf("%s with Redis back: %v", name, err)
		}
		if err := call(ended); !errors.Is(err, context.Canceled) || reason(err) != "STORE_UNAVAILABLE" {
			t.Errorf("%s of a caller who has gone: %v", name, err)
		}
	}
}
