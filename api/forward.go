package api

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/gateway"
)

// Proxies ask here about requests that they hold, each by its own rules, and
// none of it is in the document: what counts is a status and headers. The
// credential of the client is in the headers that it has sent; that of the proxy
// is in one of its own, so that neither is taken for the other.

// ForwardPrefix is what the paths begin with at which proxies ask.
const ForwardPrefix = "/proxy/"

// proxyHeader has the key of the proxy itself.
const proxyHeader = "Tollgate-Authorization"

// dialect is how a proxy tells which request it holds.
type dialect struct {
	path string // where it asks, as Gin has it
	read func(*http.Request) (heldRequest, bool)
	// threeOnly is for a proxy that makes 500 of all but 200, 401 and 403.
	threeOnly bool
}

// heldRequest is a request that a proxy holds.
type heldRequest struct{ method, host, path string }

var dialects = []dialect{
	{path: "/proxy/nginx", read: byHeaders("X-Original-Method", "X-Original-Host", "X-Original-Uri"), threeOnly: true},
	{path: "/proxy/forwarded", read: byHeaders("X-Forwarded-Method", "X-Forwarded-Host", "X-Forwarded-Uri")},
	envoy,
}

// envoy sends the client's own request on.
var envoy = dialect{path: envoyPrefix + "/*path", read: byItself}

// envoyPrefix is what Envoy puts before the path of the request that it holds.
const envoyPrefix = "/proxy/envoy"

// byHeaders reads a request off headers that the proxy sets, each of which
// stands once; only the host may be absent.
func byHeaders(method, host, path string) func(*http.Request) (heldRequest, bool) {
	return func(r *http.Request) (heldRequest, bool) {
		m, h, p := r.Header[method], r.Header[host], r.Header[path]
		if len(m) != 1 || len(p) != 1 || len(h) > 1 {
			return heldRequest{}, false
		}
		return heldRequest{m[0], strings.Join(h, ""), p[0]}, true
	}
}

// byItself reads a request that is sent on as it is, but for its body and a
// prefix of its path.
func byItself(r *http.Request) (heldRequest, bool) {
	path, ok := strings.CutPrefix(r.RequestURI, envoyPrefix)
	return heldRequest{r.Method, r.Host, path}, ok
}

// forwards makes the handler of what proxies ask. One that comes through a
// Unix socket is known by being able to; any other shows a key.
func (s *server) forwards(socket bool) http.Handler {
	e := s.engine()
	for _, d := range dialects {
		s.metrics.route("any", d.path)
		e.Any(d.path, func(g *gin.Context) { s.forward(g, &d, socket) })
	}
	e.NoMethod(func(g *gin.Context) { // a method that Gin has no name for, such as PROPFIND
		g.Writer.Header().Del("Allow")
		s.forward(g, &envoy, socket)
	})
	e.NoRoute(func(g *gin.Context) { s.tellProxy(g, &errNoDialect, false) })
	return e
}

var (
	errNoDialect = gateway.Verdict{Reason: "ROUTE_NOT_FOUND", Status: http.StatusForbidden, Detail: "proxies ask at /proxy/nginx, /proxy/forwarded and /proxy/envoy"}
	errNotHeld   = gateway.Verdict{Reason: "PROXY_HEADERS_INVALID", Status: http.StatusForbidden, Detail: "the proxy does not say which request it holds: its headers for that are missing, or stand more than once"}
	errNoProxy   = gateway.Verdict{Reason: "PROXY_UNAUTHENTICATED", Status: http.StatusForbidden, Detail: "the proxy is not known, or may not ask: it needs a service key with access.check on account:platform in Tollgate-Authorization"}
)

func (s *server) forward(g *gin.Context, d *dialect, socket bool) {
	v := s.judge(g, d, socket)
	if v.Err != nil {
		s.tell(g, v.Err) // which logs what is not for callers
	}
	s.metrics.judged(&v)
	s.tellProxy(g, &v, d.threeOnly)
}

// judge is the verdict about a request that a proxy holds.
func (s *server) judge(g *gin.Context, d *dialect, socket bool) gateway.Verdict {
	from, refusal := s.askedBy(g, socket)
	if refusal != nil {
		return *refusal
	}
	r, ok := d.read(g.Request)
	if !ok {
		return errNotHeld
	}
	h := g.Request.Header
	key, refusal := gateway.KeyOf(h["Authorization"], h["X-Api-Key"])
	if refusal != nil {
		return *refusal
	}
	gate := s.gates[checks]
	if err := gate.enter(g.Request.Context()); err != nil {
		return gateway.Verdict{Reason: "OVERLOADED", Status: http.StatusServiceUnavailable, Detail: errOverloaded.detail}
	}
	defer gate.leave()
	return s.Gateway.Authorize(g.Request.Context(), &gateway.Request{
		APIKey: key, Method: r.method, Host: r.host, Path: r.path, Request: authz.Request{Source: from},
	})
}

// askedBy refuses a proxy that is not known or may not ask, and says where the
// request that it holds comes from, if it is believed that.
func (s *server) askedBy(g *gin.Context, socket bool) (client netip.Addr, refusal *gateway.Verdict) {
	forwardedFor := g.Request.Header["X-Forwarded-For"]
	if socket {
		return s.TrustedProxies.Client(forwardedFor), nil
	}
	text, ok := onlyBearer(g.Request.Header[proxyHeader])
	if !ok {
		return client, &errNoProxy
	}
	who, err := s.holder(g, text)
	switch {
	case err != nil && status(err) == http.StatusServiceUnavailable:
		return client, &gateway.Verdict{Reason: "STATE_UNAVAILABLE", Status: http.StatusServiceUnavailable, Err: err, Detail: "nothing is known of the proxy at the moment; try again"}
	case err != nil:
		return client, &errNoProxy
	}
	if by := s.asking(who); by.everything() != nil {
		return client, &errNoProxy
	}
	if s.TrustedProxies.Has(source(g.Request)) {
		client = s.TrustedProxies.Client(forwardedFor)
	}
	return client, nil
}

// tellProxy answers a proxy: a status, all headers, and with a denial a body
// that it may pass on to its client.
func (s *server) tellProxy(g *gin.Context, v *gateway.Verdict, threeOnly bool) {
	h := g.Writer.Header()
	for _, header := range append(v.Told(), v.LimitHeaders()...) {
		h.Set(header.Name, header.Value)
	}
	h["Cache-Control"] = []string{"no-store"}
	status := v.Status
	switch {
	case status == http.StatusOK:
		g.Writer.WriteHeader(status)
		return
	case status == http.StatusUnauthorized:
		h["Www-Authenticate"] = []string{challenge}
	case threeOnly:
		status = http.StatusForbidden
	}
	s.problem(g, status, v.Reason, "", v.Detail)
}
