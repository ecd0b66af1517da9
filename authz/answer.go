package authz

import (
	"strings"

	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// Code is the stable reason of a decision. The zero Code is a denial.
type Code uint8

// The reasons. Only Allowed allows.
const (
	NoBinding         Code = iota // nothing allows it
	Allowed                       // a binding allows it, and none denies it
	DeniedByBinding               // a binding denies it, and deny wins
	ResourceNotFound              // no such resource, or not in the account named
	ResourceDeleted               // the resource or something above it is deleted
	ResourceSuspended             // the resource or something above it is suspended
	ParentRequired                // a type that is not registered, and no parent named
	ParentMismatch                // the parent named is not the resource's own
	ParentNotFound                // the parent named does not exist
	Unbilled                      // require_billing, and nobody pays
	BillingSuspended              // require_billing, and the billing account that pays is suspended
	KeyMissing                    // neither an API key nor a subject
	KeyInvalid                    // what was presented is no API key, or one with a typo
	KeyNotFound                   // no such API key, or not with this secret
	KeyExpired                    // the API key has ended
	KeyDisabled                   // the API key is disabled
	AddressBlocked                // the API key may not be used from this address
	KeyOutOfReach                 // the resource is not under what the API key belongs to
	SponsorMissing                // nobody sponsors the API key
	SponsorLacks                  // the API key's sponsor may not do it
	RateLimited                   // who asks does so too often; the engine itself counts nothing
	EvaluatorMismatch             // Casbin decided otherwise: denied until it is understood
)

var codes = [...]string{
	NoBinding: "NO_BINDING", Allowed: "ALLOWED", DeniedByBinding: "DENIED_BY_BINDING",
	ResourceNotFound: "RESOURCE_NOT_FOUND", ResourceDeleted: "RESOURCE_DELETED", ResourceSuspended: "RESOURCE_SUSPENDED",
	ParentRequired: "PARENT_REQUIRED", ParentMismatch: "PARENT_MISMATCH", ParentNotFound: "PARENT_NOT_FOUND",
	Unbilled: "UNBILLED", BillingSuspended: "BILLING_SUSPENDED", EvaluatorMismatch: "EVALUATOR_MISMATCH",
	KeyMissing: "KEY_MISSING", KeyInvalid: "KEY_INVALID", KeyNotFound: "KEY_NOT_FOUND", KeyExpired: "KEY_EXPIRED", KeyDisabled: "KEY_DISABLED",
	AddressBlocked: "ADDRESS_BLOCKED", KeyOutOfReach: "KEY_OUT_OF_REACH", SponsorMissing: "SPONSOR_MISSING", SponsorLacks: "SPONSOR_LACKS_PERMISSION",
	RateLimited: "RATE_LIMITED",
}

func (c Code) String() string { return codes[c] }

var sentences = [...]string{
	NoBinding:         "no binding of the subject, or of a group that it is in, gives this permission anywhere on the path",
	DeniedByBinding:   "a binding denies it, and a deny wins over any allow",
	ResourceNotFound:  "there is no such resource, or not in the account that was named",
	ResourceDeleted:   "the resource, or something above it, is deleted",
	ResourceSuspended: "the resource, or something above it, is suspended",
	ParentRequired:    "resources of this type are not registered: name the container as parent",
	ParentMismatch:    "the parent that was named is not the resource's own",
	ParentNotFound:    "the parent that was named does not exist, or is neither a project nor a subproject",
	Unbilled:          "nobody pays for it, and the request requires that somebody does",
	BillingSuspended:  "the billing account that pays for it is suspended, and the request requires that somebody pays",
	KeyMissing:        "an API key is needed, and none was presented",
	KeyInvalid:        "what was presented is no API key, or one with a typo",
	KeyNotFound:       "there is no such API key",
	KeyExpired:        "the API key has ended; rotate it or make another",
	KeyDisabled:       "the API key is disabled",
	AddressBlocked:    "the API key may not be used from this address",
	KeyOutOfReach:     "the resource is not under the project or subproject that the API key belongs to",
	SponsorMissing:    "nobody sponsors the API key; transfer it to who may do what it is for",
	SponsorLacks:      "the API key's sponsor may not do it; a key may do no more than its sponsor",
	RateLimited:       "who asks, or the account, does so more often than is let by; wait as long as Retry-After says",
	EvaluatorMismatch: "the evaluator and Casbin disagree; denied until that is understood",
}

// Sentence says a reason to people; "" for an allow. Which binding would have
// been needed, an explanation says.
func (c Code) Sentence() string { return sentences[c] }

// BillingCode says whether somebody pays, and if not, why.
type BillingCode uint8

// The reasons of a payer, or of there being none.
const (
	PayerUnknown   BillingCode = iota // the resource was not found
	Billed                            // somebody pays
	NotBillable                       // an account has no payer: its projects have
	NoBillingLink                     // the project is linked to no billing account
	NotCreatedYet                     // at the instant asked about it did not exist yet
	AlreadyDeleted                    // at the instant asked about it was deleted
)

var billingCodes = [...]string{
	PayerUnknown: "RESOURCE_NOT_FOUND", Billed: "BILLED", NotBillable: "NOT_BILLABLE", NoBillingLink: "NO_BILLING_LINK",
	NotCreatedYet: "NOT_CREATED_YET", AlreadyDeleted: "RESOURCE_DELETED",
}

func (c BillingCode) String() string { return billingCodes[c] }

// Billing is who pays (M14): one billing account, or nobody and why.
type Billing struct {
	Code           BillingCode
	BillingAccount string // bare ID; "" if nobody pays
	Project        string // bare ID of the project through which it pays; may be ""
	Suspended      bool   // the billing account that pays is suspended
}

// Answer is a decision and a payer, from one snapshot. The zero Answer is a
// denial. It holds on to its snapshot, and costs nothing to render until
// somebody asks.
type Answer struct {
	Allowed bool
	Code    Code
	// Stale is that the snapshot could not be compared with the store inside
	// its bound, because the store is away; see Options.AwayWindow.
	Stale   bool
	Billing Billing

	snapshot *Snapshot
	path     path
	verdict  verdict
	subject  string
	sponsor  sponsorship // of an API key that its own bindings allow it
}

// Refuse makes the answer a denial for a reason that is not the engine's. Who
// asked and who pays stays, and what decided before does not.
func (a *Answer) Refuse(code Code) {
	a.Allowed, a.Code, a.verdict, a.sponsor = false, code, verdict{}, sponsorship{}
}

// Revision is the revision that the answer was made from; zero if the account
// is not known.
func (a *Answer) Revision() Revision {
	if a.snapshot == nil {
		return Revision{}
	}
	return a.snapshot.head.Revision
}

// Token is the revision as it goes on the wire; "" if the account is not known.
func (a *Answer) Token() string {
	if a.snapshot == nil {
		return ""
	}
	return a.snapshot.token
}

// Account is the account of the resource; "" if it is not known.
func (a *Answer) Account() string {
	if a.snapshot == nil {
		return ""
	}
	return a.snapshot.account
}

// Path is the resource and its ancestors, nearest first, as "type:id".
func (a *Answer) Path() []string {
	if a.snapshot == nil {
		return nil
	}
	nodes := make([]string, 0, maxPath)
	rows := a.path.rows[:a.path.n]
	if a.path.resource != "" {
		nodes = append(nodes, a.path.resource)
		if len(rows) > 0 && a.snapshot.nodes.At(rows[0]).kind == resource {
			rows = rows[1:]
		}
	}
	for _, row := range rows {
		nodes = append(nodes, a.snapshot.nodes.Key(row))
	}
	return nodes
}

// Cause is the binding that decided.
type Cause struct {
	Binding string        // its ID
	Subject hierarchy.Ref // to whom it is bound
	Role    string
	Scope   hierarchy.Ref
	Effect  policy.Effect
	// Groups is the chain from the one who asked to the binding's subject;
	// empty if it is bound to him directly.
	Groups []string
}

// Cause returns the binding that decided, if one did.
func (a *Answer) Cause() (Cause, bool) {
	if !a.verdict.found {
		return Cause{}, false
	}
	return a.snapshot.cause(a.subject, a.verdict.who, a.verdict.by), true
}

func (s *Snapshot) cause(subject string, who uint32, g *grant) Cause {
	return Cause{
		Binding: hierarchy.BindingID(g.id, s.account),
		Subject: refOf(s.subjects.Key(who)),
		Role:    s.roleID(g.role),
		Scope:   refOf(s.nodes.Key(g.scope)),
		Effect:  effectOf(g),
		Groups:  s.chain(subject, who),
	}
}

func effectOf(g *grant) policy.Effect {
	if g.denies() {
		return policy.Deny
	}
	return policy.Allow
}

// chain is a shortest way by memberships from a subject to a group.
func (s *Snapshot) chain(subject string, to uint32) []string {
	from, ok := s.subjects.Find(subject)
	if !ok || from == to {
		return nil
	}
	came := map[uint32]uint32{from: from}
	for queue := []uint32{from}; len(queue) > 0; queue = queue[1:] {
		for _, g := range s.subjects.At(queue[0]).groups() {
			if _, seen := came[g]; !seen {
				came[g] = queue[0]
				queue = append(queue, g)
			}
		}
	}
	if _, reached := came[to]; !reached {
		return nil
	}
	var chain []string
	for at := to; at != from; at = came[at] {
		chain = append([]string{strings.TrimPrefix(s.subjects.Key(at), hierarchy.TypeGroup+":")}, chain...)
	}
	return chain
}

// refOf takes apart a key that is known to be well formed.
func refOf(key string) hierarchy.Ref {
	var r hierarchy.Ref
	r.Type, r.ID, _ = strings.Cut(key, ":")
	return r
}

// payer finds the billing account that pays for a path (M14). A subproject
// never pays: it is skipped.
func (s *Snapshot) payer(p *path, b *Billing) {
	const billingAccountID, projectID = len(hierarchy.TypeBillingAccount) + 1, len(hierarchy.TypeProject) + 1
	for i := range p.n {
		switch n := s.nodes.At(p.rows[i]); n.kind {
		case billingAccount:
			b.Code, b.BillingAccount, b.Suspended = Billed, s.nodes.Key(p.rows[i])[billingAccountID:], n.suspended()
			return
		case project:
			b.Code, b.Project = NoBillingLink, s.nodes.Key(p.rows[i])[projectID:]
			if n.payer != 0 {
				b.Code, b.BillingAccount, b.Suspended = Billed, s.nodes.Key(n.payer)[billingAccountID:], s.nodes.At(n.payer).suspended()
			}
			return
		}
	}
	b.Code = NotBillable
}

func bare(key string) string { return key[strings.IndexByte(key, ':')+1:] }

// Rights decides a permission of somebody else on what the answer is about, as
// of its snapshot, whatever the state of nodes; of what was not found, on the
// account that it was looked for in.
func (a *Answer) Rights(subject hierarchy.Ref, permission policy.Permission, at int64) Code {
	if a.snapshot == nil {
		return ResourceNotFound
	}
	on := a.path
	if on.n == 0 {
		on = path{}
		a.snapshot.climb(&on, 0)
	}
	return a.snapshot.judges(subject.String(), askedAt(permission, at), &on)
}
