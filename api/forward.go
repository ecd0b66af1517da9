package api

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/tollgate-dev/tollgate/gateway"
)

// Proxies ask here about requests that they hold, each by its own rules, and
// none of it is in the document: what counts is a status and headers. The
// credential of the client is in the headers that it has sent; that of the proxy
// is in one of its own, so that neither is taken for the other.

// ForwardPrefix is what the paths begin with at which proxies ask.
const ForwardPrefix = "/proxy/"

// dialect is how a proxy tells which request it holds.
type dialect struct {
	path string // where it asks, as Gin has it
	read func(*http.Request, *gateway.Held) (ok bool)
	// threeOnly is for a proxy that makes 500 of all but 200, 401 and 403.
	threeOnly bool
	// removes is for a proxy that can be told which headers the upstream must not
	// see; others are configured to remove them.
	removes bool
}

var dialects = []dialect{
	{path: "/proxy/nginx", read: byHeaders("X-Original-Method", "X-Original-Host", "X-Original-Uri"), threeOnly: true},
	{path: "/proxy/forwarded", read: byHeaders("X-Forwarded-Method", "X-Forwarded-Host", "X-Forwarded-Uri")},
	envoy,
}

// envoy sends the client's own request on.
var envoy = dialect{path: envoyPrefix + "/*path", read: byItself, removes: true}

// envoyPrefix is what Envoy puts before the path of the request that it holds.
const envoyPrefix = "/proxy/envoy"

// byHeaders reads a request off headers that the proxy sets, each of which
// stands once; only the host may be absent.
func byHeaders(method, host, path string) func(*http.Request, *gateway.Held) bool {
	return func(r *http.Request, held *gateway.Held) bool {
		m, h, p := r.Header[method], r.Header[host], r.Header[path]
		if len(m) != 1 || len(p) != 1 || len(h) > 1 {
			return false
		}
		held.Method, held.Host, held.Path = m[0], strings.Join(h, ""), p[0]
		return true
	}
}

// byItself reads a request that is sent on as it is, but for its body and a
// prefix of its path.
func byItself(r *http.Request, held *gateway.Held) (ok bool) {
	held.Method, held.Host = r.Method, r.Host
	held.Path, ok = strings.CutPrefix(r.RequestURI, envoyPrefix)
	return ok
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
)

// forward reads what a proxy asks over HTTP, and answers it.
func (s *server) forward(g *gin.Context, d *dialect, socket bool) {
	h := g.Request.Header
	held := gateway.Held{
		Authorization: h["Authorization"], XAPIKey: h["X-Api-Key"], ForwardedFor: h["X-Forwarded-For"],
		Proxy: gateway.Proxy{Socket: socket, Keys: h[gateway.ProxyHeader]},
		Door:  g.FullPath(), RequestID: requestID(g),
	}
	if !socket {
		held.Proxy.Addr = source(g.Request)
	}
	if !d.read(g.Request, &held) {
		held.Refusal = &errNotHeld
	}
	v := s.verdict(g.Request.Context(), &held)
	if d.removes && v.Status == http.StatusOK {
		g.Writer.Header()[removeHeader] = removed
	}
	s.tellProxy(g, &v, d.threeOnly)
}

// removeHeader tells Envoy which headers the upstream must not see.
const removeHeader = "X-Envoy-Auth-Headers-To-Remove"

var removed = []string{strings.Join(gateway.Credentials(), ",")}

// tellProxy answers a proxy over HTTP: a status, all headers, and with a denial
// a body that it may pass on to its client.
func (s *server) tellProxy(g *gin.Context, v *gateway.Verdict, threeOnly bool) {
	told := *v
	if threeOnly && v.Status != http.StatusOK && v.Status != http.StatusUnauthorized {
		told.Status = http.StatusForbidden
	}
	reply := s.reply(&told, requestID(g))
	h := g.Writer.Header()
	values := make([]string, len(reply.Headers)) // of all of them, in one piece
	for i, header := range reply.Headers {
		values[i] = header.Value
		h[header.Name] = values[i : i+1 : i+1] // which is spelled as net/http does
	}
	for _, header := range reply.Client {
		h.Set(header.Name, header.Value)
	}
	h["Cache-Control"] = noStore
	g.Writer.WriteHeader(reply.Status)
	if len(reply.Body) > 0 {
		_, _ = g.Writer.Write(reply.Body) // a proxy that is gone cannot be told
	}
}

var noStore = []string{"no-store"}
