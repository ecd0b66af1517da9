package store

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate-dev/tollgate/authz"
)

// mostTold is how many bytes of edits a message of the feed carries at most.
// Of larger changes it says only that they were.
const mostTold = 64 << 10

// Bounds of listening to the feed.
const (
	feedSilence = 5 * time.Second // without a message, the connection is tried
	feedPause   = 250 * time.Millisecond
)

// Told is a change that the feed tells of.
type Told struct {
	Account string
	authz.Change
	Basis uint64 // as in authz.Head
	// Whole is false if the change was too large to be told: it has no edits
	// then, though there were some.
	Whole bool
}

// Feed calls hear with every change of every account, as it is committed,
// until the context ends; lost is called when it may have missed some, with
// the reason. It is a hint, which makes it milliseconds until a replica knows:
// messages may get lost without a sign, and come in any order.
func (s *Reader) Feed(ctx context.Context, hear func(Told), lost func(error)) {
	s.subscribe(ctx, feedChannel, func(payload string) error {
		told, err := decodeTold(payload)
		if err == nil {
			hear(told)
		}
		return err
	}, lost)
}

// subscribe calls tell with each message of a channel until the context ends,
// and lost with what kept it from that.
func (s *Reader) subscribe(ctx context.Context, channel string, tell func(payload string) error, lost func(error)) {
	feed := s.client.Subscribe(ctx, channel)
	stop := context.AfterFunc(ctx, func() { _ = feed.Close() }) // or it would be read on until it is silent
	defer func() {
		if stop() {
			_ = feed.Close()
		}
	}()
	for ctx.Err() == nil {
		message, err := feed.ReceiveTimeout(ctx, feedSilence)
		if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
			err = feed.Ping(ctx) // or a connection that is cut would be listened to for ever
		}
		if m, ok := message.(*redis.Message); ok && err == nil { // else that it is subscribed, or an answer to a ping
			err = tell(m.Payload)
		}
		if err != nil && ctx.Err() == nil {
			lost(fail(err, detailRead))
			s.look(ctx, err) // or, in a cluster, the node that is dead would be tried on and on
			select {         // go-redis subscribes anew
			case <-ctx.Done():
			case <-time.After(feedPause):
			}
		}
	}
}

func decodeTold(text string) (t Told, err error) {
	part := strings.SplitN(text, "\n", 7)
	if len(part) != 7 || part[0] == "" || part[2] == "" {
		return t, corrupt("a message of the feed")
	}
	t.Account, t.Identity, t.Previous, t.Whole = part[0], part[2], part[3], part[6] != ""
	var err1, err2, err3, err4 error
	t.Number, err1 = strconv.ParseUint(part[1], 10, 64)
	t.At, err2 = strconv.ParseInt(part[4], 10, 64)
	t.Basis, err3 = strconv.ParseUint(part[5], 10, 64)
	if t.Whole {
		err4 = json.Unmarshal([]byte(part[6]), &t.Edits)
	}
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil {
		return Told{}, corrupt("a message of the feed, of account %q", t.Account)
	}
	return t, nil
}
