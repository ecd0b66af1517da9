package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
)

// Authorizer answers what a service asks about each request: may this subject
// do this, who pays, and what is to become of a request that is held. *Client
// has a server answer; an implementation in the process answers alike. Its
// methods may be called by many goroutines at once.
//
// An error means that nothing was decided, and is to be taken as a denial;
// ReasonOf tells errors apart. An implementation MUST NOT return a nil answer
// without an error.
type Authorizer interface {
	Check(ctx context.Context, q Question) (*Answer, error)
	CheckBatch(ctx context.Context, questions []Question) ([]Result, error)
	Authorize(ctx context.Context, r HeldRequest) (*Verdict, error)
	BillingOwner(ctx context.Context, q PayerQuestion) (*Payer, error)
}

var _ Authorizer = (*Client)(nil)

// HeldRequest is a request that somebody else has sent, and that is held until
// it is decided. What it asks for is said by Method, Path and Host, of which the
// map of routes makes a permission and a resource; or by Permission and Resource
// themselves.
type HeldRequest struct {
	APIKey  string `json:"api_key,omitempty"` // the text of the key that was presented
	Subject string `json:"subject,omitempty"` // who asks, as "type:id", if no key was presented

	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"` // as it arrived, not decoded; it may have its query
	Host   string `json:"host,omitempty"`

	Permission string `json:"permission,omitempty"` // "number.update"
	Resource   string `json:"resource,omitempty"`   // "type:id"
	Account    string `json:"account,omitempty"`    // of the resource, if it is known
	Parent     string `json:"parent,omitempty"`     // the container of a resource that is not registered
	AtLeast    string `json:"at_least,omitempty"`
	// Freshness is Fast by default, or Full.
	Freshness Freshness `json:"freshness,omitempty"`
	// RequireBilling denies what nobody pays for.
	RequireBilling bool `json:"require_billing,omitempty"`
	// Source is where the key was presented from; zero if that is not known. A
	// key with an allow-list is refused without it.
	Source netip.Addr `json:"source_ip,omitzero"`
}

// Verdict is an answer, and what becomes of the request that is held.
type Verdict struct {
	Answer
	// Status is what the client is answered for: 200 to let the request by, 401
	// for who is not known, 403 for who is and may not, 429.
	Status     int    `json:"status"`
	Principal  string `json:"principal,omitempty"` // who asks, as "type:id"; "" for a key that was not accepted
	Sponsor    string `json:"sponsor,omitempty"`   // of the key, as "type:id"
	Project    string `json:"project,omitempty"`   // on the path, bare
	Subproject string `json:"subproject,omitempty"`
	// RateLimit is how the rate limits of who asks stand; nil without any.
	RateLimit *RateLimit `json:"rate_limit,omitempty"`
	// Headers are all X-Tollgate headers for the upstream, each once.
	Headers map[string]string `json:"headers"`
}

// RateLimit is how the rate limits of who asks, and of its account, stand.
type RateLimit struct {
	// Headers are for the client: RateLimit-Policy, RateLimit and Retry-After.
	Headers map[string]string `json:"headers"`
	Key     *Bucket           `json:"key,omitempty"`
	Account *Bucket           `json:"account,omitempty"`
}

// Bucket is one rate limit.
type Bucket struct {
	Burst     int `json:"burst"`     // how many requests may come at once if none came for a while
	Remaining int `json:"remaining"` // how many may come at once now
	Reset     int `json:"reset"`     // in how many seconds that is the whole burst again
}

// Authorize decides on a request that is held. It is repeated, and heeds the
// context's deadline, as Check is. A verdict that contradicts itself is an
// error.
func (c *Client) Authorize(ctx context.Context, r HeldRequest) (*Verdict, error) {
	out := &Verdict{}
	if err := c.post(ctx, call{path: []string{"v1", "authorize"}, repeatable: true, decides: true}, r, out); err != nil {
		return nil, err
	}
	if err := out.check(); err != nil {
		return nil, &notUnderstood{c.Server(), err}
	}
	return out, nil
}

// check refuses what is no verdict: an allow says so in each of its parts, and
// a denial in none.
func (v *Verdict) check() error {
	says := []bool{v.Status == http.StatusOK, v.Reason.Code == CodeAllowed, v.Headers["X-Tollgate-Decision"] == "allowed"}
	for _, allowed := range says {
		if allowed != v.Allowed {
			return fmt.Errorf("allowed is %t, with the status %d, the code %.*q and the decision %.*q", v.Allowed, v.Status,
				maxForeign, v.Reason.Code, maxForeign, v.Headers["X-Tollgate-Decision"])
		}
	}
	if v.Reason.Code == "" || v.Status == 0 {
		return errors.New("it has no code or no status")
	}
	return nil
}
