package store

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/authz"
)

// listen listens to the feed of an account until the test ends. What other
// tests have written may come late, in a cluster from another node.
func (w *world) listen(account string) <-chan Told {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	told, ended := make(chan Told, 100), make(chan struct{})
	go func() {
		defer close(ended)
		hear := func(m Told) {
			if m.Account == account {
				told <- m
			}
		}
		w.Feed(ctx, hear, func(err error) { w.t.Errorf("the feed was lost: %v", err) })
	}()
	w.t.Cleanup(func() {
		cancel()
		<-ended
	})
	for { // until it is subscribed
		if n, err := w.client.PubSubNumSub(ctx, feedChannel).Result(); err != nil {
			w.t.Fatal(err)
		} else if n[feedChannel] > 0 {
			return told
		}
	}
}

// testFeed hears what is committed, as the log has it, and nothing of what is
// refused.
func testFeed(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	w.faults.Clear()
	told := w.listen("a{1}")
	signed, number := signUp("a{1}"), register("a{1}", "1")
	w.must(signed)
	w.must(number)
	if _, _, err := w.Commit(t.Context(), register("a{1}", "1")); err == nil {
		t.Error("registered twice")
	}
	large := set("a{1}", 1, "group:large", `{"description":"`+strings.Repeat("<&>\\n", mostTold/4)+`"}`)
	w.must(large)
	log, err := w.Log(t.Context(), "a{1}", 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range log {
		got := <-told
		if whole := i < 2; got.Account != "a{1}" || got.Whole != whole || got.Basis != []uint64{1, 1, 3}[i] {
			t.Errorf("message %d: of %s, whole %v, basis %d", i, got.Account, got.Whole, got.Basis)
		}
		want.Actor, want.Caller, want.Action = "", "", "" // which nobody who listens needs
		if !got.Whole {
			want.Edits = nil
		}
		if diff := cmp.Diff(want, got.Change); diff != "" {
			t.Errorf("message %d (-log +feed):\n%s", i, diff)
		}
	}
	if len(told) > 0 {
		t.Errorf("a message too many: %+v", <-told)
	}
}

// A message that Tollgate did not send is an error, and nothing else.
func TestMessagesOfTheFeed(t *testing.T) {
	for _, text := range []string{"", "a", "a\n1\nid\n\n1\n1", "a\nx\nid\n\n1\n1\n[]", "a\n1\nid\n\nx\n1\n[]", "a\n1\nid\n\n1\nx\n[]", "a\n1\nid\n\n1\n1\n{", "\n1\nid\n\n1\n1\n[]", "a\n1\n\n\n1\n1\n[]"} {
		if told, err := decodeTold(text); err == nil || cmp.Diff(told, Told{}) != "" {
			t.Errorf("%q is read as %+v, %v", text, told, err)
		}
	}
	want := Told{Account: "a", Change: authz.Change{Revision: authz.Revision{Number: 2, Identity: "i"}, Previous: "p", At: 3, Edits: []authz.Edit{}}, Basis: 1, Whole: true}
	if got, err := decodeTold("a\n2\ni\np\n3\n1\n[]"); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%v %s", err, cmp.Diff(want, got))
	}
}
