package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/gateway"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// serviceKey makes a key of a service, bound to roles on the platform, and
// returns its secret as a header has it.
func (f *fixture) serviceKey(name string, roles ...string) string {
	f.t.Helper()
	k := decode[Key](f.do(post, "/v1/platform/keys", `{"service":"service:`+name+`"}`).want(201))
	for _, role := range roles {
		f.do(post, "/v1/bindings", `{"subject":"service:`+name+`","role":"`+role+`","scope":"account:platform"}`).want(201)
	}
	return "Bearer " + k.Secret
}

// role defines a role on the platform.
func (f *fixture) role(id, permissions string) string {
	f.t.Helper()
	f.do(post, "/v1/accounts/platform/roles", `{"id":"`+id+`","permissions":[`+permissions+`]}`).want(201)
	return id
}

// anybodys are routes that any caller is answered on, or anybody at all: they
// show nothing of an account.
var anybodys = []string{"GET /livez", "GET /readyz", "POST /v1/leaked-keys", "GET /openapi.json", "GET /docs", "GET /docs/swagger-ui.css"}

// hidden are routes that answer a caller who may not ask as if there were
// nothing to be asked about.
var hidden = []string{"POST /v1/check", "POST /v1/check/batch", "POST /v1/billing-owner"}

// A caller without rights is refused on every route, whatever would succeed
// for the operator. TestWalk fails for a route that the walk leaves out.
func TestEveryRouteNeedsAPermission(t *testing.T) {
	f := newFixture(t)
	names := f.names()
	real := strings.NewReplacer(names...)
	nobody := f.serviceKey("nobody")
	refused := 0
	for _, s := range walk {
		if s.status >= 300 {
			continue
		}
		path := real.Replace(s.path)
		route := s.method + " " + strings.Split(path, "?")[0]
		a := f.do(s.method, path, real.Replace(s.body), "Authorization", nobody)
		switch {
		case slices.Contains(anybodys, route):
			a.want(200)
		case slices.Contains(hidden, route):
			if a.status == 200 && !strings.Contains(a.text, `RESOURCE_NOT_FOUND`) && !strings.Contains(a.text, "ACCOUNT_REQUIRED") && a.text != `{"results":[]}` {
				t.Errorf("%s %s tells nobody: %s", route, s.body, a.text)
			}
			for i := 1; i < len(names); i += 2 {
				if strings.Contains(a.text, names[i]) {
					t.Errorf("%s %s tells nobody of %s: %s", route, s.body, names[i], a.text)
				}
			}
		case a.status != http.StatusForbidden && a.status != http.StatusNotFound:
			t.Errorf("%s %s: nobody is answered %d %s", s.method, s.path, a.status, a.text)
		default:
			refused++
		}
	}
	if refused < 60 {
		t.Errorf("only %d requests were refused", refused)
	}
}

// Whoever owns an account learns nothing of another: each route answers for
// its nodes as it does for such as never were, in status, body and headers.
func TestAccountsDoNotSeeOneAnother(t *testing.T) {
	f := newFixture(t)
	theirs := f.names()
	mine := decode[SignedUp](f.do(post, "/v1/accounts", signUpBody).want(201))
	made := decode[Key](f.do(post, "/v1/projects/"+mine.Project.ID+"/keys", `{"sponsor":"user:ann"}`).want(201))
	f.do(post, "/v1/bindings", `{"subject":"key:`+made.ID+`","role":"owner","scope":"project:`+mine.Project.ID+`"}`).want(201)
	trusted := f.serviceKey("trusted", f.role("trusted", `"actor.assume"`))
	f.do(post, "/v1/bindings", `{"subject":"service:trusted","role":"owner","scope":"account:`+mine.Account.ID+`"}`).want(201)

	none := append([]string{}, theirs...)
	for i := 1; i < len(none); i += 2 {
		none[i] = elsewhere(none[i])
	}
	toTheirs, toNone := strings.NewReplacer(append(theirs, "+4670", "+4670")...), strings.NewReplacer(append(none, "%2B4670", "%2Bother", "+4670", "+other", "a%2Fb", "a%2Fz", "a/b", "a/z")...)
	for who, header := range map[string][]string{
		"a project's key": {"Authorization", "Bearer " + made.Secret},
		"ann, for whom a service acts that is trusted in her account": {"Authorization", trusted, actorHeader, "user:ann"},
	} {
		compared := 0
		for _, s := range walk {
			if !strings.Contains(s.path+s.body, "{") && !strings.Contains(s.path+s.body, "4670") || strings.Contains(s.body, "{secret}") || strings.Contains(s.path, "platform") {
				continue
			}
			path, body := toTheirs.Replace(s.path), toTheirs.Replace(s.body)
			a := f.do(s.method, path, body, header...)
			b := f.do(s.method, toNone.Replace(s.path), toNone.Replace(s.body), header...)
			if got, want := blank(a.text, theirs, requestOf(a), "+4670", "a/b"), blank(b.text, none, requestOf(b), "+other", "a/z"); a.status != b.status || got != want {
				t.Errorf("%s: %s %s %s\nof another account: %d %s\nof none:            %d %s", who, s.method, s.path, s.body, a.status, got, b.status, want)
			}
			if a.status < 300 && !slices.Contains(hidden, s.method+" "+s.path) {
				t.Errorf("%s: %s %s is answered %d: %s", who, s.method, s.path, a.status, a.text)
			}
			compared++
		}
		if compared < 100 {
			t.Errorf("only %d requests were compared", compared)
		}
	}
}

// elsewhere is an identifier of the same form that stands for nothing.
func elsewhere(id string) string {
	if uid, account, err := hierarchy.ParseBindingID(id); err == nil {
		return hierarchy.BindingID(uid, elsewhere(account))
	}
	last := id[len(id)-1]
	other := byte('0')
	if last == other {
		other = '4'
	}
	return id[:len(id)-1] + string(other)
}

// blank takes the names out of an answer, by which the two may differ.
func blank(text string, names []string, more ...string) string {
	for _, s := range more {
		text = strings.ReplaceAll(text, s, "…")
	}
	for i := 1; i < len(names); i += 2 {
		text = strings.ReplaceAll(text, names[i], names[i-1])
	}
	return text
}

func requestOf(a answer) string { return a.header.Get("X-Request-Id") }

// What takes a right on the platform, and what that right is.
func TestPlatformPermissions(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	for _, x := range []struct{ permission, method, path, body string }{
		{"account.open", post, "/v1/accounts", `{"owner":"user:zoe","billing_account":{"mode":"prepaid","currency":"EUR"}}`},
		{"metrics.inspect", get, "/metrics", ""},
		{"access.check", post, "/v1/authorize", `{"subject":"user:ann","permission":"project.read","resource":"project:` + w.Project.ID + `"}`},
		{"replica.report", post, "/v1/replicas/0123456789abcdef", `{"name":"n","digest":"d","last":"15s"}`},
		{"platform.operate", get, "/v1/accounts/" + w.Account.ID + "/export", ""},
	} {
		name := strings.ReplaceAll(x.permission, ".", "-")
		without, with := f.serviceKey(name+"-no"), f.serviceKey(name, f.role(name, `"`+x.permission+`"`))
		if a := f.do(x.method, x.path, x.body, "Authorization", without); a.status != 403 && a.status != 404 {
			t.Errorf("%s without %s: %d", x.path, x.permission, a.status)
		}
		if a := f.do(x.method, x.path, x.body, "Authorization", with); a.status >= 300 {
			t.Errorf("%s with %s: %d %s", x.path, x.permission, a.status, a.text)
		}
	}
	plain := f.serviceKey("plain", "viewer")
	f.do(get, "/v1/accounts/"+w.Account.ID, "", "Authorization", plain).want(200)
	f.do(get, "/v1/accounts/"+w.Account.ID, "", "Authorization", plain, actorHeader, "user:ann").problem(403, "ACTOR_FORBIDDEN", actorHeader)
	f.do(get, "/v1/accounts/"+w.Account.ID, "", actorHeader, "key:key_1").problem(400, "SUBJECT_INVALID", actorHeader)
}

// A key's state is told to who has its secret; anybody else is just not known.
func TestKeyAsCredential(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	k := f.key(w)
	project := "/v1/projects/" + w.Project.ID
	header := []string{"Authorization", "Bearer " + k.Secret}
	f.do(get, project, "", header...).problem(404, "NOT_FOUND", "")
	f.do(post, "/v1/bindings", `{"subject":"key:`+k.ID+`","role":"viewer","scope":"project:`+w.Project.ID+`"}`).want(201)
	f.do(get, project, "", header...).want(200)
	f.do(get, "/v1/subprojects/"+w.subproject, "", header...).want(200)
	f.do(get, "/v1/accounts/"+w.Account.ID, "", header...).problem(404, "NOT_FOUND", "")
	f.do(post, "/v1/keys/"+k.ID+"/disable", "").want(200)
	f.do(get, project, "", header...).problem(401, "KEY_DISABLED", "")
	forged := k.Secret[:len(k.Secret)-1] + string("0z"[min(1, strings.IndexByte("0z", k.Secret[len(k.Secret)-1])+1)%2])
	f.do(get, project, "", "Authorization", "Bearer "+forged).problem(401, "UNAUTHENTICATED", "")
	f.do(post, "/v1/keys/"+k.ID+"/enable", "").want(200)
	f.do(remove, "/v1/keys/"+k.ID, "").want(200)
	f.do(get, project, "", header...).problem(401, "UNAUTHENTICATED", "")
	for _, entry := range f.logs.All() {
		if text := entry.Message; strings.Contains(text, k.Secret) {
			t.Errorf("the secret was logged: %s", text)
		}
	}
}

// A key asks about others where it has access.check, and only there.
func TestKeyAsksWithinItsReach(t *testing.T) {
	f := newFixture(t)
	w, other := f.world(), decode[SignedUp](f.do(post, "/v1/accounts", signUpBody).want(201))
	k := f.key(w)
	header := []string{"Authorization", "Bearer " + k.Secret}
	ask := func(resource string) string {
		return f.do(post, "/v1/check", `{"subject":"user:bob","permission":"number.update","resource":"`+resource+`"}`, header...).want(200).text
	}
	nothing := ask("project:" + w.Project.ID)
	if !strings.Contains(nothing, "RESOURCE_NOT_FOUND") || strings.Contains(nothing, "revision") {
		t.Errorf("without access.check: %s", nothing)
	}
	f.do(post, "/v1/bindings", `{"subject":"key:`+k.ID+`","role":"gateway","scope":"project:`+w.Project.ID+`"}`).want(201)
	if a := ask("project:" + w.Project.ID); !strings.Contains(a, `"allowed":true`) {
		t.Errorf("with access.check: %s", a)
	}
	for _, resource := range []string{"account:" + w.Account.ID, "project:" + other.Project.ID, "number:+9", "project:prj_none"} {
		if a := ask(resource); a != nothing {
			t.Errorf("%s: %s", resource, a)
		}
	}
	f.do(post, "/v1/authorize", `{"subject":"user:bob","permission":"number.update","resource":"number:+9"}`, header...).problem(403, "PERMISSION_DENIED", "")
}

// A proxy gets who it is, what it may, who pays, and headers that are always
// all there.
func TestAuthorize(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	k := f.key(w)
	f.do(post, "/v1/bindings", `{"subject":"key:`+k.ID+`","role":"editor","scope":"project:`+w.Project.ID+`"}`).want(201)
	proxy := f.serviceKey("gw", "gateway")
	ask := func(body string) Verdict {
		v := decode[Verdict](f.do(post, "/v1/authorize", body, "Authorization", proxy).want(200))
		for _, name := range gateway.HeaderNames() {
			if _, ok := v.Headers[name]; !ok || len(v.Headers) != len(gateway.HeaderNames()) {
				t.Errorf("%s: the headers are %v", body, v.Headers)
			}
		}
		return v
	}
	v := ask(`{"api_key":"` + k.Secret + `","permission":"number.update","resource":"subproject:` + w.subproject + `"}`)
	if !v.Allowed || v.Status != 200 || v.Principal != "key:"+k.ID || v.Sponsor != "user:ann" || v.Account != w.Account.ID ||
		v.Project != w.Project.ID || v.Subproject != w.subproject || v.Billing.BillingAccount != w.BillingAccount.ID {
		t.Errorf("%+v", v)
	}
	if v.Headers["X-Tollgate-Billing-Account"] != w.BillingAccount.ID || v.Headers["X-Tollgate-Decision"] != "allowed" || v.Headers["X-Tollgate-Billing-Status"] != "billed" {
		t.Errorf("%v", v.Headers)
	}
	for body, want := range map[string]struct {
		code   string
		status int
	}{
		`{"api_key":"` + k.Secret + `","permission":"project.close","resource":"project:` + w.Project.ID + `"}`:       {"NO_BINDING", 403},
		`{"api_key":"` + k.Secret + `","permission":"account.read","resource":"account:` + w.Account.ID + `"}`:        {"KEY_OUT_OF_REACH", 403},
		`{"api_key":"` + k.Secret + `x","permission":"number.update","resource":"project:` + w.Project.ID + `"}`:      {"KEY_INVALID", 401},
		`{"permission":"number.update","resource":"project:` + w.Project.ID + `"}`:                                    {"KEY_MISSING", 401},
		`{"subject":"user:bob","permission":"number.update","resource":"number:+4670"}`:                               {"ALLOWED", 200},
		`{"api_key":"` + k.Secret + `","permission":"number.read","resource":"number:nowhere"}`:                       {"RESOURCE_NOT_FOUND", 403},
		`{"api_key":"` + k.Secret + `","account":"other","permission":"number.read","resource":"number:+4670"}`:       {"RESOURCE_NOT_FOUND", 403},
		`{"api_key":"` + k.Secret + `","source_ip":"192.0.2.1","permission":"number.read","resource":"number:+4670"}`: {"ALLOWED", 200},
	} {
		if v := ask(body); v.Reason.Code != want.code || v.Status != want.status || v.Allowed != (want.status == 200) {
			t.Errorf("%s: %+v", body, v)
		}
	}
}
