package httpauth

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/tollgate-dev/tollgate/client"
	"github.com/tollgate-dev/tollgate/gateway"
	"github.com/tollgate-dev/tollgate/route"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// decider decides as a test says.
type decider func(context.Context, client.HeldRequest) (*client.Verdict, error)

func (d decider) Authorize(ctx context.Context, r client.HeldRequest) (*client.Verdict, error) {
	return d(ctx, r)
}

func allow() *client.Verdict {
	return &client.Verdict{
		Answer: client.Answer{Allowed: true, Reason: client.Reason{Code: "ALLOWED"}, Account: "a", Billing: client.Billing{Status: "billed", BillingAccount: "b"}},
		Status: 200, Principal: "key:k", Project: "p", Headers: map[string]string{"X-Tollgate-Decision": "allowed", "X-Tollgate-Principal": "key:k", "Cookie": "stolen"},
	}
}

func deny(status int, code string) *client.Verdict {
	return &client.Verdict{Answer: client.Answer{Reason: client.Reason{Code: code, Detail: "d"}}, Status: status, Principal: "key:k", Headers: map[string]string{"X-Tollgate-Decision": "denied"}}
}

// try sends one request to a guarded handler, and returns what the handler got,
// nil if it was not called.
func try(guard *Guard, change func(*http.Request)) (got *http.Request, answer *httptest.ResponseRecorder) {
	answer = httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/v1/numbers/1?x", http.NoBody)
	r.Header.Set("Authorization", "Bearer k")
	if change != nil {
		change(r)
	}
	guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = r })).ServeHTTP(answer, r)
	return got, answer
}

func TestAllowed(t *testing.T) {
	var asked client.HeldRequest
	guard := New(decider(func(ctx context.Context, r client.HeldRequest) (*client.Verdict, error) {
		asked = r
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("a verdict is waited for without an end")
		}
		v := allow()
		v.RateLimit = &client.RateLimit{Headers: map[string]string{"RateLimit": "r", "Set-Cookie": "x"}}
		return v, nil
	}))
	var sent *http.Request
	got, answer := try(guard, func(r *http.Request) {
		sent = r
		r.Header["X-Tollgate-Principal"] = []string{"user:root", "user:admin"}
		r.Header["x_tollgate_account"] = []string{"forged"}
		r.Header.Set("X-Tollgate-Sponsor", "forged")
		r.Header.Set("X-Other", "kept")
		r.Header.Set("Connection", "x-tollgate-principal")
	})
	want := client.HeldRequest{APIKey: "k", Method: "GET", Path: "/v1/numbers/1?x", Host: "example.com", Source: netip.MustParseAddr("192.0.2.1")}
	if got == nil || asked != want {
		t.Fatalf("asked %+v", asked)
	}
	if fmt.Sprint(got.Header) != "map[X-Other:[kept] X-Tollgate-Decision:[allowed] X-Tollgate-Principal:[key:k]]" {
		t.Errorf("the handler has %v", got.Header)
	}
	if sent.Header.Get("Authorization") == "" {
		t.Error("the headers of who stands before were changed")
	}
	a, ok := From(got.Context())
	if !ok || a.Principal != "key:k" || a.Account != "a" || a.Project != "p" || a.Billing.BillingAccount != "b" || a.BillingFailedOpen {
		t.Errorf("%+v", a)
	}
	if h := answer.Header(); h.Get("RateLimit") != "r" || h.Get("Set-Cookie") != "" {
		t.Errorf("the client is told %v", h)
	}
	if _, ok := From(t.Context()); ok {
		t.Error("a request that no guard has seen is admitted")
	}
}

func TestRefused(t *testing.T) {
	for name, x := range map[string]struct {
		change func(*http.Request)
		v      *client.Verdict
		err    error
		status int
		reason string
	}{
		"not known":        {v: deny(401, "KEY_NOT_FOUND"), status: 401, reason: "KEY_NOT_FOUND"},
		"may not":          {v: deny(403, "NO_BINDING"), status: 403, reason: "NO_BINDING"},
		"too often":        {v: deny(429, "RATE_LIMITED"), status: 429, reason: "RATE_LIMITED"},
		"another status":   {v: deny(302, "NEW_CODE"), status: 403, reason: "NEW_CODE"},
		"unreachable":      {err: errors.New("secret"), status: 503, reason: "STATE_UNAVAILABLE"},
		"our key is wrong": {err: &client.Error{Status: 401, Reason: "UNAUTHENTICATED"}, status: 503, reason: "STATE_UNAVAILABLE"},
		"a wrong request":  {err: &client.Error{Status: 400, Reason: "IDENTIFIER_INVALID"}, status: 403, reason: "IDENTIFIER_INVALID"},
		"no verdict":       {status: 503, reason: "STATE_UNAVAILABLE"},
		"no key":           {change: func(r *http.Request) { r.Header.Del("Authorization") }, status: 401, reason: "KEY_MISSING"},
		"two keys":         {change: func(r *http.Request) { r.Header.Set("X-API-Key", "k") }, status: 401, reason: "KEY_AMBIGUOUS"},
		"a key twice":      {change: func(r *http.Request) { r.Header.Add("Authorization", "Bearer k") }, status: 401, reason: "KEY_AMBIGUOUS"},
		"another scheme":   {change: func(r *http.Request) { r.Header.Set("Authorization", "Basic k") }, status: 401, reason: "KEY_INVALID"},
		"an empty key":     {change: func(r *http.Request) { r.Header.Set("Authorization", "Bearer") }, status: 401, reason: "KEY_INVALID"},
		"a rewritten path": {change: func(r *http.Request) { r.URL.Path = "/v1/admin" }, v: allow(), status: 403, reason: "PATH_REWRITTEN"},
	} {
		guard := New(decider(func(context.Context, client.HeldRequest) (*client.Verdict, error) { return x.v, x.err }))
		got, answer := try(guard, x.change)
		var body problem
		if err := json.Unmarshal(answer.Body.Bytes(), &body); got != nil || err != nil || body.Status != x.status || body.Reason != x.reason || answer.Code != x.status {
			t.Errorf("%s: %d %s, handled: %t", name, answer.Code, answer.Body, got != nil)
		}
		h := answer.Header()
		for _, all := range gateway.HeaderNames() {
			want := map[string]string{"X-Tollgate-Decision": "denied", "X-Tollgate-Reason": x.reason}[all]
			if values := h[all]; len(values) != 1 || values[0] != want {
				t.Errorf("%s: %s is %q", name, all, values)
			}
		}
		if (x.status == 401) != (h.Get("Www-Authenticate") != "") || (x.status == 503) != (h.Get("Retry-After") != "") || h.Get("Cache-Control") != "no-store" || strings.Contains(answer.Body.String(), "secret") {
			t.Errorf("%s: %v %s", name, h, answer.Body)
		}
		if c := guard.Counters(); c.Allowed != 0 || c.Refused+c.Undecided != 1 {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// Billing fails open where it is told to, and only for a state that cannot be
// had, of who has the permission.
func TestBillingFailsOpen(t *testing.T) {
	for _, code := range []string{"UNBILLED", "BILLING_SUSPENDED", "NO_BINDING", "RATE_LIMITED", "KEY_DISABLED"} {
		for bits := range 16 {
			stale, require, open, forbidden := bits&1 > 0, bits&2 > 0, bits&4 > 0, bits&8 > 0
			var reported int
			opts := []Option{OnBillingFailedOpen(func(*http.Request, *client.Verdict) { reported++ })}
			if require {
				opts = append(opts, RequireBilling())
			}
			if open {
				opts = append(opts, BillingFailsOpen())
			}
			v := deny(401, code)
			if forbidden {
				v.Status = 403
			}
			v.Stale = stale
			guard := New(decider(func(_ context.Context, r client.HeldRequest) (*client.Verdict, error) {
				if r.RequireBilling != require {
					t.Error("require_billing is not asked as it is set")
				}
				return v, nil
			}), opts...)
			got, _ := try(guard, nil)
			want := bits == 15 && (code == "UNBILLED" || code == "BILLING_SUSPENDED")
			if (got != nil) != want || (reported == 1) != want || (guard.Counters().BillingFailedOpen == 1) != want {
				t.Errorf("%s, stale %t, required %t, open %t, %d: handled %t, reported %d times", code, stale, require, open, v.Status, got != nil, reported)
			}
			if got == nil {
				continue
			}
			if a, _ := From(got.Context()); !a.BillingFailedOpen || got.Header.Get("X-Tollgate-Decision") != "allowed" {
				t.Errorf("%+v %v", a, got.Header)
			}
		}
	}
}

func TestSource(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, x := range []struct {
		peer    string
		told    []string
		trusted bool
		want    string
	}{
		{"192.0.2.1:5", []string{"198.51.100.1"}, false, "192.0.2.1"},
		{"192.0.2.1:5", []string{"198.51.100.1"}, true, "192.0.2.1"},
		{"10.0.0.1:5", []string{"198.51.100.1"}, false, "10.0.0.1"},
		{"10.0.0.1:5", []string{"203.0.113.1, 198.51.100.1"}, true, "198.51.100.1"},
		{"10.0.0.1:5", []string{"203.0.113.1", "198.51.100.1, 10.1.1.1"}, true, "198.51.100.1"},
		{"[::ffff:10.0.0.1]:5", []string{"::ffff:198.51.100.1"}, true, "198.51.100.1"},
		{"[fd00::1]:5", []string{"2001:db8::1"}, true, "2001:db8::1"},
		{"10.0.0.1:5", []string{"198.51.100.1, unknown"}, true, ""},
		{"10.0.0.1:5", nil, true, ""},
		{"10.0.0.1:5", []string{"10.0.0.2"}, true, ""},
		{"@", []string{"198.51.100.1"}, true, ""},
	} {
		guard := New(nil)
		if x.trusted {
			guard = New(nil, WithTrustedProxies(trusted...))
			if peer, err := netip.ParseAddrPort(x.peer); err == nil && gateway.Trusted(trusted).Has(peer.Addr()) && gateway.Trusted(trusted).Client(x.told) != gateway.SourceOf(x.want) {
				t.Errorf("a server takes %q for another one", x.told)
			}
		}
		if got := guard.source(&http.Request{RemoteAddr: x.peer, Header: http.Header{"X-Forwarded-For": x.told}}); got != gateway.SourceOf(x.want) {
			t.Errorf("%+v: %s", x, got)
		}
	}
}

// The key is read as the server reads it for proxies.
func TestKeyOfIsTheServers(t *testing.T) {
	values := rapid.SliceOfN(rapid.SampledFrom([]string{"", "k", "Bearer k", "bearer k", "Bearer", "Bearer ", "Basic k", "Bearer  k"}), 0, 2)
	rapid.Check(t, func(t *rapid.T) {
		a, x := values.Draw(t, "authorization"), values.Draw(t, "x-api-key")
		key, refused := keyOf(a, x)
		theirs, refusal := gateway.KeyOf(a, x)
		switch {
		case refusal != nil:
			if refused == nil || refused.reason != refusal.Reason || refused.status != refusal.Status || refused.detail != refusal.Detail {
				t.Fatalf("%q %q: %+v, want %+v", a, x, refused, refusal)
			}
		case theirs == "" || theirs == "-": // none, and what is none: to authorize, both end there
			if refused == nil || refused.status != 401 {
				t.Fatalf("%q %q: %q", a, x, key)
			}
		case key != theirs:
			t.Fatalf("%q %q: %q, want %q", a, x, key, theirs)
		}
	})
}

const good = `{"allowed":true,"reason":{"code":"ALLOWED"},"billing":{"status":"billed"},"path":[],"status":200,"headers":{"X-Tollgate-Decision":"allowed"}}`

// Whatever answers in place of Tollgate, nobody is let by without a verdict
// that is whole. The last one, which is, shows that the test can fail.
func TestPermissionNeverFailsOpen(t *testing.T) {
	var answer atomic.Value // of http.HandlerFunc; who hangs may ask for it late
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		answer.Load().(http.HandlerFunc)(w, r) //nolint:forcetypeassert // nothing else is kept there
	}))
	defer server.Close()
	c, err := client.New(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// Even told to fail open for billing, and with little time.
	guard := New(c, WithTimeout(20*time.Millisecond), RequireBilling(), BillingFailsOpen())
	send := func(status int, typ, body string) *http.Request {
		answer.Store(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", typ)
			w.Header().Set("Location", "/v1/authorize")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}))
		got, _ := try(guard, nil)
		return got
	}
	whole := func(body string) bool {
		var v client.Verdict
		return json.Unmarshal([]byte(body), &v) == nil && v.Allowed && v.Status == 200 && v.Reason.Code == "ALLOWED" && v.Headers["X-Tollgate-Decision"] == "allowed"
	}
	pieces := []string{`{"allowed":true}`, `{"decision":true}`, `{"allowed":true,"reason":{"code":"ALLOWED"},"billing":{},"path":[]}`, `{"allowed":"true","status":200}`, `[` + good + `]`, `{"results":[` + good + `]}`, `"ALLOWED"`, `true`, `null`, ``, good}
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.OneOf(
			rapid.SampledFrom(pieces), rapid.String(),
			rapid.Map(rapid.IntRange(0, len(good)-1), func(n int) string { return good[:n] }),
			rapid.Map(rapid.IntRange(0, len(good)-1), func(n int) string { return good[:n] + "\x00" + good[n+1:] }),
			rapid.Just(strings.Replace(good, `"status":200`, `"status":403`, 1)), rapid.Just(strings.Replace(good, `"ALLOWED"`, `"UNBILLED"`, 1)), rapid.Just(strings.Replace(good, `true`, `false`, 1)),
		).Draw(t, "body")
		status := rapid.SampledFrom([]int{200, 200, 200, 201, 202, 203, 204, 301, 302, 307, 400, 401, 403, 404, 429, 500, 503}).Draw(t, "status")
		typ := rapid.SampledFrom([]string{"application/json", "application/json; charset=utf-8", "text/html", "application/jsonp", ""}).Draw(t, "type")
		may := status == 200 && strings.HasPrefix(typ, "application/json") && typ != "application/jsonp" && whole(body)
		if got := send(status, typ, body); got != nil && !may {
			t.Fatalf("%d, %q, %q let by", status, typ, body)
		}
	})
	for name, broken := range map[string]http.HandlerFunc{
		"hangs": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"hangs in its answer": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, good)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
		"breaks off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", strconv.Itoa(len(good)+1))
			_, _ = io.WriteString(w, good)
		},
		"closes": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		answer.Store(broken)
		if got, a := try(guard, nil); got != nil || a.Code != 503 {
			t.Errorf("%s: %d", name, a.Code)
		}
	}
	slow := New(c) // however long the machine takes
	answer.Store(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, good)
	}))
	if got, a := try(slow, nil); got == nil {
		t.Errorf("a whole verdict does not let by: %d %s", a.Code, a.Body)
	}
	server.Close()
	if got, a := try(slow, nil); got != nil || a.Code != 503 {
		t.Errorf("Tollgate is down: %d", a.Code)
	}
}

// Of the corpus of attacks on paths each is refused, or the router behind the
// guard reads of it what Tollgate has decided on.
func TestAttacksOnPaths(t *testing.T) {
	var decided string
	m := attackedMap(t)
	guard := New(decider(func(_ context.Context, r client.HeldRequest) (*client.Verdict, error) {
		if target, err := m.Resolve(r.Method, "", r.Path); err == nil {
			decided = target.Resource.String()
			return allow(), nil
		}
		return deny(403, "PATH"), nil
	}))
	var read string
	mux := http.NewServeMux()
	for pattern, typ := range map[string]string{
		"GET /v1/numbers/{id}": "number:", "POST /v1/numbers/{id}": "number:", "POST /v1/numbers/{id}/move": "number:", "GET /v1/projects/{project}/numbers/{id}": "number:",
		"GET /v1/files/{id...}": "file:", "GET /v1/documents/{id}": "document:", "GET /v1/{id}": "thing:", "GET /v1/old/{id}/": "old:",
	} {
		mux.HandleFunc(pattern, func(_ http.ResponseWriter, r *http.Request) { read = typ + r.PathValue("id") })
	}
	for _, pattern := range []string{"GET /v1/admin/keys", "GET /v1/numbers:search"} {
		mux.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) { read = "account:platform" })
	}
	server := httptest.NewServer(guard.Handler(mux))
	defer server.Close()
	handled := 0
	for _, request := range attackRequests(t) {
		decided, read = "", ""
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, request+" HTTP/1.1\r\nHost: h\r\nX-API-Key: k\r\nConnection: close\r\n\r\n")
		if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		_ = conn.Close()
		if read == "" {
			continue
		}
		handled++
		if read != decided && strings.TrimSuffix(read, ":cancel") != decided { // this router knows no verbs
			t.Errorf("%q: decided on %q, and the router reads %q", request, decided, read)
		}
	}
	if handled < 5 {
		t.Errorf("only %d requests were handled", handled)
	}
}

func attackedMap(t *testing.T) *route.Map {
	t.Helper()
	f, err := os.Open("../../route/testdata/attacked.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := route.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func attackRequests(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile("../../route/testdata/attacks.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if quoted, err := strconv.QuotedPrefix(line); err == nil {
			request, _ := strconv.Unquote(quoted)
			all = append(all, request)
		}
	}
	if len(all) < 100 {
		t.Fatalf("only %d attacks", len(all))
	}
	return all
}
