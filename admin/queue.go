package admin

import (
	"context"
	"sync/atomic"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// MaxQueued is how many writes of an account wait at most while another one is
// made. With a Redis nearby that is a tenth of a second's worth; if the store
// does not answer, one account's writers cannot take all that there is room for.
const MaxQueued = 100

// queue makes the writes to an account, and to those that share its queue, one at
// a time.
type queue struct {
	turn    chan struct{} // holds a token while a write is made
	waiting atomic.Int32
}

// enter waits for a turn. Without an error, leave is to be called.
func (q *queue) enter(ctx context.Context) error {
	select {
	case q.turn <- struct{}{}:
		return nil
	default:
	}
	defer q.waiting.Add(-1)
	if q.waiting.Add(1) > MaxQueued {
		return notBegun("as many earlier writes to the account wait as may")
	}
	select {
	case q.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return notBegun("earlier writes to the account have not ended yet")
	}
}

func (q *queue) leave() { <-q.turn }

// notBegun is the error of a write whose turn did not come: the writes before it
// take too long, most likely because the store does, or are too many.
func notBegun(why string) error {
	return &hierarchy.Error{Kind: hierarchy.KindUnavailable, Reason: "WRITES_WAITING", Detail: why + ", so this one was not begun; try again"}
}
