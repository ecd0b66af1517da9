package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// LogQuery says which changes of an account are asked for.
type LogQuery struct {
	// After is a revision: the changes that came after it are answered in
	// their order. Without it they come newest first.
	After     string
	Actor     string // only what this actor did
	Action    string // only this action
	PageSize  int    // 0 for the server's default
	PageToken string // the NextPageToken of the page before
}

// LogPage is one page of an account's log.
type LogPage struct {
	Items         []LogEntry `json:"items"`
	NextPageToken string     `json:"next_page_token"` // "" on the last page
	// Revision is where to read on from later, as After; "" on later pages of
	// reading newest first.
	Revision string `json:"revision,omitempty"`
	Trimmed  bool   `json:"trimmed,omitempty"` // there were older changes
}

// LogEntry is one committed change of an account.
type LogEntry struct {
	Revision string      `json:"revision"`
	At       time.Time   `json:"at"`
	Actor    string      `json:"actor"`
	Caller   string      `json:"caller"`
	Action   string      `json:"action"`
	Changes  []LogRecord `json:"changes"`
}

// LogRecord is what a change did to one record. Without Before the record is
// new, without After it is gone; with Withheld both are not for the caller.
type LogRecord struct {
	Kind     string          `json:"kind"`
	ID       string          `json:"id"`
	Before   json.RawMessage `json:"before,omitempty"`
	After    json.RawMessage `json:"after,omitempty"`
	Withheld bool            `json:"withheld,omitempty"`
}

// Log reads one page of an account's changes. A page may be shorter than was
// asked for, even empty, and have a next one.
func (c *Client) Log(ctx context.Context, account string, q LogQuery) (*LogPage, error) {
	query := url.Values{}
	for name, value := range map[string]string{"after": q.After, "actor": q.Actor, "action": q.Action, "page_token": q.PageToken} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if q.PageSize > 0 {
		query.Set("page_size", strconv.Itoa(q.PageSize))
	}
	out := &LogPage{}
	in := call{method: http.MethodGet, path: []string{"v1", "accounts", account, "log"}, query: query, repeatable: true}
	if err := c.do(ctx, in, out); err != nil {
		return nil, err
	}
	return out, nil
}
