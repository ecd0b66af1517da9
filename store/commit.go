package store

import (
	"context"
	"fmt"
	"strconv"

	"github.com/tollgate-dev/tollgate/authz"
)

// Commit makes a write that was decided, whole or not at all, and returns the
// head that it made and the identity of the revision before.
//
// Committing the same Commit again, with the same Identity, makes it once: it
// answers what it answered first, for as long as the account's log goes back.
// So a write whose reply was lost is safe to repeat.
//
// The error is authz.ErrConflict, wrapped with the guard, if something that
// the commit says must still be so is not; then the write has to be decided
// anew. It is a *hierarchy.Error of KindConflict if an identifier belongs to
// another account (ID_TAKEN) or may do so (CLAIM_PENDING), and of
// KindUnavailable if Redis did not answer; only then is it unknown whether
// the write was made.
//
// With Options.Replicas, the commit and the claims that it made wait until so
// many replicas have them. If they do not in time, the write is made all the
// same, and is not known to survive the master: then head and previous are
// returned with an error, a *hierarchy.Error of KindUnavailable,
// NOT_REPLICATED. Committing it again waits again.
//
// A commit that creates nodes or resources, or deletes resources, claims their
// locators first: see the package's comment. The edits of an account must be
// in a form that can be read back: a resource's body has its parent.
func (s *Store) Commit(ctx context.Context, c *authz.Commit) (head authz.Head, previous string, err error) {
	e, err := encode(c, s.options.LogLength)
	if err != nil {
		return authz.Head{}, "", err
	}
	held := s.newClaims(c)
	waiting, acks := s.awaiting(ctx)
	if err := s.take(waiting, held); err != nil {
		return authz.Head{}, "", err
	}
	e.args[deadlineArg] = held.deadline()
	reply, err := s.run(waiting, e)
	if err != nil {
		return authz.Head{}, "", fail(err, detailWrite)
	}
	head, previous, err = s.outcome(c, reply)
	if err != nil {
		return authz.Head{}, "", err
	}
	if err = s.replicated(acks); err != nil {
		s.unreplicated.Add(1)
		return head, previous, err // who meets the claims next sees what became of the commit
	}
	if reply[0] == madeBefore {
		s.settleAgain(ctx, held)
	} else {
		s.settle(ctx, held)
	}
	return head, previous, nil
}

// madeBefore is the script's answer to a commit that it has made already.
const madeBefore = "done"

// run runs the script. If there is no reply it runs it once more: the script
// knows a commit that it has made, so that this settles what became of the
// first.
func (s *Store) run(ctx context.Context, e *call) ([]string, error) {
	reply, err := s.runOnce(ctx, e)
	if err == nil || answered(err) || cancelled(ctx) {
		return reply, err
	}
	return s.runOnce(ctx, e)
}

func (s *Store) runOnce(ctx context.Context, e *call) ([]string, error) {
	replies, err := s.runAll(ctx, commitScript, []scriptCall{{e.keys, e.args}})
	if err != nil {
		return nil, err
	}
	return replies[0].StringSlice()
}

// outcome reads the script's reply.
func (s *Store) outcome(c *authz.Commit, reply []string) (authz.Head, string, error) {
	switch {
	case len(reply) == 2 && reply[0] == "corrupt":
		return authz.Head{}, "", corrupt("%s", reply[1])
	case len(reply) == 3 && reply[0] == "conflict":
		if now, err := strconv.ParseInt(reply[2], 10, 64); err == nil {
			s.clock.observe(now) // or a wrong clock would miss the deadline again
		}
		return authz.Head{}, "", fmt.Errorf("%w: the %s of account %q", authz.ErrConflict, reply[1], c.Account)
	case len(reply) == 6 && (reply[0] == "ok" || reply[0] == madeBefore):
		return s.committed(c, reply[1:])
	}
	return authz.Head{}, "", fmt.Errorf("store: commit.lua returned %q", reply)
}

// committed reads number, at, previous identity, basis and now.
func (s *Store) committed(c *authz.Commit, values []string) (authz.Head, string, error) {
	now, err := strconv.ParseInt(values[4], 10, 64)
	if err != nil {
		return authz.Head{}, "", corrupt("the clock")
	}
	s.clock.observe(now)
	head, err := decodeHead(c.Account, []any{values[0], c.Identity, values[3], values[1]}, now)
	return head, values[2], err
}
