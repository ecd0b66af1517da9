package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/client"
	"github.com/tollgate-dev/tollgate/client/httpauth"
)

const shopProject = "project:acme-shop"

// The life of a key, from the command line.
func TestKeysCommands(t *testing.T) {
	s := example(t)
	made := decoded[client.MintedKey](t, s.want(t, exitYes, "keys", "create", shopProject, "--sponsor", "user:ann", "--name", "billing run", "--source", "192.0.2.0/24", "--label", "tier=gold", "--expires-at", "2100-01-01T00:00:00Z", "--json").out)
	if made.Sponsor != "user:ann" || made.DisplayName != "billing run" || made.Sources[0] != "192.0.2.0/24" || made.Labels["tier"] != "gold" || made.ExpiresAt == nil || !strings.HasPrefix(made.Secret, "tg_live_") {
		t.Fatalf("%+v", made.Key)
	}
	line := made.ID + ` of project:acme-shop, sponsored by user:ann, "billing run", ends 2100-01-01T00:00:00Z, from 192.0.2.0/24: `
	for _, step := range []struct {
		code int
		out  string
		args []string
	}{
		{exitYes, line + "enabled\n", []string{"get", made.ID}},
		{exitYes, line + "enabled\n", []string{"list", shopProject}},
		{exitYes, line + "disabled\n", []string{"disable", "key:" + made.ID}},
		{exitYes, line + "enabled\n", []string{"enable", made.ID}},
		{exitYes, strings.Replace(line, "user:ann", "user:ben", 1) + "enabled\n", []string{"transfer", made.ID, "user:ben"}},
		{exitError, "", []string{"transfer", made.ID, "ben"}},
		{exitError, "", []string{"list", "account:acme"}},
		{exitError, "", []string{"create", "account:acme"}},
		{exitError, "", []string{"create", shopProject, "--expires-at", "soon"}},
		{exitError, "", []string{"get", "key_none"}},
		{exitYes, made.ID + " is revoked\n", []string{"revoke", made.ID}},
		{exitError, "", []string{"revoke", made.ID}},
	} {
		got := s.run(t, append([]string{"keys"}, step.args...)...)
		if got.code != step.code || !strings.HasPrefix(got.out, step.out) || (step.code == exitError) != (got.err != "") {
			t.Errorf("tollgate keys %s: exit code %d, want %d\n%s%s", strings.Join(step.args, " "), got.code, step.code, got.out, got.err)
		}
		if strings.Contains(got.out+got.err, made.Secret) {
			t.Errorf("tollgate keys %s shows the secret again", step.args[0])
		}
	}
}

// A secret is on stdout once, and nowhere else; for scripts alone there.
func TestSecretsOfKeysAreShownOnce(t *testing.T) {
	s := example(t)
	alone := s.want(t, exitYes, "keys", "create", "service:gateway", "--secret-only")
	if !strings.HasPrefix(alone.out, "tg_live_") || strings.Count(alone.out, "\n") != 1 || alone.err != "" {
		t.Errorf("%+v", alone)
	}
	id := strings.Split(alone.out, "_")[2]
	beside := s.want(t, exitYes, "keys", "rotate", "key_"+id, "--overlap", "1h")
	if _, secret, _ := strings.Cut(beside.out, "\n  secret  "); strings.Count(beside.out, "tg_live_") != 1 || !strings.HasPrefix(secret, "tg_live_"+id) {
		t.Errorf("%+v", beside)
	}
	s.want(t, exitYes, "keys", "rotate", "key_"+id, "--secret-only", "--wait", "5s")
	receipt := s.want(t, exitYes, "keys", "disable", "key_"+id, "--wait", "5s").out
	if !strings.Contains(receipt, ": confirmed") {
		t.Errorf("no receipt: %s", receipt)
	}
	if end := s.want(t, exitYes, "keys", "revoke", "key_"+id, "--wait", "5s").out; !strings.Contains(end, "is revoked\n") || !strings.Contains(end, ": confirmed") {
		t.Errorf("no receipt: %s", end)
	}
}

// What was found is read from stdin or a file, takes no other credential, and
// is repeated nowhere, least of all when it stands where it should not.
func TestKeysLeak(t *testing.T) {
	s := example(t)
	create := func() (id, secret string) {
		secret = strings.TrimSpace(s.want(t, exitYes, "keys", "create", shopProject, "--sponsor", "user:ann", "--secret-only").out)
		return "key_" + strings.Split(secret, "_")[2], secret
	}
	nobody := environment{"TOLLGATE_SERVER": s.environment["TOLLGATE_SERVER"]}
	first, secret := create()
	for _, got := range []outcome{command(t, nobody, "", "keys", "leak", secret), command(t, nobody, "", "keys", "leak", "--json", secret), command(t, nobody, "", "keys", "leak")} {
		if got.code != exitError || strings.Contains(got.out+got.err, secret) {
			t.Errorf("%+v", got)
		}
	}
	if got := s.want(t, exitYes, "keys", "get", first).out; !strings.HasSuffix(got, ": enabled\n") {
		t.Errorf("nothing was reported, and the key is %s", got)
	}
	second, other := create()
	for id, got := range map[string]outcome{
		first:  command(t, nobody, secret+"\n", "keys", "leak"),
		second: command(t, nobody, "", "keys", "leak", "--file", file(t, "found", other)),
	} {
		if got.code != exitYes || strings.Contains(got.out+got.err, "tg_live_") {
			t.Errorf("%+v", got)
		}
		if shown := s.want(t, exitYes, "keys", "get", id).out; !strings.HasSuffix(shown, ": disabled, since it leaked; rotate it\n") {
			t.Errorf("the key is %s", shown)
		}
		s.want(t, exitError, "keys", "enable", id)
	}
}

// The guard of a service, in front of a server: who may comes to the handler,
// with who he is and who pays, until the key is disabled.
func TestGuard(t *testing.T) {
	s := serve(t, environment{}, "--routes", file(t, "routes.yaml", numberRoute))
	s.want(t, exitYes, "import", "../../examples/acme.yaml")
	made := decoded[client.MintedKey](t, s.want(t, exitYes, "keys", "create", shopProject, "--sponsor", "user:ann", "--json").out)
	s.want(t, exitYes, "bind", "key:"+made.ID, "viewer", shopProject)
	gateway := strings.TrimSpace(s.want(t, exitYes, "keys", "create", "service:gateway", "--secret-only").out)
	s.want(t, exitYes, "bind", "service:gateway", "gateway", "account:platform")
	c, err := client.New(s.environment["TOLLGATE_SERVER"], gateway)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	guarded := httpauth.New(c).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, _ := httpauth.From(r.Context())
		_, _ = io.WriteString(w, a.Principal+" "+a.Sponsor+" "+a.Project+" "+a.Billing.BillingAccount)
	}))
	ask := func(path, key string) (int, string) {
		r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
		if key != "" {
			r.Header.Set("X-API-Key", key)
		}
		answer := httptest.NewRecorder()
		guarded.ServeHTTP(answer, r)
		return answer.Code, answer.Body.String()
	}
	number := "/v1/numbers/+46700000001"
	for _, x := range []struct {
		path, key string
		status    int
		says      string
	}{
		{number, made.Secret, 200, "key:" + made.ID + " user:ann acme-shop acme-eu"},
		{number, "", 401, `"KEY_MISSING"`},
		{number, made.Secret + "x", 401, `"KEY_INVALID"`},
		{"/v1/numbers/+46700000099", made.Secret, 403, `"KEY_OUT_OF_REACH"`},
		{"/v1/numbers/%2e%2e", made.Secret, 403, `"PATH_DOT_SEGMENT"`},
		{"/v1/elsewhere", made.Secret, 403, `"ROUTE_NOT_FOUND"`},
	} {
		if status, body := ask(x.path, x.key); status != x.status || !strings.Contains(body, x.says) {
			t.Errorf("%s: %d %s, want %d %s", x.path, status, body, x.status, x.says)
		}
	}
	s.want(t, exitYes, "keys", "disable", made.ID)
	if status, body := ask(number, made.Secret); status != 401 || !strings.Contains(body, `"KEY_DISABLED"`) {
		t.Errorf("disabled: %d %s", status, body)
	}
	s.stop()
	if status, body := ask(number, made.Secret); status != 503 || !strings.Contains(body, `"STATE_UNAVAILABLE"`) {
		t.Errorf("Tollgate is down: %d %s", status, body)
	}
}
