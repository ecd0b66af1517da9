package store

import (
	"context"
	"time"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// take claims all locators. If it fails, those that it took are left: nothing
// is recorded under them, so that they go stale, or to the next commit of the
// same account.
func (s *Store) take(ctx context.Context, h *claims) error {
	if h.deadline() == "" {
		return nil
	}
	refs := append(append([]hierarchy.Ref(nil), h.created...), h.released...)
	found, now, err := s.setIfAbsent(ctx, refs, h.claim)
	if err != nil {
		return fail(err, detailWrite)
	}
	s.clock.observe(now)
	var ours []rival // held by other commits of this account
	var kept []hierarchy.Ref
	for i, ref := range refs {
		if i >= len(h.created) {
			kept = append(kept, ref)
		}
		if found[i] == "" || found[i] == h.String() {
			continue
		}
		old, err := parseClaim(found[i])
		switch {
		case err != nil:
			return err
		case old.account == h.account:
			ours = append(ours, rival{ref, old})
		case i < len(h.created):
			if err := s.takeOver(ctx, rival{ref, old}, h.claim); err != nil {
				return err
			}
		default: // the record goes, and the locator was never this account's
			kept = kept[:len(kept)-1]
		}
	}
	h.released = kept
	return s.takeWithin(ctx, ours, h.claim, now)
}

// takeWithin takes claims from other commits of the same account, and first
// revokes those that may still be under way.
func (s *Store) takeWithin(ctx context.Context, rivals []rival, mine claim, now int64) error {
	if len(rivals) == 0 {
		return nil
	}
	pipe := s.client.Pipeline()
	revoked := map[string]bool{mine.identity: true} // a commit that is sent again does not revoke itself
	swaps := make([]swap, len(rivals))
	for i, r := range rivals {
		swaps[i] = swap{r.ref, mine.String(), []string{r.claim.String()}}
		if revoked[r.claim.identity] || r.claim.stale(now) {
			continue
		}
		revoked[r.claim.identity] = true
		rest := time.Duration(r.claim.at-now)*time.Microsecond + claimLifetime
		pipe.Set(ctx, revokedKey(mine.account, r.claim.identity), "1", rest.Truncate(time.Second)+time.Second)
	}
	if pipe.Len() > 0 {
		if _, err := pipe.Exec(ctx); err != nil {
			return fail(err, detailWrite)
		}
	}
	done, err := s.swapAll(ctx, swaps)
	if err != nil {
		return fail(err, detailWrite)
	}
	for i := range done {
		// The same commit, sent at the same time, may have taken it: that is as
		// good, since the script makes the commit once.
		if !done[i] && rivals[i].claim.identity != mine.identity {
			return pending(rivals[i].ref)
		}
	}
	return nil
}

// takeOver takes a claim from another account, if it is stale and that account
// has nothing under it.
func (s *Store) takeOver(ctx context.Context, r rival, mine claim) error {
	recorded, now, err := s.recorded(ctx, []rival{r})
	switch {
	case err != nil:
		return fail(err, detailRead)
	case recorded[0]:
		return hierarchy.Conflict("ID_TAKEN", "%s exists already; identifiers are unique across accounts, and those of nodes are never used again", r.ref)
	case !r.claim.stale(now):
		return pending(r.ref)
	}
	done, err := s.swapAll(ctx, []swap{{r.ref, mine.String(), []string{r.claim.String()}}})
	if err != nil {
		return fail(err, detailWrite)
	}
	if !done[0] {
		return pending(r.ref)
	}
	return nil
}

// settle confirms and releases, once the commit is made. What it cannot do is
// done by whoever meets the claims next.
func (s *Store) settle(ctx context.Context, h *claims) {
	swaps := make([]swap, 0, len(h.created)+len(h.released))
	for _, ref := range h.created {
		swaps = append(swaps, swap{ref, h.confirm().String(), []string{h.String()}})
	}
	for _, ref := range h.released { // a reader may have confirmed it before the commit
		swaps = append(swaps, swap{ref, "", []string{h.String(), h.confirm().String()}})
	}
	_, _ = s.swapAll(context.WithoutCancel(ctx), swaps)
}

// settleAgain is settle of a commit that was made before, and has claimed again:
// what it created may have been deleted since, and what it deleted be there. So
// each claim is settled by whether its record is there.
func (s *Store) settleAgain(ctx context.Context, h *claims) {
	ctx = context.WithoutCancel(ctx)
	var rivals []rival
	for _, ref := range append(append([]hierarchy.Ref(nil), h.created...), h.released...) {
		rivals = append(rivals, rival{ref, h.claim})
	}
	if len(rivals) == 0 {
		return
	}
	recorded, _, err := s.recorded(ctx, rivals)
	if err != nil {
		return // whoever meets the claims next does it
	}
	swaps := make([]swap, len(rivals))
	for i, r := range rivals {
		swaps[i] = swap{r.ref, "", []string{h.String()}}
		if recorded[i] {
			swaps[i].value = h.confirm().String()
		}
	}
	_, _ = s.swapAll(ctx, swaps)
}
