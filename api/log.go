package api

import (
	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

func (s *server) readLog(c *call, _ *none) (*LogPage, error) {
	span, err := c.span()
	if err != nil {
		return nil, err
	}
	q := admin.LogQuery{Span: span}
	for name, to := range map[string]*string{"after": &q.After, "actor": &q.Actor, "action": &q.Action} {
		if *to = c.query.Get(name); *to == "" && c.query.Has(name) {
			return nil, hierarchy.Invalid("QUERY_INVALID", name, "must not be empty; leave it out instead")
		}
	}
	found, err := s.Admin.Log(c.ctx(), c.who, c.path("account"), q)
	if err != nil {
		return nil, err
	}
	out := &LogPage{Items: make([]LogEntry, len(found.Entries)), NextPageToken: c.pageToken(found.Next), Revision: found.Revision, Trimmed: found.Trimmed}
	for i := range found.Entries {
		out.Items[i] = viewEntry(&found.Entries[i])
	}
	return out, nil
}

func viewEntry(e *admin.LogEntry) LogEntry {
	out := LogEntry{Revision: e.Revision, At: stampOf(e.At), Actor: e.Actor, Caller: e.Caller, Action: e.Action, Changes: make([]LogRecord, len(e.Records))}
	for i, r := range e.Records {
		out.Changes[i] = LogRecord{Kind: r.Kind, ID: r.ID, Before: r.Before, After: r.After, Withheld: r.Withheld}
	}
	return out
}
