package extauthz

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/api"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/gateway"
	"github.com/tollgate-dev/tollgate/policy"
	"github.com/tollgate-dev/tollgate/route"
	"github.com/tollgate-dev/tollgate/store"
)

const (
	fuzzedWorld = `{"account":{"id":"acme"},"billing_accounts":[{"id":"eu","mode":"postpaid","currency":"EUR"}],"projects":[{"id":"shop","billing_account":"eu"}],"resources":[{"type":"number","id":"+1","parent":"project:shop"}],
		"bindings":[{"subject":"user:ann","role":"owner","scope":"account:acme"}]}`
	fuzzedRoutes = "routes:\n  - {route: \"GET /v1/numbers/{number}\", permission: number.read, resource: \"number:{number}\"}\n"
	operatorKey  = "0123456789abcdef"
)

// whole is a door with all of Tollgate behind it, and a key that may read a
// number. Proxies at 10.0.0.0/8 are trusted.
func whole(t testing.TB) (d *door, key string) {
	t.Helper()
	d, key, _ = wholeFrom(t, "")
	return d, key
}

// wholeFrom is whole, and another key, which is for some addresses only.
func wholeFrom(t testing.TB, sources string) (d *door, key, narrow string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	model, err := os.ReadFile("../model.conf")
	must(err)
	judge, err := policy.NewJudge(string(model))
	must(err)
	st, err := store.OpenEmbedded(store.Options{})
	must(err)
	t.Cleanup(func() { must(st.Close()) })
	engine, err := authz.NewEngine(st, judge, authz.Options{})
	must(err)
	t.Cleanup(engine.Close)
	service := admin.New(engine, st)
	must(service.EnsurePlatform(context.Background()))
	of := gateway.New(engine, nil)
	routes, err := route.Parse(strings.NewReader(fuzzedRoutes))
	must(err)
	of.SetRoutes(routes)
	doors, err := api.NewDoors(api.Config{Admin: service, OperatorKey: operatorKey, Gateway: of, TrustedProxies: gateway.Trusted{netip.MustParsePrefix("10.0.0.0/8")}})
	must(err)
	call := func(path, body string) (made struct{ ID, Secret string }) {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+operatorKey)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		if doors.API.ServeHTTP(w, r); w.Code >= 300 {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		_ = json.Unmarshal(w.Body.Bytes(), &made) // of what makes nothing it stays empty
		return made
	}
	call("/v1/import", fuzzedWorld)
	mint := func(more string) string {
		made := call("/v1/projects/shop/keys", `{"sponsor":"user:ann"`+more+`}`)
		call("/v1/bindings", `{"subject":"key:`+made.ID+`","role":"viewer","scope":"project:shop"}`)
		return made.Secret
	}
	if sources != "" {
		narrow = mint(`,"sources":["` + sources + `"]`)
	}
	return &door{Porter: doors.Porter, log: zap.NewNop(), metrics: newMetrics()}, mint(""), narrow
}

// The other ends of connections: of a proxy that is trusted, of one that is not,
// and of one at a socket.
var (
	near   = &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1}
	far    = &net.TCPAddr{IP: net.IPv4(203, 0, 113, 9), Port: 1}
	socket = &net.UnixAddr{Net: "unix"}
)

// ask asks a door as a proxy would that has come from somewhere with a
// credential.
func ask(t *testing.T, d *door, r *authv3.CheckRequest, at net.Addr, credential string) *authv3.CheckResponse {
	t.Helper()
	ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: at})
	ctx = metadata.NewIncomingContext(ctx, metadata.Pairs(gateway.ProxyHeader, credential))
	a, err := d.Check(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Whatever is sent is answered, nothing panics, and nobody is let by without a
// key, nor by who may not ask.
func FuzzCheck(f *testing.F) {
	for _, x := range fuzzSeeds() {
		raw, err := proto.Marshal(x)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, true, true, "")
		f.Add(raw, false, true, "Bearer "+operatorKey+"x")
		f.Add(raw, true, false, "Bearer tg_live_x")
	}
	d, key := whole(f)
	f.Fuzz(func(t *testing.T, raw []byte, withKey, atSocket bool, credential string) {
		var r authv3.CheckRequest
		if proto.Unmarshal(raw, &r) != nil || strings.Contains(credential, operatorKey) && !strings.Contains(credential, operatorKey+"x") {
			return // gRPC answers it by itself; or it is the operator's, by whom all may be asked
		}
		if of := r.GetAttributes().GetRequest().GetHttp(); withKey && of != nil {
			of.HeaderMap = &corev3.HeaderMap{Headers: append(of.GetHeaderMap().GetHeaders(), &corev3.HeaderValue{Key: "x-api-key", RawValue: []byte(key)})}
		}
		at := net.Addr(near)
		if atSocket {
			at = socket
		}
		a := ask(t, d, &r, at, credential)
		for _, flaw := range flaws(a, withKey && atSocket) {
			t.Errorf("%v\n%v\n%s", &r, a, flaw)
		}
	})
}

// flaws are what an answer must not be.
func flaws(a *authv3.CheckResponse, mayAllow bool) (found []string) {
	denied := a.GetDeniedResponse()
	switch {
	case a.GetStatus() == nil:
		found = append(found, "without a status, which Envoy takes for OK")
	case a.GetStatus().GetCode() != int32(codes.OK) && denied == nil:
		found = append(found, "denied, and nothing for the client")
	case denied.GetStatus().GetCode() >= 500:
		found = append(found, "it panics, or knows no answer")
	case a.GetStatus().GetCode() == int32(codes.OK) && !mayAllow:
		found = append(found, "allowed")
	}
	headers := denied.GetHeaders()
	if denied == nil {
		headers = a.GetOkResponse().GetHeaders()
	}
	times := map[string]int{}
	for _, h := range headers {
		times[h.GetHeader().GetKey()]++
	}
	for _, name := range gateway.HeaderNames() {
		if times[strings.ToLower(name)] != 1 {
			found = append(found, name+" does not stand once")
		}
	}
	return found
}

// fuzzSeeds are requests that are let by with a key, that are not, and that say
// little.
func fuzzSeeds() []*authv3.CheckRequest {
	held := asks("GET", "/v1/numbers/+1?q=1")
	held.Attributes.Request.Http.Headers = map[string]string{"x-forwarded-for": "192.0.2.1, 192.0.2.2", "x-tollgate-role": "owner"}
	held.Attributes.Source = &authv3.AttributeContext_Peer{Address: address("192.0.2.1")}
	twice := asks("GET", "/v1/numbers/+1")
	twice.Attributes.Request.Http.HeaderMap = &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: "authorization", Value: "Bearer tg_live_x"}, {Key: "authorization", RawValue: []byte{0xff, 0}}}}
	return []*authv3.CheckRequest{held, twice, asks("GET", "/v1/../numbers/%2F"), asks("", ""), {}, {Attributes: &authv3.AttributeContext{}}}
}

// What the fuzzer is sure of is seen to be noticed: a key does open the door,
// and an answer that is wrong has a flaw.
func TestFuzzedChecksAreLookedAt(t *testing.T) {
	d, key := whole(t)
	r := asks("GET", "/v1/numbers/+1")
	r.Attributes.Request.Http.Headers = map[string]string{"authorization": "Bearer " + key}
	allowed := ask(t, d, r, socket, "")
	if allowed.GetOkResponse() == nil || len(flaws(allowed, true)) > 0 {
		t.Fatal(allowed)
	}
	if by := ask(t, d, r, near, "Bearer "+operatorKey); by.GetOkResponse() == nil {
		t.Errorf("the operator's key does not open it: %v", by)
	}
	d.Porter = &porter{panic: "broken"}
	for what, a := range map[string]*authv3.CheckResponse{"allowed without a key": allowed, "empty": {}, "a panic": ask(t, d, r, socket, "")} {
		if len(flaws(a, false)) == 0 {
			t.Errorf("%s: nothing is noticed", what)
		}
	}
}

// Where a request comes from is the last hop that is no trusted proxy, Envoy's
// own other end among them, and is believed of those who are trusted.
func TestSource(t *testing.T) {
	d, _, key := wholeFrom(t, "198.51.100.0/24")
	for what, x := range map[string]struct {
		by           net.Addr
		forwardedFor string
		source       *corev3.Address
		allowed      bool
	}{
		"Envoy's other end":              {socket, "", address("198.51.100.7"), true},
		"at an address":                  {near, "", address("198.51.100.7"), true},
		"who is not trusted":             {far, "", address("198.51.100.7"), false},
		"made up by the client":          {socket, "198.51.100.7", address("203.0.113.1"), false},
		"appended by Envoy":              {socket, "203.0.113.1, 198.51.100.7", address("198.51.100.7"), true},
		"by a proxy before Envoy":        {socket, "198.51.100.7", address("10.0.0.2"), true},
		"made up, by a proxy before":     {socket, "198.51.100.7, 203.0.113.1", address("10.0.0.2"), false},
		"nothing but what was forwarded": {socket, "198.51.100.7", nil, true},
		"by a pipe":                      {socket, "198.51.100.7", &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: "/p"}}}, false},
		"not said":                       {socket, "", nil, false},
	} {
		r := asks("GET", "/v1/numbers/+1")
		r.Attributes.Source = &authv3.AttributeContext_Peer{Address: x.source}
		r.Attributes.Request.Http.Headers = map[string]string{"x-api-key": key}
		if x.forwardedFor != "" {
			r.Attributes.Request.Http.Headers["x-forwarded-for"] = x.forwardedFor
		}
		a := ask(t, d, r, x.by, "Bearer "+operatorKey)
		if allowed := a.GetOkResponse() != nil; allowed != x.allowed || !allowed && !strings.Contains(a.GetDeniedResponse().GetBody(), "ADDRESS_BLOCKED") {
			t.Errorf("%s: %v", what, a)
		}
	}
}

func address(ip string) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{Address: ip}}}
}
