package store

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// PayerAt reads the last point at or before an instant, in microseconds, of
// the history of who paid for a project, none if there is no such point; and
// the project's record. It is one ZREVRANGEBYLEX in one transaction with the
// record. authz.ErrNoAccount if there is no such account.
func (s *Store) PayerAt(ctx context.Context, account string, project hierarchy.Ref, at int64) (authz.Past, error) {
	return s.pastAt(ctx, account, payersKey(account), project, at)
}

// ParentAt is PayerAt, for the parents of a resource or a subproject. A
// resource's history is written when it is deleted, together with the removal
// of its record: here either both are seen or neither is.
func (s *Store) ParentAt(ctx context.Context, account string, node hierarchy.Ref, at int64) (authz.Past, error) {
	return s.pastAt(ctx, account, parentsKey(account), node, at)
}

// PayersAfter reads at most limit points, oldest first, of the history of who
// paid for a project that are later than an instant, and the project's record.
func (s *Store) PayersAfter(ctx context.Context, account string, project hierarchy.Ref, after int64, limit int) (authz.Past, error) {
	return s.pastAfter(ctx, account, payersKey(account), project, after, limit)
}

// ParentsAfter is PayersAfter, for the parents of a resource or a subproject.
func (s *Store) ParentsAfter(ctx context.Context, account string, node hierarchy.Ref, after int64, limit int) (authz.Past, error) {
	return s.pastAfter(ctx, account, parentsKey(account), node, after, limit)
}

func (s *Store) pastAt(ctx context.Context, account, key string, node hierarchy.Ref, at int64) (authz.Past, error) {
	return s.past(ctx, account, node, func(pipe redis.Pipeliner) *redis.StringSliceCmd {
		span := &redis.ZRangeBy{Min: "[" + node.String() + "\x00", Max: "(" + moment(node, min(at, maxMicros)+1), Count: 1}
		return pipe.ZRevRangeByLex(ctx, key, span)
	})
}

func (s *Store) pastAfter(ctx context.Context, account, key string, node hierarchy.Ref, after int64, limit int) (authz.Past, error) {
	return s.past(ctx, account, node, func(pipe redis.Pipeliner) *redis.StringSliceCmd {
		span := &redis.ZRangeBy{Min: "[" + moment(node, min(after, maxMicros)+1), Max: "(" + node.String() + "\x01", Count: int64(limit)}
		return pipe.ZRangeByLex(ctx, key, span)
	})
}

// moment begins the members of a node's history that are of an instant or
// later. See payersKey.
func moment(node hierarchy.Ref, at int64) string {
	return fmt.Sprintf("%s\x00%020d", node, max(at, 0))
}

func (s *Store) past(ctx context.Context, account string, node hierarchy.Ref, ask func(redis.Pipeliner) *redis.StringSliceCmd) (authz.Past, error) {
	r := s.read(ctx, account)
	members := ask(r.pipe)
	record := r.records(ctx, []authz.Key{recordOf(node)})
	head, err := r.do(ctx)
	if err != nil {
		return authz.Past{}, err
	}
	past := authz.Past{Head: head}
	records, err := record()
	if err != nil {
		return authz.Past{}, err
	}
	if len(records) > 0 {
		past.Record = &records[0]
	}
	past.Points, err = decodeTransitions(members.Val())
	return past, err
}
