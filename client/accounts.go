package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// ImportOptions say how a bundle is imported.
type ImportOptions struct {
	Owner  string // a user who becomes owner of the account; may be ""
	DryRun bool   // decides everything and writes nothing
}

// Imported is what an import did, or with DryRun would do.
type Imported struct {
	Account         string         `json:"account"`
	DryRun          bool           `json:"dry_run"`
	Changed         bool           `json:"changed"`
	Created         map[string]int `json:"created"` // records by kind
	Updated         map[string]int `json:"updated"`
	Unchanged       int            `json:"unchanged"`
	OperatorManaged bool           `json:"operator_managed"` // has no owner of its own
	Revision        string         `json:"revision,omitempty"`
}

// Import brings an account to what a bundle says, in one atomic write. It
// creates what is missing, changes what differs, and never deletes; a second
// import of the same bundle changes nothing.
func (c *Client) Import(ctx context.Context, b *Bundle, o ImportOptions, terms ...Term) (*Imported, error) {
	encoded, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	return c.ImportJSON(ctx, encoded, o, terms...)
}

// ImportJSON is Import of a bundle that is JSON already. The server refuses
// fields that it does not know.
func (c *Client) ImportJSON(ctx context.Context, bundle json.RawMessage, o ImportOptions, terms ...Term) (*Imported, error) {
	query := url.Values{}
	if o.Owner != "" {
		query.Set("owner", o.Owner)
	}
	if o.DryRun {
		query.Set("dry_run", "true")
	}
	out := &Imported{}
	in := call{method: http.MethodPost, path: []string{"v1", "import"}, query: query, body: bundle, repeatable: true, bulk: true}
	if err := c.do(ctx, in.on(terms), out); err != nil {
		return nil, err
	}
	return out, nil
}

// Export writes an account as a bundle, in a fixed order.
func (c *Client) Export(ctx context.Context, account string) (*Bundle, error) {
	encoded, err := c.ExportJSON(ctx, account)
	if err != nil {
		return nil, err
	}
	out := &Bundle{}
	return out, json.Unmarshal(encoded, out)
}

// ExportJSON is Export as the server wrote it, with nothing left out that this
// client does not know.
func (c *Client) ExportJSON(ctx context.Context, account string) (json.RawMessage, error) {
	var out json.RawMessage
	in := call{method: http.MethodGet, path: []string{"v1", "accounts", account, "export"}, repeatable: true, bulk: true}
	return out, c.do(ctx, in, &out)
}

// CasbinPolicy is what Tollgate derives for Casbin from an account. A stock
// Casbin that loads Model and Policy answers as Tollgate does.
type CasbinPolicy struct {
	Model      string     `json:"model"`
	Policy     string     `json:"policy"` // CSV
	AsOf       time.Time  `json:"as_of"`
	ValidUntil *time.Time `json:"valid_until,omitempty"` // when the next window begins or ends
	Revision   string     `json:"revision"`
}

// CasbinOptions narrow a policy. Zero values do not.
type CasbinOptions struct {
	Under string    // a node, "type:id": its ancestors, itself, and what is below
	At    time.Time // the instant; now by default
}

// Casbin derives the Casbin model and policy of an account.
func (c *Client) Casbin(ctx context.Context, account string, o CasbinOptions) (*CasbinPolicy, error) {
	query := url.Values{}
	if o.Under != "" {
		query.Set("under", o.Under)
	}
	if !o.At.IsZero() {
		query.Set("at", o.At.UTC().Format(time.RFC3339Nano))
	}
	out := &CasbinPolicy{}
	in := call{method: http.MethodGet, path: []string{"v1", "accounts", account, "casbin"}, query: query, repeatable: true, bulk: true}
	if err := c.do(ctx, in, out); err != nil {
		return nil, err
	}
	return out, nil
}
