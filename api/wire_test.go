package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/store"
	"github.com/tollgate-dev/tollgate/store/storetest"
)

func TestBodies(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{"/v1/accounts", "/v1/check", "/v1/check/batch", "/v1/billing-owner", "/v1/import", "/v1/bindings"} {
		for _, body := range []string{" ", "{", "{}x", "{} {}", `{"a":1,"a":2}`, "\xff", `{"a":"` + "\xff" + `"}`, "[]", "null", `"x"`, "7", strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)} {
			a := f.do(post, path, body).want(400)
			if !strings.HasPrefix(body, `{"a"`) { // which is an unknown field besides
				a.problem(400, "BODY_INVALID", "")
			}
		}
		r := request(post, path, "")
		r.Header.Set("Content-Type", "application/json")
		f.send(r).problem(400, "BODY_INVALID", "")
	}
	f.do(post, "/v1/accounts", `{"owner":"user:a","owner":"user:b"}`).problem(400, "BODY_INVALID", "")
	f.do(post, "/v1/accounts", `{"owner":"user:a","labels":{"a":"b","\u0061":"c"}}`).problem(400, "BODY_INVALID", "")
}

func TestContentType(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{"/v1/accounts", "/v1/check"} {
		for _, media := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "application/json; x", "application/problem+json"} {
			f.do(post, path, checkBody, "Content-Type", media).problem(415, "MEDIA_TYPE_UNSUPPORTED", "")
		}
		f.do(post, path, checkBody, "Content-Encoding", "gzip").problem(415, "MEDIA_TYPE_UNSUPPORTED", "")
	}
	f.do(post, "/v1/check", checkBody, "Content-Type", `Application/JSON; charset="UTF-8"`).want(200)
}

var blanks = bytes.Repeat([]byte(" "), 64<<10)

// spaces is a body that counts how much of it was read.
type spaces struct{ read, size int64 }

func (z *spaces) Read(p []byte) (int, error) {
	if z.read >= z.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), z.size-z.read))
	for filled := 0; filled < n; {
		filled += copy(p[filled:n], blanks)
	}
	z.read += int64(n)
	return n, nil
}

func TestLargeBodies(t *testing.T) {
	f := newFixture(t)
	for path, limit := range map[string]int64{"/v1/check": 1 << 20, "/v1/billing-owner": 1 << 20, "/v1/accounts": 1 << 20, "/v1/check/batch": 4 << 20, "/v1/import": 64 << 20} {
		for _, declared := range []bool{true, false} {
			body := &spaces{size: 100_000_000}
			r := httptest.NewRequest(post, path, body)
			r.Header = request(post, path, "{}").Header
			if r.ContentLength = -1; declared {
				r.ContentLength = body.size
			}
			f.send(r).problem(413, "BODY_TOO_LARGE", "")
			if most := limit + 64<<10; (declared && body.read > 0) || body.read > most+most/2 {
				t.Errorf("%s: %d bytes were read before it was refused", path, body.read)
			}
		}
		if limit > 4<<20 {
			continue // 64 MiB of blanks take a while under the race detector
		}
		body := &spaces{size: limit}
		r := httptest.NewRequest(post, path, body)
		r.Header, r.ContentLength = request(post, path, "{}").Header, limit
		f.send(r).problem(400, "BODY_INVALID", "") // it is blank, but not too large
	}
}

// Over a connection, a caller that sends 100 MB gets its answer all the same.
func TestLargeBodyOverTheNetwork(t *testing.T) {
	f := newFixture(t)
	server := httptest.NewServer(f.handler)
	defer server.Close()
	defer server.Client().CloseIdleConnections()
	r, err := http.NewRequestWithContext(context.Background(), post, server.URL+"/v1/check", &spaces{size: 100_000_000})
	must(t, err)
	r.Header = request(post, "/v1/check", "{}").Header
	r.ContentLength = 100_000_000
	answered, err := server.Client().Do(r)
	must(t, err)
	defer func() { _ = answered.Body.Close() }()
	if answered.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", answered.StatusCode)
	}
}

func TestUnroutedRequests(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	for _, path := range []string{"/", "/v2/accounts", "/v1/accounts/", "/V1/accounts", "/v1//accounts", "/v1/accounts/a/b/c/d", "/v1/check/", "/v1/%61ccounts"} {
		f.do(get, path, "").problem(404, "ROUTE_NOT_FOUND", "")
	}
	for method, path := range map[string]string{put: "/v1/check", remove: "/v1/accounts", post: "/livez", "OPTIONS": "/v1/check", "BREW\tx": "/v1/bindings"} {
		r := request(get, path, "")
		r.Method = method
		if a := f.send(r).problem(405, "METHOD_NOT_ALLOWED", ""); a.header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", method, path)
		}
	}
	if allow := f.do(put, "/v1/check", "").header.Get("Allow"); allow != "POST" {
		t.Errorf("Allow: %s", allow)
	}
	// An ID with a slash does not reach another route.
	f.do(get, "/v1/projects/"+w.Project.ID+"%2Fsubprojects", "").problem(404, "NOT_FOUND", "")
	f.do(remove, "/v1/projects/x%2F..%2F"+w.Project.ID, "").problem(404, "NOT_FOUND", "")
	f.do(get, "/v1/projects/%2e%2e/subprojects", "").problem(400, "IDENTIFIER_INVALID", "project")
	f.do(get, "/v1/projects/"+strings.Repeat("x", 300), "").problem(400, "IDENTIFIER_INVALID", "project")
	f.do(get, "/v1/projects/%ff", "").problem(400, "IDENTIFIER_INVALID", "project")
}

func TestRequestID(t *testing.T) {
	f := newFixture(t)
	for id, echoed := range map[string]bool{"abc-123": true, strings.Repeat("x", 128): true, strings.Repeat("x", 129): false, "a\x01b": false, "å": false, "": false} {
		got := f.do(get, "/livez", "", "X-Request-ID", id).header.Get("X-Request-ID")
		if (got == id) != echoed || got == "" {
			t.Errorf("%q: %q", id, got)
		}
	}
	a := f.do(get, "/v1/accounts/none", "", "X-Request-ID", "mine")
	if p := decode[Problem](a); p.RequestID != "mine" {
		t.Errorf("%+v", p)
	}
}

// An error of any kind has its status, and nothing internal gets out.
func TestErrors(t *testing.T) {
	for kind, want := range map[hierarchy.Kind]int{
		hierarchy.KindInvalid: 400, hierarchy.KindForbidden: 403, hierarchy.KindNotFound: 404, hierarchy.KindConflict: 409, hierarchy.KindTooLarge: 413,
		hierarchy.KindUnavailable: 503, hierarchy.KindLost: 409, hierarchy.KindPrecondition: 412, 0: 500, 99: 500,
	} {
		if got := status(fmt.Errorf("wrapped: %w", &hierarchy.Error{Kind: kind})); got != want {
			t.Errorf("kind %d: %d, want %d", kind, got, want)
		}
	}
	secret := errors.New("redis://:hunter2@10.0.0.1")
	f := newFixture(t, func(c *Config) { c.Ready = func() error { return secret } })
	if a := f.do(get, "/readyz", "").problem(503, "NOT_READY", ""); strings.Contains(a.text, "hunter2") || a.header.Get("Retry-After") == "" {
		t.Error(a.text, a.header)
	}
	f = newFixture(t, func(c *Config) { c.Ready = func() error { panic(secret) } })
	if a := f.do(get, "/readyz", "").problem(500, "INTERNAL", ""); strings.Contains(a.text, "hunter2") {
		t.Error(a.text)
	}
	if f.logs.FilterMessage("panic").Len() != 1 {
		t.Error("the panic was not logged")
	}
}

// With the store away, nothing is allowed, nothing is half done, and the
// answers say so.
func TestStoreAway(t *testing.T) {
	faults := &storetest.Faults{}
	f := newFixtureOn(t, store.Options{Fault: faults})
	w := f.world()
	faults.Down()
	for _, s := range []step{
		{post, "/v1/accounts", signUpBody, 503, "STORE_UNAVAILABLE", ""},
		{post, "/v1/bindings", `{"subject":"user:cat","role":"viewer","scope":"project:` + w.Project.ID + `"}`, 503, "STORE_UNAVAILABLE", ""},
		{post, "/v1/check", `{"subject":"user:cat","permission":"number.read","resource":"number:other"}`, 503, "", ""},
	} {
		a := f.do(s.method, s.path, s.body).want(s.status)
		if a.header.Get("Retry-After") == "" || (s.reason != "" && decode[Problem](a).Reason != s.reason) {
			t.Errorf("%s: %v %s", s.path, a.header, a.text)
		}
	}
	batch := decode[BatchDecision](f.do(post, "/v1/check/batch", `{"checks":[{"subject":"user:cat","permission":"number.read","resource":"number:other"}]}`).want(200))
	if r := batch.Results[0]; r.Allowed || r.Error.Status != 503 {
		t.Errorf("%+v", r)
	}
	faults.Up()
	f.do(post, "/v1/bindings", `{"subject":"user:cat","role":"viewer","scope":"project:`+w.Project.ID+`"}`).want(201)
}

// A request whose caller has gone is not an internal error.
func TestCallerGone(t *testing.T) {
	s := &stuck{} // or its answer may come before the caller is seen to be gone
	f := newFixtureOn(t, store.Options{Fault: s})
	hold := make(chan struct{})
	s.hold.Store(&hold)
	defer close(hold)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	f.send(request(get, "/v1/accounts/acc_x", "").WithContext(ctx)).want(503)
	if n := f.logs.FilterMessage("internal error").Len(); n != 0 {
		t.Errorf("%d internal errors", n)
	}
}

// unwritable is a caller that is gone.
type unwritable struct{ discard }

func (u *unwritable) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// Half of a policy must not be taken for the whole: the connection is broken
// off, and net/http told so.
func TestPolicyIsBrokenOff(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	defer func() {
		if got := recover(); !abort(got) {
			t.Errorf("panic %v", got)
		}
		if f.logs.FilterMessage("internal error").Len() != 1 {
			t.Error("it was not logged")
		}
	}()
	f.handler.ServeHTTP(&unwritable{discard{http.Header{}}}, request(get, "/v1/accounts/"+w.Account.ID+"/casbin", ""))
}

func TestLogRequests(t *testing.T) {
	for _, on := range []bool{false, true} {
		f := newFixture(t, func(c *Config) { c.LogRequests = on })
		f.do(get, "/livez", "")
		entries := f.logs.FilterMessage("request").All()
		if len(entries) != 1 || (entries[0].Level.String() == "info") != on {
			t.Errorf("%v: %v", on, entries)
		}
	}
}

func TestConfig(t *testing.T) {
	f := newFixture(t)
	service := admin.New(f.engine, f.store)
	registry := prometheus.NewRegistry()
	for i, c := range []Config{{OperatorKey: "x"}, {Admin: service}, {Admin: service, OperatorKey: "x", Registry: registry}, {Admin: service, OperatorKey: "x", Registry: registry}} {
		if _, err := New(c); (err == nil) != (i == 2) { // the last registers its metrics a second time
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestMetrics(t *testing.T) {
	f := newFixture(t)
	f.world()
	f.do(post, "/v1/check", checkBody).want(200)
	f.do(post, "/v1/check", "{").want(400)
	f.do(get, "/some/where", "").want(404)
	text := f.do(get, "/metrics", "").want(200).text
	for _, line := range []string{
		`tollgate_http_requests_total{method="POST",route="/v1/check",status="200"} 1`,
		`tollgate_http_requests_total{method="POST",route="/v1/check",status="400"} 1`,
		`tollgate_http_requests_total{method="none",route="none",status="404"} 1`,
		`tollgate_http_request_duration_seconds_count{method="POST",route="/v1/check"} 2`,
		`tollgate_decisions_total{allowed="true",code="ALLOWED"} 1`,
		`tollgate_decisions_total{allowed="false",code="NO_BINDING"} 0`,
		`tollgate_shadow_mismatches_total 0`, `tollgate_accounts_resident 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
}

// The documentation is all in the binary: what it loads, it loads from here,
// and the browser is told to let it load nothing else.
func TestDocsNeedNoNetwork(t *testing.T) {
	f := newFixture(t)
	a := f.do(get, "/docs", "", "Authorization", "Basic "+basic("any:"+testKey)).want(200)
	if !strings.Contains(a.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Error(a.header)
	}
	loads := 0
	for _, attribute := range []string{`src="`, `href="`} {
		for _, part := range strings.Split(a.text, attribute)[1:] {
			target, _, _ := strings.Cut(part, `"`)
			if !strings.HasPrefix(target, "/docs/") {
				t.Errorf("the page loads %s", target)
				continue
			}
			loads++
			f.do(get, target, "").want(200)
		}
	}
	if loads < 4 || !strings.Contains(a.text, "/openapi.json") {
		t.Errorf("%d loads: %s", loads, a.text)
	}
	f.do(get, "/docs/none.js", "").want(404)
	f.do(get, "/openapi.json", "", "Authorization", "Basic "+basic("any:"+testKey)).want(200)
	f.do(get, "/metrics", "", "Authorization", "Basic "+basic("any:"+testKey)).problem(401, "UNAUTHENTICATED", "")
}

func TestTimestamps(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 30, 0, 120_000_000, time.FixedZone("", 3600))
	if got := stampText(Timestamp{at}); got != "2026-03-01T08:30:00.120000Z" {
		t.Error(got)
	}
	if got := string(bytes.Trim(appendTime(nil, at.UnixMicro()), `"`)); got != "2026-03-01T08:30:00.120000Z" {
		t.Error(got)
	}
	var back Timestamp
	for _, text := range []string{`"2026-13-01T00:00:00Z"`, `"1969-01-01T00:00:00Z"`, `"1970-01-01T00:00:00Z"`, `7`, `"now"`} {
		if back.UnmarshalJSON([]byte(text)) == nil {
			t.Errorf("%s was taken", text)
		}
	}
}
