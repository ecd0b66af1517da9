package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tollgate-dev/tollgate/extauthz"
	"github.com/tollgate-dev/tollgate/gateway"
)

// serveEnvoy is serve of what Envoy asks, at a socket in Linux's abstract
// namespace, where no key is needed.
func serveEnvoy(serverOf func() (func(net.Listener) error, error)) error {
	serve, err := serverOf()
	if err != nil {
		return err
	}
	l, err := net.Listen("unix", "")
	if err != nil {
		return err
	}
	present(l)
	return serve(l)
}

// envoyServers are what Envoy asks here, by the name of the child.
var envoyServers = map[string]func() (func(net.Listener) error, error){
	"echo for Envoy": func() (func(net.Listener) error, error) {
		g := grpc.NewServer(grpc.NumStreamWorkers(extauthz.Workers))
		authv3.RegisterAuthorizationServer(g, &echo{answer: answeredByEcho()})
		return g.Serve, nil
	},
	"tollgate for Envoy": func() (func(net.Listener) error, error) {
		doors, digest, err := proxyDoors()
		if err != nil {
			return nil, err
		}
		s, err := extauthz.New(extauthz.Config{Porter: doors.Porter, Digest: digest})
		if err != nil {
			return nil, err
		}
		return s.Serve, nil
	},
}

// echo has a CheckRequest decoded, and one CheckResponse encoded, which is of as
// many bytes as Tollgate's.
type echo struct {
	authv3.UnimplementedAuthorizationServer
	answer *authv3.CheckResponse
}

func (e *echo) Check(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	return e.answer, nil
}

// answeredByEcho is Tollgate's answer to a request that the key may make.
func answeredByEcho() *authv3.CheckResponse {
	ok := &authv3.OkHttpResponse{HeadersToRemove: gateway.Credentials()}
	for _, name := range gateway.HeaderNames() {
		value := answeredByGin.Headers[name]
		if name == "X-Tollgate-Subproject" {
			value = "" // what is asked for is in none
		}
		ok.Headers = append(ok.Headers, &corev3.HeaderValueOption{
			Header:         &corev3.HeaderValue{Key: strings.ToLower(name), Value: value},
			AppendAction:   corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
			KeepEmptyValue: true,
		})
	}
	return &authv3.CheckResponse{
		Status:       &status.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok},
	}
}

// heldByEnvoy is what Envoy says, if it is told no more than it must be, of a
// request that it holds.
func heldByEnvoy(path, key string) *authv3.CheckRequest {
	at := func(host string, port uint32) *authv3.AttributeContext_Peer {
		return &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
			SocketAddress: &corev3.SocketAddress{Address: host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port}},
		}}}
	}
	headers := map[string]string{
		":authority": "api.example.org", ":method": http.MethodGet, ":path": path, ":scheme": "https",
		"accept": "application/json", "authorization": "Bearer " + key, "user-agent": "bench/1.0",
		"x-envoy-internal": "true", "x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https",
		"x-request-id": "2c9f8ad2-6f40-4d0f-9a3b-0a6b9d6f1c55",
	}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source: at("192.0.2.7", 41234), Destination: at("192.0.2.1", 8443),
		Request: &authv3.AttributeContext_Request{
			Time: &timestamppb.Timestamp{Seconds: 1_700_000_000, Nanos: 123_456_000},
			Http: &authv3.AttributeContext_HttpRequest{
				Id: "11405612840312831203", Method: http.MethodGet, Path: path, Host: "api.example.org", Scheme: "https", Protocol: "HTTP/2", Headers: headers,
			},
		},
		MetadataContext: &corev3.Metadata{}, RouteMetadataContext: &corev3.Metadata{},
	}}
}

// envoys are as many connections as an Envoy of two threads has.
type envoys [2]*grpc.ClientConn

func (c *child) envoys() (all envoys, err error) {
	target := "unix-abstract:" + strings.TrimPrefix(c.addr, "@")
	for i := range all {
		if all[i], err = grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
			return all, err
		}
	}
	return all, nil
}

func (e *envoys) close() {
	for _, conn := range e {
		_ = conn.Close()
	}
}

// envoyCost asks about requests, 4 at once on each connection, and returns what
// one cost the child. The key may make all of them.
func (c *child) envoyCost(all *envoys, held []*authv3.CheckRequest, times int) (float64, error) {
	before := must(c.spent())
	var next atomic.Int64
	var wait sync.WaitGroup
	errs := make(chan error, 4*len(all))
	for _, conn := range all {
		for range 4 {
			wait.Go(func() {
				envoy := authv3.NewAuthorizationClient(conn)
				for i := next.Add(1); i <= int64(times); i = next.Add(1) {
					answer, err := envoy.Check(context.Background(), held[i%int64(len(held))])
					if err == nil && answer.GetOkResponse() == nil {
						err = fmt.Errorf("%v instead of OK", answer)
					}
					if err != nil {
						errs <- err
						return
					}
				}
			})
		}
	}
	wait.Wait()
	close(errs)
	return (must(c.spent()) - before) / float64(times), <-errs
}

// verifyEnvoy sees that it is Tollgate that decides, and that the echo answers as
// many bytes as it does. It returns how many a request has, and an answer.
func verifyEnvoy(tollgate, echo *envoys) (asked, answered int, err error) {
	const path = "/v1/projects/prj_00/things/1"
	of := authv3.NewAuthorizationClient(tollgate[0])
	good := heldByEnvoy(path, keyText)
	allowed, err := of.Check(context.Background(), good)
	if err != nil {
		return 0, 0, err
	}
	if allowed.GetOkResponse() == nil || told(allowed, "x-tollgate-principal") != keySubject || told(allowed, "x-tollgate-billing-account") != "bil_1" {
		return 0, 0, fmt.Errorf("Envoy is told %v", allowed)
	}
	same, err := authv3.NewAuthorizationClient(echo[0]).Check(context.Background(), good)
	if err != nil {
		return 0, 0, err
	}
	if proto.Size(same) != proto.Size(allowed) {
		return 0, 0, fmt.Errorf("the echo answers %d bytes, and Tollgate %d: %v", proto.Size(same), proto.Size(allowed), allowed)
	}
	for _, x := range []struct {
		path, key string
		status    int
	}{
		{"/v1/projects/prj_01/things/1", keyText, http.StatusForbidden}, {"/v1/other", keyText, http.StatusForbidden}, {path, keyText + "x", http.StatusUnauthorized},
	} {
		answer, err := of.Check(context.Background(), heldByEnvoy(x.path, x.key))
		if err != nil {
			return 0, 0, err
		}
		if got := int(answer.GetDeniedResponse().GetStatus().GetCode()); got != x.status || codes.Code(answer.GetStatus().GetCode()) == codes.OK {
			return 0, 0, fmt.Errorf("Envoy is told %d about %s, want %d", got, x.path, x.status)
		}
	}
	return proto.Size(good), proto.Size(allowed), nil
}

// told is the value of a header that the upstream is to be sent.
func told(answer *authv3.CheckResponse, name string) string {
	for _, option := range answer.GetOkResponse().GetHeaders() {
		if option.GetHeader().GetKey() == name {
			return option.GetHeader().GetValue()
		}
	}
	return ""
}

// forEnvoy measures what it costs the server, in processor time, to answer Envoy
// over gRPC, beside an echo of the same messages that decides nothing.
func forEnvoy(out io.Writer) (err error) {
	var children [2]*child
	var clients [2]envoys
	for i, kind := range []string{"echo for Envoy", "tollgate for Envoy"} {
		if children[i], err = start(kind); err != nil {
			return err
		}
		defer children[i].stop()
		if clients[i], err = children[i].envoys(); err != nil {
			return err
		}
		defer clients[i].close()
	}
	asked, answered, err := verifyEnvoy(&clients[1], &clients[0])
	if err != nil {
		return err
	}
	held := make([]*authv3.CheckRequest, 1000)
	for i := range held {
		held[i] = heldByEnvoy(fmt.Sprintf("/v1/projects/prj_00/things/%d", i), keyText)
	}
	const rounds, times = 15, 6_000
	var costs [2][]float64
	var ratios []float64
	for range rounds {
		for i, c := range children {
			cost, err := c.envoyCost(&clients[i], held, times)
			if err != nil {
				return err
			}
			costs[i] = append(costs[i], cost)
		}
		ratios = append(ratios, costs[0][len(ratios)]/costs[1][len(ratios)])
	}
	fmt.Fprintf(out, "ext_authz over gRPC: processor time of the server a request, %d requests a round on %d connections, 4 at once on each, all with an API key and let by; a request has %d bytes, and an answer %d\n", times, len(clients[0]), asked, answered)
	row(out, "a unary echo, the same messages", median(costs[0]), "1")
	row(out, "Tollgate", median(costs[1]), fmt.Sprintf("%.2f× the requests a core of the echo (goal ≥ 0.75), %.2f× to %.2f× in rounds", median(ratios), quantile(ratios, 0), quantile(ratios, 1)))
	return nil
}
