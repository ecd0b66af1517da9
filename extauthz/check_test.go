package extauthz

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/tollgate-dev/tollgate/gateway"
)

// Whatever Envoy writes a header in, each of its values counts once, and where
// the request comes from is the last hop.
func TestRead(t *testing.T) {
	raw := func(name, value, rawValue string) *corev3.HeaderValue {
		return &corev3.HeaderValue{Key: name, Value: value, RawValue: []byte(rawValue)}
	}
	at := func(ip string) *authv3.AttributeContext_Peer {
		return &authv3.AttributeContext_Peer{Address: address(ip)}
	}
	pipe := &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: "192.0.2.1"}}}}
	for what, x := range map[string]struct {
		headers map[string]string
		raw     []*corev3.HeaderValue
		source  *authv3.AttributeContext_Peer
		want    told
	}{
		"nothing":                  {want: told{}},
		"headers":                  {headers: map[string]string{"authorization": "Bearer k", "x-forwarded-for": "192.0.2.1", "x-request-id": "r", "accept": "x"}, want: told{authorization: []string{"Bearer k"}, forwardedFor: []string{"192.0.2.1"}, requestID: []string{"r"}}},
		"joined":                   {headers: map[string]string{"authorization": "Bearer k,Bearer l", "x-forwarded-for": "192.0.2.1, 192.0.2.2"}, want: told{authorization: []string{"Bearer k", "Bearer l"}, forwardedFor: []string{"192.0.2.1", "192.0.2.2"}}},
		"an empty one":             {headers: map[string]string{"x-api-key": ""}, want: told{xAPIKey: []string{""}}},
		"in capitals":              {headers: map[string]string{"X-API-Key": "k"}, raw: []*corev3.HeaderValue{raw("AUTHORIZATION", "", "a")}, want: told{xAPIKey: []string{"k"}, authorization: []string{"a"}}},
		"header_map":               {raw: []*corev3.HeaderValue{raw("authorization", "", "Bearer k"), raw("authorization", "Bearer l", ""), raw("x-api-key", "", "")}, want: told{authorization: []string{"Bearer k", "Bearer l"}, xAPIKey: []string{""}}},
		"value and raw_value":      {raw: []*corev3.HeaderValue{raw("x-api-key", "k", "l")}, want: told{xAPIKey: []string{"k", "l"}}},
		"both":                     {headers: map[string]string{"x-api-key": "k"}, raw: []*corev3.HeaderValue{raw("x-api-key", "", "k")}, want: told{xAPIKey: []string{"k", "k"}}},
		"a header that is missing": {raw: []*corev3.HeaderValue{nil}, want: told{}},
		"the other end":            {headers: map[string]string{"x-forwarded-for": "192.0.2.1"}, source: at("192.0.2.9"), want: told{forwardedFor: []string{"192.0.2.1", "192.0.2.9"}}},
		"the other end alone":      {source: at("2001:db8::1"), want: told{forwardedFor: []string{"2001:db8::1"}}},
		"a pipe":                   {headers: map[string]string{"x-forwarded-for": "192.0.2.1"}, source: pipe, want: told{forwardedFor: []string{"192.0.2.1", ""}}},
		"forged": {headers: map[string]string{"x-tollgate-principal": "user:root", "x-tollgate-role": "owner", "x_tollgate_principal": "user:root", "X-Tollgate_Account": "a", "tollgate-authorization": "k", "x-toll": ""},
			want: told{forged: []string{"x-tollgate-role", "x-tollgate_account", "x_tollgate_principal"}}},
	} {
		r := &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Source: x.source, Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{Headers: x.headers}}}}
		if x.raw != nil {
			r.Attributes.Request.Http.HeaderMap = &corev3.HeaderMap{Headers: x.raw}
		}
		got := read(r)
		slices.Sort(got.forged) // a map has no order
		if diff := cmp.Diff(x.want, got, cmp.AllowUnexported(told{})); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", what, diff)
		}
	}
}

// A request without its attributes is refused, and who asks is known all the
// same.
func TestAttributesMissing(t *testing.T) {
	p := &porter{v: allow}
	_, conn := listening(t, Config{Porter: p, Digest: "d"})
	ctx := metadata.AppendToOutgoingContext(t.Context(), "tollgate-authorization", "Bearer k", "tollgate-authorization", "Bearer l")
	for what, r := range map[string]*authv3.CheckRequest{
		"nothing":    {},
		"attributes": {Attributes: &authv3.AttributeContext{}},
		"request":    {Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{}}},
		"no method":  asks("", "/"),
		"no path":    asks("GET", ""),
	} {
		if _, err := authv3.NewAuthorizationClient(conn).Check(ctx, r); err != nil || p.asked.Refusal != &errNotHeld {
			t.Errorf("%s: %+v %v", what, p.asked, err)
		}
	}
	if by := p.asked.Proxy; !by.Socket || !slices.Equal(by.Keys, []string{"Bearer k", "Bearer l"}) || by.Addr.IsValid() {
		t.Errorf("the proxy is %+v", by)
	}
	var header metadata.MD
	if _, err := authv3.NewAuthorizationClient(conn).Check(ctx, asks("GET", "/a?b"), grpc.Header(&header)); err != nil || p.asked.Refusal != nil || p.asked.Path != "/a?b" || p.asked.Method != http.MethodGet || p.asked.Host != "api.example" {
		t.Errorf("%+v %v", p.asked, err)
	}
	if got := header.Get("tollgate-digest"); !slices.Equal(got, []string{"d"}) {
		t.Errorf("what decides is %q", got)
	}
}

// An allow has every header, each once and in place of the client's, and takes
// from the upstream what is not for it.
func TestRespondAllowed(t *testing.T) {
	reply := (&porter{}).Reply(&allow, "")
	a := respond(&reply, []string{"x-tollgate-role"})
	if a.GetStatus() == nil || a.GetStatus().GetCode() != int32(codes.OK) || a.GetDeniedResponse() != nil {
		t.Fatal(a)
	}
	seen := map[string]bool{}
	for _, h := range a.GetOkResponse().GetHeaders() {
		seen[h.GetHeader().GetKey()] = true
	}
	for _, name := range gateway.HeaderNames() {
		if !seen[strings.ToLower(name)] {
			t.Errorf("%s is missing", name)
		}
	}
	if len(seen) != len(gateway.HeaderNames()) || len(a.GetOkResponse().GetHeaders()) != len(seen) {
		t.Errorf("%d headers of %d names", len(a.GetOkResponse().GetHeaders()), len(seen))
	}
	for _, name := range a.GetOkResponse().GetHeadersToRemove() {
		if seen[name] { // Envoy removes after it has set
			t.Errorf("%s is set, and removed", name)
		}
	}
	if got := a.GetOkResponse().GetHeadersToRemove(); !slices.Equal(got, append(gateway.Credentials(), "x-tollgate-role")) {
		t.Errorf("removed: %q", got)
	}
	for _, h := range slices.Concat(a.GetOkResponse().GetHeaders(), a.GetOkResponse().GetResponseHeadersToAdd()) {
		if h.GetAppendAction() != corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD || h.GetAppend() != nil || h.GetHeader().GetKey() != strings.ToLower(h.GetHeader().GetKey()) { //nolint:staticcheck // that it is not used is what is tested
			t.Errorf("%v", h)
		}
	}
	if got := a.GetOkResponse().GetResponseHeadersToAdd(); len(got) != 1 || got[0].GetHeader().GetKey() != "ratelimit" {
		t.Errorf("the client is told %v", got)
	}
}

// Nothing but 200 is OK to Envoy, and every denial says what the client gets.
func TestRespondDenied(t *testing.T) {
	for httpStatus, code := range map[int]codes.Code{
		0: codes.PermissionDenied, 401: codes.Unauthenticated, 403: codes.PermissionDenied, 429: codes.ResourceExhausted, 500: codes.PermissionDenied, 503: codes.Unavailable,
	} {
		reply := (&porter{}).Reply(&gateway.Verdict{Reason: "R", Status: httpStatus}, "")
		a := respond(&reply, nil)
		if a.GetStatus().GetCode() != int32(code) || int(a.GetDeniedResponse().GetStatus().GetCode()) != httpStatus || a.GetDeniedResponse().GetBody() != "R" || a.GetOkResponse() != nil {
			t.Errorf("%d: %v", httpStatus, a)
		}
		if n := len(a.GetDeniedResponse().GetHeaders()); n != len(gateway.HeaderNames())+1 {
			t.Errorf("%d: %d headers", httpStatus, n)
		}
	}
}

// What panics is denied, logged and counted, and does not end the server.
func TestPanic(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	r := prometheus.NewRegistry()
	p := &porter{v: allow, panic: "broken"}
	_, conn := listening(t, Config{Porter: p, Logger: zap.New(core), Registry: r})
	for range 2 {
		a, err := authv3.NewAuthorizationClient(conn).Check(t.Context(), asks("GET", "/"))
		if err != nil || a.GetDeniedResponse().GetStatus().GetCode() != http.StatusInternalServerError || a.GetDeniedResponse().GetBody() != "INTERNAL" {
			t.Fatalf("%v %v", a, err)
		}
	}
	p.panic = nil
	if a, err := authv3.NewAuthorizationClient(conn).Check(t.Context(), asks("GET", "/")); err != nil || a.GetOkResponse() == nil {
		t.Fatalf("%v %v", a, err)
	}
	if n := logs.FilterMessage("panic").Len(); n != 2 {
		t.Errorf("%d panics are logged", n)
	}
	if n := logs.FilterMessage("request").FilterField(zap.Int("status", 200)).Len(); n != 1 {
		t.Errorf("%d requests are logged", n)
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				counted[l.GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	if diff := cmp.Diff(map[string]float64{"200": 1, "500": 2}, counted); diff != "" {
		t.Errorf("counted by status: (-want +got)\n%s", diff)
	}
}

// A check is bounded by the deadline of who asks, and is then denied.
func TestDeadline(t *testing.T) {
	p := &porter{v: allow, hold: make(chan struct{})}
	d := &door{Porter: p, log: zap.NewNop(), metrics: newMetrics()}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a, err := d.Check(ctx, asks("GET", "/")); err != nil || a.GetDeniedResponse().GetStatus().GetCode() != http.StatusServiceUnavailable {
		t.Errorf("%v %v", a, err)
	}
}

// A message that is too large is refused before anything is made of it; one as
// large as Envoy's headers ever are is read.
func TestMessageSize(t *testing.T) {
	_, conn := listening(t, Config{Porter: &porter{v: allow}})
	for size, refused := range map[int]bool{64 << 10: false, MaxMessage: true} {
		r := asks("GET", "/")
		r.Attributes.Request.Http.Headers = map[string]string{"x": strings.Repeat("x", size)}
		_, err := authv3.NewAuthorizationClient(conn).Check(t.Context(), r)
		if got := status.Code(err) == codes.ResourceExhausted; got != refused {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// What was begun when the server stops is answered; without time for that it is
// cut off.
func TestStop(t *testing.T) {
	for most, wantCut := range map[time.Duration]bool{time.Hour: false, 0: true} {
		p := &porter{v: allow, hold: make(chan struct{})}
		entered := make(chan struct{})
		s, conn := listening(t, Config{Porter: entering{p, entered}})
		answered := make(chan error, 1)
		go func() {
			_, err := authv3.NewAuthorizationClient(conn).Check(t.Context(), asks("GET", "/"))
			answered <- err
		}()
		<-entered
		stopped := make(chan bool, 1)
		go func() { stopped <- s.Stop(most) }()
		if !wantCut {
			close(p.hold)
		}
		if cut := <-stopped; cut != wantCut {
			t.Errorf("within %v: cut %v", most, cut)
		}
		if err := <-answered; (err != nil) != wantCut {
			t.Errorf("within %v: %v", most, err)
		}
	}
}
