package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/apikey"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/limit"
)

// limited makes the API let everybody ask so often at once, and hardly ever
// again.
func limited(t testing.TB, key, account int) func(*Config) {
	t.Helper()
	rate := func(burst int) limit.Rate {
		if burst == 0 {
			return limit.Rate{}
		}
		return limit.Rate{PerSecond: limit.MinPerSecond, Burst: burst}
	}
	limits, err := limit.New(rate(key), rate(account))
	must(t, err)
	t.Cleanup(limits.Close)
	return func(c *Config) { c.Limits = limits }
}

// projectKey makes a key of a project, sponsored by ann, that may edit what is
// in it, and returns its secret.
func (f *fixture) projectKey(project string) string {
	f.t.Helper()
	k := decode[Key](f.do(post, "/v1/projects/"+project+"/keys", `{"sponsor":"user:ann"}`).want(201))
	f.do(post, "/v1/bindings", `{"subject":"key:`+k.ID+`","role":"editor","scope":"project:`+project+`"}`).want(201)
	return k.Secret
}

// A caller that asks too often is told when to come back, and how it stands
// each time; nobody else is any the worse for it.
func TestCallersAreHeldBack(t *testing.T) {
	f := newFixture(t, limited(t, 2, 0))
	w := f.world()
	key, other := "Bearer "+f.projectKey(w.Project.ID), "Bearer "+f.projectKey(w.Project.ID)
	path := "/v1/projects/" + w.Project.ID
	for _, want := range []string{`"key";r=1;t=1000`, `"key";r=0;t=2000`} {
		a := f.do(get, path, "", "Authorization", key).want(200)
		if got := a.header.Get("RateLimit"); got != want || a.header.Get("RateLimit-Policy") != `"key";q=2;w=2000` || a.header.Get("Retry-After") != "" {
			t.Errorf("RateLimit is %q, want %q, in %v", got, want, a.header)
		}
	}
	for _, route := range []string{get + " " + path, post + " /v1/check", get + " /nowhere"} {
		method, at, _ := strings.Cut(route, " ")
		a := f.do(method, at, "", "Authorization", key)
		a.problem(http.StatusTooManyRequests, "RATE_LIMITED", "")
		if got := a.header.Get("RateLimit"); got != `"key";r=0;t=2000` || a.header.Get("Retry-After") != "1000" {
			t.Errorf("%s: %v", route, a.header)
		}
	}
	f.do(get, path, "", "Authorization", other).want(200)
	for range 10 { // neither is the operator, nor who asks about everybody
		if a := f.do(get, path, "").want(200); a.header.Get("RateLimit") != "" {
			t.Errorf("the operator is limited: %v", a.header)
		}
	}
	if text := f.do(get, "/metrics", "").want(200).text; !strings.Contains(text, `tollgate_rate_limited_total{limit="key"} 3`) {
		t.Error("the metrics do not count the 3 requests that were held back")
	}
}

// The keys of an account have its bucket together, and those of another account
// are told nothing of it: not even how it stands.
func TestAccountsAreHeldBack(t *testing.T) {
	f := newFixture(t, limited(t, 0, 3))
	w := f.world()
	rival := decode[SignedUp](f.do(post, "/v1/accounts", signUpBody).want(201))
	first, second, theirs := "Bearer "+f.projectKey(w.Project.ID), "Bearer "+f.projectKey(w.Project.ID), "Bearer "+f.projectKey(rival.Project.ID)
	mine := "/v1/projects/" + w.Project.ID
	for _, key := range []string{first, second, first} {
		f.do(get, mine, "", "Authorization", key).want(200)
	}
	f.do(get, mine, "", "Authorization", second).problem(http.StatusTooManyRequests, "RATE_LIMITED", "")
	a := f.do(get, mine, "", "Authorization", theirs)
	a.problem(http.StatusNotFound, "NOT_FOUND", "")
	if got := a.header.Get("RateLimit"); got != `"account";r=2;t=1000` {
		t.Errorf("another account stands at %q", got)
	}
}

// Who names a key without its secret takes nothing out of its bucket. The
// negative control: with the secret he does.
func TestStrangersEmptyNoBucket(t *testing.T) {
	f := newFixture(t, limited(t, 3, 3))
	w := f.world()
	secret, gateway := f.projectKey(w.Project.ID), f.serviceKey("edge", "gateway")
	wrong := otherSecret(t, secret)
	for range 10 {
		f.do(get, "/v1/projects/"+w.Project.ID, "", "Authorization", "Bearer "+wrong).want(401)
		if v := f.authorize(gateway, wrong, "number:+4670"); v.Reason.Code != "KEY_NOT_FOUND" || len(v.RateLimit.Headers) > 0 {
			t.Fatalf("%+v", v)
		}
		if v := f.authorize(gateway, "user:mallory", "number:+4670"); v.Status != 403 && v.Status != 429 || v.RateLimit.Account.Burst != 0 {
			t.Fatalf("%+v", v)
		}
	}
	for i, want := range []int{200, 200, 200, 429} {
		if v := f.authorize(gateway, secret, "number:+4670"); v.Status != want {
			t.Errorf("%d: %+v", i, v)
		}
	}
}

// otherSecret is a well-formed secret of the same key that is not the key's.
func otherSecret(t testing.TB, secret string) string {
	t.Helper()
	presented, err := apikey.Parse(secret)
	must(t, err)
	uid, err := hierarchy.ParseUID(strings.TrimPrefix(presented.Subject(), "key:key_"))
	must(t, err)
	other, _ := apikey.Mint("live", uid)
	return other.Reveal()
}

// authorize asks as a gateway about who presents a key, or is named.
func (f *fixture) authorize(gateway, who, resource string) Verdict {
	f.t.Helper()
	field := `"api_key"`
	if strings.HasPrefix(who, "user:") {
		field = `"subject"`
	}
	return decode[Verdict](f.do(post, "/v1/authorize", `{`+field+`:"`+who+`","permission":"number.read","resource":"`+resource+`"}`, "Authorization", gateway).want(200))
}

// Of whom a gateway asks for, the answer says how he stands, and nothing else
// once he asks too often: neither is he let by, nor is it told what he may do.
// The gateway itself is not held back.
func TestWhomGatewaysAskForIsHeldBack(t *testing.T) {
	f := newFixture(t, limited(t, 2, 4))
	w := f.world()
	secret, other, gateway := f.projectKey(w.Project.ID), f.projectKey(w.Project.ID), f.serviceKey("edge", "gateway")
	v := f.authorize(gateway, secret, "number:+4670")
	if v.Status != 200 || !v.Allowed || v.RateLimit.Key.Remaining != 1 || v.RateLimit.Account.Remaining != 3 || v.RateLimit.Headers["RateLimit"] != `"key";r=1;t=1000, "account";r=3;t=1000` {
		t.Errorf("%+v", v)
	}
	if v := f.authorize(gateway, secret, "number:none"); v.Status != 403 || v.RateLimit.Key.Remaining != 0 {
		t.Errorf("%+v", v)
	}
	for _, resource := range []string{"number:+4670", "number:none"} {
		v := f.authorize(gateway, secret, resource)
		if v.Status != 429 || v.Allowed || v.Reason.Code != "RATE_LIMITED" || v.Reason.Binding != "" || v.Headers["X-Tollgate-Decision"] != "denied" || v.RateLimit.Headers["Retry-After"] != "1000" {
			t.Errorf("%s: %+v", resource, v)
		}
	}
	for i, want := range []int{200, 200, 429} {
		if v := f.authorize(gateway, other, "number:+4670"); v.Status != want {
			t.Errorf("%d: %+v", i, v)
		}
	}
	if v := f.authorize(gateway, "user:bob", "number:+4670"); v.Status == 403 {
		t.Errorf("%+v", v)
	}
}

// What no route matches is taken out of the buckets too, and those who ask for
// it too often are not told any more that there is none.
func TestAstrayRequestsAreHeldBack(t *testing.T) {
	f := newFixture(t, limited(t, 2, 3))
	w := f.world()
	secret, other, gateway := f.projectKey(w.Project.ID), f.projectKey(w.Project.ID), f.serviceKey("edge", "gateway")
	astray := func(who string) Verdict {
		return decode[Verdict](f.do(post, "/v1/authorize", `{`+who+`,"method":"GET","path":"/nowhere"}`, "Authorization", gateway).want(200))
	}
	for _, x := range []struct {
		who    string
		reason []string
	}{
		{`"api_key":"` + secret + `"`, []string{"ROUTE_NOT_FOUND", "ROUTE_NOT_FOUND", "RATE_LIMITED"}},
		{`"api_key":"` + other + `"`, []string{"ROUTE_NOT_FOUND", "RATE_LIMITED"}}, // of the account
		{`"subject":"user:bob"`, []string{"ROUTE_NOT_FOUND", "ROUTE_NOT_FOUND", "RATE_LIMITED"}},
	} {
		for i, reason := range x.reason {
			if v := astray(x.who); v.Reason.Code != reason || v.Allowed || (v.Status == 429) != (reason == "RATE_LIMITED") {
				t.Errorf("%s, %d: %+v", x.who, i, v)
			}
		}
	}
}

// Without limits nothing is said of them.
func TestNobodyIsHeldBackByDefault(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	secret, gateway := f.projectKey(w.Project.ID), f.serviceKey("edge", "gateway")
	for range 20 {
		if a := f.do(get, "/v1/projects/"+w.Project.ID, "", "Authorization", "Bearer "+secret).want(200); a.header.Get("RateLimit") != "" {
			t.Fatal(a.header)
		}
		if v := f.authorize(gateway, secret, "number:+4670"); v.Status != 200 || v.RateLimit.Headers != nil {
			t.Fatalf("%+v", v)
		}
	}
}
