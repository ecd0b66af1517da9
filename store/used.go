package store

import (
	"context"
	"strconv"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// usedLifetime is how long it is known when a key was used last. Then it is
// forgotten, so that nothing is left behind of keys that are no more.
const usedLifetime = 400 * 24 * time.Hour

var _ authz.UseStore = (*Store)(nil)

// Used notes when API keys were used, each unless a later use of it is known.
// It is no change of an account: it is in no log, and makes no revision.
func (s *Store) Used(ctx context.Context, uses []authz.Use) error {
	calls := make([]scriptCall, len(uses))
	for i, u := range uses {
		calls[i] = scriptCall{[]string{usedKey(u.Account, u.Key)}, []any{u.At, int64(usedLifetime.Seconds())}}
	}
	if len(calls) == 0 {
		return nil
	}
	replies, err := s.runAll(ctx, usedScript, calls)
	for _, reply := range replies {
		if err == nil {
			err = reply.Err()
		}
	}
	return fail(err, detailWrite)
}

// LastUse returns when an API key was used last, as far as that has come to the
// store; 0 for never, or not in the last 400 days.
func (s *Store) LastUse(ctx context.Context, account string, key hierarchy.Ref) (int64, error) {
	text, err := s.client.Get(ctx, usedKey(account, key)).Result()
	if absent(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fail(err, detailRead)
	}
	at, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, corrupt("when a key was used")
	}
	return at, nil
}
