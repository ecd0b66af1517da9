package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/tollgate-dev/tollgate/gateway"
	"github.com/tollgate-dev/tollgate/store/storetest"
)

const (
	checkMethod  = "envoy.service.auth.v3.Authorization/Check"
	healthMethod = "grpc.health.v1.Health/Check"
	oneNumber    = "/v1/numbers/+46700000001"
)

// built starts the program as it is built, on a free port, until the test
// ends.
func built(t *testing.T, args ...string) (s site, p *process) {
	t.Helper()
	program, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	p = &process{exec.Command(program, append([]string{"serve", "--addr", "127.0.0.1:0"}, args...)...), &sink{}, &sink{}, make(chan struct{}), nil}
	storetest.NoOrphan(p.Cmd)
	p.Env, p.Stdout, p.Stderr = append(withoutSettings(os.Environ()), "TOLLGATE_OPERATOR_KEY="+fleetKey), p.out, p.log
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.Wait()
		close(p.gone)
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		<-p.gone
	})
	s.environment = environment{"TOLLGATE_SERVER": urlIn(p.log.waitFor(t, "Tollgate is ready", p.gone)), "TOLLGATE_KEY": fleetKey}
	s.want(t, exitYes, "import", "../../examples/acme.yaml")
	return s, p
}

// extAuthzIn is the address of the door for Envoy, in what a server says.
func extAuthzIn(t *testing.T, log *sink) string {
	t.Helper()
	line, _ := log.look("Envoy may ask over gRPC")
	_, rest, _ := strings.Cut(line, `{"addr": "`)
	addr, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("the server does not say where Envoy may ask:\n%s", log)
	}
	return addr
}

// serviceKey makes a key of a proxy.
func (s site) serviceKey(t *testing.T, name, role string) string {
	t.Helper()
	made := decoded[struct{ ID, Secret string }](t, s.call(t, http.MethodPost, "/v1/platform/keys", `{"service":"service:`+name+`"}`))
	if role != "" {
		s.call(t, http.MethodPost, "/v1/bindings", `{"subject":"service:`+name+`","role":"`+role+`","scope":"account:platform"}`)
	}
	return made.Secret
}

// grpcurl is a client that is not ours.
type grpcurl struct {
	program, protoset string
}

// newGrpcurl builds grpcurl, and writes for it what the services are, which the
// server does not tell.
func newGrpcurl(t *testing.T) *grpcurl {
	t.Helper()
	g := &grpcurl{storetest.Tool(t, "github.com/fullstorydev/grpcurl/cmd/grpcurl", "a gRPC client that is not ours"), filepath.Join(t.TempDir(), "protoset")}
	var set descriptorpb.FileDescriptorSet
	seen := map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(f))
	}
	add(authv3.File_envoy_service_auth_v3_external_auth_proto)
	add(grpc_health_v1.File_grpc_health_v1_health_proto)
	raw, err := proto.Marshal(&set)
	if err != nil {
		t.Fatal(err)
	}
	write(t, g.protoset, string(raw))
	return g
}

// call asks a method; header has names and values as grpcurl takes them.
func (g *grpcurl) call(t *testing.T, addr, method, in string, header ...string) (out string, err error) {
	t.Helper()
	args := []string{"-plaintext", "-protoset", g.protoset, "-max-time", "60", "-d", "@"}
	if path, is := socketPath(addr); is {
		addr = "unix://" + path // as grpcurl has it
	}
	for _, h := range header {
		args = append(args, "-H", h)
	}
	cmd := exec.CommandContext(t.Context(), g.program, append(args, addr, method)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w: %s", err, &stderr)
	}
	return stdout.String(), nil
}

// check asks about a request, and reads the answer.
func (g *grpcurl) check(t *testing.T, addr, in string, header ...string) *authv3.CheckResponse {
	t.Helper()
	out, err := g.call(t, addr, checkMethod, in, header...)
	if err != nil {
		t.Fatalf("%s: %v", in, err)
	}
	var a authv3.CheckResponse
	if err := protojson.Unmarshal([]byte(out), &a); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return &a
}

// headersOf are an answer's, each of which stands once.
func headersOf(t *testing.T, all []*corev3.HeaderValueOption) map[string]string {
	t.Helper()
	headers := map[string]string{}
	for _, h := range all {
		name := h.GetHeader().GetKey()
		if _, twice := headers[name]; twice {
			t.Errorf("%s stands twice", name)
		}
		headers[name] = h.GetHeader().GetValue()
	}
	return headers
}

// inHeaders is a CheckRequest as Envoy writes it, with the headers in headers.
func inHeaders(method, path string, headers map[string]string) string {
	encoded, _ := json.Marshal(headers)
	return fmt.Sprintf(`{"attributes":{"source":{"address":{"socket_address":{"address":"192.0.2.1","port_value":1}}},"request":{"http":{"method":%q,"path":%q,"host":"api.example","headers":%s}}}}`, method, path, encoded)
}

// inHeaderMap is the same as with encode_raw_headers: names and values in turn.
func inHeaderMap(method, path string, headers ...string) string {
	var all []string
	for i := 0; i < len(headers); i += 2 {
		all = append(all, fmt.Sprintf(`{"key":%q,"raw_value":%q}`, headers[i], base64.StdEncoding.EncodeToString([]byte(headers[i+1]))))
	}
	return fmt.Sprintf(`{"attributes":{"request":{"http":{"method":%q,"path":%q,"host":"api.example","header_map":{"headers":[%s]}}}}}`, method, path, strings.Join(all, ","))
}

// A client that is not ours is answered by the program as it is built, by
// Envoy's rules.
func TestGrpcurl(t *testing.T) {
	g := newGrpcurl(t)
	s, p := built(t, "--routes", file(t, "routes.yaml", numberRoute), "--ext-authz-addr", "127.0.0.1:0", "--drain-delay", "1h")
	addr := extAuthzIn(t, p.log)
	id, key := s.projectKey(t, "acme-shop")
	proxy := "tollgate-authorization: Bearer " + s.serviceKey(t, "envoy", "gateway")
	bearer := map[string]string{"authorization": "Bearer " + key}

	allowed := map[string]string{
		"x-tollgate-decision": "allowed", "x-tollgate-reason": "ALLOWED", "x-tollgate-principal": "key:" + id, "x-tollgate-account": "acme",
		"x-tollgate-project": "acme-shop", "x-tollgate-subproject": "", "x-tollgate-billing-account": "acme-eu", "x-tollgate-billing-status": "billed",
	}
	forged := inHeaders("GET", oneNumber+"?a=1", map[string]string{"authorization": "Bearer " + key, "x-tollgate-principal": "user:root", "x-tollgate-role": "owner", "x_tollgate_account": "mine"})
	for what, x := range map[string]struct {
		in     string
		remove []string
	}{
		"headers":    {inHeaders("GET", oneNumber+"?a=1", bearer), nil},
		"header_map": {inHeaderMap("GET", oneNumber, "authorization", "Bearer "+key), nil},
		"X-API-Key":  {inHeaderMap("GET", oneNumber, "X-API-Key", key), nil},
		"forged":     {forged, []string{"x-tollgate-role", "x_tollgate_account"}},
	} {
		a := g.check(t, addr, x.in, proxy)
		got := headersOf(t, a.GetOkResponse().GetHeaders())
		if a.GetStatus().GetCode() != 0 || got["x-tollgate-revision"] == "" {
			t.Errorf("%s: %v", what, a)
		}
		delete(got, "x-tollgate-revision")
		if diff := cmp.Diff(allowed, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", what, diff)
		}
		remove := a.GetOkResponse().GetHeadersToRemove()
		slices.Sort(remove[len(gateway.Credentials()):])
		if diff := cmp.Diff(append(gateway.Credentials(), x.remove...), remove); diff != "" {
			t.Errorf("%s: removed (-want +got)\n%s", what, diff)
		}
	}
	for what, x := range map[string]struct {
		status int
		reason string
		in     string
		header string
	}{
		"no key":               {401, "KEY_MISSING", inHeaders("GET", oneNumber, nil), proxy},
		"a wrong key":          {401, "KEY_INVALID", inHeaderMap("GET", oneNumber, "authorization", "Bearer "+key+"x"), proxy},
		"two keys":             {401, "KEY_AMBIGUOUS", inHeaderMap("GET", oneNumber, "authorization", "Bearer "+key, "authorization", "Bearer "+key), proxy},
		"two keys, joined":     {401, "KEY_AMBIGUOUS", inHeaders("GET", oneNumber, map[string]string{"x-api-key": key + "," + key}), proxy},
		"nothing there":        {403, "RESOURCE_NOT_FOUND", inHeaders("GET", "/v1/numbers/+1", bearer), proxy},
		"another method":       {403, "ROUTE_NOT_FOUND", inHeaders("DELETE", oneNumber, bearer), proxy},
		"dots":                 {403, "PATH_DOT_SEGMENT", inHeaders("GET", "/v1/x/..%2f../numbers/+46700000001/..", bearer), proxy},
		"dots, encoded":        {403, "PATH_DOT_SEGMENT", inHeaders("GET", "/v1/x/%2e%2e/numbers/+46700000001", bearer), proxy},
		"a slash, encoded":     {403, "PATH_ENCODED_SLASH", inHeaders("GET", "/v1/numbers/x%2F+46700000001", bearer), proxy},
		"encoded twice":        {403, "PATH_DOUBLE_ENCODED", inHeaders("GET", "/v1/numbers/%252e", bearer), proxy},
		"no attributes":        {403, "PROXY_ATTRIBUTES_INVALID", `{}`, proxy},
		"no proxy":             {403, "PROXY_UNAUTHENTICATED", inHeaders("GET", oneNumber, bearer), "x: y"},
		"the client for proxy": {403, "PROXY_UNAUTHENTICATED", inHeaders("GET", oneNumber, bearer), "tollgate-authorization: Bearer " + key},
	} {
		denied(t, what, g.check(t, addr, x.in, x.header), x.status, x.reason)
	}

	for service, want := range map[string]string{`{}`: `"SERVING"`, `{"service":"envoy.service.auth.v3.Authorization"}`: `"SERVING"`} {
		if out, err := g.call(t, addr, healthMethod, service); err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %s %v", service, out, err)
		}
	}
	s.call(t, http.MethodDelete, "/v1/keys/"+id, "")
	denied(t, "revoked", g.check(t, addr, inHeaders("GET", oneNumber, bearer), proxy), 401, "KEY_NOT_FOUND")

	_ = p.Process.Signal(syscall.SIGTERM)
	for serving := true; serving; {
		out, err := g.call(t, addr, healthMethod, `{}`)
		if err != nil {
			t.Fatal(err)
		}
		serving = !strings.Contains(out, `"NOT_SERVING"`)
	}
	denied(t, "while it drains", g.check(t, addr, inHeaders("GET", oneNumber, bearer), proxy), 401, "KEY_NOT_FOUND")
	if strings.Contains(p.log.String(), key) {
		t.Error("the log has the key")
	}
}

// denied fails unless an answer denies with a status and a reason.
func denied(t *testing.T, what string, a *authv3.CheckResponse, status int, reason string) {
	t.Helper()
	d := a.GetDeniedResponse()
	headers := headersOf(t, d.GetHeaders())
	if a.GetStatus().GetCode() == 0 || int(d.GetStatus().GetCode()) != status || headers["x-tollgate-reason"] != reason || headers["x-tollgate-decision"] != "denied" {
		t.Errorf("%s: want %d %s, and not %v", what, status, reason, a)
		return
	}
	if headers["x-tollgate-principal"] != "" || headers["content-type"] != "application/problem+json" || (headers["www-authenticate"] != "") != (status == 401) || headers["x-request-id"] == "" {
		t.Errorf("%s: the client is told %v", what, headers)
	}
	if body := decoded[problem](t, d.GetBody()); body.Status != status || body.Reason != reason || body.RequestID != headers["x-request-id"] {
		t.Errorf("%s: the body is %+v", what, body)
	}
}

// Who asks too often is told when to come back, and needs no key at a socket.
func TestGrpcurlThrottled(t *testing.T) {
	g := newGrpcurl(t)
	dir, err := os.MkdirTemp("", "tg") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	addr := "unix:" + filepath.Join(dir, "s")
	s, _ := built(t, "--routes", file(t, "routes.yaml", numberRoute), "--ext-authz-addr", addr, "--rate-limit-key", "0.001:1")
	_, key := s.projectKey(t, "acme-shop")
	in := inHeaderMap("GET", oneNumber, "authorization", "Bearer "+key)
	first := g.check(t, addr, in)
	if got := headersOf(t, first.GetOkResponse().GetResponseHeadersToAdd()); got["ratelimit"] == "" || got["ratelimit-policy"] == "" || got["retry-after"] != "" {
		t.Errorf("let by: the client is told %v", first)
	}
	second := g.check(t, addr, in)
	denied(t, "throttled", second, 429, "RATE_LIMITED")
	if got := headersOf(t, second.GetDeniedResponse().GetHeaders()); got["retry-after"] == "" || got["ratelimit"] == "" {
		t.Errorf("held back: the client is told %v", got)
	}
}

// fared is what came of a request at a door of Envoy's.
type fared struct {
	Status   int
	Tollgate map[string]string // for the upstream, or in a denial for the client
	Client   map[string]string // for the client
	Body     string            // for the client
	Removed  string            // of what the upstream would see
}

// note notes a header of an answer. What an answer over HTTP has for the proxy
// alone is left out.
func (f *fared) note(name, value string) {
	if f.Client == nil {
		f.Tollgate, f.Client = map[string]string{}, map[string]string{}
	}
	switch name = strings.ToLower(name); {
	case strings.HasPrefix(name, "x-tollgate-"):
		f.Tollgate[name] = value
	case strings.HasPrefix(name, "ratelimit"), name == "retry-after":
		f.Client[name] = value
	case f.Status != http.StatusOK && slices.Contains([]string{"cache-control", "content-type", "www-authenticate", "x-request-id"}, name):
		f.Client[name] = value
	}
}

// A request fares alike whether Envoy asks over HTTP or over gRPC.
func TestEnvoyDoorsAgree(t *testing.T) {
	s := serve(t, environment{}, "--routes", file(t, "routes.yaml", numberRoute), "--ext-authz-addr", "127.0.0.1:0", "--trusted-proxies", "127.0.0.0/8", "--rate-limit-key", "0.001:50")
	s.want(t, exitYes, "import", "../../examples/acme.yaml")
	_, key := s.projectKey(t, "acme-shop")
	listed, narrow := s.projectKey(t, "acme-shop")
	s.call(t, http.MethodPatch, "/v1/keys/"+listed, `{"sources":["198.51.100.0/24"]}`)
	disabled, off := s.projectKey(t, "acme-shop")
	s.call(t, http.MethodPost, "/v1/keys/"+disabled+"/disable", "")
	proxy, nobody := "Bearer "+s.serviceKey(t, "envoy", "gateway"), "Bearer "+s.serviceKey(t, "nobody", "")
	conn, err := grpc.NewClient(extAuthzIn(t, s.log), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	statuses := map[int]int{}
	for what, x := range map[string]struct {
		by, method, path string
		headers          []string
	}{
		"allowed":              {proxy, "GET", oneNumber, []string{"authorization", "Bearer " + key}},
		"with a query":         {proxy, "GET", oneNumber + "?a=/../b", []string{"x-api-key", key}},
		"basic":                {proxy, "GET", oneNumber, []string{"authorization", "basic eDp5"}},
		"no key":               {proxy, "GET", oneNumber, nil},
		"an empty key":         {proxy, "GET", oneNumber, []string{"x-api-key", ""}},
		"a wrong key":          {proxy, "GET", oneNumber, []string{"authorization", "Bearer " + key + "x"}},
		"disabled":             {proxy, "GET", oneNumber, []string{"authorization", "Bearer " + off}},
		"two keys":             {proxy, "GET", oneNumber, []string{"authorization", "Bearer " + key, "x-api-key", key}},
		"a key twice":          {proxy, "GET", oneNumber, []string{"x-api-key", key, "x-api-key", key}},
		"nothing there":        {proxy, "GET", "/v1/numbers/+1", []string{"x-api-key", key}},
		"another method":       {proxy, "POST", oneNumber, []string{"x-api-key", key}},
		"dots":                 {proxy, "GET", "/v1/../v1/numbers/+46700000001", []string{"x-api-key", key}},
		"dots, encoded":        {proxy, "GET", "/v1/%2E%2e/numbers/+46700000001", []string{"x-api-key", key}},
		"a slash, encoded":     {proxy, "GET", "/v1/numbers%2f+46700000001", []string{"x-api-key", key}},
		"an empty segment":     {proxy, "GET", "/v1//numbers/+46700000001", []string{"x-api-key", key}},
		"a backslash":          {proxy, "GET", `/v1/x\..\numbers/+46700000001`, []string{"x-api-key", key}},
		"from the list":        {proxy, "GET", oneNumber, []string{"x-api-key", narrow, "x-forwarded-for", "198.51.100.7"}},
		"through a proxy":      {proxy, "GET", oneNumber, []string{"x-api-key", narrow, "x-forwarded-for", "198.51.100.7, 127.0.0.9"}},
		"made up":              {proxy, "GET", oneNumber, []string{"x-api-key", narrow, "x-forwarded-for", "198.51.100.7,203.0.113.1"}},
		"twice forwarded":      {proxy, "GET", oneNumber, []string{"x-api-key", narrow, "x-forwarded-for", "203.0.113.1", "x-forwarded-for", "198.51.100.7"}},
		"not forwarded":        {proxy, "GET", oneNumber, []string{"x-api-key", narrow}},
		"no proxy":             {"", "GET", oneNumber, []string{"x-api-key", key}},
		"a proxy without role": {nobody, "GET", oneNumber, []string{"x-api-key", key}},
	} {
		overHTTP := s.askHTTP(t, x.by, x.method, x.path, x.headers)
		overGRPC := askGRPC(t, conn, x.by, x.method, x.path, x.headers)
		agree(t, what, overHTTP, overGRPC)
		if len(overHTTP.Tollgate) != len(gateway.HeaderNames()) {
			t.Errorf("%s: %v", what, overHTTP)
		}
		statuses[overHTTP.Status]++
	}
	if got := slices.Sorted(maps.Keys(statuses)); !slices.Equal(got, []int{200, 401, 403}) {
		t.Errorf("the table has the statuses %v", statuses)
	}
	often := []string{"x-api-key", key}
	for s.askHTTP(t, proxy, "GET", oneNumber, often).Status == http.StatusOK { // until its burst is spent
	}
	overHTTP, overGRPC := s.askHTTP(t, proxy, "GET", oneNumber, often), askGRPC(t, conn, proxy, "GET", oneNumber, often)
	if overHTTP.Status != http.StatusTooManyRequests || overHTTP.Client["retry-after"] == "" || overGRPC.Client["retry-after"] == "" {
		t.Errorf("throttled: %+v", overHTTP)
	}
	agree(t, "throttled", overHTTP, overGRPC)
}

// agree fails if a request fared in two ways. How much is left of a limit, and
// for how long there is nothing, is another after each.
func agree(t *testing.T, what string, overHTTP, overGRPC fared) {
	t.Helper()
	for _, at := range []fared{overHTTP, overGRPC} {
		for _, name := range []string{"ratelimit", "retry-after"} {
			if at.Client[name] != "" {
				at.Client[name] = "is there"
			}
		}
	}
	if diff := cmp.Diff(overHTTP, overGRPC); diff != "" {
		t.Errorf("%s: (-HTTP +gRPC)\n%s", what, diff)
	}
}

// askHTTP asks as Envoy does over HTTP.
func (s site) askHTTP(t *testing.T, by, method, path string, headers []string) (at fared) {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.environment["TOLLGATE_SERVER"], "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	lines := []string{fmt.Sprintf("%s /proxy/envoy%s HTTP/1.1", method, path), "Host: api.example", "Connection: close", "X-Request-ID: r"}
	if by != "" {
		lines = append(lines, gateway.ProxyHeader+": "+by)
	}
	for i := 0; i < len(headers); i += 2 {
		lines = append(lines, headers[i]+": "+headers[i+1])
	}
	_, _ = fmt.Fprintf(c, "%s\r\n\r\n", strings.Join(lines, "\r\n"))
	a, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Body.Close() }()
	var body bytes.Buffer
	_, _ = body.ReadFrom(a.Body)
	at = fared{Status: a.StatusCode, Removed: a.Header.Get("X-Envoy-Auth-Headers-To-Remove"), Body: body.String()}
	for name, values := range a.Header {
		at.note(name, strings.Join(values, "|"))
	}
	return at
}

// askGRPC asks the same as Envoy does over gRPC.
func askGRPC(t *testing.T, conn *grpc.ClientConn, by, method, path string, headers []string) (at fared) {
	t.Helper()
	of := &authv3.AttributeContext_HttpRequest{Method: method, Path: path, Host: "api.example", HeaderMap: &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: "x-request-id", RawValue: []byte("r")}}}}
	for i := 0; i < len(headers); i += 2 {
		of.HeaderMap.Headers = append(of.HeaderMap.Headers, &corev3.HeaderValue{Key: headers[i], RawValue: []byte(headers[i+1])})
	}
	ctx := t.Context()
	if by != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, gateway.ProxyHeader, by)
	}
	a, err := authv3.NewAuthorizationClient(conn).Check(ctx, &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{Http: of}}})
	if err != nil {
		t.Fatal(err)
	}
	if ok := a.GetOkResponse(); ok != nil {
		at = fared{Status: 200, Removed: strings.Join(ok.GetHeadersToRemove(), ",")}
		for name, value := range headersOf(t, append(ok.GetHeaders(), ok.GetResponseHeadersToAdd()...)) {
			at.note(name, value)
		}
		return at
	}
	d := a.GetDeniedResponse()
	at = fared{Status: int(d.GetStatus().GetCode()), Body: d.GetBody()}
	for name, value := range headersOf(t, d.GetHeaders()) {
		at.note(name, value)
	}
	return at
}

// Doors stop at one time: two that take all they are given take it once.
func TestDoorsStopTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(most time.Duration) error {
			<-time.After(most)
			return errors.New("cut off")
		}
		began := time.Now()
		err := together(time.Hour, slow, slow)
		if took := time.Since(began); took != time.Hour || strings.Count(err.Error(), "cut off") != 2 {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

// An address that is none, or is taken, stops the start, and is named.
func TestExtAuthzAddress(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for _, addr := range []string{"unix:", "unix://", "unix:/nowhere/at/all", "nowhere", taken.Addr().String()} {
		got := command(t, environment{}, "", "serve", "--addr", "127.0.0.1:0", "--ext-authz-addr", addr)
		if got.code != exitError || !strings.Contains(got.err, "--ext-authz-addr") {
			t.Errorf("%s: exit code %d: %s", addr, got.code, got.err)
		}
	}
}

// Beyond the bound connections are closed at once, and within it they are not.
func TestExtAuthzConnections(t *testing.T) {
	s := serve(t, environment{}, "--max-connections", "2", "--ext-authz-addr", "127.0.0.1:0")
	addr := extAuthzIn(t, s.log)
	probe := func() error {
		conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_, err = grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
		return err
	}
	var open []net.Conn
	for range 2 {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	if err := probe(); status.Code(err) != codes.Unavailable {
		t.Errorf("a connection beyond the bound: %v", err)
	}
	for _, c := range open {
		_ = c.Close()
	}
	for probe() != nil { // until the server has seen that they are gone
		<-time.After(time.Millisecond)
	}
}
