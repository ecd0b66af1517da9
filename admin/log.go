package admin

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// LogQuery says which changes of an account are asked for.
type LogQuery struct {
	// After is a revision; the changes that came after it are read in their
	// order. Without it they are read from the newest backwards.
	After  string
	Actor  string // only what this actor did; "" for all
	Action string // only this action; "" for all
	Span
}

// LogPage is a part of an account's log.
type LogPage struct {
	Entries []LogEntry
	Next    string // begin behind this for the next page; "" at the end
	// Revision is where to read on from later, as After: the last change that
	// was looked at, or when reading backwards the newest. It is "" on later
	// pages of reading backwards.
	Revision string
	// Trimmed says, at the end of reading backwards, that there were older
	// changes, which the log has no more.
	Trimmed bool
}

// LogEntry is one change as the log shows it.
type LogEntry struct {
	authz.Change
	Revision string // a token
	Records  []LogRecord
}

// LogRecord is what a change did to one record.
type LogRecord struct {
	Kind, ID      string
	Before, After json.RawMessage // nil: there was or is none, or it is withheld
	Withheld      bool            // from a caller who may not inspect billing
}

// Bounds of one page of the log: how many changes are read at once, looked at
// in all, and how many bytes of records are answered. A page may end early at
// them.
const (
	logChunk = 100
	logScan  = 5_000
	logBytes = 8 << 20
)

// Log reads an account's changes. It needs log.inspect on the account. What
// billing accounts say of themselves is withheld from whoever may not inspect
// them.
func (s *Service) Log(ctx context.Context, who Caller, account string, q LogQuery) (LogPage, error) {
	v, err := s.view(ctx, who, hierarchy.Ref{Type: hierarchy.TypeAccount, ID: account})
	if err == nil {
		err = v.mayPast("log.inspect", v.account())
	}
	if err != nil {
		return LogPage{}, err
	}
	r := logReading{view: v, ctx: ctx, query: q}
	if q.Span.After != "" {
		if r.at, err = strconv.ParseUint(q.Span.After, 10, 64); err != nil || r.at == 0 {
			return LogPage{}, hierarchy.Invalid("PAGE_TOKEN_INVALID", "page_token", "is not a token of this list")
		}
	}
	if q.After != "" {
		return r.forwards()
	}
	return r.backwards()
}

// logReading is one page while it is read.
type logReading struct {
	*view
	ctx   context.Context //nolint:containedctx // lives no longer than the call
	query LogQuery
	at    uint64 // the number of the change that was looked at last; 0 before the newest
	bytes int
	seen  int // changes looked at
	page  LogPage
}

// backwards reads from the newest on.
func (r *logReading) backwards() (LogPage, error) {
	for first := r.at == 0; ; first = false {
		changes, err := r.service.store.LogBefore(r.ctx, r.snapshot.Account(), r.at, logChunk)
		if err != nil {
			return LogPage{}, err
		}
		if len(changes) == 0 || (r.at > 0 && changes[0].Number != r.at-1) {
			r.page.Trimmed = r.at > 1
			return r.page, nil
		}
		if first {
			r.page.Revision = r.token(&changes[0])
		}
		if r.take(changes) {
			return r.page, nil
		}
	}
}

// forwards reads what came after a revision. It refuses one that the log does
// not lead on from.
func (r *logReading) forwards() (LogPage, error) {
	after, err := authz.ParseToken(r.snapshot.Account(), r.query.After)
	if err != nil {
		return LogPage{}, renamed(err)
	}
	r.page.Revision = r.query.After
	previous := after.Identity
	if r.at < after.Number {
		r.at = after.Number
	} else {
		previous = "" // a later page: the first has compared it
	}
	for {
		changes, err := r.service.store.Log(r.ctx, r.snapshot.Account(), r.at, logChunk)
		if err != nil {
			return LogPage{}, err
		}
		if len(changes) == 0 {
			return r.page, r.mustBeHead(after, previous)
		}
		if changes[0].Number != r.at+1 {
			return LogPage{}, logLost("REVISION_TOO_OLD", "this revision is older than the account's log, which was trimmed; leave after out to read what there is")
		}
		if previous != "" && changes[0].Previous != previous {
			return LogPage{}, revisionLost()
		}
		previous = ""
		if r.take(changes) || len(changes) < logChunk {
			return r.page, nil
		}
	}
}

// mustBeHead refuses a revision that nothing came after and that is not the
// newest.
func (r *logReading) mustBeHead(after authz.Revision, previous string) error {
	if previous == "" {
		return nil
	}
	head, _, err := r.service.store.Read(r.ctx, r.snapshot.Account())
	if err != nil {
		return err
	}
	if head.Number < after.Number || (head.Number == after.Number && head.Identity != after.Identity) {
		return revisionLost()
	}
	return nil
}

func revisionLost() error {
	return logLost("REVISION_LOST", "the store has lost the write that this revision stands for; leave after out to read what there is")
}

func logLost(reason, detail string) error {
	return &hierarchy.Error{Kind: hierarchy.KindLost, Reason: reason, Field: "after", Detail: detail}
}

// renamed puts an error of a token into the field that this list has it in.
func renamed(err error) error {
	var known *hierarchy.Error
	if !errors.As(err, &known) {
		return err
	}
	c := *known
	c.Field = "after"
	return &c
}

// take looks at changes one after another, and reports whether the page is
// full.
func (r *logReading) take(changes []authz.Change) (full bool) {
	for i := range changes {
		c := &changes[i]
		r.at = c.Number
		r.seen++
		if r.query.After != "" {
			r.page.Revision = r.token(c)
		}
		if (r.query.Actor == "" || r.query.Actor == c.Actor) && (r.query.Action == "" || r.query.Action == c.Action) {
			r.page.Entries = append(r.page.Entries, r.show(c))
		}
		if len(r.page.Entries) >= r.query.Limit || r.bytes >= logBytes || r.seen >= logScan {
			if r.query.After != "" || c.Number > 1 { // before the first there is nothing
				r.page.Next = strconv.FormatUint(c.Number, 10)
			}
			return true
		}
	}
	return false
}

func (r *logReading) token(c *authz.Change) string {
	return authz.Token(r.snapshot.Account(), c.Revision)
}

// show is a change as the caller may see it.
func (r *logReading) show(c *authz.Change) LogEntry {
	entry := LogEntry{Change: *c, Revision: r.token(c), Records: make([]LogRecord, len(c.Edits))}
	for i, e := range c.Edits {
		rec := LogRecord{Before: e.Before, After: e.After}
		rec.Kind, rec.ID = e.Key.Split()
		if rec.Kind == hierarchy.TypeBillingAccount && !r.inspects(rec.ID) {
			rec.Before, rec.After, rec.Withheld = nil, nil, true
		}
		if rec.Kind == hierarchy.TypeKey {
			rec.Before, rec.After = withoutSecrets(rec.Before), withoutSecrets(rec.After)
		}
		r.bytes += len(rec.ID) + len(rec.Before) + len(rec.After)
		entry.Records[i] = rec
	}
	return entry
}

// withoutSecrets is the record of an API key, without the hashes of its
// secrets.
func withoutSecrets(body json.RawMessage) json.RawMessage {
	var doc map[string]json.RawMessage
	if body == nil || json.Unmarshal(body, &doc) != nil {
		return nil
	}
	delete(doc, "secrets")
	return encode(doc)
}

// inspects reports whether the caller may inspect a billing account.
func (r *logReading) inspects(billingAccount string) bool {
	return r.mayPast("billing_account.inspect", hierarchy.Ref{Type: hierarchy.TypeBillingAccount, ID: billingAccount}) == nil
}
