package client

import (
	"context"
	"time"
)

// Question asks whether a subject may do something to a resource.
type Question struct {
	Subject    string `json:"subject"`           // "user:ann" or "service:billing-run"
	Permission string `json:"permission"`        // "number.update"
	Resource   string `json:"resource"`          // "type:id"
	Account    string `json:"account,omitempty"` // of the resource, if it is known
	Parent     string `json:"parent,omitempty"`  // the container of a resource that is not registered
	AtLeast    string `json:"at_least,omitempty"`
	// Freshness is Fast by default, or Full.
	Freshness Freshness `json:"freshness,omitempty"`
	// RequireBilling denies what nobody pays for.
	RequireBilling bool `json:"require_billing,omitempty"`
}

// Freshness says how an answer is kept from being old.
type Freshness string

// The ways. Besides, AtLeast asks for a revision or a later one.
const (
	Fast Freshness = "fast" // from memory, compared with the store within the server's bound
	Full Freshness = "full" // the store is asked first
)

// Answer is a decision, its reason, and who pays, from one revision of the
// account.
type Answer struct {
	Allowed  bool     `json:"allowed"`
	Reason   Reason   `json:"reason"`
	Billing  Billing  `json:"billing"`
	Path     []string `json:"path"` // the resource and its ancestors, nearest first
	Account  string   `json:"account,omitempty"`
	Revision string   `json:"revision,omitempty"`
	// Stale is that the server could not compare its memory with its store in
	// time, because that is away, and answers all the same.
	Stale       bool         `json:"stale,omitempty"`
	Explanation *Explanation `json:"explanation,omitempty"` // of Explain
}

// Reason is why a decision is what it is, and the binding that decided.
type Reason struct {
	Code   string `json:"code"`
	Detail string `json:"detail,omitempty"`
	Cause
}

// Cause is a binding, and the groups through which the subject has it.
type Cause struct {
	Binding string   `json:"binding,omitempty"`
	Subject string   `json:"subject,omitempty"` // to whom it is bound
	Role    string   `json:"role,omitempty"`
	Scope   string   `json:"scope,omitempty"`
	Groups  []string `json:"groups,omitempty"` // from the one who asked to the binding's subject
}

// Billing is who pays, or why nobody does.
type Billing struct {
	Status         string `json:"status"` // "billed" or "unbilled"
	Reason         string `json:"reason,omitempty"`
	BillingAccount string `json:"billing_account,omitempty"`
	Project        string `json:"project,omitempty"`
	Suspended      bool   `json:"suspended,omitempty"` // the billing account that pays is
}

// Billed reports whether somebody pays.
func (b Billing) Billed() bool { return b.Status == "billed" }

// Explanation says why an answer is what it is.
type Explanation struct {
	Allow       *Cause         `json:"allow,omitempty"`
	Obstacles   []Obstacle     `json:"obstacles,omitempty"`
	NearestMiss *Miss          `json:"nearest_miss,omitempty"`
	Casbin      *CasbinVerdict `json:"casbin,omitempty"`
}

// Obstacle is one reason of a denial, each of which would deny alone.
type Obstacle struct {
	Code   string `json:"code"`
	Node   string `json:"node,omitempty"`
	Detail string `json:"detail,omitempty"`
	Cause
}

// Miss is the binding that came nearest to allowing what was denied.
type Miss struct {
	Kind   string `json:"kind"`
	Detail string `json:"detail,omitempty"`
	Cause
	NotBefore *time.Time `json:"not_before,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// CasbinVerdict is Casbin's own decision of the same question.
type CasbinVerdict struct {
	Allowed bool     `json:"allowed"`
	Rule    []string `json:"rule,omitempty"`
}

// Check asks one question. The server is told of the context's deadline, and
// answers DEADLINE_EXCEEDED if it cannot keep it.
func (c *Client) Check(ctx context.Context, q Question) (*Answer, error) {
	return c.check(ctx, q, false)
}

// Explain asks one question, and why the answer is what it is.
func (c *Client) Explain(ctx context.Context, q Question) (*Answer, error) {
	return c.check(ctx, q, true)
}

func (c *Client) check(ctx context.Context, q Question, explain bool) (*Answer, error) {
	body := struct {
		Question
		Explain bool `json:"explain,omitempty"`
	}{q, explain}
	out := &Answer{}
	err := c.post(ctx, call{path: []string{"v1", "check"}, repeatable: true, decides: true}, body, out)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// MaxBatch is how many questions CheckBatch takes.
const MaxBatch = 1000

// Result is the answer to one question of a batch, or the error in its place.
type Result struct {
	Answer
	Error *Error `json:"error,omitempty"`
}

// CheckBatch asks up to MaxBatch questions at once. The results are in the
// order of the questions.
func (c *Client) CheckBatch(ctx context.Context, questions []Question) ([]Result, error) {
	body := struct {
		Checks []Question `json:"checks"`
	}{questions}
	var out struct {
		Results []Result `json:"results"`
	}
	if err := c.post(ctx, call{path: []string{"v1", "check", "batch"}, repeatable: true, decides: true}, body, &out); err != nil {
		return nil, err
	}
	if len(out.Results) != len(questions) {
		return nil, &Error{Detail: "the server answered another number of questions than were asked"}
	}
	return out.Results, nil
}

// PayerQuestion asks who pays for a resource.
type PayerQuestion struct {
	Resource string `json:"resource"`          // "type:id"
	Account  string `json:"account,omitempty"` // of the resource, if it is known
	Parent   string `json:"parent,omitempty"`  // the container of a resource that is not registered
	AtLeast  string `json:"at_least,omitempty"`
	// Freshness is Fast by default, or Full.
	Freshness Freshness `json:"freshness,omitempty"`
	// At asks who paid at an instant that is over; zero: who pays now.
	At time.Time `json:"at,omitzero"`
}

// Payer is who pays for a resource, or paid for it.
type Payer struct {
	Billing  Billing  `json:"billing"`
	Path     []string `json:"path"`
	Account  string   `json:"account,omitempty"`
	Revision string   `json:"revision,omitempty"`
	Stale    bool     `json:"stale,omitempty"` // as in Answer
	// At is the instant that was asked about; nil for now.
	At *time.Time `json:"at,omitempty"`
}

// BillingOwner asks who pays for a resource.
func (c *Client) BillingOwner(ctx context.Context, q PayerQuestion) (*Payer, error) {
	out := &Payer{}
	if err := c.post(ctx, call{path: []string{"v1", "billing-owner"}, repeatable: true, decides: true}, q, out); err != nil {
		return nil, err
	}
	return out, nil
}
