package api

import (
	"bufio"
	"crypto/cipher"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// fuzzedWorld is what fuzzed requests find: fixed names, so that a corpus can
// name them.
const fuzzedWorld = `{"account":{"id":"acme"},
	"roles":[{"id":"caller","permissions":["number.call"]}],
	"groups":[{"id":"team","members":["user:ben"]}],
	"billing_accounts":[{"id":"eu","mode":"postpaid","currency":"EUR"},{"id":"us","mode":"prepaid","currency":"USD"}],
	"projects":[{"id":"shop","billing_account":"eu"},{"id":"lab"}],
	"subprojects":[{"id":"client","project":"shop"}],
	"resources":[{"type":"number","id":"+1","parent":"subproject:client"},{"type":"number","id":"a/b","parent":"project:shop"}],
	"bindings":[{"subject":"user:ann","role":"owner","scope":"account:acme"},{"subject":"group:team","role":"caller","scope":"project:shop"}]}`

// Whatever is sent, the answer is an answer: no crash, no 500 and no redirect;
// success only on a path that is a route of the document to the letter, with
// names that pass the rule of identifiers; a problem otherwise.
func FuzzRoutes(f *testing.F) {
	for _, s := range routeSeeds {
		f.Add(s.method, s.target, s.header, s.value, []byte(s.body))
	}
	fix := newFixture(f)
	fix.do(post, "/v1/import", fuzzedWorld).want(200)
	f.Fuzz(func(t *testing.T, method, target, header, value string, body []byte) {
		r := received(method, target, header, value, body)
		if r == nil || len(target) > 4096 {
			return // which net/http answers by itself
		}
		w := httptest.NewRecorder()
		fix.handler.ServeHTTP(w, r)
		for _, flaw := range flaws(fix, r, w) {
			t.Errorf("%s %q: %d %.300s\n%s", r.Method, r.URL, w.Code, w.Body, flaw)
		}
	})
}

// What keeps a route from being reached by another name, and what answers in
// other words than ours, is seen to be noticed when it is switched off.
func TestFuzzedRoutesAreLookedAt(t *testing.T) {
	for what, c := range map[string]struct {
		alter          func(*gin.Engine)
		method, target string
	}{
		"an escaped slash as a slash": {func(e *gin.Engine) { e.UseEscapedPath = false }, post, "/v1/resources/number/+1%2Fmove"},
		"a redirect":                  {func(e *gin.Engine) { e.RedirectTrailingSlash = true }, get, "/v1/accounts/acme/"},
		"a plain 404":                 {func(e *gin.Engine) { e.NoRoute(func(g *gin.Context) { g.String(http.StatusNotFound, "no") }) }, get, "/none"},
		"a route without a document":  {func(e *gin.Engine) { e.GET("/none", func(g *gin.Context) { g.String(http.StatusOK, "yes") }) }, get, "/none"},
		"a failure": {func(e *gin.Engine) {
			e.NoRoute(func(g *gin.Context) { g.String(http.StatusInternalServerError, "no") })
		}, get, "/none"},
	} {
		f := newFixture(t)
		f.do(post, "/v1/import", fuzzedWorld).want(200)
		for _, altered := range []bool{false, true} {
			if altered {
				c.alter(f.handler)
			}
			r, w := received(c.method, c.target, "", "", []byte(`{"parent":"project:lab"}`)), httptest.NewRecorder()
			f.handler.ServeHTTP(w, r)
			if found := flaws(f, r, w); len(found) > 0 != altered {
				t.Errorf("%s, switched on %v: %v", what, altered, found)
			}
		}
	}
}

// received is a request as a server reads it off a connection; nil if it is
// none.
func received(method, target, header, value string, body []byte) *http.Request {
	head := method + " " + target + " HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " + testKey + "\r\n"
	if len(body) > 0 {
		head += "Content-Type: application/json\r\n"
	}
	if header != "" {
		if strings.ContainsAny(header+value, "\r\n") {
			return nil
		}
		head += header + ": " + value + "\r\n"
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head + "\r\n")))
	if err != nil {
		return nil
	}
	r.Body, r.ContentLength = http.NoBody, int64(len(body))
	if len(body) > 0 {
		r.Body = httptest.NewRequest(post, "/", strings.NewReader(string(body))).Body
	}
	return r
}

// flaws are what is wrong with an answer.
func flaws(f *fixture, r *http.Request, w *httptest.ResponseRecorder) (found []string) {
	flaw := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	routes, methods := documented(f, r.URL.EscapedPath())
	switch {
	case w.Code >= 500:
		flaw("it fails")
	case w.Code >= 300 && w.Code < 400 && w.Code != http.StatusNotModified:
		flaw("it redirects, to %q", w.Header().Get("Location"))
	case w.Code < 300 && !slices.Contains(methods, r.Method):
		flaw("success, though the document has at this path only %v", methods)
	case w.Code < 300:
		if why := misnamed(routes, r.URL.EscapedPath()); why != "" {
			flaw("success, though %s", why)
		}
	}
	if w.Code < 400 || r.Method == http.MethodHead {
		return found
	}
	var p Problem
	err := json.Unmarshal(w.Body.Bytes(), &p)
	if err != nil || w.Header().Get("Content-Type") != "application/problem+json" || p.Status != w.Code || p.Reason == "" || p.Detail == "" {
		flaw("it is no problem: %v, %q", err, w.Header().Get("Content-Type"))
	}
	if there := len(methods) > 0; p.Reason == "ROUTE_NOT_FOUND" && there || p.Reason == "METHOD_NOT_ALLOWED" && (!there || slices.Contains(methods, r.Method)) {
		flaw("it says so, though the document has here %v", methods)
	}
	return found
}

// documented are the document's paths that a path has the form of, and their
// methods. What is fixed in them is compared to the letter, before anything is
// unescaped.
func documented(f *fixture, path string) (routes, methods []string) {
	for template, item := range f.contract.doc.Paths.Map() {
		if !hasForm(template, path) {
			continue
		}
		routes = append(routes, template)
		for method := range item.Operations() {
			methods = append(methods, method)
			if method == get {
				methods = append(methods, http.MethodHead)
			}
		}
	}
	return routes, methods
}

func hasForm(template, path string) bool {
	want, have := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return false
	}
	for i := range want {
		if strings.HasPrefix(want[i], "{") && have[i] != "" {
			continue
		}
		if want[i] != have[i] {
			return false
		}
	}
	return true
}

// misnamed says which name in a path breaks the rule of identifiers.
func misnamed(routes []string, path string) string {
	have := strings.Split(path, "/")
	for i, want := range strings.Split(routes[0], "/") {
		if !strings.HasPrefix(want, "{") || want == "{asset}" {
			continue
		}
		name, err := url.PathUnescape(have[i])
		if err != nil || name == "." || name == ".." || name == "*" || strings.ContainsAny(name, ",$\x00\r\n\t") || len(name) > 256 || hierarchy.TextFlaw(name) != "" {
			return want + " is " + have[i]
		}
	}
	return ""
}

var routeSeeds = []struct{ method, target, header, value, body string }{
	{get, "/v1/accounts/acme", "", "", ""},
	{get, "/v1/accounts/account%3Aacme?page_size=3", "Tollgate-Actor", "user:ann", ""},
	{get, "/v1/resources/number/a%2Fb", "", "", ""},
	{get, "/v1/resources/number/a%252Fb", "", "", ""},
	{get, "/v1/resources/number/+1/parents?account=acme", "", "", ""},
	{post, "/v1/resources/number/a%2Fmove", "", "", `{"parent":"project:lab"}`},
	{post, "/v1/resources/number/a/move", "", "", `{"parent":"project:lab"}`},
	{get, "/v1/accounts/acme%2Fprojects", "", "", ""},
	{get, "/v1/accounts/..", "", "", ""},
	{get, "/v1/accounts/%2e%2e/", "", "", ""},
	{get, "/v1/accounts/../accounts/acme", "", "", ""},
	{get, "//v1/accounts/acme", "", "", ""},
	{get, "/v1//accounts/acme", "", "", ""},
	{get, "/v1/accounts/acme/", "", "", ""},
	{get, "/V1/Accounts/acme", "", "", ""},
	{get, "/v1/%61ccounts/acme", "", "", ""},
	{get, "/v1/accounts/acme%00", "", "", ""},
	{get, "/v1/accounts/a%zz", "", "", ""},
	{get, "/v1/accounts/acme;x=1", "", "", ""},
	{get, "http://other/v1/accounts/acme", "", "", ""},
	{"OPTIONS", "*", "", "", ""},
	{"CONNECT", "h:80", "", "", ""},
	{"TRACE", "/v1/accounts/acme", "", "", ""},
	{http.MethodHead, "/v1/accounts/acme/projects", "", "", ""},
	{"get", "/v1/accounts/acme", "", "", ""},
	{get, "/docs/index.html", "", "", ""},
	{get, "/docs/", "", "", ""},
	{get, "/docs/..%2f..%2fgo.mod", "", "", ""},
	{get, "/docs/none.css", "", "", ""},
	{get, "/docs/swagger-ui.css", "Range", "bytes=0-1", ""},
	{get, "/docs/swagger-ui.css", "Range", "bytes=9999999-", ""},
	{get, "/docs/swagger-ui.css", "If-Match", "\"x\"", ""},
	{get, "/openapi.json", "Accept-Encoding", "gzip", ""},
	{get, "/metrics", "Accept", "application/openmetrics-text", ""},
	{get, "/v1/bindings?account=acme&account=acme", "", "", ""},
	{get, "/v1/bindings?account=acme&x", "", "", ""},
	{get, "/v1/bindings?%zz", "", "", ""},
	{get, "/v1/bindings?account=acme&page_token=AAAA&page_size=-1", "", "", ""},
	{get, "/v1/accounts/acme/log?after=x&page_size=99999999999999999999", "", "", ""},
	{get, "/v1/accounts/acme/casbin?under=number:%2B1&at=2027-01-01T00:00:00Z", "", "", ""},
	{post, "/v1/check", "", "", `{"subject":"user:ann","permission":"number.read","resource":"number:+1"}`},
	{post, "/v1/check/batch", "", "", `{"checks":[{"subject":"user:ann","permission":"number.read","resource":"number:+1"}]}`},
	{post, "/v1/check", "Content-Encoding", "gzip", `{}`},
	{post, "/v1/check", "Content-Length", "99999999999", `{}`},
	{post, "/v1/check", "X-HTTP-Method-Override", "DELETE", `{}`},
	{post, "/v1/billing-owner", "", "", `{"resource":"number:+1","at":"2026-01-01T00:00:00Z"}`},
	{post, "/v1/accounts", "Idempotency-Key", "k", `{"owner":"user:ann","billing_account":{"mode":"prepaid","currency":"EUR"}}`},
	{put, "/v1/accounts/acme/groups/team/members/user%3Acleo", "", "", ""},
	{patch, "/v1/projects/shop", "If-Match", "*", `{"display_name":"S"}`},
	{remove, "/v1/projects/lab/billing-link", "", "", ""},
	{post, "/v1/import?dry_run=true", "", "", fuzzedWorld},
}

// A page token that is taken is the one that its list, with its filters, has
// made, and of no other list.
func FuzzPageToken(f *testing.F) {
	f.Add("acme", "user:ann", "shop", "", "10")
	f.Add("acme", "", "a", "AAAA", "0")
	f.Add("a", "b", "ä", "AAAAAAAAAAAAYQ", "-1")
	f.Add("a", "a", "z", "AAAAAAAAAAAAYQ==", "99999999999999999999")
	key := digestOf(testKey)
	seal, err := newPageSeal(&key)
	must(f, err)
	f.Fuzz(func(t *testing.T, account, subject, after, token, size string) {
		lists := []*call{
			listing(seal, "listProjects", "account", account, nil),
			listing(seal, "listGroups", "account", account, nil),
			listing(seal, "listProjects", "account", account+"x", nil),
			listing(seal, "listProjects", "project", account, nil),
			listing(seal, "listBindings", "", "", url.Values{"account": {account}, "subject": {subject}}),
			listing(seal, "listBindings", "", "", url.Values{"account": {subject}, "subject": {account}}),
			listing(seal, "listBindings", "", "", url.Values{"account": {account}}),
			listing(seal, "listBindings", "", "", url.Values{"account": {account + "&subject=" + subject}}),
		}
		for i, c := range lists {
			span, err := c.turn(token, size)
			wellSpanned(t, span, err)
			if err == nil && token != "" {
				t.Errorf("%q, which nobody made, is taken as %q", token, span.After)
			}
			made := c.pageToken(after)
			for _, other := range misspelt(made) {
				if span, err := c.turn(other, ""); err == nil {
					t.Errorf("%q, which is not %q, is taken as %q", other, made, span.After)
				}
			}
			for j, other := range lists {
				span, err := other.turn(made, "")
				same := c.list() == other.list()
				switch taken := err == nil; {
				case after == "":
				case same && (!taken || span.After != after):
					t.Errorf("its own token of %q is read as %q, %v", after, span.After, err)
				case !same && taken:
					t.Errorf("a token of list %d is taken by list %d", i, j)
				}
			}
		}
	})
}

// misspelt are tokens that mean the same, or nearly, to a careless reader.
func misspelt(token string) []string {
	if token == "" {
		return nil
	}
	half := len(token) / 2
	return []string{token + "=", token + "\n", token[:half] + "\r\n" + token[half:], token[:len(token)-1], token + "A", " " + token, strings.ToLower(token) + "_", token + token}
}

// listing is a call of a list.
func listing(seal cipher.AEAD, id, param, value string, query url.Values) *call {
	c := &call{gin: &gin.Context{}, op: &operation{id: id}, query: url.Values{}, seal: seal}
	if param != "" {
		c.gin.Params = gin.Params{{Key: param, Value: value}}
	}
	for name, values := range query {
		c.query[name] = values
	}
	return c
}

// list tells lists apart.
func (c *call) list() string {
	q := url.Values{}
	for name, values := range c.query {
		if name != "page_token" && name != "page_size" {
			q[name] = values
		}
	}
	return fmt.Sprintf("%q %q %q", c.op.id, c.gin.Params, q)
}

// turn reads a page of the list.
func (c *call) turn(token, size string) (admin.Span, error) {
	c.query.Del("page_token")
	c.query.Del("page_size")
	if token != "" {
		c.query.Set("page_token", token)
	}
	if size != "" {
		c.query.Set("page_size", size)
	}
	return c.span()
}

// wellSpanned checks what was made of hostile parameters.
func wellSpanned(t *testing.T, span admin.Span, err error) {
	t.Helper()
	if err != nil {
		if known, ok := err.(*hierarchy.Error); !ok || known.Kind != hierarchy.KindInvalid || (known.Reason != "PAGE_TOKEN_INVALID" && known.Reason != "PAGE_SIZE_INVALID") { //nolint:errorlint // exactly this type
			t.Errorf("refused with %v", err)
		}
		return
	}
	if span.Limit < 1 || span.Limit > MaxPage {
		t.Errorf("taken as %+v", span)
	}
}
