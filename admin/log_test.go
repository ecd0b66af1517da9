package admin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
	"github.com/tollgate-dev/tollgate/store"
	"github.com/tollgate-dev/tollgate/store/storetest"
)

// rename makes a change of an account.
func (h *house) rename(t *testing.T, account, name string, who admin.Caller) string {
	t.Helper()
	return must(h.UpdateAccount(t.Context(), who, account, func(a *hierarchy.Account) error {
		a.DisplayName = name
		return nil
	}))(t).Revision
}

// readLog reads all pages, and returns the numbers of the changes with the
// last page.
func (h *house) readLog(t *testing.T, account string, q admin.LogQuery) (numbers []uint64, last admin.LogPage) {
	t.Helper()
	for {
		page := must(h.Log(t.Context(), operator, account, q))(t)
		if len(page.Entries) > q.Limit {
			t.Fatalf("%d entries on a page of %d", len(page.Entries), q.Limit)
		}
		for _, e := range page.Entries {
			numbers = append(numbers, e.Number)
		}
		if last = page; page.Next == "" {
			return numbers, last
		}
		q.Span.After = page.Next
	}
}

func TestLog(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		made := h.customer(t)
		account := made.Account.Ref.ID
		for i := range 6 {
			who := operator
			if i%3 == 0 {
				who = as(ann)
			}
			h.rename(t, account, fmt.Sprint(i), who)
		}
		for _, size := range []int{1, 2, 3, 7, 100} {
			got, last := h.readLog(t, account, admin.LogQuery{Span: admin.Span{Limit: size}})
			if diff := cmp.Diff([]uint64{7, 6, 5, 4, 3, 2, 1}, got); diff != "" || last.Trimmed {
				t.Errorf("newest first, pages of %d: %s, trimmed: %v", size, diff, last.Trimmed)
			}
			got, last = h.readLog(t, account, admin.LogQuery{After: made.Revision, Span: admin.Span{Limit: size}})
			if diff := cmp.Diff([]uint64{2, 3, 4, 5, 6, 7}, got); diff != "" || last.Trimmed {
				t.Errorf("after the first, pages of %d: %s", size, diff)
			}
		}
		byAnn, _ := h.readLog(t, account, admin.LogQuery{Actor: "user:ann", Action: "account.configure", Span: admin.Span{Limit: 1}})
		if diff := cmp.Diff([]uint64{5, 2}, byAnn); diff != "" {
			t.Error(diff)
		}
		page := must(h.Log(t.Context(), operator, account, admin.LogQuery{Span: admin.Span{Limit: 1}}))(t)
		e := page.Entries[0]
		if e.Actor != "operator" || e.Caller != "operator" || e.Revision != page.Revision || e.At == 0 || len(e.Records) != 1 ||
			string(e.Records[0].Before) != `{"display_name":"4"}` || string(e.Records[0].After) != `{"display_name":"5"}` || e.Records[0].Kind != "account" || e.Records[0].ID != account {
			t.Errorf("%+v", e)
		}
		h.follow(t, account, page.Revision)
	})
}

// follow reads on from the revision that each answer gives, and misses nothing
// even where the filter lets nothing through.
func (h *house) follow(t *testing.T, account, from string) {
	t.Helper()
	q := admin.LogQuery{After: from, Actor: "user:ann", Span: admin.Span{Limit: 10}}
	if page := must(h.Log(t.Context(), operator, account, q))(t); len(page.Entries) != 0 || page.Next != "" || page.Revision != from {
		t.Errorf("nothing came after: %+v", page)
	}
	h.rename(t, account, "x", operator)
	page := must(h.Log(t.Context(), operator, account, q))(t)
	if len(page.Entries) != 0 || page.Revision == from {
		t.Errorf("nothing of ann's came after: %+v", page)
	}
	q.After = page.Revision
	last := h.rename(t, account, "y", as(ann))
	if page := must(h.Log(t.Context(), operator, account, q))(t); len(page.Entries) != 1 || page.Revision != last {
		t.Errorf("ann's change: %+v", page)
	}
}

// A log that was trimmed says so, on the way back and on the way forth.
func TestLogTrimmed(t *testing.T) {
	trimmed := func(t *testing.T, s *store.Store, err error) {
		h := on(t, must(s, err)(t), new(storetest.Faults))
		made := h.customer(t)
		account := made.Account.Ref.ID
		var latest string
		for i := range 400 { // Redis trims a hundred at a time
			latest = h.rename(t, account, fmt.Sprint(i), operator)
		}
		numbers, last := h.readLog(t, account, admin.LogQuery{Span: admin.Span{Limit: 64}})
		if !last.Trimmed || len(numbers) >= 400 || len(numbers) < 5 || numbers[0] != 401 {
			t.Errorf("%d changes, trimmed: %v", len(numbers), last.Trimmed)
		}
		q := admin.LogQuery{After: made.Revision, Span: admin.Span{Limit: 64}}
		_, err = h.Log(t.Context(), operator, account, q)
		want(t, "after what was trimmed", "REVISION_TOO_OLD", err)
		q.After = latest
		if page := must(h.Log(t.Context(), operator, account, q))(t); len(page.Entries) != 0 {
			t.Errorf("%+v", page)
		}
	}
	t.Run("embedded", func(t *testing.T) {
		s, err := store.OpenEmbedded(store.Options{LogLength: 5})
		trimmed(t, s, err)
	})
	t.Run("redis", func(t *testing.T) {
		s, err := store.Open(t.Context(), storetest.Redis(t), store.Options{LogLength: 5})
		trimmed(t, s, err)
	})
}

// Revisions of another history are refused, rather than read on from.
func TestLogOfAnotherHistory(t *testing.T) {
	h := build(t)
	account := h.customer(t).Account.Ref.ID
	h.rename(t, account, "a", operator)
	for name, tc := range map[string]struct {
		after  authz.Revision
		reason string
	}{
		"another second": {authz.Revision{Number: 2, Identity: "00000000000000ff"}, "REVISION_LOST"},
		"another first":  {authz.Revision{Number: 1, Identity: "00000000000000ff"}, "REVISION_LOST"},
		"a third":        {authz.Revision{Number: 3, Identity: "00000000000000ff"}, "REVISION_LOST"},
	} {
		_, err := h.Log(t.Context(), operator, account, admin.LogQuery{After: authz.Token(account, tc.after), Span: admin.Span{Limit: 1}})
		want(t, name, tc.reason, err)
	}
	_, err := h.Log(t.Context(), operator, account, admin.LogQuery{Span: admin.Span{Limit: 1, After: "x"}})
	want(t, "no token of a page", "PAGE_TOKEN_INVALID", err)
}

// The log is for who holds log.inspect at the account; what billing accounts
// say of themselves, for who may inspect them as well.
func TestWhoReadsTheLog(t *testing.T) {
	h := build(t)
	made := h.customer(t)
	ctx, root := t.Context(), made.Account.Ref
	cleo := hierarchy.Ref{Type: hierarchy.TypeUser, ID: "cleo"}
	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: ben, Role: "access-admin", Scope: root}))(t)
	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: cleo, Role: "viewer", Scope: root}))(t)
	first := func(who admin.Caller) (documents, withheld int, err error) {
		page, err := h.Log(ctx, who, root.ID, admin.LogQuery{Action: "account.sign_up", Span: admin.Span{Limit: 9}})
		for _, e := range page.Entries {
			for _, r := range e.Records {
				if r.Withheld != (r.Before == nil && r.After == nil) {
					t.Errorf("%+v", r)
				}
				if r.Withheld {
					withheld++
				}
				if strings.Contains(string(r.After), "EUR") {
					documents++
				}
			}
		}
		return documents, withheld, err
	}
	for who, want := range map[admin.Caller][2]int{operator: {1, 0}, as(ann): {1, 0}, as(ben): {0, 1}} {
		documents, withheld, err := first(who)
		if got := [2]int{documents, withheld}; got != want || err != nil {
			t.Errorf("%v: %v, want %v (%v)", who, got, want, err)
		}
	}
	_, _, err := first(as(cleo))
	want(t, "cleo", "PERMISSION_DENIED", err)
	_, _, err = first(as(hierarchy.Ref{Type: hierarchy.TypeUser, ID: "eve"}))
	want(t, "eve", "NOT_FOUND", err)
	must(h.Delete(ctx, operator, root))(t)
	if _, _, err := first(operator); err != nil {
		t.Errorf("the operator reads the log of a deleted account: %v", err)
	}
	_, _, err = first(as(ann))
	want(t, "ann, of a deleted account", "NOT_FOUND", err)
}

// What many wrote at once is in the log once each, in a chain.
func TestLogOfManyPages(t *testing.T) {
	h := build(t)
	account := h.customer(t).Account.Ref.ID
	var want []string
	for i := range 250 { // more than are read at once
		want = append(want, h.rename(t, account, fmt.Sprint(i), operator))
	}
	var got []string
	q := admin.LogQuery{Action: "account.configure", Span: admin.Span{Limit: 30}}
	for {
		page := must(h.Log(t.Context(), operator, account, q))(t)
		for _, e := range page.Entries {
			got = append(got, e.Revision)
		}
		h.rename(t, account, "between", operator) // does not shift what is older
		if q.Span.After = page.Next; page.Next == "" {
			break
		}
	}
	slices.Reverse(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
