package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/tollgate-dev/tollgate/store/storetest"
)

// sidecarRules are what docs/redis.md has the user of a sidecar be allowed.
func sidecarRules(t *testing.T) []any {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "redis.md"))
	must(t, err)
	line := regexp.MustCompile(`(?m)^ACL SETUSER tollgate-sidecar on >PASSWORD (.*)$`).FindSubmatch(page)
	if line == nil {
		t.Fatal("docs/redis.md does not say what the user of a sidecar needs")
	}
	return words("acl setuser tollgate-sidecar on >hunter2 " + string(line[1]))
}

// port is where a test asks over HTTP.
type port struct {
	t    *testing.T
	http *http.Client
	url  string
	key  string // "" for none
}

// ask sends a body, or asks without one, and returns the status and what is
// answered.
func (p port) ask(method, path, body string) (int, string) {
	p.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, in)
	must(p.t, err)
	if p.key != "" {
		req.Header.Set("Authorization", "Bearer "+p.key)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := p.http.Do(req)
	must(p.t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	must(p.t, err)
	return resp.StatusCode, string(text)
}

// want is ask, which has to be answered with a status, and returns what JSON has
// under a name.
func (p port) want(status int, name, method, path, body string) string {
	p.t.Helper()
	got, text := p.ask(method, path, body)
	if got != status {
		p.t.Fatalf("%s %s: %d %s, want %d", method, path, got, text, status)
	}
	var fields map[string]json.RawMessage
	if name == "" {
		return text
	}
	must(p.t, json.NewDecoder(bytes.NewReader([]byte(text))).Decode(&fields))
	return strings.Trim(string(fields[name]), `"`)
}

// atSite asks a site with a key.
func atSite(t *testing.T, s site, key string) port {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return port{t, &http.Client{Transport: transport}, s.environment["TOLLGATE_SERVER"], key}
}

// atSocket asks at a Unix socket.
func atSocket(t *testing.T, path string) port {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return port{t, &http.Client{Transport: transport}, "http://tollgate", ""}
}

// annex is a server, and what a sidecar on its Redis needs.
type annex struct {
	redis   *storetest.Server
	server  site
	operate port
	env     environment // of sidecars
	gateway string      // a key that may ask about everybody
}

func newAnnex(t *testing.T) *annex {
	t.Helper()
	a := &annex{redis: storetest.Standalone(t)}
	a.redis.Do(sidecarRules(t)...)
	env := environment{"TOLLGATE_REDIS": "redis://" + a.redis.Addr, "TOLLGATE_OPERATOR_KEY": fleetKey}
	a.server = serve(t, env)
	a.server.want(t, exitYes, "import", "../../examples/acme.yaml")
	a.operate = atSite(t, a.server, fleetKey)
	a.gateway = a.serviceKey("gateway", "gateway")
	a.env = environment{
		"TOLLGATE_REDIS": "redis://tollgate-sidecar:hunter2@" + a.redis.Addr, "TOLLGATE_SERVER": a.operate.url, "TOLLGATE_SERVER_KEY": a.serviceKey("sidecar", "sidecar"),
		"TOLLGATE_LISTEN": "127.0.0.1:0",
	}
	a.redis.Do("acl", "log", "reset")
	return a
}

// serviceKey makes a key of a service that has a role on the platform.
func (a *annex) serviceKey(service, role string) string {
	a.operate.t.Helper()
	a.operate.want(201, "", "POST", "/v1/bindings", `{"subject":"service:`+service+`","role":"`+role+`","scope":"account:platform"}`)
	return a.operate.want(201, "secret", "POST", "/v1/platform/keys", `{"service":"service:`+service+`"}`)
}

// beside starts a sidecar in this process.
func beside(t *testing.T, env environment, args ...string) site {
	t.Helper()
	s, _, _ := launchSite(t, env, "Tollgate's sidecar is ready", append([]string{"sidecar"}, args...)...)
	return s
}

// refused is what Redis has refused the sidecars.
func (a *annex) refused(t *testing.T) {
	t.Helper()
	if what := a.redis.Refused("tollgate-sidecar"); len(what) > 0 {
		t.Errorf("Redis has refused a sidecar %q", what)
	}
}

// A sidecar does all that one does, as a user of Redis who may only read, and
// tries nothing else.
func TestSidecarOnlyReads(t *testing.T) {
	a := newAnnex(t)
	made := a.operate.want(201, "", "POST", "/v1/projects/acme-shop/keys", `{"sponsor":"user:ben"}`)
	secret := regexp.MustCompile(`"secret":"([^"]*)"`).FindStringSubmatch(made)[1]
	key := regexp.MustCompile(`key_[0-9a-z]{26}`).FindString(made)
	a.operate.want(201, "", "POST", "/v1/bindings", `{"subject":"key:`+key+`","role":"editor","scope":"project:acme-shop"}`)
	socket, proxies := freeSocket(t), freeSocket(t)
	s := beside(t, a.env, "--socket", socket, "--proxy-socket", proxies)
	by := `{"api_key":"` + secret + `","permission":"number.update","resource":"number:+46700000007"`
	for _, at := range []port{atSite(t, s, a.gateway), atSocket(t, socket)} {
		at.want(200, "", "GET", "/readyz", "")
		if got := at.want(200, "allowed", "POST", "/v1/authorize", by+`}`); got != "true" {
			t.Errorf("allowed: %s", got)
		}
		at.want(200, "", "POST", "/v1/authorize", by+`,"freshness":"full"}`)
		const ask = `"subject":"user:ben","permission":"number.update","resource":"number:+46700000007"`
		at.want(200, "", "POST", "/v1/check", `{`+ask+`,"explain":true}`)
		at.want(200, "", "POST", "/v1/check", `{"subject":"user:ben","permission":"number.update","resource":"number:none"}`)
		at.want(200, "", "POST", "/v1/check/batch", `{"checks":[{`+ask+`},{"subject":"user:x","permission":"number.read","resource":"project:acme-lab"}]}`)
		at.want(200, "", "POST", "/v1/billing-owner", `{"resource":"number:+46700000007"}`)
		at.want(421, "", "GET", "/v1/accounts/acme", "")
	}
	if got, _ := atSocket(t, proxies).ask("GET", "/proxy/forwarded", ""); got != 403 {
		t.Errorf("a proxy that does not say what it holds is answered %d", got)
	}

	// Its answers are of the token's revision, it counts in receipts, and a key
	// that was disabled through the server is refused.
	revision := a.operate.want(200, "revision", "POST", "/v1/keys/"+key+"/disable", "")
	if got := atSite(t, s, a.gateway).want(200, "allowed", "POST", "/v1/authorize", by+`,"at_least":"`+revision+`"}`); got != "false" {
		t.Errorf("allowed by a key that is disabled: %s", got)
	}
	receipt := a.operate.want(200, "", "GET", "/v1/accounts/acme/revisions/"+revision+"?wait=20s", "")
	if strings.Count(receipt, `"confirmed":true`) != 3 || strings.Count(receipt, `"id":"sidecar-`) != 1 {
		t.Errorf("the receipt: %s", receipt)
	}
	if text := atSocket(t, socket).want(200, "", "GET", "/metrics", ""); !strings.Contains(text, "tollgate_sidecar_known 1") {
		t.Error("the metrics do not have it that the sidecar is known")
	}
	if end := s.stop(); end.code != exitYes || strings.Contains(end.out+end.err, secret) || strings.Contains(end.err, "WARN") {
		t.Errorf("it ended with %d: %s", end.code, end.err)
	}
	if used := a.operate.want(200, "last_used_at", "GET", "/v1/keys/"+key, ""); used == "" {
		t.Error("the server has not been told that the key was used")
	}
	receipt = a.operate.want(200, "", "GET", "/v1/accounts/acme/revisions/"+revision+"?wait=20s", "")
	if strings.Contains(receipt, "sidecar-") || !strings.Contains(receipt, `"confirmed":true`) {
		t.Errorf("the receipt, once it has gone: %s", receipt)
	}
	a.refused(t)
}

// Envoy asks a sidecar over gRPC, as it does a server.
func TestEnvoyAsksASidecar(t *testing.T) {
	a := newAnnex(t)
	made := a.operate.want(201, "", "POST", "/v1/projects/acme-shop/keys", `{"sponsor":"user:ann"}`)
	secret := regexp.MustCompile(`"secret":"([^"]*)"`).FindStringSubmatch(made)[1]
	key := regexp.MustCompile(`key_[0-9a-z]{26}`).FindString(made)
	a.operate.want(201, "", "POST", "/v1/bindings", `{"subject":"key:`+key+`","role":"editor","scope":"project:acme-shop"}`)
	socket := freeSocket(t)
	s := beside(t, a.env, "--socket", freeSocket(t), "--ext-authz-addr", "unix:"+socket, "--routes", file(t, "routes.yaml", numberRoute))
	g := newGrpcurl(t)
	in := inHeaderMap("GET", oneNumber, "authorization", "Bearer "+secret)
	if first := g.check(t, "unix:"+socket, in); first.GetOkResponse() == nil {
		t.Errorf("it is not let by: %v", first)
	}
	denied(t, "no key", g.check(t, "unix:"+socket, inHeaderMap("GET", oneNumber)), 401, "KEY_MISSING")
	a.operate.want(200, "", "GET", "/v1/accounts/acme/revisions/"+a.operate.want(200, "revision", "POST", "/v1/keys/"+key+"/disable", "")+"?wait=20s", "")
	denied(t, "disabled through the server", g.check(t, "unix:"+socket, in), 401, "KEY_DISABLED")
	if out, err := g.call(t, "unix:"+socket, "grpc.health.v1.Health/Check", "{}"); err != nil || !strings.Contains(out, "SERVING") {
		t.Errorf("its health: %s, %v", out, err)
	}
	if end := s.stop(); end.code != exitYes {
		t.Errorf("it ended with %d: %s", end.code, end.err)
	}
	a.refused(t)
}

// With a command fewer, or if it wrote, that would be seen.
func TestSidecarThatMayNotRead(t *testing.T) {
	a := newAnnex(t)
	a.redis.Do(words("acl setuser tollgate-sidecar -hgetall")...)
	s := beside(t, a.env)
	atSite(t, s, a.gateway).want(503, "", "POST", "/v1/check", `{"subject":"user:ben","permission":"number.update","resource":"number:+46700000007"}`)
	if what := a.redis.Refused("tollgate-sidecar"); len(what) == 0 {
		t.Error("nothing was refused")
	}
}

// While the server is away, and also if it never was there, a sidecar answers,
// and by its own rules of freshness: it compares first.
func TestSidecarWithoutItsServer(t *testing.T) {
	a := newAnnex(t)
	const ask = `{"subject":"user:ben","permission":"number.update","resource":"number:+46700000007"}`
	allowed := func(s site) string {
		t.Helper()
		return atSite(t, s, a.gateway).want(200, "allowed", "POST", "/v1/check", ask)
	}
	// One that has no server to reach, and trusts what it knows for long: it must
	// not, since no receipt knows of it.
	env := environment{}
	for name, value := range a.env {
		env[name] = value
	}
	env["TOLLGATE_SERVER"], env["TOLLGATE_FRESHNESS_BOUND"] = "http://"+freeAddr(t), "20m"
	a.redis.Do(words("acl setuser tollgate-sidecar resetchannels")...) // nor can it hear
	away := beside(t, env)
	// One that was told of none, as a control: it trusts what it knows.
	env["TOLLGATE_SERVER"] = ""
	alone := beside(t, env)
	if line, _ := alone.log.look("no --server: receipts of writes do not wait for this sidecar"); line == "" {
		t.Error("it does not say that receipts know nothing of it")
	}
	for _, s := range []site{away, alone} {
		if got := allowed(s); got != "true" {
			t.Errorf("allowed: %s", got)
		}
	}
	a.server.want(t, exitYes, "suspend", "project:acme-shop")
	if got := allowed(alone); got != "true" {
		t.Errorf("one without a server compares all the same: the control shows nothing: %s", got)
	}
	a.server.stop()
	if got := allowed(away); got != "false" {
		t.Errorf("allowed, by what was known before: %s", got)
	}
}

// A sidecar fails closed when Redis is away.
func TestSidecarWithoutRedis(t *testing.T) {
	a := newAnnex(t)
	a.env["TOLLGATE_REDIS"] += "?" + impatient
	s := beside(t, a.env)
	at := atSite(t, s, a.gateway)
	const ask = `{"subject":"user:ben","permission":"number.update","resource":"number:+46700000007"}`
	at.want(200, "", "POST", "/v1/check", ask)
	a.redis.Stop()
	defer a.redis.Continue()
	for status := 200; status == 200; { // the bound ends this
		status, _ = at.ask("POST", "/v1/check", ask)
	}
	at.want(503, "", "POST", "/v1/check", ask)
	at.want(503, "", "GET", "/readyz", "")
}

// It listens where only this machine reaches it, unless it is told otherwise.
func TestSidecarSettings(t *testing.T) {
	url := "redis://" + freeAddr(t)
	for says, args := range map[string][]string{
		"not a loopback address":     {"--redis", url, "--listen", "0.0.0.0:0"},
		"needs --redis":              {},
		"replica.report":             {"--redis", url, "--server", "http://127.0.0.1:1"},
		"together are at most 20m":   {"--redis", url, "--server", "http://127.0.0.1:1", "--freshness-bound", "19m", "--redis-away-window", "2m"},
		"is for --server":            {"--redis", url, "--server-key-file", "x"},
		"greatest age":               {"--help"},
		"unknown flag: --redis-wait": {"--redis-wait", "1"},
		"unknown flag: --max-bulk":   {"--max-bulk", "1"},
		"freshness-bound is longer":  {"--redis", url, "--freshness-bound", "0s"},
	} {
		got := command(t, environment{}, "", append([]string{"sidecar"}, args...)...)
		if text := got.out + got.err; !strings.Contains(text, says) || (got.code == exitYes) != (says == "greatest age") {
			t.Errorf("%v: %d %s", args, got.code, text)
		}
	}
	a := newAnnex(t)
	s := beside(t, a.env, "--listen", "0.0.0.0:0", "--beyond-loopback")
	if at := s.environment["TOLLGATE_SERVER"]; at == "" || strings.Contains(at, "127.0.0.1") {
		t.Errorf("it listens at %s", at)
	}
}

// What deploy/ starts a sidecar with is what it takes.
func TestDeployedSidecars(t *testing.T) {
	for file, pattern := range map[string]string{
		"tollgate-sidecar.service": `(?m)^ExecStart=\S+ sidecar (.*)$`,
		"pod.yaml":                 `(?s)- sidecar\n(.*?)\n\s*env:`,
	} {
		text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "sidecar", file))
		must(t, err)
		found := regexp.MustCompile(pattern).FindStringSubmatch(string(text))
		if found == nil {
			t.Fatalf("%s starts no sidecar", file)
		}
		args := strings.Fields(strings.ReplaceAll(found[1], "- --", "--"))
		var c sidecarSettings
		flags := pflag.NewFlagSet(file, pflag.ContinueOnError)
		c.flags(flags)
		must(t, flags.Parse(append(args, "--redis", "redis://redis")))
		if err := c.check(); err != nil || c.socket == "" || c.server == "" || c.serverKeyFile == "" || flags.NArg() > 0 {
			t.Errorf("%s: %q: %v", file, args, err)
		}
	}
}
