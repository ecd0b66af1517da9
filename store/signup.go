package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// signUpLifetime is how long a sign-up can be repeated under its key.
const signUpLifetime = 24 * time.Hour

// ClaimSignUp settles what a sign-up creates: the first proposal of a caller
// under an idempotency key, which every later call within 24 hours gets back,
// whatever it proposes itself. The fingerprint is of what was asked; another
// one under the same key is a *hierarchy.Error of KindInvalid,
// IDEMPOTENCY_KEY_REUSED. Neither key nor fingerprint is stored readably; the
// proposal is stored as it is.
func (s *Store) ClaimSignUp(ctx context.Context, caller, key, fingerprint string, proposal []byte) (settled []byte, err error) {
	sum := sha256.Sum256([]byte(fingerprint))
	asked := hex.EncodeToString(sum[:])
	first, err := s.client.SetArgs(ctx, signUpKey(caller, key), asked+string(proposal),
		redis.SetArgs{Mode: "NX", Get: true, TTL: signUpLifetime}).Result()
	if errors.Is(err, redis.Nil) {
		return proposal, nil
	}
	if err != nil {
		return nil, fail(err, detailWrite)
	}
	if len(first) < len(asked) {
		return nil, corrupt("a sign-up")
	}
	if first[:len(asked)] != asked {
		return nil, hierarchy.Invalid("IDEMPOTENCY_KEY_REUSED", "Idempotency-Key", "this key was used for another request in the last 24 hours; use a new key for a new request")
	}
	return []byte(first[len(asked):]), nil
}
