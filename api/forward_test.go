package api

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/tollgate-dev/tollgate/gateway"
	"github.com/tollgate-dev/tollgate/limit"
	routemap "github.com/tollgate-dev/tollgate/route"
)

// forwarding is a fixture's doors for proxies, and a key that views a number.
func forwarding(t *testing.T) (f *fixture, d Doors, number string, key Key) {
	t.Helper()
	f = newFixture(t)
	w := f.world()
	key = f.key(w)
	f.do(post, "/v1/bindings", `{"subject":"key:`+key.ID+`","role":"viewer","scope":"project:`+w.Project.ID+`"}`).want(201)
	of := gateway.New(f.engine, nil)
	m, err := routemap.Parse(strings.NewReader(strings.ReplaceAll(routedMap, "PROJECT", w.Project.ID)))
	must(t, err)
	of.SetRoutes(m)
	d, err = NewDoors(Config{Admin: f.admin, OperatorKey: testKey, Gateway: of, TrustedProxies: gateway.Trusted{netip.MustParsePrefix("192.0.2.0/24")}})
	must(t, err)
	return f, d, "/v1/projects/" + w.subproject + "/numbers/+4670", key
}

// ask sends a request with headers, names and values in turn, to a door.
func ask(door http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil) // from 192.0.2.1
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	door.ServeHTTP(w, r)
	return w
}

// Each proxy says in its own way which request it holds; what it does not say
// in that way, its client may have.
func TestForward(t *testing.T) {
	f, d, number, k := forwarding(t)
	proxy, nobody := f.serviceKey("gw", "gateway"), f.serviceKey("nobody")
	key := "Bearer " + k.Secret
	nginx := func(method, uri string) []string {
		return []string{gateway.ProxyHeader, proxy, "Authorization", key, "X-Original-Method", method, "X-Original-Uri", uri}
	}
	forwarded := func(method, uri string) []string {
		return []string{gateway.ProxyHeader, proxy, "Authorization", key, "X-Forwarded-Method", method, "X-Forwarded-Uri", uri}
	}
	for what, x := range map[string]struct {
		method, path string
		header       []string
		status       int
		reason       string
	}{
		"nginx":                   {"GET", "/proxy/nginx", nginx("GET", number), 200, "ALLOWED"},
		"forwarded":               {"GET", "/proxy/forwarded", forwarded("GET", number+"?q=1"), 200, "ALLOWED"},
		"Envoy":                   {"GET", "/proxy/envoy" + number, []string{gateway.ProxyHeader, proxy, "Authorization", key}, 200, "ALLOWED"},
		"Envoy, by the method":    {"DELETE", "/proxy/envoy" + number, []string{gateway.ProxyHeader, proxy, "Authorization", key}, 403, "ROUTE_NOT_FOUND"},
		"Envoy, any method":       {"PROPFIND", "/proxy/envoy" + number, []string{gateway.ProxyHeader, proxy, "Authorization", key}, 200, "ALLOWED"},
		"Envoy, another method":   {"REPORT", "/proxy/envoy" + number, []string{gateway.ProxyHeader, proxy, "Authorization", key}, 403, "ROUTE_NOT_FOUND"},
		"another's, any method":   {"PROPFIND", "/proxy/nginx", nginx("GET", number), 403, "PROXY_HEADERS_INVALID"},
		"Envoy, a path with dots": {"GET", "/proxy/envoy/v1/../x", []string{gateway.ProxyHeader, proxy, "Authorization", key}, 403, "PATH_DOT_SEGMENT"},
		"other's headers":         {"GET", "/proxy/nginx", forwarded("GET", number), 403, "PROXY_HEADERS_INVALID"},
		"the path twice":          {"GET", "/proxy/nginx", append(nginx("GET", number), "X-Original-Uri", number), 403, "PROXY_HEADERS_INVALID"},
		"the method twice":        {"GET", "/proxy/forwarded", append(forwarded("GET", number), "X-Forwarded-Method", "GET"), 403, "PROXY_HEADERS_INVALID"},
		"two keys":                {"GET", "/proxy/nginx", append(nginx("GET", number), "X-Api-Key", k.Secret), 401, "KEY_AMBIGUOUS"},
		"no such place":           {"GET", "/proxy/other", nginx("GET", number), 403, "ROUTE_NOT_FOUND"},
		"a proxy without a key":   {"GET", "/proxy/nginx", nginx("GET", number)[2:], 403, "PROXY_UNAUTHENTICATED"},
		"a proxy with two":        {"GET", "/proxy/nginx", append(nginx("GET", number), gateway.ProxyHeader, proxy), 403, "PROXY_UNAUTHENTICATED"},
		"a proxy without rights":  {"GET", "/proxy/nginx", append([]string{gateway.ProxyHeader, nobody}, nginx("GET", number)[2:]...), 403, "PROXY_UNAUTHENTICATED"},
		"the client's own key":    {"GET", "/proxy/nginx", append([]string{gateway.ProxyHeader, key}, nginx("GET", number)[2:]...), 403, "PROXY_UNAUTHENTICATED"},
	} {
		w := ask(d.Proxies, x.method, x.path, x.header...)
		if w.Code != x.status || w.Header().Get("X-Tollgate-Reason") != x.reason {
			t.Errorf("%s: %d %s, want %d %s", what, w.Code, w.Header().Get("X-Tollgate-Reason"), x.status, x.reason)
		}
		for _, name := range gateway.HeaderNames() {
			if values := w.Header()[name]; len(values) != 1 || (w.Code == 200) != (w.Header().Get("X-Tollgate-Account") != "") {
				t.Errorf("%s: %s: %q of %v", what, name, values, w.Header())
			}
		}
	}
	if w := ask(d.Socket, "GET", "/proxy/nginx", nginx("GET", number)[2:]...); w.Code != 200 {
		t.Errorf("through the socket: %d %s", w.Code, w.Body)
	}
	if w := ask(d.Socket, "GET", "/v1/platform/keys", "Authorization", "Bearer "+testKey); w.Code != 403 {
		t.Errorf("the socket has the API too: %d", w.Code)
	}
}

// Where a request comes from is believed only of a trusted proxy.
func TestForwardedSource(t *testing.T) {
	f, d, number, k := forwarding(t)
	f.do(patch, "/v1/keys/"+k.ID, `{"sources":["198.51.100.0/24"]}`).want(200)
	proxy := f.serviceKey("gw", "gateway")
	for what, x := range map[string]struct {
		from, forwardedFor string
		status             int
	}{
		"from the list":          {"192.0.2.1:1", "198.51.100.7", 200},
		"made up by the client":  {"192.0.2.1:1", "198.51.100.7, 203.0.113.1", 403},
		"through two proxies":    {"192.0.2.1:1", "198.51.100.7, 192.0.2.2", 200},
		"not said":               {"192.0.2.1:1", "", 403},
		"a proxy nobody trusts":  {"203.0.113.1:1", "198.51.100.7", 403},
		"the proxy's own is not": {"198.51.100.7:1", "", 403},
	} {
		r := httptest.NewRequest(get, "/proxy/envoy"+number, nil)
		r.RemoteAddr = x.from
		r.Header.Set(gateway.ProxyHeader, proxy)
		r.Header.Set("X-Api-Key", k.Secret)
		if x.forwardedFor != "" {
			r.Header.Set("X-Forwarded-For", x.forwardedFor)
		}
		w := httptest.NewRecorder()
		if d.Proxies.ServeHTTP(w, r); w.Code != x.status {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
}

// Envoy is told which headers are for Tollgate alone, with an allow and with
// nothing else; who has it in his configuration is told nothing.
func TestForwardRemoves(t *testing.T) {
	_, d, number, k := forwarding(t)
	for what, x := range map[string]struct {
		path, key string
		remove    string
	}{
		"Envoy, allowed": {"/proxy/envoy" + number, k.Secret, "authorization,x-api-key,tollgate-authorization"},
		"Envoy, denied":  {"/proxy/envoy" + number, "none", ""},
		"nginx":          {"/proxy/nginx", k.Secret, ""},
	} {
		w := ask(d.Socket, get, x.path, "X-Api-Key", x.key, "X-Original-Method", "GET", "X-Original-Uri", number)
		if got := w.Header().Get(removeHeader); got != x.remove || (w.Code == 200) != (x.key != "none") {
			t.Errorf("%s: %d %q", what, w.Code, got)
		}
	}
}

// nginx makes 500 of what is not 200, 401 or 403; others are told that it is
// only for now.
func TestTellProxy(t *testing.T) {
	f, d, number, k := forwarding(t)
	full := gateway.Verdict{Reason: "OVERLOADED", Status: http.StatusServiceUnavailable}
	s, err := newServer(Config{Admin: f.admin, OperatorKey: testKey})
	must(t, err)
	for threeOnly, want := range map[bool]int{true: 403, false: 503} {
		w := httptest.NewRecorder()
		g, _ := gin.CreateTestContext(w)
		g.Request = httptest.NewRequest(get, "/proxy/nginx", nil)
		s.tellProxy(g, &full, threeOnly)
		if g.Writer.Flush(); w.Code != want || w.Header().Get("X-Tollgate-Reason") != "OVERLOADED" {
			t.Errorf("%d %v", w.Code, w.Header())
		}
	}
	if w := ask(d.Socket, get, "/proxy/envoy"+number, "X-Api-Key", k.Secret); w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// Whoever is held back is told for how long, by whatever proxy; nginx passes a
// 403 on, since it knows no 429 here.
func TestForwardThrottled(t *testing.T) {
	f, _, number, k := forwarding(t)
	limits, err := limit.New(limit.Rate{PerSecond: limit.MinPerSecond, Burst: 1}, limit.Rate{})
	must(t, err)
	t.Cleanup(limits.Close)
	of := gateway.New(f.engine, limits)
	m, err := routemap.Parse(strings.NewReader(strings.ReplaceAll(routedMap, "PROJECT", "p")))
	must(t, err)
	of.SetRoutes(m)
	d, err := NewDoors(Config{Admin: f.admin, OperatorKey: testKey, Gateway: of})
	must(t, err)
	header := []string{"Authorization", "Bearer " + k.Secret, "X-Forwarded-Method", "GET", "X-Forwarded-Uri", number, "X-Original-Method", "GET", "X-Original-Uri", number}
	for i, x := range []struct {
		path   string
		status int
		reason string
	}{
		{"/proxy/forwarded", 200, "ALLOWED"}, {"/proxy/forwarded", 429, "RATE_LIMITED"}, {"/proxy/nginx", 403, "RATE_LIMITED"},
	} {
		w := ask(d.Socket, "GET", x.path, header...)
		if w.Code != x.status || w.Header().Get("X-Tollgate-Reason") != x.reason || w.Header().Get(limit.Header) == "" {
			t.Errorf("%d: %d %v", i, w.Code, w.Header())
		}
		if after := w.Header().Get(limit.RetryHeader); (after == "") != (x.status == 200) {
			t.Errorf("%d: Retry-After %q", i, after)
		}
	}
}
