package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate-dev/tollgate/authz"
)

// Payers returns the whole history of who paid for a project, given as
// "project:id", oldest first. It outlives the project; a node that never had
// a payer has none.
func (s *Store) Payers(ctx context.Context, account, node string) ([]authz.Transition, error) {
	return s.history(ctx, payersKey(account), node)
}

// Parents returns the whole history of the parents of a resource or a
// subproject, given as "type:id", oldest first. It outlives the node.
func (s *Store) Parents(ctx context.Context, account, node string) ([]authz.Transition, error) {
	return s.history(ctx, parentsKey(account), node)
}

func (s *Store) history(ctx context.Context, key, node string) ([]authz.Transition, error) {
	// NUL stands in no identifier, so that no node's history begins as
	// another's does.
	members, err := s.client.ZRangeByLex(ctx, key, &redis.ZRangeBy{Min: "[" + node + "\x00", Max: "(" + node + "\x01"}).Result()
	if err != nil {
		return nil, fail(err, detailRead)
	}
	return decodeTransitions(members)
}

func decodeTransitions(members []string) ([]authz.Transition, error) {
	transitions := make([]authz.Transition, 0, len(members))
	for _, m := range members {
		t, err := decodeTransition(m)
		if err != nil {
			return nil, err
		}
		transitions = append(transitions, t)
	}
	return transitions, nil
}

func decodeTransition(member string) (authz.Transition, error) {
	part := strings.Split(member, "\x00")
	if len(part) != 4 {
		return authz.Transition{}, corrupt("a point of a history")
	}
	at, err := strconv.ParseInt(part[1], 10, 64)
	if err != nil {
		return authz.Transition{}, corrupt("the time of a point of the history of %q", part[0])
	}
	return authz.Transition{Node: part[0], At: at, From: part[2], To: part[3]}, nil
}

// checkTransition refuses what could not be read back.
func checkTransition(t authz.Transition) error {
	if t.Node == "" || strings.Contains(t.Node+t.From+t.To, "\x00") || t.At < 0 || t.At > maxMicros {
		return fmt.Errorf("store: not a point of a history: %+q", []string{t.Node, t.From, t.To})
	}
	return nil
}

// maxMicros is the largest time that a script computes with exactly.
const maxMicros = 1<<53 - 1
