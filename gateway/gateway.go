// Package gateway answers a gateway, a sidecar or any other proxy, in one call:
// who is this, may it do this, who pays, and what is it called upstream.
//
// It puts together what package apikey reads and package authz decides, and
// says it in the terms of a proxy: an HTTP status, a stable reason, and headers
// for the upstream. How a proxy's own protocol carries that is not known here.
package gateway

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/tollgate-dev/tollgate/apikey"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/limit"
	"github.com/tollgate-dev/tollgate/route"
)

// Request is what a proxy asks about a request that it holds.
type Request struct {
	// APIKey is the text of the key that was presented. Without one, the
	// embedded Request's Subject is who asks.
	APIKey string
	// Method, Host and Path are those of the request that the proxy holds, as
	// they arrived: a path may have its query. Without a permission and a
	// resource, the map of routes says what they ask for.
	Method, Host, Path string
	authz.Request
}

// Verdict is the answer to a proxy. The zero Verdict lets nobody by.
type Verdict struct {
	authz.Answer
	// Reason is the code of the answer, or the reason of an error for which
	// nothing could be decided.
	Reason string
	// Detail is a sentence for people; "" for an allow.
	Detail string
	// Status is what a proxy answers for: 200 to let by, 401 for who is not
	// known, 403 for who is and may not, 429, and 503 for what cannot be
	// decided.
	Status int
	// RateLimit is how the buckets of who asks, and of the account, stand.
	RateLimit limit.Standing
	// Err is why nothing could be decided; nil if something was.
	Err error
}

// Gateway answers. Its methods may be called by many goroutines at once.
type Gateway struct {
	engine *authz.Engine
	routes atomic.Pointer[route.Map] // of a file; nil for none
	// platform is the platform's own, as it was last read.
	platform atomic.Pointer[compiled]
	limits   *limit.Limiter
}

// New makes a gateway that an engine decides for, and that holds back who asks
// too often; limits may be nil.
func New(engine *authz.Engine, limits *limit.Limiter) *Gateway {
	return &Gateway{engine: engine, limits: limits}
}

// Authorize answers one request. What cannot be decided is not let by.
func (g *Gateway) Authorize(ctx context.Context, r *Request) Verdict {
	if r.APIKey == "" && r.Subject == "" {
		return refused(authz.KeyMissing)
	}
	if r.APIKey != "" {
		presented, err := apikey.Parse(r.APIKey)
		if err != nil {
			return refused(authz.KeyInvalid)
		}
		r.Key = presented
	}
	if r.Permission == "" && r.Resource == "" {
		if err := g.resolve(ctx, r); err != nil {
			return g.astray(ctx, r, err)
		}
	}
	a, err := g.engine.Check(ctx, &r.Request)
	if err != nil {
		return undecided(err)
	}
	standing := g.limits.Take(a.Principal(), accountOf(r, &a))
	if standing.Refused() {
		a.Refuse(authz.RateLimited)
	}
	return Verdict{Answer: a, Reason: a.Code.String(), Detail: detail(&a), Status: statusOf(&a), RateLimit: standing}
}

// accountOf is the account whose bucket a request is taken out of: a key's own,
// and a person's where he is allowed in; "" for none. Nobody takes anything out
// of the bucket of an account that he has no business in, and services of the
// platform are in none.
func accountOf(r *Request, a *authz.Answer) string {
	if isService(a.Principal()) || (r.Key.IsZero() && !a.Allowed) {
		return ""
	}
	return a.Account() // a key that was presented is answered in no account but its own
}

func isService(principal string) bool {
	return strings.HasPrefix(principal, hierarchy.TypeService+":")
}

// refused is the verdict about who could not be told.
func refused(code authz.Code) Verdict {
	return Verdict{Answer: authz.Answer{Code: code}, Reason: code.String(), Detail: code.Sentence(), Status: http.StatusUnauthorized}
}

// undecided is the verdict of an error.
func undecided(err error) Verdict {
	v := Verdict{Reason: "STATE_UNAVAILABLE", Status: http.StatusServiceUnavailable, Err: err, Detail: "nothing could be decided; try again"}
	var known *hierarchy.Error
	if errors.As(err, &known) {
		v.Reason, v.Detail = known.Reason, known.Error()
		if known.Kind != hierarchy.KindUnavailable {
			v.Status = http.StatusForbidden // the request is wrong: to repeat it is of no use
		}
	}
	return v
}

func detail(a *authz.Answer) string {
	if a.Allowed {
		return ""
	}
	return a.Code.Sentence()
}

// statusOf is the HTTP status that a proxy answers a decision with.
func statusOf(a *authz.Answer) int {
	switch a.Code {
	case authz.Allowed:
		return http.StatusOK
	case authz.KeyMissing, authz.KeyInvalid, authz.KeyNotFound, authz.KeyExpired, authz.KeyDisabled:
		return http.StatusUnauthorized
	case authz.RateLimited:
		return http.StatusTooManyRequests
	}
	return http.StatusForbidden
}

// Place is where an answer's resource stands, as bare IDs; "" for a level that
// is not on its path.
type Place struct{ Project, Subproject string }

// PlaceOf reads an answer's path.
func PlaceOf(a *authz.Answer) (p Place) {
	for _, node := range a.Path() {
		typ, id, _ := strings.Cut(node, ":")
		switch typ {
		case hierarchy.TypeProject:
			p.Project = id
		case hierarchy.TypeSubproject:
			p.Subproject = id
		}
	}
	return p
}

// Header is one header for the upstream.
type Header struct{ Name, Value string }

// Headers are all X-Tollgate headers, each once and always the same ones, so
// that none that a client has made up survives: what there is nothing to say
// of is empty. Values are printable ASCII; what else an identifier has is
// percent-encoded, and so is %.
func (v *Verdict) Headers() []Header {
	place, decision, status := PlaceOf(&v.Answer), "denied", "unbilled"
	if v.Status == http.StatusOK {
		decision = "allowed"
	}
	switch {
	case v.Billing.Code == authz.Billed && v.Billing.Suspended:
		status = "suspended"
	case v.Billing.Code == authz.Billed:
		status = "billed"
	}
	all := []Header{
		{"X-Tollgate-Decision", decision},
		{"X-Tollgate-Reason", v.Reason},
		{"X-Tollgate-Principal", v.Principal()},
		{"X-Tollgate-Account", v.Account()},
		{"X-Tollgate-Project", place.Project},
		{"X-Tollgate-Subproject", place.Subproject},
		{"X-Tollgate-Billing-Account", v.Billing.BillingAccount},
		{"X-Tollgate-Billing-Status", status},
		{"X-Tollgate-Revision", v.Token()},
	}
	for i := range all {
		all[i].Value = escape(all[i].Value)
	}
	return all
}

// LimitHeaders are what the client is to be told of its rate limits, whatever
// the verdict is; none if it has no limit.
func (v *Verdict) LimitHeaders() []Header {
	if !v.RateLimit.Limited() {
		return nil
	}
	all := []Header{{limit.PolicyHeader, v.RateLimit.Policy()}, {limit.Header, v.RateLimit.Value()}}
	if after := v.RateLimit.RetryAfter(); after > 0 {
		all = append(all, Header{limit.RetryHeader, strconv.Itoa(after)})
	}
	return all
}

// HeaderNames are the names of all headers that a verdict has.
func HeaderNames() []string {
	var v Verdict
	var names []string
	for _, h := range v.Headers() {
		names = append(names, h.Name)
	}
	return names
}

// escape makes a text fit for a header.
func escape(s string) string {
	plain := true
	for i := range len(s) {
		plain = plain && s[i] > ' ' && s[i] < 0x7f && s[i] != '%'
	}
	if plain {
		return s
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c > ' ' && c < 0x7f && c != '%' {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

// SourceOf reads an address as a proxy names it; zero for "" and for what is
// none, which no allow-list has.
func SourceOf(text string) netip.Addr {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap()
}
