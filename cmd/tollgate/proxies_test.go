package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/gateway"
)

// realProxy is a proxy that is started on the files of deploy/, with the
// addresses of a test in them.
type realProxy struct {
	program string
	files   []string // the first one is what it is started with
	args    func(dir string) []string
	down    int // what it answers while Tollgate does not
}

var realProxies = []realProxy{
	{"nginx", []string{"nginx/tollgate.conf"}, func(dir string) []string {
		return []string{"-p", dir, "-c", filepath.Join(dir, "main.conf"), "-e", "stderr"}
	}, 500},
	{"caddy", []string{"caddy/Caddyfile"}, func(dir string) []string {
		return []string{"run", "--adapter", "caddyfile", "--config", filepath.Join(dir, "Caddyfile")}
	}, 502},
	{"haproxy", []string{"haproxy/haproxy.cfg", "haproxy/tollgate.lua"}, func(dir string) []string {
		return []string{"-db", "-f", filepath.Join(dir, "haproxy.cfg")}
	}, 503},
}

const nginxMain = `user root; # who runs the tests, in CI: the socket is his
daemon off;
pid nginx.pid;
events {}
http {
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    include tollgate.conf;
}
`

// start runs the proxy until the test ends, and returns its address.
func (p *realProxy) start(t *testing.T, socket, upstream string) string {
	t.Helper()
	if _, err := exec.LookPath(p.program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v; CI=true, so nothing may be skipped", err)
		}
		t.Skipf("SKIPPED: %v: deploy/ is not tested with it", err)
	}
	dir, addr := t.TempDir(), freeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	here := strings.NewReplacer("/run/tollgate/proxy.sock", socket, "127.0.0.1:9000", upstream, "127.0.0.1:80", addr, "http://:80", "http://:"+port, "/etc/haproxy", dir)
	for _, name := range p.files {
		text, err := os.ReadFile(filepath.Join("../../deploy", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, filepath.Base(name)), here.Replace(string(text)))
	}
	write(t, filepath.Join(dir, "main.conf"), nginxMain)
	cmd := exec.CommandContext(t.Context(), p.program, p.args(dir)...)
	cmd.Env = append(os.Environ(), "HOME="+dir)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	said := &sink{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		<-ended
		if t.Failed() {
			t.Log(said.String())
		}
	})
	for {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
		if err == nil {
			_ = c.Close()
			return addr
		}
		select {
		case <-ended:
			t.Fatalf("%s ended: %s", p.program, said)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// got is what a client got, and what the upstream saw of its request; nil if
// it never came there.
type got struct {
	status int
	header http.Header
	seen   *http.Request
}

// through sends lines of a request as they are.
func through(t *testing.T, addr string, seen <-chan *http.Request, lines ...string) got {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, _ = fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n%s\r\n", lines[0], strings.Join(append(lines[1:], ""), "\r\n"))
	a, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%s: %v", lines[0], err)
	}
	_, _ = io.Copy(io.Discard, a.Body)
	_ = a.Body.Close()
	g := got{status: a.StatusCode, header: a.Header}
	select {
	case g.seen = <-seen:
	default:
	}
	return g
}

// Real proxies, on the files of deploy/, let by what Tollgate allows and
// nothing else, and tell the upstream only what Tollgate has told them.
func TestRealProxies(t *testing.T) {
	for _, p := range realProxies {
		t.Run(p.program, func(t *testing.T) { testProxy(t, &p) })
	}
}

// A client that asks too often gets 429 through each proxy, and is told when to
// come again; the upstream sees nothing of it.
func TestRealProxiesThrottle(t *testing.T) {
	for _, p := range realProxies {
		t.Run(p.program, func(t *testing.T) {
			seen := make(chan *http.Request, 1)
			upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r }))
			t.Cleanup(upstream.Close)
			socket := freeSocket(t)
			addr := p.start(t, socket, upstream.Listener.Addr().String())
			s := serve(t, environment{}, "--routes", file(t, "routes.yaml", numberRoute), "--proxy-socket", socket, "--rate-limit-key", "0.001:2")
			s.want(t, exitYes, "import", "../../examples/acme.yaml")
			_, key := s.projectKey(t, "acme-shop")
			for i, want := range []int{200, 200, 429, 429} {
				a := through(t, addr, seen, "GET /v1/numbers/+46700000001", "Authorization: Bearer "+key)
				if a.status != want || (a.seen != nil) != (want == 200) {
					t.Errorf("%d: %d, upstream %v; want %d", i, a.status, a.seen != nil, want)
				}
				if want == 429 && (a.header.Get("Retry-After") == "" || !slices.Equal(a.header["X-Tollgate-Reason"], []string{"RATE_LIMITED"})) {
					t.Errorf("%d: the client is told %v", i, a.header)
				}
			}
		})
	}
}

func testProxy(t *testing.T, p *realProxy) {
	seen := make(chan *http.Request, 1)
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r }))
	t.Cleanup(upstream.Close)
	dir, err := os.MkdirTemp("", "tg") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	addr := p.start(t, socket, upstream.Listener.Addr().String())
	s := serve(t, environment{}, "--routes", file(t, "routes.yaml", numberRoute), "--proxy-socket", socket)
	s.want(t, exitYes, "import", "../../examples/acme.yaml")
	id, key := s.projectKey(t, "acme-shop")
	const number, get = "GET /v1/numbers/+46700000001", "Authorization: Bearer "
	ask := func(lines ...string) got { return through(t, addr, seen, lines...) }

	a := ask(number+"?a=1", get+key, "X-Tollgate-Principal: user:root", "x-tollgate-billing-account: mine", "X-Tollgate-Subproject: mine", "X-Tollgate-Principal: user:other")
	if a.status != 200 || a.seen == nil {
		t.Fatalf("allowed: %d %v", a.status, a.header)
	}
	h := a.seen.Header
	for name, want := range map[string]string{
		"X-Tollgate-Decision": "allowed", "X-Tollgate-Reason": "ALLOWED", "X-Tollgate-Principal": "key:" + id, "X-Tollgate-Account": "acme",
		"X-Tollgate-Project": "acme-shop", "X-Tollgate-Subproject": "", "X-Tollgate-Billing-Account": "acme-eu", "X-Tollgate-Billing-Status": "billed",
		"Authorization": "", "X-Api-Key": "", "Tollgate-Authorization": "",
	} {
		if values := h[name]; h.Get(name) != want || len(values) > 1 {
			t.Errorf("the upstream saw %s: %q, want %q", name, values, want)
		}
	}
	if a.seen.RequestURI != "/v1/numbers/+46700000001?a=1" || h.Get("X-Tollgate-Revision") == "" || strings.Contains(fmt.Sprint(h), key) {
		t.Errorf("the upstream saw %s %v", a.seen.RequestURI, h)
	}
	if a = ask(number, "X-API-Key: "+key); a.status != 200 || a.seen == nil || a.seen.Header.Get("X-Api-Key") != "" {
		t.Errorf("by X-API-Key: %+v", a)
	}
	a = ask(number, get+key, "Connection: X-Tollgate-Principal, x-tollgate-account", "X_Tollgate_Principal: user:root", "X-Tollgate_Account: mine")
	if a.status != 200 || a.seen == nil || a.seen.Header.Get("X-Tollgate-Principal") != "key:"+id || a.seen.Header.Get("X-Tollgate-Account") != "acme" {
		t.Errorf("with a Connection that names Tollgate's headers: %+v", a)
	}
	if text := strings.ToLower(fmt.Sprint(a.seen)); strings.Contains(text, "tollgate_") || strings.Contains(text, "user:root") || strings.Contains(fmt.Sprint(a.seen.Header["Connection"]), "ollgate") {
		t.Errorf("the upstream saw names with underscores, or a Connection that names Tollgate's: %s", text)
	}
	for _, x := range []struct {
		status int
		reason string
		lines  []string
	}{
		{401, "KEY_MISSING", []string{number}},
		{401, "KEY_INVALID", []string{number, get + key + "x"}},
		{401, "KEY_AMBIGUOUS", []string{number, get + key, "X-API-Key: " + key}},
		{401, "KEY_AMBIGUOUS", []string{number, "X-API-Key: " + key, "X-API-Key: " + key}},
		{403, "RESOURCE_NOT_FOUND", []string{"GET /v1/numbers/+1", get + key}},
		{403, "ROUTE_NOT_FOUND", []string{"DELETE /v1/numbers/+46700000001", get + key}},
		{403, "ROUTE_NOT_FOUND", []string{"GET /v1/other", get + key, "X-Original-URI: /v1/numbers/+46700000001", "X-Forwarded-Uri: /v1/numbers/+46700000001"}},
		{403, "ROUTE_NOT_FOUND", []string{"DELETE /v1/numbers/+46700000001", get + key, "X-Original-Method: GET", "X-Forwarded-Method: GET"}},
		{403, "PATH_DOT_SEGMENT", []string{"GET /v1/x/../numbers/+46700000001", get + key}},
		{403, "PATH_DOT_SEGMENT", []string{"GET /v1/x/%2e%2e/numbers/+46700000001", get + key}},
		{403, "PATH_EMPTY_SEGMENT", []string{"GET /v1//numbers/+46700000001", get + key}},
		{403, "PATH_ENCODED_SLASH", []string{"GET /v1/numbers/x%2F+46700000001", get + key}},
		{403, "PATH_DOUBLE_ENCODED", []string{"GET /v1/numbers/%252e", get + key}},
	} {
		a := ask(x.lines...)
		if a.status != x.status || !slices.Equal(a.header["X-Tollgate-Reason"], []string{x.reason}) || a.seen != nil {
			t.Errorf("%q: %d %q, upstream %v; want %d %s", x.lines[0], a.status, a.header["X-Tollgate-Reason"], a.seen != nil, x.status, x.reason)
		}
		if a.header.Get("X-Tollgate-Principal") != "" {
			t.Errorf("%q: the client is told %v", x.lines[0], a.header)
		}
	}
	s.call(t, http.MethodDelete, "/v1/keys/"+id, "")
	if a := ask(number, get+key); a.status != 401 || a.header.Get("X-Tollgate-Reason") != "KEY_NOT_FOUND" || a.seen != nil {
		t.Errorf("revoked: %d %v", a.status, a.header)
	}
	s.stop()
	if a := ask(number, get+key); a.status != p.down || a.seen != nil {
		t.Errorf("Tollgate down: %d, upstream %v", a.status, a.seen != nil)
	}
	_ = os.Remove(socket)
	hanging, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket) // which accepts, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = hanging.Close() }()
	if a := ask(number, get+key); a.status < 500 || a.seen != nil {
		t.Errorf("Tollgate hanging: %d, upstream %v", a.status, a.seen != nil)
	}
	if len(gateway.HeaderNames()) != strings.Count(read(t, "../../deploy/nginx/tollgate.conf"), "auth_request_set $tollgate_") {
		t.Error("deploy/ does not have all headers")
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// projectKey makes a key that views a project.
func (s site) projectKey(t *testing.T, project string) (id, secret string) {
	t.Helper()
	made := decoded[struct{ ID, Secret string }](t, s.call(t, http.MethodPost, "/v1/projects/"+project+"/keys", `{"sponsor":"user:ann"}`))
	s.call(t, http.MethodPost, "/v1/bindings", `{"subject":"key:`+made.ID+`","role":"viewer","scope":"project:`+project+`"}`)
	return made.ID, made.Secret
}

// call makes a request with the operator's key that has to succeed.
func (s site) call(t *testing.T, method, path, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, s.environment["TOLLGATE_SERVER"]+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.environment["TOLLGATE_KEY"])
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Close = true
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Body.Close() }()
	text, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode >= 300 {
		t.Fatalf("%s %s: %d %s %v", method, path, a.StatusCode, text, err)
	}
	return string(text)
}
