package admin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// crowd fills a container with resources, every third of which somebody is
// bound to.
func (h *house) crowd(t *testing.T, container hierarchy.Ref, n int) (all []hierarchy.Ref) {
	t.Helper()
	for i := range n {
		ref := hierarchy.Ref{Type: "number", ID: fmt.Sprintf("%s-%d", container.ID, i)}
		must(h.RegisterResource(t.Context(), operator, ref, hierarchy.Resource{Parent: container}))(t)
		if i%3 == 0 {
			must(h.CreateBinding(t.Context(), operator, policy.Binding{Subject: ben, Role: "viewer", Scope: ref}))(t)
		}
		all = append(all, ref)
	}
	return all
}

// later sets the service's clock to when what was deleted is due, and a moment.
func (h *house) later(deleted admin.Stated, moment int64) {
	at := admin.RestorableUntil(deleted.At) + moment
	h.SetClock(func() int64 { return at })
}

func (h *house) purge(t *testing.T, want int) {
	t.Helper()
	if n, err := h.Purge(t.Context()); err != nil || n != want {
		t.Fatalf("%d nodes were collected, want %d: %v", n, want, err)
	}
}

// What can no longer be restored is collected, all of it, and nothing else;
// IDs stay taken, and who paid when is answered as before.
func TestPurge(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		e := h.estate(t)
		all := append(h.crowd(t, e.sub, 250), h.crowd(t, e.Project.Ref, 30)...)
		all = append(all, e.number, e.nested)
		must(h.MoveResource(ctx, operator, all[0], e.Project.Ref))(t)
		kept := h.crowd(t, e.other, 5)
		must(h.CreateBinding(ctx, operator, policy.Binding{Subject: ben, Role: "viewer", Scope: e.Project.Ref}))(t)
		before := must(h.Export(ctx, operator, e.Account.Ref.ID))(t)
		deleted := must(h.Delete(ctx, operator, e.Project.Ref))(t)
		without := must(h.Export(ctx, operator, e.Account.Ref.ID))(t)
		if len(before.Resources) != 287 || len(without.Resources) != 5 || len(without.Bindings) != 3 {
			t.Fatalf("%d resources, %d without, %d bindings", len(before.Resources), len(without.Resources), len(without.Bindings))
		}
		mid := h.engine.Now() - 1 // between deletion and collection
		history := h.owners(t, all, mid)

		h.purge(t, 0)
		h.later(deleted, -1)
		h.purge(t, 0)
		must(h.Restore(ctx, operator, e.Project.Ref))(t)
		if diff := cmp.Diff(before, must(h.Export(ctx, operator, e.Account.Ref.ID))(t)); diff != "" {
			t.Fatalf("deleted and restored (-before +after):\n%s", diff)
		}
		h.SetClock(h.engine.Now)
		deleted = must(h.Delete(ctx, operator, e.Project.Ref))(t)
		h.later(deleted, -1)
		h.purge(t, 0)
		h.later(deleted, 0)
		h.purge(t, 1)
		h.purge(t, 0)

		if diff := cmp.Diff(without, must(h.Export(ctx, operator, e.Account.Ref.ID))(t)); diff != "" {
			t.Errorf("deleted and collected (-deleted +collected):\n%s", diff)
		}
		if diff := cmp.Diff(history, h.owners(t, all, mid)); diff != "" {
			t.Errorf("who paid (-deleted +collected):\n%s", diff)
		}
		h.remains(t, e.Account.Ref.ID, map[string]int{"resource": len(kept), "binding": 3})
		_, err := h.Restore(ctx, operator, e.Project.Ref)
		want(t, "restoring what was collected", "NOT_FOUND", err)
		h.code(t, authz.ResourceDeleted, ann, "project.restore", e.Project.Ref, "")
		h.code(t, authz.ResourceNotFound, ann, "number.read", all[1], "")
		_, err = h.Import(ctx, operator, &admin.Bundle{Account: admin.BundleAccount{ID: e.Account.Ref.ID}, Projects: []admin.BundleProject{{ID: e.Project.Ref.ID}}}, admin.ImportOptions{})
		want(t, "using the ID again", "ID_DELETED", err)
		other := h.customer(t)
		_, err = h.Import(ctx, operator, &admin.Bundle{Account: admin.BundleAccount{ID: other.Account.Ref.ID}, Projects: []admin.BundleProject{{ID: e.Project.Ref.ID}}}, admin.ImportOptions{})
		want(t, "using the ID again in another account", "ID_TAKEN", err)
		must(h.RegisterResource(ctx, operator, all[1], hierarchy.Resource{Parent: other.Project.Ref}))(t) // a product's ID is the product's
	})
}

// owners are who paid for resources at an instant.
func (h *house) owners(t *testing.T, of []hierarchy.Ref, at int64) (all []authz.Billing) {
	t.Helper()
	for _, ref := range of {
		paid := must(h.BillingOwnerAt(t.Context(), &authz.Request{Resource: ref.String(), Account: h.last(t)}, at))(t)
		if paid.Billing.Code != authz.Billed {
			t.Fatalf("%s: %+v", ref, paid.Billing)
		}
		all = append(all, paid.Billing)
	}
	return all
}

// last is the account that was written to last.
func (h *house) last(t *testing.T) string {
	t.Helper()
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	return h.store.last.Account
}

// remains counts the records of some kinds that an account has.
func (h *house) remains(t *testing.T, account string, want map[string]int) {
	t.Helper()
	state := must(h.store.Load(t.Context(), account))(t)
	got := map[string]int{}
	for _, r := range state.Records {
		kind, id := r.Key.Split()
		if _, counted := want[kind]; counted {
			got[kind]++
		}
		var doc struct {
			Purged      bool
			DisplayName string `json:"display_name"`
			Labels      map[string]string
		}
		if err := json.Unmarshal(r.Body, &doc); err != nil {
			t.Fatal(err)
		}
		if doc.Purged && (doc.DisplayName != "" || doc.Labels != nil) {
			t.Errorf("%s %s still says of itself %+v", kind, id, doc)
		}
		if container := (hierarchy.Ref{Type: kind, ID: id}); kind == hierarchy.TypeProject || kind == hierarchy.TypeSubproject {
			got["resource"] += len(must(h.store.Resources(t.Context(), account, container, "", 1000))(t))
		}
	}
	if _, counted := want["resource"]; !counted {
		delete(got, "resource")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what remains (-want +got):\n%s", diff)
	}
}

// A whole account: people's names and who may what are gone as well.
func TestPurgeOfAnAccount(t *testing.T) {
	h := build(t)
	ctx := t.Context()
	e := h.estate(t)
	id := e.Account.Ref.ID
	h.crowd(t, e.sub, 20)
	members := make([]hierarchy.Ref, 230)
	for i := range members {
		members[i] = hierarchy.Ref{Type: hierarchy.TypeUser, ID: fmt.Sprint("m", i)}
	}
	must(h.CreateGroup(ctx, operator, id, "many", policy.Group{}, members))(t)
	must(h.CreateRole(ctx, operator, id, "own", policy.Role{Permissions: []string{"number.read"}}))(t)
	must(h.CreateBinding(ctx, operator, policy.Binding{Subject: hierarchy.Ref{Type: "group", ID: "many"}, Role: "own", Scope: e.Account.Ref}))(t)
	must(h.UpdateAccount(ctx, operator, id, func(a *hierarchy.Account) error { a.DisplayName = "Ann's"; return nil }))(t)
	inner := must(h.Delete(ctx, operator, e.sub))(t)
	deleted := must(h.Delete(ctx, operator, e.Account.Ref))(t)
	h.later(inner, 0)
	h.purge(t, 1)
	h.later(deleted, 0)
	h.purge(t, 1)
	h.remains(t, id, map[string]int{"account": 1, "billing_account": 1, "project": 2, "subproject": 1, "link": 1})
	state := must(h.store.Load(ctx, id))(t)
	if len(state.Records) != 6 {
		t.Errorf("%d records remain", len(state.Records))
	}
	_, err := h.Account(ctx, operator, id)
	want(t, "reading a collected account", "NOT_FOUND", err)
	log := must(h.store.Log(ctx, id, 0, 1000))(t)
	if text := string(must(json.Marshal(log))(t)); len(log) != 1 || strings.Contains(text, "Ann's") {
		t.Errorf("the log has %d entries left, with the account's name in them: %t", len(log), strings.Contains(text, "Ann's"))
	}
}

// Whatever call fails, or is not answered, another round collects the rest.
func TestPurgeIsInterrupted(t *testing.T) {
	for n := 1; ; n++ {
		h := build(t)
		e := h.estate(t)
		h.crowd(t, e.sub, 4)
		deleted := must(h.Delete(t.Context(), operator, e.Project.Ref))(t)
		h.later(deleted, 0)
		if n%2 == 0 {
			h.faults.LoseReply((n + 1) / 2)
		} else {
			h.faults.FailBefore((n + 1) / 2)
		}
		_, err := h.Purge(t.Context())
		reached := h.faults.Calls() >= (n+1)/2
		h.faults.Clear()
		now := admin.RestorableUntil(deleted.At) + 2*3_600_000_000 // past the pause after a failure
		h.SetClock(func() int64 { return now })
		if _, again := h.Purge(t.Context()); again != nil {
			t.Fatalf("call %d: %v, and then %v", n, err, again)
		}
		h.remains(t, e.Account.Ref.ID, map[string]int{"resource": 0, "binding": 1})
		if !reached {
			return
		}
	}
}

// Two replicas do not collect at once, and one that is dead holds nobody up.
func TestPurgeHasALease(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		e := h.estate(t)
		deleted := must(h.Delete(ctx, operator, e.Project.Ref))(t)
		h.later(deleted, 0)
		must(h.store.Lease(ctx, "purge", "another", time.Minute))(t)
		h.purge(t, 0)
		must(h.store.Lease(ctx, "purge", "another", 0))(t)
		h.purge(t, 1)
	})
}

// A node that cannot be collected does not hold up the others.
func TestPurgeGoesOnBehindATrouble(t *testing.T) {
	h := build(t)
	ctx := t.Context()
	first, second := h.estate(t), h.estate(t)
	must(h.Delete(ctx, operator, first.Project.Ref))(t)
	deleted := must(h.Delete(ctx, operator, second.Project.Ref))(t)
	h.later(deleted, 0)
	broken := errors.New("broken")
	h.store.refuse = func(c *authz.Commit) error {
		if c.Account == first.Account.Ref.ID {
			return broken
		}
		return nil
	}
	if n, err := h.Purge(ctx); n != 1 || !errors.Is(err, broken) {
		t.Errorf("%d were collected: %v", n, err)
	}
	h.store.refuse = nil
	h.purge(t, 0)
	h.later(deleted, 3_600_000_000)
	h.purge(t, 1)
}

// A restoring that was decided in time, and comes after a collection has begun,
// is decided again: nothing that is half collected comes back.
func TestRestoringLosesToCollecting(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		e := h.estate(t)
		h.fill(t, e.SignedUp, 0, 1_100)
		deleted := must(h.Delete(ctx, operator, e.Project.Ref))(t)
		h.later(deleted, -1)
		other := admin.New(h.engine, h.store) // another replica, which dies after its second chunk
		at, chunks, stopped := admin.RestorableUntil(deleted.At), 0, errors.New("stopped")
		other.SetClock(func() int64 { return at })
		h.store.refuse = func(c *authz.Commit) error {
			switch {
			case c.Action == "project.restore" && chunks == 0:
				if _, err := other.Purge(ctx); !errors.Is(err, stopped) {
					t.Fatal(err)
				}
			case c.Action == "project.purge":
				if chunks++; chunks > 2 {
					return stopped
				}
			}
			return nil
		}
		_, err := h.Restore(ctx, operator, e.Project.Ref)
		want(t, "restoring what is half collected", "NOT_FOUND", err)
		h.store.refuse = nil
		h.later(deleted, 3_600_000_000)
		h.purge(t, 1)
		h.remains(t, e.Account.Ref.ID, map[string]int{"resource": 0})
	})
}
