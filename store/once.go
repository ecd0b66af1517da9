package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// OnceLifetime is how long a request can be repeated under its key.
const OnceLifetime = 24 * time.Hour

// madeLifetime is how long it is kept what came of it: longer, so that it is
// known for as long as the key is.
const madeLifetime = OnceLifetime + time.Hour

// ClaimOnce settles what a request makes that may be repeated: the first
// proposal within a scope (who asks, for what, under which key), which every
// later call within 24 hours gets back, whatever it proposes itself. The
// fingerprint is of what was asked; another one within the same scope is a
// *hierarchy.Error of KindUnprocessable, IDEMPOTENCY_KEY_REUSED. Neither scope
// nor fingerprint is stored readably; the proposal is stored as it is.
func (s *Store) ClaimOnce(ctx context.Context, scope []string, fingerprint string, proposal []byte) (settled []byte, err error) {
	sum := sha256.Sum256([]byte(fingerprint))
	asked := hex.EncodeToString(sum[:])
	first, err := s.client.SetArgs(ctx, onceKey(scope), asked+string(proposal),
		redis.SetArgs{Mode: "NX", Get: true, TTL: OnceLifetime}).Result()
	if absent(err) {
		return proposal, nil
	}
	if err != nil {
		return nil, fail(err, detailWrite)
	}
	if len(first) < len(asked) {
		return nil, corrupt("a claim of an idempotency key")
	}
	if first[:len(asked)] != asked {
		return nil, &hierarchy.Error{Kind: hierarchy.KindUnprocessable, Reason: "IDEMPOTENCY_KEY_REUSED", Field: "Idempotency-Key", Detail: "this key was used for another request in the last 24 hours; use a new key for a new request"}
	}
	return []byte(first[len(asked):]), nil
}

// Made returns what is remembered of a commit of an account, by its identity;
// nil if it was not made, is not to be remembered, or was made more than a day
// ago. Like the commit, it waits for Options.Replicas, and fails with
// NOT_REPLICATED if they do not have the commit by then either.
func (s *Store) Made(ctx context.Context, account, identity string) (*authz.Made, error) {
	waiting, acks := s.awaiting(ctx)
	pipe := s.client.Pipeline()
	get := pipe.Get(waiting, madeKey(account, identity))
	_, _ = pipe.Exec(waiting)
	value, err := get.Result()
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fail(err, detailRead)
	}
	part := strings.SplitN(value, " ", 4) // see commit.lua
	if len(part) != 4 {
		return nil, corrupt("what is remembered of a commit")
	}
	number, err1 := strconv.ParseUint(part[0], 10, 64)
	at, err2 := strconv.ParseInt(part[1], 10, 64)
	if err1 != nil || err2 != nil {
		return nil, corrupt("what is remembered of a commit")
	}
	if err := s.replicated(acks); err != nil {
		return nil, err
	}
	return &authz.Made{Revision: authz.Revision{Number: number, Identity: identity}, At: at, Outcome: json.RawMessage(part[3])}, nil
}
