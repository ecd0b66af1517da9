package authz

import (
	"context"
	"errors"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// What keeps a question from an answer for lack of a state that is fresh
// enough. Each is to be taken as a denial, and each has a reason of its own,
// since whoever asked goes on differently: with more time, from memory, or
// without the revision.

// stateUnavailable refuses a question that is content with what is inside the
// bound.
func stateUnavailable() error {
	return unavailableAs("STATE_UNAVAILABLE", "", "the state of the account cannot be read at the moment; nothing is allowed until it can; try again")
}

func fullUnavailable() error {
	return unavailableAs("FULL_UNAVAILABLE", "freshness", "the store cannot be asked at the moment; try again, or ask with freshness fast, which is answered from memory as long as that is inside the bound")
}

func revisionUnconfirmed() error {
	return unavailableAs("REVISION_UNCONFIRMED", "at_least", "the store cannot be asked at the moment whether memory is of this revision; try again, or leave at_least out for an answer that may be older")
}

func deadlineExceeded() error {
	return unavailableAs("DEADLINE_EXCEEDED", "", "the request's time ended before the store had answered; nothing was decided; allow more time, or try again")
}

func lost() error {
	return &hierarchy.Error{Kind: hierarchy.KindLost, Reason: "REVISION_LOST", Field: "at_least", Detail: "the write that this revision stands for was lost by the store; read the account again and repeat the write if it is missing"}
}

func tooOld() error {
	return &hierarchy.Error{Kind: hierarchy.KindLost, Reason: "REVISION_TOO_OLD", Field: "at_least", Detail: "this revision is older than the account's log; leave at_least out, or take a newer one"}
}

func unavailableAs(reason, field, detail string) error {
	return &hierarchy.Error{Kind: hierarchy.KindUnavailable, Reason: reason, Field: field, Detail: detail}
}

// unavailable is the error of what cannot be decided because the store cannot
// be reached.
func unavailable(err error) error {
	var known *hierarchy.Error
	if errors.As(err, &known) || errors.Is(err, ErrNoAccount) || errors.Is(err, context.Canceled) {
		return err
	}
	return stateUnavailable()
}

// limit bounds what is asked of the store. Who asked may allow less.
func (e *Engine) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, e.opts.Timeout)
}

// refuse gives the error of a question its reason. The context is that of who
// asked: if its deadline has passed, that is why.
func (q *question) refuse(ctx context.Context, err error) error {
	var known *hierarchy.Error
	if err == nil || errors.Is(err, ErrNoAccount) || (errors.As(err, &known) && known.Kind != hierarchy.KindUnavailable) {
		return err
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return deadlineExceeded()
	case known == nil:
		return err
	case q.Full:
		return fullUnavailable()
	case q.AtLeast != "":
		return revisionUnconfirmed()
	}
	return stateUnavailable()
}
