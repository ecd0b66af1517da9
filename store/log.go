package store

import (
	"context"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate-dev/tollgate/authz"
)

// longestChain is how many changes Since returns at most. Whoever is further
// behind loads the account with less work.
const longestChain = 1_000

// entryID is the ID of a revision's entry in the log.
func entryID(number uint64) string { return strconv.FormatUint(number, 10) + "-0" }

// Since returns the changes after a revision, oldest first, and the head that
// they lead to. It returns authz.ErrGap if the log does not lead from exactly
// that revision to the head in at most a thousand changes.
func (s *Reader) Since(ctx context.Context, account string, after authz.Revision) (authz.Head, []authz.Change, error) {
	if after.Number == math.MaxUint64 {
		return authz.Head{}, nil, authz.ErrGap
	}
	r := s.read(ctx, account)
	entries := r.pipe.XRangeN(ctx, logKey(account), entryID(after.Number+1), "+", longestChain+1)
	head, err := r.do(ctx)
	if err != nil {
		return authz.Head{}, nil, err
	}
	if len(entries.Val()) > longestChain {
		return authz.Head{}, nil, authz.ErrGap
	}
	changes, err := decodeLog(entries.Val())
	if err != nil {
		return authz.Head{}, nil, err
	}
	at := after
	for _, c := range changes {
		if c.Number != at.Number+1 || c.Previous != at.Identity {
			return authz.Head{}, nil, authz.ErrGap
		}
		at = c.Revision
	}
	if at != head.Revision {
		return authz.Head{}, nil, authz.ErrGap
	}
	return head, changes, nil
}

// Log returns the changes of an account after a number, oldest first, at most
// limit of them. Those that were trimmed are left out: the first may have a
// number greater than after+1. An account that does not exist has none.
func (s *Store) Log(ctx context.Context, account string, after uint64, limit int) ([]authz.Change, error) {
	if limit <= 0 || after == math.MaxUint64 {
		return nil, nil
	}
	entries, err := s.client.XRangeN(ctx, logKey(account), entryID(after+1), "+", int64(limit)).Result()
	if err != nil {
		return nil, fail(err, detailRead)
	}
	return decodeLog(entries)
}

// LogBefore returns the changes of an account before a number, newest first,
// at most limit of them; before 0 it begins with the newest. Those that were
// trimmed are left out. An account that does not exist has none.
func (s *Store) LogBefore(ctx context.Context, account string, before uint64, limit int) ([]authz.Change, error) {
	if limit <= 0 || before == 1 {
		return nil, nil
	}
	from := "+"
	if before > 0 {
		from = entryID(before - 1)
	}
	entries, err := s.client.XRevRangeN(ctx, logKey(account), from, "-", int64(limit)).Result()
	if err != nil {
		return nil, fail(err, detailRead)
	}
	return decodeLog(entries)
}

// RevisionAt returns the identity of an account's revision of a number; found
// is false if the log does not have it, because it was trimmed or because
// there is none yet.
func (s *Reader) RevisionAt(ctx context.Context, account string, number uint64) (identity string, found bool, err error) {
	entries, err := s.client.XRangeN(ctx, logKey(account), entryID(number), entryID(number), 1).Result()
	if err != nil {
		return "", false, fail(err, detailRead)
	}
	if len(entries) == 0 {
		return "", false, nil
	}
	identity, _ = entries[0].Values["id"].(string)
	if identity == "" {
		return "", false, corrupt("an entry of the log of account %q", account)
	}
	return identity, true, nil
}

func decodeLog(entries []redis.XMessage) ([]authz.Change, error) {
	changes := make([]authz.Change, 0, len(entries))
	for _, e := range entries {
		c, err := decodeChange(e)
		if err != nil {
			return nil, err
		}
		changes = append(changes, c)
	}
	return changes, nil
}

func decodeChange(e redis.XMessage) (authz.Change, error) {
	text := func(field string) string {
		s, _ := e.Values[field].(string)
		return s
	}
	c := authz.Change{Previous: text("prev"), Actor: text("actor"), Caller: text("caller"), Action: text("action")}
	c.Identity = text("id")
	number, found := strings.CutSuffix(e.ID, "-0")
	var err1, err2 error
	c.Number, err1 = strconv.ParseUint(number, 10, 64)
	c.At, err2 = strconv.ParseInt(text("at"), 10, 64)
	err3 := json.Unmarshal([]byte(text("edits")), &c.Edits)
	if !found || c.Identity == "" || err1 != nil || err2 != nil || err3 != nil {
		return authz.Change{}, corrupt("the entry %s of a log", e.ID)
	}
	return c, nil
}
