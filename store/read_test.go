package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

func testLoad(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	if _, err := w.Load(t.Context(), "acc"); !errors.Is(err, authz.ErrNoAccount) {
		t.Fatalf("Load of no account: %v", err)
	}
	c := signUp("acc")
	head := w.must(c)
	if head.Number != 1 || head.Basis != 1 || head.Identity != c.Identity || head.At > head.Now || head.At == 0 {
		t.Errorf("head of a new account: %+v", head)
	}
	second := w.must(register("acc", "1"))
	if second.Number != 2 || second.Basis != 1 {
		t.Errorf("a resource moved the basis: %+v", second)
	}

	w.faults.Clear()
	state := w.load("acc", resource("1"), resource("none"))
	if w.faults.Calls() != 1 {
		t.Errorf("Load took %d round trips", w.faults.Calls())
	}
	if state.Revision != second.Revision || state.Basis != 1 || state.At != second.At || state.Now < second.Now {
		t.Errorf("Load at %+v, want %+v", state.Head, second)
	}
	want := map[authz.Key]string{}
	for _, e := range c.Edits {
		want[e.Key] = string(e.After)
	}
	if diff := cmp.Diff(want, bodies(state.Records)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[authz.Key]string{resource("1"): in("project:prj_acc")}, bodies(state.Resources)); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
}

func testRead(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	if _, _, err := w.Read(t.Context(), "acc", resource("1")); !errors.Is(err, authz.ErrNoAccount) {
		t.Fatalf("Read of no account: %v", err)
	}
	w.must(signUp("acc"))
	want := w.must(register("acc", "1"))
	head, records, err := w.Read(t.Context(), "acc", resource("1"), resource("2"), "project:prj_acc", "project:none")
	if err != nil || head.Revision != want.Revision || len(records) != 2 {
		t.Errorf("Read: %+v %v %v", head, records, err)
	}
	if head, records, err := w.Read(t.Context(), "acc"); err != nil || head.Revision != want.Revision || len(records) != 0 {
		t.Errorf("Read of the head alone: %+v %v %v", head, records, err)
	}
}

// testHeads reads the heads of accounts, many of them in other slots, in one
// call, and of no account what is not its own.
func testHeads(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	var accounts []string
	var want []authz.Revision
	for i := range 20 {
		accounts = append(accounts, fmt.Sprint("acc", i), fmt.Sprint("none", i))
		want = append(want, w.must(signUp(accounts[2*i])).Revision, authz.Revision{})
	}
	want[0] = w.must(register(accounts[0], "1")).Revision
	w.client.HSet(t.Context(), headKey(accounts[2]), "num", "not ours")
	want[2] = authz.Revision{}
	w.faults.Clear()
	got, err := w.Heads(t.Context(), accounts)
	if err != nil || w.faults.Calls() != 1 {
		t.Errorf("%d round trips: %v", w.faults.Calls(), err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("heads (-want +got):\n%s", diff)
	}
	w.client.Del(t.Context(), headKey(accounts[4]))
	w.client.RPush(t.Context(), headKey(accounts[4]), "not ours")
	want[4] = authz.Revision{}
	got, err = w.Heads(t.Context(), accounts)
	if diff := cmp.Diff(want, got); diff != "" || !errors.Is(err, errCorrupt) {
		t.Errorf("with a head of another kind: %v (-want +got):\n%s", err, diff)
	}
	w.faults.Down()
	if got, err := w.Heads(t.Context(), accounts); reason(err) != "STORE_UNAVAILABLE" || slices.ContainsFunc(got, func(r authz.Revision) bool { return r != authz.Revision{} }) {
		t.Errorf("without Redis: %v, %v", got, err)
	}
}

// testRecords shows what becomes of a record's times and version.
func testRecords(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	first := w.must(signUp("acc"))
	get := func() authz.Record {
		_, records, err := w.Read(t.Context(), "acc", "role:r")
		if err != nil || len(records) > 1 {
			t.Fatalf("%v %v", records, err)
		}
		if len(records) == 0 {
			return authz.Record{}
		}
		return records[0]
	}
	second := w.must(set("acc", first.Basis, "role:r", `{"a":[],"b":{}}`))
	want := authz.Record{Key: "role:r", Created: second.At, Updated: second.At, Version: 2, Body: []byte(`{"a":[],"b":{}}`)}
	if diff := cmp.Diff(want, get()); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	change := set("acc", second.Basis, "role:r", `{"n":12345678901234567890}`)
	change.Edits[0].Created, change.Edits[0].Before = second.At, want.Body
	third := w.must(change)
	want = authz.Record{Key: "role:r", Created: second.At, Updated: third.At, Version: 3, Body: []byte(`{"n":12345678901234567890}`)}
	if diff := cmp.Diff(want, get()); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	gone := set("acc", third.Basis, "role:r", "")
	gone.Edits[0].Before, gone.Edits[0].After = want.Body, nil
	w.must(gone)
	if r := get(); r.Key != "" {
		t.Errorf("deleted, and still there: %+v", r)
	}
}

func testResources(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	w.must(signUp("acc"))
	var want []string
	for _, id := range []string{"10", "2", "1", "é", "a b", "1:2", "~"} {
		w.must(register("acc", id))
		want = append(want, "number:"+id)
	}
	slices.Sort(want)
	container := hierarchy.Ref{Type: "project", ID: "prj_acc"}
	for limit := 1; limit <= len(want)+1; limit++ {
		if got := w.list("acc", container, limit); !slices.Equal(got, want) {
			t.Errorf("pages of %d: %q, want %q", limit, got, want)
		}
	}

	move := w.remove("acc", "2")
	move.Edits[0].After = []byte(in("subproject:s"))
	w.must(move)
	w.must(w.remove("acc", "10"))
	want = slices.DeleteFunc(want, func(s string) bool { return s == "number:2" || s == "number:10" })
	if got := w.list("acc", container, 100); !slices.Equal(got, want) {
		t.Errorf("after a move and a deletion: %q, want %q", got, want)
	}
	if got := w.list("acc", hierarchy.Ref{Type: "subproject", ID: "s"}, 100); !slices.Equal(got, []string{"number:2"}) {
		t.Errorf("where it moved to: %q", got)
	}
	if got, err := w.Resources(t.Context(), "none", container, "", 10); len(got) != 0 || err != nil {
		t.Errorf("of no account: %v %v", got, err)
	}
}

// list pages through a container.
func (w *world) list(account string, container hierarchy.Ref, limit int) (ids []string) {
	w.t.Helper()
	after := ""
	for {
		page, err := w.Resources(w.t.Context(), account, container, after, limit)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, r := range page {
			_, after = r.Key.Split()
			ids = append(ids, after)
		}
		if len(page) < limit {
			return ids
		}
	}
}

// testLarge commits 10,000 records at once, half of them resources, which is
// more than a script can unpack and a pipe can hold.
func testLarge(t *testing.T, open opener) {
	skipUnlessCI(t, "a commit of 10,000 records")
	w := newWorld(t, open, Options{})
	const half = 5_000
	c := signUp("acc")
	var keys []authz.Key
	for i := range half {
		id := fmt.Sprintf("%05d", i)
		c.Edits = append(c.Edits, made(authz.KeyOf("project", id), `{"display_name":"`+strings.Repeat("x", 100)+`"}`), made(resource(id), in("project:"+id)))
		c.Versions = map[authz.Key]uint64{resource(id): 0}
		c.Parents = append(c.Parents, authz.Transition{Node: "number:" + id, To: "project:" + id})
		keys = append(keys, resource(id))
	}
	w.must(c)
	state := w.load("acc", keys...)
	if len(state.Records) != half+5 || len(state.Resources) != half {
		t.Errorf("%d records and %d resources", len(state.Records), len(state.Resources))
	}
	refs := make([]hierarchy.Ref, half)
	for i := range refs {
		refs[i] = hierarchy.Ref{Type: "project", ID: fmt.Sprintf("%05d", i)}
	}
	accounts, err := w.Locate(t.Context(), refs...)
	if err != nil || slices.ContainsFunc(accounts, func(a string) bool { return a != "acc" }) {
		t.Errorf("locators after a large commit: %v", err)
	}
	changes, err := w.Log(t.Context(), "acc", 0, 1)
	if err != nil || len(changes) != 1 || len(changes[0].Edits) != len(c.Edits) {
		t.Errorf("log after a large commit: %v", err)
	}
}
