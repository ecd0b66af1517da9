package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// NewKey is an API key to make.
type NewKey struct {
	// Sponsor bounds the rights of a customer's key, as "type:id": whoever makes
	// it, unless the platform's operators name somebody.
	Sponsor     string            `json:"sponsor,omitempty"`
	Service     string            `json:"service,omitempty"` // whom a service key stands for, as "service:id"
	DisplayName string            `json:"display_name,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	ExpiresAt   *time.Time        `json:"expires_at,omitempty"`
	Sources     []string          `json:"sources,omitempty"` // networks that it may be used from; none for all
}

// Key is what is known of an API key.
type Key struct {
	ID           string            `json:"id"`      // bare; roles are bound to "key:id"
	Account      string            `json:"account"` // bare
	Parent       string            `json:"parent"`  // what it belongs to, as "type:id"
	Sponsor      string            `json:"sponsor,omitempty"`
	Service      string            `json:"service,omitempty"`
	DisplayName  string            `json:"display_name,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`
	ExpiresAt    *time.Time        `json:"expires_at,omitempty"`
	OverlapUntil *time.Time        `json:"overlap_until,omitempty"` // when the secret before its own ends
	LastUsedAt   *time.Time        `json:"last_used_at,omitempty"`  // of a key that is read alone
	Disabled     bool              `json:"disabled"`
	Leaked       bool              `json:"leaked"` // disabled until it is rotated
	Sources      []string          `json:"sources,omitempty"`
	CreatedAt    time.Time         `json:"created_at"`
	UpdatedAt    time.Time         `json:"updated_at"`
	Revision     string            `json:"revision,omitempty"`
	ETag         string            `json:"-"` // for IfMatch
}

// MintedKey is a key with its new secret, which is answered once: whoever loses
// it rotates the key. Secret is "" in the answer to a repeat (Once), which has
// the Reason SECRET_ALREADY_SHOWN.
type MintedKey struct {
	Key
	Secret string `json:"secret,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// Platform is what service keys belong to.
const Platform = "account:platform"

// CreateKey makes an API key of a project or a subproject, or a service key of
// Platform.
func (c *Client) CreateKey(ctx context.Context, parent string, key NewKey, terms ...Term) (*MintedKey, error) {
	path, err := keysOf(parent)
	if err != nil {
		return nil, err
	}
	out := &MintedKey{}
	if err := c.post(ctx, call{path: path, etag: &out.ETag}.on(terms), key, out); err != nil {
		return nil, err
	}
	return out, nil
}

// KeyPage is one page of a list of keys.
type KeyPage struct {
	Items         []Key  `json:"items"`
	NextPageToken string `json:"next_page_token"` // "" on the last page
}

// Keys reads one page of the keys of a project, a subproject or Platform: the
// first one for the token "". A size of 0 is the server's default.
func (c *Client) Keys(ctx context.Context, parent string, size int, token string) (*KeyPage, error) {
	path, err := keysOf(parent)
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	if size > 0 {
		query.Set("page_size", strconv.Itoa(size))
	}
	if token != "" {
		query.Set("page_token", token)
	}
	out := &KeyPage{}
	if err := c.do(ctx, call{method: http.MethodGet, path: path, query: query, repeatable: true}, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Key reads an API key, without its secret. Its ID is bare, or "key:id".
func (c *Client) Key(ctx context.Context, id string) (*Key, error) {
	out := &Key{}
	if err := c.do(ctx, call{method: http.MethodGet, path: keyPath(id), repeatable: true, etag: &out.ETag}, out); err != nil {
		return nil, err
	}
	return out, nil
}

// DisableKey keeps a key from being used until it is enabled.
func (c *Client) DisableKey(ctx context.Context, id string, terms ...Term) (*Key, error) {
	return c.changeKey(ctx, keyPath(id, "disable"), nil, terms)
}

// EnableKey lets a key be used again. One that has leaked is rotated instead.
func (c *Client) EnableKey(ctx context.Context, id string, terms ...Term) (*Key, error) {
	return c.changeKey(ctx, keyPath(id, "enable"), nil, terms)
}

// TransferKey gives a key another sponsor, as "type:id".
func (c *Client) TransferKey(ctx context.Context, id, sponsor string, terms ...Term) (*Key, error) {
	return c.changeKey(ctx, keyPath(id, "transfer"), map[string]string{"sponsor": sponsor}, terms)
}

func (c *Client) changeKey(ctx context.Context, path []string, body any, terms []Term) (*Key, error) {
	out := &Key{}
	in := call{method: http.MethodPost, path: path, etag: &out.ETag}.on(terms)
	send := func() error { return c.do(ctx, in, out) }
	if body != nil {
		send = func() error { return c.post(ctx, in, body, out) }
	}
	if err := send(); err != nil {
		return nil, err
	}
	return out, nil
}

// RotateKey gives a key a new secret. The one before is accepted until the
// overlap is over, and no longer than the key itself would have been.
func (c *Client) RotateKey(ctx context.Context, id string, overlap time.Duration, terms ...Term) (*MintedKey, error) {
	out := &MintedKey{}
	if err := c.post(ctx, call{path: keyPath(id, "rotate"), etag: &out.ETag}.on(terms), map[string]string{"overlap": overlap.String()}, out); err != nil {
		return nil, err
	}
	return out, nil
}

// RevokeKey ends a key for good, and returns the revision without it.
func (c *Client) RevokeKey(ctx context.Context, id string, terms ...Term) (revision string, err error) {
	var out struct {
		Revision string `json:"revision"`
	}
	err = c.do(ctx, call{method: http.MethodDelete, path: keyPath(id)}.on(terms), &out)
	return out.Revision, err
}

// ReportLeak disables the key whose secret was found somewhere, until it is
// rotated. The secret is all the credential that it takes. Whether there is such
// a key is not told.
func (c *Client) ReportLeak(ctx context.Context, secret string) error {
	return c.post(ctx, call{path: []string{"v1", "leaked-keys"}, repeatable: true}, map[string]string{"api_key": secret}, nil)
}

// keysOf is the path of the keys of a node.
func keysOf(parent string) ([]string, error) {
	typ, _, _ := strings.Cut(parent, ":")
	switch {
	case parent == Platform:
		return []string{"v1", "platform", "keys"}, nil
	case typ == "project", typ == "subproject":
		return []string{"v1", typ + "s", parent, "keys"}, nil
	}
	return nil, fmt.Errorf("%q has no API keys: projects and subprojects have, such as project:prj_1, and %s", parent, Platform)
}

func keyPath(id string, verb ...string) []string {
	return append([]string{"v1", "keys", strings.TrimPrefix(id, "key:")}, verb...)
}
