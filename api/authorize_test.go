package api

import (
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/gateway"
	routemap "github.com/tollgate-dev/tollgate/route"
)

const routedMap = `routes:
  - {route: "GET /v1/projects/{project}/numbers/{number}", permission: number.read, resource: "number:{number}", under: "subproject:{project}"}
  - {route: "PROPFIND /v1/projects/{project}/numbers/{number}", permission: number.read, resource: "number:{number}", under: "subproject:{project}"}
  - {route: "POST /v1/numbers/{number}:release", permission: number.delete, resource: "number:{number}"}
  - {route: "GET /v1/messages/{message}", hosts: [mine.example], permission: message.read, resource: "message:{message}", under: "project:PROJECT", account: other}
`

// routed is a fixture whose gateway has routes, a world in it, and a key that
// reads its numbers.
func routed(t *testing.T) (f *fixture, w world, k Key, of *gateway.Gateway) {
	t.Helper()
	f = newFixture(t, func(c *Config) {
		of = gateway.New(c.Admin.Engine(), nil)
		c.Gateway = of
	})
	w = f.world()
	k = f.key(w)
	f.do(post, "/v1/bindings", `{"subject":"key:`+k.ID+`","role":"viewer","scope":"project:`+w.Project.ID+`"}`).want(201)
	m, err := routemap.Parse(strings.NewReader(strings.ReplaceAll(routedMap, "PROJECT", w.Project.ID)))
	must(t, err)
	of.SetRoutes(m)
	return f, w, k, of
}

// What a request for a path asks for is said by the map; without one, or
// where it says nothing, the request is denied, and only who holds a good key
// is told that this is why.
func TestAuthorizeByRoute(t *testing.T) {
	f, w, k, of := routed(t)
	ask := func(key, method, path, more string) (string, int) {
		v := decode[Verdict](f.do(post, "/v1/authorize", `{"api_key":"`+key+`","method":"`+method+`","path":"`+path+`"`+more+`}`).want(200))
		if v.Allowed != (v.Status == 200) || v.Headers["X-Tollgate-Reason"] != v.Reason.Code {
			t.Errorf("%s %s: %+v", method, path, v)
		}
		return v.Reason.Code, v.Status
	}
	revoked := f.key(w)
	f.do(remove, "/v1/keys/"+revoked.ID, "").want(200)
	numbers := "/v1/projects/" + w.subproject + "/numbers/"
	for _, x := range []struct {
		key, method, path, more, reason string
		status                          int
	}{
		{k.Secret, "GET", numbers + "+4670", "", "ALLOWED", 200},
		{k.Secret, "HEAD", numbers + "+4670?x=..", "", "ALLOWED", 200},
		{k.Secret, "GET", numbers + "+4671", "", "RESOURCE_NOT_FOUND", 403},
		{k.Secret, "GET", "/v1/projects/sub_other/numbers/+4670", "", "PARENT_MISMATCH", 403},
		{k.Secret, "GET", numbers + "+4670", `,"parent":"subproject:sub_other"`, "PARENT_MISMATCH", 403},
		{k.Secret, "GET", numbers + "+4670", `,"account":"other"`, "RESOURCE_NOT_FOUND", 403},
		{k.Secret, "POST", "/v1/numbers/+4670:release", "", "NO_BINDING", 403},
		{k.Secret, "GET", "/v1/messages/1", "", "ROUTE_NOT_FOUND", 403},
		{k.Secret, "GET", "/v1/messages/1", `,"host":"mine.example:8443"`, "RESOURCE_NOT_FOUND", 403}, // of another account
		{k.Secret, "GET", "/v1/messages/1", `,"host":"mine.example","account":"third"`, "RESOURCE_NOT_FOUND", 403},
		{k.Secret, "DELETE", numbers + "+4670", "", "ROUTE_NOT_FOUND", 403},
		{k.Secret, "GET", "/v1/./numbers", "", "PATH_DOT_SEGMENT", 403},
		{k.Secret, "GET", numbers + "%2e%2e", "", "PATH_DOT_SEGMENT", 403},
		{k.Secret, "GET", "/", `,"host":"a b"`, "HOST_INVALID", 403},
		{k.Secret + "x", "GET", "/nowhere", "", "KEY_INVALID", 401},
		{revoked.Secret, "GET", "/nowhere", "", "KEY_NOT_FOUND", 401},
	} {
		if reason, status := ask(x.key, x.method, x.path, x.more); reason != x.reason || status != x.status {
			t.Errorf("%s %s%s: %s %d, want %s %d", x.method, x.path, x.more, reason, status, x.reason, x.status)
		}
	}
	of.SetRoutes(nil)
	if reason, status := ask(k.Secret, "GET", numbers+"+4670", ""); reason != "ROUTE_NOT_FOUND" || status != 403 {
		t.Errorf("without a map: %s %d", reason, status)
	}
}

// A key that is blocked where it comes from does not learn the routes either.
func TestRoutesAreNotToldToABlockedKey(t *testing.T) {
	f, _, k, _ := routed(t)
	f.do(patch, "/v1/keys/"+k.ID, `{"sources":["192.0.2.0/24"]}`).want(200)
	for source, want := range map[string]string{"192.0.2.9": "ROUTE_NOT_FOUND", "198.51.100.1": authz.AddressBlocked.String()} {
		v := decode[Verdict](f.do(post, "/v1/authorize", `{"api_key":"`+k.Secret+`","method":"GET","path":"/nowhere","source_ip":"`+source+`"}`).want(200))
		if v.Reason.Code != want || v.Status != 403 {
			t.Errorf("from %s: %+v", source, v)
		}
	}
}

// Without a map of its own a gateway follows the platform's, as it changes. A
// file's comes before it.
func TestAuthorizeByThePlatformsRoutes(t *testing.T) {
	f, w, k, of := routed(t)
	of.SetRoutes(nil)
	ask := func() string {
		return decode[Verdict](f.do(post, "/v1/authorize", `{"api_key":"`+k.Secret+`","method":"GET","path":"/numbers/+4670"}`).want(200)).Reason.Code
	}
	set := func(permission string) {
		f.do(put, "/v1/platform/route-map", `{"routes":[{"route":"GET /numbers/{number}","permission":"`+permission+`","resource":"number:{number}","under":"subproject:`+w.subproject+`"}]}`).want(200)
	}
	steps := []struct {
		do   func()
		want string
	}{
		{func() {}, "ROUTE_NOT_FOUND"},
		{func() { set("number.read") }, "ALLOWED"},
		{func() { set("number.delete") }, "NO_BINDING"},
		{func() { set("number.read") }, "ALLOWED"},
		{func() { f.do(remove, "/v1/platform/route-map", "").want(200) }, "ROUTE_NOT_FOUND"},
	}
	for i, s := range steps {
		s.do()
		for range 2 { // read anew, and as it was read
			if got := ask(); got != s.want {
				t.Errorf("step %d: %s, want %s", i, got, s.want)
			}
		}
	}
	set("number.read")
	m, err := routemap.Parse(strings.NewReader("routes: []"))
	must(t, err)
	if of.SetRoutes(m); ask() != "ROUTE_NOT_FOUND" {
		t.Error("a file's map does not come before the platform's")
	}
}
