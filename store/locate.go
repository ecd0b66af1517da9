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
// record: only the account knows. One that is not confirmed is verified. See
// authz.Source.
func (s *Reader) Locate(ctx context.Context, refs ...hierarchy.Ref) ([]string, error) {
	accounts, _, err := s.locate(ctx, refs)
	return accounts, err
}

// Locate is the Reader's. It puts claims right that are not confirmed.
func (s *Store) Locate(ctx context.Context, refs ...hierarchy.Ref) ([]string, error) {
	accounts, open, err := s.locate(ctx, refs)
	s.repair(ctx, open)
	return accounts, err
}

// verified is a claim that is not confirmed, and what is so of it.
type verified struct {
	rival
	recorded bool  // its record is there
	at       int64 // when it was looked for; see recorded
}

// locate finds accounts, and claims that are not confirmed.
func (s *Reader) locate(ctx context.Context, refs []hierarchy.Ref) (accounts []string, open []verified, err error) {
	accounts = make([]string, len(refs))
	values, err := s.locators(ctx, refs)
	if err != nil {
		return nil, nil, fail(err, detailRead)
	}
	var rivals []rival // claims that are not confirmed
	var index []int    // of each in refs
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
			return nil, nil, err
		}
		if c.confirmed {
			accounts[i] = c.account
			continue
		}
		rivals, index = append(rivals, rival{refs[i], c}), append(index, i)
	}
	if len(rivals) == 0 {
		return accounts, nil, nil
	}
	recorded, at, err := s.recorded(ctx, rivals)
	if err != nil {
		return nil, nil, fail(err, detailRead)
	}
	for i, r := range rivals {
		open = append(open, verified{r, recorded[i], at})
		if recorded[i] {
			accounts[index[i]] = r.claim.account
		}
	}
	return accounts, open, nil
}

// locators reads the claims of all refs that can have one.
func (s *Reader) locators(ctx context.Context, refs []hierarchy.Ref) ([]string, error) {
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

// repair confirms claims whose record is there, and drops those that have none
// and are stale. That it could not write is no error: what was answered is
// right, and the next reader tries again.
func (s *Store) repair(ctx context.Context, open []verified) {
	var swaps []swap
	for _, r := range open {
		switch {
		case r.recorded:
			swaps = append(swaps, swap{r.ref, r.claim.confirm().String(), []string{r.claim.String()}})
		case r.claim.stale(r.at):
			swaps = append(swaps, swap{r.ref, "", []string{r.claim.String()}})
		}
	}
	_, _ = s.swapAll(ctx, swaps)
}
