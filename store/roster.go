package store

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate-dev/tollgate/replica"
)

var _ replica.Host = (*Store)(nil)

// Enrol says that a replica is there, for a time by Redis's clock, as well as
// it is known. See replica.Bus.
func (s *Store) Enrol(ctx context.Context, m replica.Member, last time.Duration) error {
	now, err := s.client.Time(ctx).Result()
	if err != nil {
		return fail(err, detailWrite)
	}
	return s.enrol(ctx, m, now.Add(last))
}

func (s *Store) enrol(ctx context.Context, m replica.Member, until time.Time) error {
	return fail(s.client.ZAdd(ctx, rosterKey, redis.Z{Score: float64(until.UnixMicro()), Member: memberText(m)}).Err(), detailWrite)
}

// Admit is Enrol, unless most are enrolled and this is not one of them. Those that
// come at one time may be a few more. See replica.Host.
func (s *Store) Admit(ctx context.Context, m replica.Member, last time.Duration, most int) (bool, error) {
	pipe := s.client.Pipeline()
	clock := pipe.Time(ctx)
	enrolled, own := pipe.ZCard(ctx, rosterKey), pipe.ZScore(ctx, rosterKey, memberText(m))
	if _, err := pipe.Exec(ctx); err != nil && !absent(err) {
		return false, fail(err, detailWrite)
	}
	for _, err := range []error{clock.Err(), enrolled.Err()} {
		if err != nil {
			return false, fail(err, detailWrite)
		}
	}
	if absent(own.Err()) && enrolled.Val() >= int64(most) {
		return false, nil
	}
	return true, s.enrol(ctx, m, clock.Val().Add(last))
}

// Resign takes an enrolment back.
func (s *Store) Resign(ctx context.Context, m replica.Member) error {
	return fail(s.client.ZRem(ctx, rosterKey, memberText(m)).Err(), detailWrite)
}

// Roster returns the replicas whose enrolment has not ended, and forgets those
// whose ended long ago.
func (s *Store) Roster(ctx context.Context) ([]replica.Member, error) {
	now, err := s.client.Time(ctx).Result()
	if err != nil {
		return nil, fail(err, detailRead)
	}
	const long = time.Hour
	pipe := s.client.Pipeline()
	pipe.ZRemRangeByScore(ctx, rosterKey, "-inf", strconv.FormatInt(now.Add(-long).UnixMicro(), 10))
	found := pipe.ZRangeByScore(ctx, rosterKey, &redis.ZRangeBy{Min: "(" + strconv.FormatInt(now.UnixMicro(), 10), Max: "+inf"})
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fail(err, detailRead)
	}
	members := make([]replica.Member, 0, len(found.Val()))
	for _, text := range found.Val() {
		var m replica.Member
		if err := json.Unmarshal([]byte(text), &m); err != nil || m.ID == "" {
			return nil, corrupt("a replica")
		}
		members = append(members, m)
	}
	return members, nil
}

func memberText(m replica.Member) string {
	text, _ := json.Marshal(m) // strings always encode
	return string(text)
}

// Say sends a message to all replicas that listen.
func (s *Store) Say(ctx context.Context, m replica.Message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return fail(s.client.Publish(ctx, rosterChannel, text).Err(), detailWrite)
}

// Listen calls hear with what replicas say, until the context ends.
func (s *Reader) Listen(ctx context.Context, hear func(replica.Message), lost func(error)) {
	s.subscribe(ctx, rosterChannel, func(payload string) error {
		var m replica.Message
		if err := json.Unmarshal([]byte(payload), &m); err != nil || m.Question == "" {
			return corrupt("a message between replicas")
		}
		hear(m)
		return nil
	}, lost)
}
