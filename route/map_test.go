package route

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// asks is a route whose target names it.
func asks(route, name string, hosts ...string) Route {
	return Route{Route: route, Hosts: hosts, Permission: name + ".read", Resource: "account:a"}
}

func mustNew(t testing.TB, routes ...Route) *Map {
	t.Helper()
	m, err := New(routes)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// found is the name of the route that a request reaches, or the reason why it
// reaches none.
func found(m *Map, request string) string {
	host, request, _ := strings.Cut(request, "|")
	method, path, _ := strings.Cut(request, " ")
	target, err := m.Resolve(method, host, path)
	if err != nil {
		return reason(err)
	}
	return target.Permission.Type
}

// The order of the routes decides nothing.
func TestSpecificity(t *testing.T) {
	routes := []Route{
		asks("GET /", "root"), asks("GET /a", "a"), asks("GET /{x}", "any"), asks("GET /{x}:v", "verb"), asks("GET /a:v", "literal-verb"), asks("GET /{x...}", "rest"),
		asks("POST /{x}", "post-any"), asks("GET /a/b", "ab"), asks("GET /a/{x}", "a-any"), asks("GET /{x}/b/{y...}", "b-rest"), asks("GET /a/{x}/c", "a-any-c"), asks("GET /{x}/b/c", "any-bc"),
		asks("HEAD /{x}/b/c", "head"), asks("GET /a", "host-a", "x.example"), asks("GET /{x...}", "host-rest", "*.y.example"), asks("GET /a", "deep-a", "*.z.y.example", "exact.y.example"),
	}
	want := map[string]string{
		"|GET /": "root", "|GET /a": "a", "|GET /b": "any", "|GET /b:v": "verb", "|GET /a:v": "literal-verb", "|GET /b:w": "any", "|GET /b/c/d": "rest",
		"|POST /a": "post-any", "|GET /a/b": "ab", "|GET /a/x": "a-any", "|GET /x/b/z": "b-rest", "|GET /x/b/z/z": "b-rest", "|GET /x/b": "rest", "|GET /a/b/c": "a-any-c", "|GET /x/b/c": "any-bc",
		"|HEAD /a": "a", "|HEAD /x/b/c": "head", "|HEAD /a/b/c": "a-any-c", "|OPTIONS /a": "ROUTE_NOT_FOUND", "|DELETE /a": "ROUTE_NOT_FOUND", "|get /a": "ROUTE_NOT_FOUND", "|POST /a/b": "ROUTE_NOT_FOUND",
		"x.example|GET /a": "host-a", "X.EXAMPLE:443|GET /a": "host-a", "x.example|GET /b": "any", "y.example|GET /a": "a", "w.y.example|GET /a": "host-rest", "w.y.example|POST /a": "post-any",
		"w.z.y.example|GET /a": "deep-a", "v.w.z.y.example|GET /a": "deep-a", "z.y.example|GET /a": "host-rest", "exact.y.example|GET /a": "deep-a", "w.z.y.example|GET /b": "host-rest", "evil-y.example|GET /a": "a",
	}
	for range 20 {
		rand.Shuffle(len(routes), func(i, j int) { routes[i], routes[j] = routes[j], routes[i] })
		m := mustNew(t, routes...)
		for request, name := range want {
			if got := found(m, request); got != name {
				t.Errorf("%s reaches %s, not %s", request, got, name)
			}
		}
	}
}

func TestTargets(t *testing.T) {
	m := mustNew(t,
		Route{Route: "GET /v1/projects/{project}/numbers/{number}", Permission: "number.read", Resource: "number:{number}", Under: "project:{project}"},
		Route{Route: "DELETE /v1/accounts/{account}/legs/{call}/{leg}", Permission: "leg.delete", Resource: "leg:{call}/{leg}", Account: "{account}"},
		Route{Route: "POST /v1/numbers/{number}:cancel", Permission: "number.cancel", Resource: "number:{number}"},
		Route{Route: "GET /files/{path...}", Permission: "file.read", Resource: "file:root/{path}"},
	)
	for request, want := range map[string]Target{
		"GET /v1/projects/p%20q/numbers/%2b4": {Route: "GET /v1/projects/{project}/numbers/{number}", Path: "/v1/projects/p%20q/numbers/%2B4",
			Resource: hierarchy.Ref{Type: "number", ID: "+4"}, Under: hierarchy.Ref{Type: "project", ID: "p q"}},
		"DELETE /v1/accounts/a/legs/c%3A1/2?x": {Route: "DELETE /v1/accounts/{account}/legs/{call}/{leg}", Path: "/v1/accounts/a/legs/c%3A1/2",
			Resource: hierarchy.Ref{Type: "leg", ID: "c:1/2"}, Account: hierarchy.Ref{Type: "account", ID: "a"}},
		"POST /v1/numbers/a:b%20c:cancel": {Route: "POST /v1/numbers/{number}:cancel", Path: "/v1/numbers/a:b%20c:cancel", Resource: hierarchy.Ref{Type: "number", ID: "a:b c"}},
		"GET /files/a/%C3%A4/b":           {Route: "GET /files/{path...}", Path: "/files/a/%C3%A4/b", Resource: hierarchy.Ref{Type: "file", ID: "root/a/ä/b"}},
	} {
		method, path, _ := strings.Cut(request, " ")
		got, err := m.Resolve(method, "", path)
		want.Permission = got.Permission
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", request, got, err, want)
		}
	}
	long := strings.Repeat("x", hierarchy.MaxIdentifier)
	for _, path := range []string{"/v1/projects/p/numbers/" + long, "/v1/projects/" + long + "/numbers/n", "/v1/projects/p,q/numbers/n"} {
		if got, err := m.Resolve("GET", "", path); reason(err) != "IDENTIFIER_INVALID" || got != (Target{}) {
			t.Errorf("%.40s: %+v, %v", path, got, err)
		}
	}
}

// A map that is not there, or has nothing in it, lets nothing through.
func TestNoMap(t *testing.T) {
	var none *Map
	var zero Map
	for _, m := range []*Map{none, &zero, mustNew(t)} {
		if _, err := m.Resolve("GET", "", "/"); !errors.Is(err, ErrUnmatched) || m.Len() != 0 || m.Digest() != mustNew(t).Digest() || len(m.Routes()) != 0 {
			t.Errorf("%v, %s", err, m.Digest())
		}
		if _, err := m.Find("GET", Host{}, &Path{}); !errors.Is(err, ErrUnmatched) {
			t.Error(err)
		}
	}
	m := mustNew(t, asks("GET /", "root"))
	if _, err := m.Find("GET", Host{}, &Path{}); !errors.Is(err, ErrUnmatched) {
		t.Errorf("the path of no request: %v", err)
	}
}

func TestMistakesOfARoute(t *testing.T) {
	good := Route{Route: "GET /a/{x}/{y}", Permission: "a.read", Resource: "number:{x}"}
	if _, err := New([]Route{good}); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		reason, says string
		change       func(*Route)
	}{
		{"ROUTE_INVALID", "method in upper case", func(r *Route) { r.Route = "get /a/{x}" }},
		{"ROUTE_INVALID", "method in upper case", func(r *Route) { r.Route = "/a/{x}" }},
		{"ROUTE_INVALID", "method in upper case", func(r *Route) { r.Route = "CONNECT /a/{x}" }},
		{"ROUTE_INVALID", "begins with a slash", func(r *Route) { r.Route = "GET a/{x}" }},
		{"ROUTE_INVALID", "begins with a slash", func(r *Route) { r.Route = "GET  /a/{x}" }},
		{"ROUTE_INVALID", "is empty", func(r *Route) { r.Route = "GET /a//{x}" }},
		{"ROUTE_INVALID", "is empty", func(r *Route) { r.Route = "GET //" }},
		{"ROUTE_INVALID", "literal", func(r *Route) { r.Route = "GET /a/../{x}" }},
		{"ROUTE_INVALID", "literal", func(r *Route) { r.Route = "GET /%C3%A4/{x}" }},
		{"ROUTE_INVALID", "literal", func(r *Route) { r.Route = "GET /a;b/{x}" }},
		{"ROUTE_INVALID", "literal", func(r *Route) { r.Route = "GET /a?/{x}" }},
		{"ROUTE_INVALID", "literal", func(r *Route) { r.Route = "GET /ä/{x}" }},
		{"ROUTE_INVALID", "whole segment", func(r *Route) { r.Route = "GET /a-{x}" }},
		{"ROUTE_INVALID", "whole segment", func(r *Route) { r.Route = "GET /{x" }},
		{"ROUTE_INVALID", "verb", func(r *Route) { r.Route = "GET /{x}-{y}" }},
		{"ROUTE_INVALID", "verb", func(r *Route) { r.Route = "GET /{x}:" }},
		{"ROUTE_INVALID", "verb", func(r *Route) { r.Route = "GET /{x}:a:b" }},
		{"ROUTE_INVALID", "verb", func(r *Route) { r.Route = "GET /{x...}:a" }},
		{"ROUTE_INVALID", "name", func(r *Route) { r.Route = "GET /{}" }},
		{"ROUTE_INVALID", "name", func(r *Route) { r.Route = "GET /{1x}" }},
		{"ROUTE_INVALID", "name", func(r *Route) { r.Route = "GET /{*}" }},
		{"ROUTE_INVALID", "twice", func(r *Route) { r.Route = "GET /{x}/{x}" }},
		{"ROUTE_INVALID", "not the last", func(r *Route) { r.Route = "GET /{x...}/a" }},
		{"ROUTE_INVALID", "reaches to the end", func(r *Route) { r.Route = "GET /{x...}/" }},
		{"ROUTE_INVALID", "segments", func(r *Route) { r.Route = "GET /{x}" + strings.Repeat("/a", MaxSegments) }},
		{"ROUTE_INVALID", "bytes", func(r *Route) { r.Route = "GET /{x}/" + strings.Repeat("a", MaxTemplate) }},
		{"PERMISSION_INVALID", "type.action", func(r *Route) { r.Permission = "" }},
		{"PERMISSION_WILDCARD", "wildcard", func(r *Route) { r.Permission = "number.*" }},
		{"ROUTE_INVALID", "type:id", func(r *Route) { r.Resource = "" }},
		{"ROUTE_INVALID", "type:id", func(r *Route) { r.Resource = "{x}" }},
		{"ROUTE_INVALID", "type:id", func(r *Route) { r.Resource = "{x}:{y}" }},
		{"ROUTE_INVALID", "type:id", func(r *Route) { r.Resource = "number:" }},
		{"ROUTE_INVALID", "not bound", func(r *Route) { r.Resource = "number:{z}" }},
		{"ROUTE_INVALID", "not bound", func(r *Route) { r.Route, r.Resource = "GET /{_}", "number:{_}" }},
		{"ROUTE_INVALID", "brace", func(r *Route) { r.Resource = "number:{x" }},
		{"ROUTE_INVALID", "brace", func(r *Route) { r.Resource = "number:x}" }},
		{"ROUTE_INVALID", "brace", func(r *Route) { r.Resource = "number:{x...}" }},
		{"ROUTE_INVALID", "comma", func(r *Route) { r.Resource = "number:a,{x}" }},
		{"ROUTE_INVALID", "wildcard", func(r *Route) { r.Resource = "number:*" }},
		{"ROUTE_INVALID", "slash between", func(r *Route) { r.Resource = "number:{x}{y}" }},
		{"ROUTE_INVALID", "slash between", func(r *Route) { r.Resource = "number:{x}-{y}" }},
		{"ROUTE_INVALID", "no other placeholder", func(r *Route) { r.Route, r.Resource = "GET /{x}/{y...}", "number:{x}/{y}" }},
		{"ROUTE_INVALID", "bytes", func(r *Route) { r.Resource = "number:{x}" + strings.Repeat("a", MaxTemplate) }},
		{"PARENT_INVALID", "stands in", func(r *Route) { r.Under = "number:{y}" }},
		{"PARENT_INVALID", "stands in", func(r *Route) { r.Under = "account:{y}" }},
		{"PARENT_INVALID", "stands in", func(r *Route) { r.Resource, r.Under = "project:{x}", "project:{y}" }},
		{"PARENT_INVALID", "stands in", func(r *Route) { r.Resource, r.Under = "account:{x}", "account:{y}" }},
		{"ROUTE_INVALID", "an account itself", func(r *Route) { r.Resource, r.Account = "account:{x}", "{y}" }},
		{"ROUTE_INVALID", "not bound", func(r *Route) { r.Under = "project:{z}" }},
		{"ROUTE_INVALID", "not bound", func(r *Route) { r.Account = "{z}" }},
		{"ROUTE_INVALID", "already", func(r *Route) { r.Route, r.EncodedSlash = "GET /{x}/{y...}", true }},
		{"ROUTE_INVALID", "two placeholders", func(r *Route) { r.Resource, r.EncodedSlash = "number:{x}/{y}", true }},
		{"HOST_INVALID", "lower case", func(r *Route) { r.Hosts = []string{"API.example.com"} }},
		{"HOST_INVALID", "port", func(r *Route) { r.Hosts = []string{"api.example.com:80"} }},
		{"HOST_INVALID", "*. and", func(r *Route) { r.Hosts = []string{"*"} }},
		{"HOST_INVALID", "*. and", func(r *Route) { r.Hosts = []string{"a.*.b"} }},
		{"HOST_INVALID", "*. and", func(r *Route) { r.Hosts = []string{""} }},
		{"ROUTE_INVALID", "leave it out", func(r *Route) { r.Hosts = []string{} }},
		{"TOO_MANY_HOSTS", "at most", func(r *Route) { r.Hosts = slices.Repeat([]string{"a"}, MaxHosts+1) }},
	} {
		r := good
		tc.change(&r)
		m, err := New([]Route{r})
		if m != nil || reason(err) != tc.reason || !strings.Contains(fmt.Sprint(err), tc.says) {
			t.Errorf("%+v: %v; want %s, that says %q", r, err, tc.reason, tc.says)
		}
	}
}

func TestAmbiguousRoutes(t *testing.T) {
	for _, pair := range [][2]Route{
		{asks("GET /a", "x"), asks("GET /a", "y")},
		{asks("GET /a/{x}", "x"), asks("GET /a/{y}", "y")},
		{asks("GET /{x}:v/b", "x"), asks("GET /{y}:v/b", "y")},
		{asks("GET /a/{x...}", "x"), asks("GET /a/{y...}", "y")},
		{asks("GET /a", "x"), asks("GET /a/", "y")},
		{asks("GET /a", "x", "h", "*.g"), asks("GET /a", "y", "*.g", "k")},
	} {
		_, err := New(pair[:])
		if reason(err) != "ROUTE_AMBIGUOUS" || !strings.Contains(err.Error(), "routes[0], "+pair[0].Route) || !strings.HasPrefix(err.Error(), "routes[1]: "+pair[1].Route) {
			t.Errorf("%v: %v", pair, err)
		}
		other := pair[1]
		other.Route = strings.Replace(other.Route, "GET", "PUT", 1)
		mustNew(t, pair[0], other)
	}
}

// The file and what is stored are one, whatever their order and layout.
func TestCanonicalForm(t *testing.T) {
	routes := []Route{
		{Route: "GET /v1/{a}", Permission: "a.read", Resource: "number:{a}", Account: "acme", Hosts: []string{"b.example", "*.a.example", "b.example"}},
		{Route: "GET /v1/{a}", Permission: "a.read", Resource: "number:x<&>\"'{a}: #ü", Hosts: []string{"a.example"}},
		{Route: "POST /v1/{a}:go", Permission: "a.go", Resource: "number:{a}", Under: "project:p", EncodedSlash: true},
	}
	m := mustNew(t, routes...)
	text, err := m.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	file, err := m.YAML()
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(routes)
	routes[2].Account, routes[2].Hosts = "account:acme", []string{"*.a.example", "b.example"}
	var stored Map
	if err := json.Unmarshal(text, &stored); err != nil {
		t.Fatal(err)
	}
	ways := map[string]*Map{"another order": mustNew(t, routes...), "stored": &stored, "routes": mustNew(t, m.Routes()...)}
	for name, in := range map[string]string{"JSON as a file": string(text), "a file": string(file)} {
		if ways[name], err = Parse(strings.NewReader(in)); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, in)
		}
	}
	for name, same := range ways {
		again, _ := same.MarshalJSON()
		if same.Digest() != m.Digest() || string(again) != string(text) {
			t.Errorf("%s: %s\n%s\n%s", name, same.Digest(), again, text)
		}
	}
	routes[0].EncodedSlash = false
	if mustNew(t, routes...).Digest() == m.Digest() {
		t.Error("another map has the same digest")
	}
	for _, bad := range []string{`{}`, `{"routes":null}`, `{"routes":[{"rout":"GET /"}]}`, `{"routes":[]} {}`, `[]`, `{"routes":[{"route":"GET /","permission":"a.b","resource":""}]}`} {
		if err := stored.UnmarshalJSON([]byte(bad)); reason(err) == "" || stored.Digest() != m.Digest() {
			t.Errorf("%s: %v", bad, err)
		}
	}
	m.Routes()[0].Hosts[0] = "changed"
	if now, _ := m.MarshalJSON(); string(now) != string(text) {
		t.Error("a map was changed through its routes")
	}
}

func TestTooManyRoutes(t *testing.T) {
	routes := make([]Route, MaxRoutes+1)
	for i := range routes {
		routes[i] = asks(fmt.Sprintf("GET /a%d", i), "x")
	}
	mustNew(t, routes[:MaxRoutes]...)
	if _, err := New(routes); reason(err) != "TOO_MANY_ROUTES" {
		t.Error(err)
	}
	var all Mistakes
	if _, err := New(make([]Route, MaxRoutes)); !errors.As(err, &all) || len(all) != MaxMistakes {
		t.Errorf("%d mistakes are told", len(all))
	}
}

// A segment that is encoded needs a map that has it as a literal to be refused.
func TestWhatIsEncodedIsData(t *testing.T) {
	with, without := mustNew(t, asks("GET /{x}", "any"), asks("GET /z/a:b", "ab")), mustNew(t, asks("GET /{x}", "any"))
	if a, b := found(with, "|GET /a%3Ab"), found(without, "|GET /a%3Ab"); a != "PATH_ENCODED_LITERAL" || b != "any" {
		t.Errorf("%s where a:b is a literal, %s where it is not", a, b)
	}
}

// found allocates nothing if nothing is encoded.
func TestResolveDoesNotAllocate(t *testing.T) {
	m := attacked(t)
	for _, path := range []string{"/v1/projects/prj_1/numbers/+46700000001?x=y", "/nowhere/at/all", "/v1/../x", "/v1/admin;x/keys"} {
		if n := testing.AllocsPerRun(100, func() { _, _ = m.Resolve("GET", "api.example.com:443", path) }); n != 0 {
			t.Errorf("%s takes %v allocations", path, n)
		}
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = m.Resolve("GET", "", "/v1/numbers/%2B4670") }); n != 1 {
		t.Errorf("a value that is encoded takes %v allocations", n)
	}
}
