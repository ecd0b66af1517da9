package store

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Locate returns the accounts of nodes and resources, in order; "" for one
// that belongs to none. An account is its own, whether or not it exists;
// groups, roles and bindings are found through their account only, and have
// none here. A confirmed claim is returned as it is, and may outlive its
// record: only the account knows. One that is not confirmed is verified, and
// put right. See authz.Source.
func (s *Store) Locate(ctx context.Context, refs ...hierarchy.Ref) ([]string, error) {
	accounts := make([]string, len(refs))
	values, err := s.locators(ctx, refs)
	if err != nil {
		return nil, fail(err, detailRead)
	}
	var open []rival // claims that are not confirmed
	var index []int  // of each in refs
	for i, value := range values {
		if refs[i].Type == hierarchy.TypeAccount {
			accounts[i] = refs[i].ID
			continue
		}
		if value == "" {
			continue
		}
		c, err := parseClaim(value)
		if err != nil {
			return nil, err
		}
		if c.confirmed {
			accounts[i] = c.account
			continue
		}
		open, index = append(open, rival{refs[i], c}), append(index, i)
	}
	if len(open) == 0 {
		return accounts, nil
	}
	recorded, err := s.repair(ctx, open)
	if err != nil {
		return nil, fail(err, detailRead)
	}
	for i := range open {
		if recorded[i] {
			accounts[index[i]] = open[i].claim.account
		}
	}
	return accounts, nil
}

// locators reads the claims of all refs that can have one.
func (s *Store) locators(ctx context.Context, refs []hierarchy.Ref) ([]string, error) {
	values := make([]string, len(refs))
	replies := make([]*redis.StringCmd, len(refs))
	pipe := s.client.Pipeline()
	for i, ref := range refs {
		if hasLocator(ref.Type) {
			replies[i] = pipe.Get(ctx, locatorKey(ref))
		}
	}
	if pipe.Len() == 0 {
		return values, nil
	}
	if _, err := pipe.Exec(ctx); err != nil && !absent(err) {
		return nil, err
	}
	for i, reply := range replies {
		if reply == nil {
			continue
		}
		value, err := reply.Result()
		if err != nil && !absent(err) {
			return nil, err
		}
		values[i] = value
	}
	return values, nil
}

// repair verifies claims that are not confirmed. It confirms those whose
// record is there, and drops those that have none and are stale. That it could
// not write is no error: the answer is right, and the next reader tries again.
func (s *Store) repair(ctx context.Context, open []rival) (recorded []bool, err error) {
	recorded, now, err := s.recorded(ctx, open)
	if err != nil {
		return nil, err
	}
	var swaps []swap
	for i, r := range open {
		switch {
		case recorded[i]:
			swaps = append(swaps, swap{r.ref, r.claim.confirm().String(), []string{r.claim.String()}})
		case r.claim.stale(now):
			swaps = append(swaps, swap{r.ref, "", []string{r.claim.String()}})
		}
	}
	_, _ = s.swapAll(ctx, swaps)
	return recorded, nil
}
