package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Receipt says which servers have taken a write in: all answers that they give
// from then on are of its revision or of a later one.
type Receipt struct {
	Revision  string          `json:"revision"`
	Confirmed bool            `json:"confirmed"` // by every server that is enrolled
	Digest    string          `json:"digest"`    // of what decides on the server that was asked and is not in the store
	Servers   []ReceiptServer `json:"servers"`
}

// ReceiptServer is one server.
type ReceiptServer struct {
	ID        string `json:"id"`
	Name      string `json:"name,omitempty"` // where it runs, for people
	Confirmed bool   `json:"confirmed"`      // or it is silent, or could not tell
	Digest    string `json:"digest,omitempty"`
	Differs   bool   `json:"differs"` // its digest is another: by another model or other predefined roles it can answer otherwise
}

// Receipt asks which servers answer from a revision of an account, as a write
// answered it, or a later one. It waits until all do, but no longer than wait,
// 30 seconds at most.
func (c *Client) Receipt(ctx context.Context, account, revision string, wait time.Duration) (*Receipt, error) {
	out := &Receipt{}
	in := call{
		method: http.MethodGet, path: []string{"v1", "accounts", account, "revisions", revision},
		query: url.Values{"wait": {wait.String()}}, repeatable: true,
	}
	return out, c.do(ctx, in, out)
}
