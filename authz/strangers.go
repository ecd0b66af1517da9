package authz

import (
	"context"
	"errors"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// strangers bounds what keys that are not remembered cost the store. Whoever has
// no key can make one up, of a valid form, and for each the store has to be asked
// whether it is there: nothing is remembered of keys that are not, or one that
// was made just now would be refused. So only a few are looked for at once, a few
// more wait in line, and the others are refused as what cannot be decided. Keys
// that are remembered do not pass here, and take part in none of it, but for
// their wrong secrets.
type strangers struct {
	room    *semaphore.Weighted
	line    int64
	waiting atomic.Int64
}

// A look at the store takes some 0.1 ms, so that so many are 50,000 keys a second,
// and the last in line waits for a few milliseconds.
const (
	strangersAtOnce = 8
	strangersInLine = 128
)

var errStrangers = errors.New("too many keys that nobody knows are looked for")

func newStrangers() *strangers {
	return &strangers{room: semaphore.NewWeighted(strangersAtOnce), line: strangersInLine}
}

// enter waits for room, if the line is not too long. Whoever is let in calls
// leave.
func (s *strangers) enter(ctx context.Context) error {
	if s.room.TryAcquire(1) {
		return nil
	}
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > s.line {
		return errStrangers
	}
	return s.room.Acquire(ctx, 1)
}

func (s *strangers) leave() { s.room.Release(1) }
