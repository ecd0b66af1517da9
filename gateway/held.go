package gateway

import "net/netip"

// ProxyHeader has the key of a proxy itself, in HTTP's headers and in gRPC's
// metadata: Bearer, and a service key. Authorization is never the proxy's.
const ProxyHeader = "Tollgate-Authorization"

// Credentials are the headers, in lower case, that are for Tollgate alone: the
// upstream sees none of them.
func Credentials() []string { return []string{"authorization", "x-api-key", "tollgate-authorization"} }

// Held is a request that a proxy holds, and who the proxy is, as it has said
// both in its own protocol.
type Held struct {
	Method, Host, Path string
	// Refusal is for a proxy that has not said which request it holds; nil for
	// one that has.
	Refusal *Verdict
	// What the request had in its headers of these names, each value that there
	// was: the client's key, and where the request comes from.
	Authorization, XAPIKey, ForwardedFor []string
	// Proxy is who asks.
	Proxy Proxy
	// Door and RequestID are what a log calls it.
	Door, RequestID string
}

// Proxy is who asks about a request that it holds.
type Proxy struct {
	Socket bool       // it asks through a Unix socket, at which whoever can is one
	Keys   []string   // the values of its ProxyHeader
	Addr   netip.Addr // the other end of its connection; zero of a socket
}

// Reply is a verdict as a proxy is told it, whatever its protocol.
type Reply struct {
	Status int
	// Headers are all X-Tollgate headers: for the upstream, or with a denial for
	// the client.
	Headers []Header
	// Client is what the client is told besides.
	Client []Header
	// Body is problem details (RFC 9457), for the client; nil without a denial.
	Body []byte
}
