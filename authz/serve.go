package authz

import (
	"context"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// What the engine does for administration: hand out snapshots to decide on,
// and take in what was committed.

// Snapshot returns a snapshot of an account that is inside the bound, and at
// least of the revision of the token, if it is not "". ErrNoAccount if there
// is no such account.
func (e *Engine) Snapshot(ctx context.Context, account, atLeast string) (*Snapshot, error) {
	return e.resident(account).atLeast(ctx, atLeast, e.clock.Monotonic())
}

// Refresh returns a snapshot of an account after comparing it with the store.
func (e *Engine) Refresh(ctx context.Context, account string) (*Snapshot, error) {
	rd, err := e.resident(account).sync(ctx)
	if err != nil {
		return nil, err
	}
	return rd.snapshot, nil
}

// AccountOf returns the account of a node or a product resource, as far as a
// locator knows; "" if none does. It is the account's own record that proves
// it.
func (e *Engine) AccountOf(ctx context.Context, r hierarchy.Ref) (string, error) {
	if r.Type == hierarchy.TypeAccount {
		return r.ID, nil
	}
	// A node stays in its account for ever; a product's resource may have been
	// registered in another one since.
	if p, ok := e.places.GetIfPresent(r.String()); ok && hierarchy.IsOwn(r.Type) {
		return p.home.account, nil
	}
	accounts, err := e.accountsOf(ctx, r)
	if err != nil {
		return "", unavailable(err)
	}
	if home := e.residents.get(accounts[0]); home != nil && hierarchy.IsOwn(r.Type) {
		e.places.Set(r.String(), place{home: home})
	}
	return accounts[0], nil
}

// Committed takes in a write of this replica's own, so that the next check
// sees it without asking the store. A snapshot that it does not follow upon
// is compared with the store before it answers again.
func (e *Engine) Committed(c *Commit, head Head, previous string) {
	r := e.residents.find(c.Account)
	if r == nil {
		return
	}
	r.publish.Lock() // a load that may have begun before the write ends first
	defer r.settle()
	r.follow(head, previous, c.Edits, true)
}

// Counters are what the engine has counted since it was made.
type Counters struct {
	Residents        int    // accounts in memory
	Bytes            int64  // that their snapshots take, about
	Evictions        uint64 // accounts dropped because others needed their memory
	Renewals         uint64 // accounts loaded anew to be rid of what was removed
	Batches          uint64 // in which accounts that are asked about were compared in advance
	Compared         uint64 // accounts that those found unchanged
	Stale            uint64 // answers of snapshots out of their bound, while the store was away
	Away             bool   // the store is, as far as is known
	Places           int    // resources whose place is in memory
	ShadowChecked    uint64 // checks that Casbin decided again
	ShadowMismatches uint64 // of those and of explanations, decided otherwise; must stay 0
	ShadowDropped    uint64 // left out, because Casbin was busy
	ShadowFailed     uint64 // that Casbin could not decide
}

// Counters reads the counters.
func (e *Engine) Counters() Counters {
	c := e.shadow.Counts()
	residents, bytes, evictions := e.residents.counts()
	return Counters{
		Residents: residents, Bytes: bytes, Evictions: evictions, Renewals: e.renewals.Load(), Batches: e.batches.Load(), Compared: e.compared.Load(), Stale: e.stale.Load(), Away: e.gate.away.Load(), Places: e.places.EstimatedSize(),
		ShadowChecked: c.Checked, ShadowMismatches: e.mismatches.Load(), ShadowDropped: c.Dropped, ShadowFailed: c.Failed,
	}
}
