package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// SignUp is a new customer.
type SignUp struct {
	DisplayName    string         `json:"display_name,omitempty"`
	Owner          string         `json:"owner"` // a user
	BillingAccount BillingAccount `json:"billing_account"`
	Project        Info           `json:"project"`
	// IdempotencyKey makes a repeated sign-up the same one.
	IdempotencyKey string `json:"-"`
}

// Node is an account, a billing account, a project or a subproject, as far as
// all of them are alike.
type Node struct {
	ID string `json:"id"`
	Info
}

// SignedUp is what a sign-up made.
type SignedUp struct {
	Account        Node    `json:"account"`
	BillingAccount Node    `json:"billing_account"`
	Project        Node    `json:"project"`
	Binding        Binding `json:"binding"`
	Revision       string  `json:"revision"`
}

// SignUp makes an account, a billing account, a project that it pays for, and
// the owner's binding, in one atomic step.
func (c *Client) SignUp(ctx context.Context, in SignUp) (*SignedUp, error) {
	out := &SignedUp{}
	do := call{path: []string{"v1", "accounts"}}
	if in.IdempotencyKey != "" {
		do = do.on([]Term{Once(in.IdempotencyKey)})
	}
	if err := c.post(ctx, do, in, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Subproject is a subproject that was made.
type Subproject struct {
	Node
	Project  string `json:"project"`
	Revision string `json:"revision"`
	ETag     string `json:"-"` // for IfMatch
}

// CreateSubproject opens a subproject in a project.
func (c *Client) CreateSubproject(ctx context.Context, project string, info Info, terms ...Term) (*Subproject, error) {
	out := &Subproject{}
	if err := c.post(ctx, call{path: []string{"v1", "projects", project, "subprojects"}, etag: &out.ETag}.on(terms), info, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Resource is a product's resource, registered in a project or a subproject.
type Resource struct {
	Type       string            `json:"type"`
	ID         string            `json:"id"`
	Parent     string            `json:"parent"` // "subproject:…"
	Properties json.RawMessage   `json:"properties,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	Revision   string            `json:"revision,omitempty"` // of an answer
	ETag       string            `json:"-"`                  // likewise; for IfMatch
}

// RegisterResource registers a product's resource.
func (c *Client) RegisterResource(ctx context.Context, r Resource, terms ...Term) (*Resource, error) {
	r.Revision = ""
	out := &Resource{}
	if err := c.post(ctx, call{path: []string{"v1", "resources"}, etag: &out.ETag}.on(terms), r, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Binding gives a subject or a group a role on a scope.
type Binding struct {
	ID        string     `json:"id,omitempty"` // made by the server
	Subject   string     `json:"subject"`
	Role      string     `json:"role"`
	Scope     string     `json:"scope"`
	Effect    string     `json:"effect,omitempty"` // "allow" by default, or "deny"
	NotBefore *time.Time `json:"not_before,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	Revision  string     `json:"revision,omitempty"` // of an answer
	ETag      string     `json:"-"`                  // likewise; for IfMatch
}

// CreateBinding binds a role to a subject at a scope.
func (c *Client) CreateBinding(ctx context.Context, b Binding, terms ...Term) (*Binding, error) {
	b.ID, b.Revision = "", ""
	out := &Binding{}
	if err := c.post(ctx, call{path: []string{"v1", "bindings"}, etag: &out.ETag}.on(terms), b, out); err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteBinding removes a binding, and returns the revision without it.
func (c *Client) DeleteBinding(ctx context.Context, id string, terms ...Term) (revision string, err error) {
	var out struct {
		Revision string `json:"revision"`
	}
	err = c.do(ctx, call{method: http.MethodDelete, path: []string{"v1", "bindings", id}}.on(terms), &out)
	return out.Revision, err
}
