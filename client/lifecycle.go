package client

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// NodeState is what a node's own state is; a node is suspended or deleted, too,
// if anything above it is.
type NodeState struct {
	Node    string `json:"node"`    // as "type:id"
	Account string `json:"account"` // the one that it belongs to, bare
	Suspension
	Deleted         bool       `json:"deleted"`
	RestorableUntil *time.Time `json:"restorable_until,omitempty"` // of what is deleted
	Changed         bool       `json:"changed"`                    // or it was so already
	Revision        string     `json:"revision"`
}

// Suspend keeps a node, given as "type:id", and everything below it from being
// used until it is resumed: an account, a billing account, a project or a
// subproject. Without an actor (WithActor) it sets the platform operator's flag,
// with one the customer's.
func (c *Client) Suspend(ctx context.Context, node string) (*NodeState, error) {
	return c.step(ctx, node, "suspend")
}

// Resume takes back a suspension.
func (c *Client) Resume(ctx context.Context, node string) (*NodeState, error) {
	return c.step(ctx, node, "resume")
}

// Delete deletes a node with everything below it. It can be restored for 30
// days. A product's resource, given as any other "type:id", is deleted at
// once, and its state is not told.
func (c *Client) Delete(ctx context.Context, node string) (*NodeState, error) {
	path, err := nodePath(node)
	if err != nil {
		return nil, err
	}
	out := &NodeState{Node: node, Deleted: true, Changed: true}
	err = c.do(ctx, call{method: http.MethodDelete, path: path}, out)
	return out, err
}

// Restore takes back a deletion.
func (c *Client) Restore(ctx context.Context, node string) (*NodeState, error) {
	return c.step(ctx, node, "restore")
}

func (c *Client) step(ctx context.Context, node, verb string) (*NodeState, error) {
	path, err := nodePath(node)
	if err != nil {
		return nil, err
	}
	out := &NodeState{}
	err = c.do(ctx, call{method: http.MethodPost, path: append(path, verb)}, out)
	return out, err
}

// nodePath is the path of a node or a product's resource.
func nodePath(node string) ([]string, error) {
	typ, id, found := strings.Cut(node, ":")
	if !found {
		return nil, fmt.Errorf("%q must be of the form type:id, such as project:prj_1", node)
	}
	collections := map[string]string{"account": "accounts", "billing_account": "billing-accounts", "project": "projects", "subproject": "subprojects"}
	if c, ok := collections[typ]; ok {
		return []string{"v1", c, node}, nil
	}
	return []string{"v1", "resources", typ, id}, nil
}

// Moved is what a move changed.
type Moved struct {
	Node     string      `json:"node"`
	Account  string      `json:"account"`
	Before   MovedSide   `json:"before"`
	After    MovedSide   `json:"after"`
	Access   MovedAccess `json:"access"`
	Changed  bool        `json:"changed"` // or it stood there already
	Revision string      `json:"revision"`
}

// MovedSide is where it stood or stands, and who pays there.
type MovedSide struct {
	Parent  string  `json:"parent"`
	Billing Billing `json:"billing"`
}

// MovedAccess are the bindings that reach it no longer, and those that do now.
type MovedAccess struct {
	Lost     []ReachingBinding `json:"lost"`
	Gained   []ReachingBinding `json:"gained"`
	Complete bool              `json:"complete"` // or there are others
}

// ReachingBinding is a binding on something above.
type ReachingBinding struct {
	Binding   string     `json:"binding"`
	Subject   string     `json:"subject"`
	Role      string     `json:"role"`
	Scope     string     `json:"scope"`
	Effect    string     `json:"effect"`
	NotBefore *time.Time `json:"not_before,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// Move moves a subproject or a product's resource, given as "type:id", to
// another parent in its account.
func (c *Client) Move(ctx context.Context, node, parent string) (*Moved, error) {
	path, err := nodePath(node)
	if err != nil {
		return nil, err
	}
	out := &Moved{}
	err = c.post(ctx, call{path: append(path, "move")}, map[string]string{"parent": parent}, out)
	return out, err
}
