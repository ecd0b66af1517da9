package httpauth

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tollgate-dev/tollgate/client"
)

// Authorizer decides on a request that is held; any client.Authorizer does.
type Authorizer interface {
	Authorize(ctx context.Context, r client.HeldRequest) (*client.Verdict, error)
}

// Guard lets by what Tollgate allows. Its methods may be called by many
// goroutines at once.
type Guard struct {
	tollgate         Authorizer
	timeout          time.Duration
	trusted          []netip.Prefix
	requireBilling   bool
	billingFailsOpen bool
	onUndecided      func(*http.Request, error)
	onFailedOpen     func(*http.Request, *client.Verdict)

	allowed, refused, undecided, failedOpen atomic.Uint64
}

// Option is a setting of a Guard.
type Option func(*Guard)

// defaultTimeout is how long a verdict is waited for.
const defaultTimeout = 5 * time.Second

// WithTimeout bounds how long a verdict is waited for, repeats included; 5 s by
// default.
func WithTimeout(d time.Duration) Option { return func(g *Guard) { g.timeout = d } }

// WithTrustedProxies names the addresses of proxies that are believed in
// X-Forwarded-For where a request comes from. By default nobody is, and a request
// comes from whoever has connected.
func WithTrustedProxies(of ...netip.Prefix) Option { return func(g *Guard) { g.trusted = of } }

// RequireBilling refuses what nobody pays for.
func RequireBilling() Option { return func(g *Guard) { g.requireBilling = true } }

// BillingFailsOpen lets by what RequireBilling would refuse of a billing state
// that Tollgate cannot have at the moment; see the package's documentation.
// Permission never fails open.
func BillingFailsOpen() Option { return func(g *Guard) { g.billingFailsOpen = true } }

// OnUndecided calls f for each request that nothing could be decided about, with
// the reason, in which there is no secret. It is called by many goroutines at
// once.
func OnUndecided(f func(*http.Request, error)) Option { return func(g *Guard) { g.onUndecided = f } }

// OnBillingFailedOpen calls f for each request that BillingFailsOpen has let by,
// likewise.
func OnBillingFailedOpen(f func(*http.Request, *client.Verdict)) Option {
	return func(g *Guard) { g.onFailedOpen = f }
}

// New makes a guard that Tollgate decides for.
func New(tollgate Authorizer, opts ...Option) *Guard {
	g := &Guard{
		tollgate: tollgate, timeout: defaultTimeout,
		onUndecided: func(*http.Request, error) {}, onFailedOpen: func(*http.Request, *client.Verdict) {},
	}
	for _, o := range opts {
		o(g)
	}
	return g
}

// Counters are what a guard has counted since it was made.
type Counters struct {
	Allowed           uint64 // let by, those that failed open too
	Refused           uint64 // denied
	Undecided         uint64 // nothing could be decided, so refused with 503
	BillingFailedOpen uint64 // let by though nobody was known to pay
}

// Counters reads the counters.
func (g *Guard) Counters() Counters {
	return Counters{g.allowed.Load(), g.refused.Load(), g.undecided.Load(), g.failedOpen.Load()}
}

// Handler stands before a handler. Put it before whatever rewrites paths, routers
// that strip prefixes too: a path that was rewritten is refused.
func (g *Guard) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if admitted, ok := g.Admit(w, r); ok {
			next.ServeHTTP(w, admitted)
		}
	})
}

// Admit decides on a request. One that is let by is returned as the handler is
// to have it: without its key, with the X-Tollgate headers of the verdict in
// place of its own, and with what From reads. Any other has been answered.
func (g *Guard) Admit(w http.ResponseWriter, r *http.Request) (admitted *http.Request, ok bool) {
	held, refusal := g.held(r)
	if refusal != nil {
		g.refused.Add(1)
		refusal.answer(w)
		return nil, false
	}
	v, err := g.ask(r, held)
	if err != nil {
		g.answerUndecided(w, r, err)
		return nil, false
	}
	tellLimits(w, v)
	open := g.opens(v)
	if !v.Allowed && !open {
		g.refused.Add(1)
		refusalOf(v).answer(w)
		return nil, false
	}
	g.allowed.Add(1)
	if open {
		g.failedOpen.Add(1)
		g.onFailedOpen(r, v)
	}
	return admit(r, v, open), true
}

var errNoVerdict = errors.New("whoever decides has answered neither a verdict nor an error")

func (g *Guard) ask(r *http.Request, held client.HeldRequest) (*client.Verdict, error) {
	ctx, cancel := context.WithTimeout(r.Context(), g.timeout)
	defer cancel()
	v, err := g.tollgate.Authorize(ctx, held)
	switch {
	case err != nil:
		return nil, err
	case v == nil, v.Allowed != (v.Status == http.StatusOK), v.Allowed != (v.Reason.Code == client.CodeAllowed):
		return nil, errNoVerdict
	}
	return v, nil
}

// opens reports whether a denial is let by: the permission is there, and the
// state of billing, for which alone it was denied, cannot be had.
func (g *Guard) opens(v *client.Verdict) bool {
	forBilling := v.Reason.Code == client.CodeUnbilled || v.Reason.Code == client.CodeBillingSuspended
	return g.billingFailsOpen && g.requireBilling && v.Stale && !v.Allowed && v.Status == http.StatusForbidden && forBilling
}

// held is what Tollgate is asked of a request.
func (g *Guard) held(r *http.Request) (client.HeldRequest, *refusal) {
	key, refused := keyOf(r.Header["Authorization"], r.Header["X-Api-Key"])
	if refused != nil {
		return client.HeldRequest{}, refused
	}
	path, ok := arrived(r)
	if !ok {
		return client.HeldRequest{}, &errRewritten
	}
	return client.HeldRequest{
		APIKey: key, Method: r.Method, Host: r.Host, Path: path,
		RequireBilling: g.requireBilling, Source: g.source(r),
	}, nil
}

// arrived is the path as it arrived, with its query. It reports false if the
// handler would see another one.
func arrived(r *http.Request) (string, bool) {
	if r.RequestURI == "" { // not of a server of net/http
		return r.URL.EscapedPath(), true
	}
	u, err := url.ParseRequestURI(r.RequestURI)
	if err != nil || u.Path != r.URL.Path || u.RawPath != r.URL.RawPath {
		return "", false
	}
	return r.RequestURI, true
}

// forged reports whether a header is named like those that Tollgate sets. Some
// servers take an underscore for a hyphen.
func forged(name string) bool {
	const prefix = "X-Tollgate-"
	return len(name) >= len(prefix) && strings.EqualFold(strings.ReplaceAll(name[:len(prefix)], "_", "-"), prefix)
}

// admit is a request as its handler is to have it.
func admit(r *http.Request, v *client.Verdict, open bool) *http.Request {
	r = r.WithContext(context.WithValue(r.Context(), admittedKey{}, admittedOf(v, open)))
	r.Header = maps.Clone(r.Header) // whoever stands before keeps what has arrived
	for name := range r.Header {
		if forged(name) {
			delete(r.Header, name)
		}
	}
	if strings.Contains(strings.ToLower(strings.Join(r.Header["Connection"], ",")), "tollgate") {
		r.Header.Del("Connection") // a handler that passes the request on would leave out what it names
	}
	r.Header.Del("Authorization")
	r.Header.Del("X-Api-Key")
	for name, value := range v.Headers {
		if forged(name) {
			r.Header.Set(name, value)
		}
	}
	if open {
		r.Header.Set("X-Tollgate-Decision", "allowed")
	}
	return r
}
