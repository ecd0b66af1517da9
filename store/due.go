package store

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// What is to be collected later is noted in one sorted set, in a slot of its
// own. A note is a hint, as a locator is: it is made before the deletion is
// committed, and whoever collects asks the account's own record first.

// Schedule notes that a node is to be collected at an instant, or at another
// one than was noted before.
func (s *Store) Schedule(ctx context.Context, d authz.Due) error {
	return fail(s.client.ZAdd(ctx, dueKey, redis.Z{Score: float64(d.At), Member: dueMember(d)}).Err(), detailWrite)
}

// Due returns what was to be collected up to an instant, the earliest first,
// at most limit of them. A note that cannot be read is dropped, and is an error
// beside those that can.
func (s *Store) Due(ctx context.Context, until int64, limit int) ([]authz.Due, error) {
	found, err := s.client.ZRangeByScoreWithScores(ctx, dueKey, &redis.ZRangeBy{Min: "-inf", Max: strconv.FormatInt(until, 10), Count: int64(limit)}).Result()
	if err != nil {
		return nil, fail(err, detailRead)
	}
	due, strange := make([]authz.Due, 0, len(found)), error(nil)
	for _, z := range found {
		member, _ := z.Member.(string)
		account, node, ok := strings.Cut(member, "\x00")
		ref, err := hierarchy.ParseRef(node)
		if !ok || err != nil {
			strange = corrupt("a note of what is to be collected, %.64q", member) // or it would stand before the others for ever
			if err := s.client.ZRem(ctx, dueKey, member).Err(); err != nil {
				return due, fail(err, detailWrite)
			}
			continue
		}
		due = append(due, authz.Due{Account: account, Node: ref, At: int64(z.Score)})
	}
	return due, strange
}

// Settled takes a note back, unless it was renewed since it was read.
func (s *Store) Settled(ctx context.Context, d authz.Due) error {
	return fail(settledScript.Run(ctx, s.client, []string{dueKey}, dueMember(d), d.At).Err(), detailWrite)
}

func dueMember(d authz.Due) string { return d.Account + "\x00" + d.Node.String() }

// Lease takes a lease for a time, or renews it: it reports whether the holder
// has it. At most one has it at a time by Redis's clock; who relies on that
// alone must not be asleep longer than it lasts. No time at all gives it back.
func (s *Store) Lease(ctx context.Context, name, holder string, last time.Duration) (bool, error) {
	held, err := leaseScript.Run(ctx, s.client, []string{leaseKey(name)}, holder, last.Microseconds()).Int()
	return held == 1, fail(err, detailWrite)
}
