package extauthz

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/tollgate-dev/tollgate/gateway"
)

// told is what Envoy says of the request that it holds.
type told struct {
	method, host, path string
	// The values of its headers, each that there was.
	authorization, xAPIKey, forwardedFor, requestID []string
	// forged are the names of headers that a client has made up as if they were
	// Tollgate's, and that no answer replaces; each as often as Envoy names it.
	forged []string
}

// read reads a CheckRequest. Whatever is missing in it is empty.
//
// Envoy has the headers either in headers, where the values of one name are
// joined by commas, or, with encode_raw_headers, in header_map, one by one. Should
// both be there, both count: two keys are refused then, whichever is meant.
func read(r *authv3.CheckRequest) (t told) {
	attributes := r.GetAttributes()
	of := attributes.GetRequest().GetHttp()
	t.method, t.host, t.path = of.GetMethod(), of.GetHost(), of.GetPath()
	for name, value := range of.GetHeaders() {
		t.joined(strings.ToLower(name), value)
	}
	for _, h := range of.GetHeaderMap().GetHeaders() {
		name := strings.ToLower(h.GetKey())
		if h.GetValue() != "" || len(h.GetRawValue()) == 0 {
			t.header(name, h.GetValue())
		}
		if len(h.GetRawValue()) > 0 {
			t.header(name, string(h.GetRawValue()))
		}
	}
	t.cameFrom(attributes.GetSource().GetAddress())
	return t
}

// joined notes the values of a header that were joined. No key has a comma in
// it, nor has a name of a request that counts.
func (t *told) joined(name, values string) {
	at := t.noted(name)
	if at == nil {
		t.other(name)
		return
	}
	for value := range strings.SplitSeq(values, ",") {
		*at = append(*at, strings.TrimSpace(value))
	}
}

// header notes a value of a header, by the name in lower case.
func (t *told) header(name, value string) {
	if at := t.noted(name); at != nil {
		*at = append(*at, value)
	} else {
		t.other(name)
	}
}

// noted is where the values of a header are; nil for one that has no place.
func (t *told) noted(name string) *[]string {
	switch name {
	case "authorization":
		return &t.authorization
	case "x-api-key":
		return &t.xAPIKey
	case "x-forwarded-for":
		return &t.forwardedFor
	case "x-request-id":
		return &t.requestID
	}
	return nil
}

// other notes a header whose values have no place.
func (t *told) other(name string) {
	if looksOurs(name) {
		t.forged = append(t.forged, name)
	}
}

// cameFrom notes the other end of the connection that the request came in on,
// as the last hop: Envoy may have been told to leave X-Forwarded-For as it is, as
// the client made it up. What is no address is a hop that nobody knows.
func (t *told) cameFrom(at *corev3.Address) {
	if at != nil {
		t.forwardedFor = append(t.forwardedFor, at.GetSocketAddress().GetAddress())
	}
}

// looksOurs reports whether a server could take a header for one of Tollgate's
// that no answer has a value for, nor removes in any case. There are servers to
// which _ is the same as -.
func looksOurs(name string) bool {
	if !strings.Contains(name, "tollgate") {
		return false
	}
	_, answered := lowered[name]
	return !answered && !slices.Contains(gateway.Credentials(), name)
}

var errNotHeld = gateway.Verdict{Reason: "PROXY_ATTRIBUTES_INVALID", Status: http.StatusForbidden, Detail: "the proxy does not say which request it holds: attributes.request.http has no method or no path"}

// held is the request as every door has it.
func (t *told) held(by gateway.Proxy) gateway.Held {
	h := gateway.Held{
		Method: t.method, Host: t.host, Path: t.path,
		Authorization: t.authorization, XAPIKey: t.xAPIKey, ForwardedFor: t.forwardedFor,
		Proxy: by, Door: doorName,
	}
	if t.method == "" || t.path == "" {
		h.Refusal = &errNotHeld
	}
	return h
}

// proxyOf is who asks.
func proxyOf(ctx context.Context) (by gateway.Proxy) {
	by.Keys = metadata.ValueFromIncomingContext(ctx, proxyMetadata)
	if p, ok := peer.FromContext(ctx); ok {
		switch at := p.Addr.(type) {
		case *net.UnixAddr:
			by.Socket = true
		case *net.TCPAddr:
			by.Addr = at.AddrPort().Addr().Unmap()
		}
	}
	return by
}

// proxyMetadata is gateway.ProxyHeader as gRPC has it.
var proxyMetadata = strings.ToLower(gateway.ProxyHeader)
