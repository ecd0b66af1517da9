package api

import (
	"context"
	"net/http"
	"net/netip"

	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/gateway"
)

// Porter answers proxies at every door, whatever the protocol of that: who the
// proxy is, what it is told about the request that it holds, and what is counted
// and logged of that. Its methods may be called by many goroutines at once.
type Porter struct{ s *server }

// Verdict is that about a request that a proxy holds.
func (p Porter) Verdict(ctx context.Context, held *gateway.Held) gateway.Verdict {
	return p.s.verdict(ctx, held)
}

// Reply is what the proxy is told of it.
func (p Porter) Reply(v *gateway.Verdict, requestID string) gateway.Reply {
	return p.s.reply(v, requestID)
}

// Name is what a request is called, in logs and to its client, that had these
// values of X-Request-ID.
func (p Porter) Name(requestIDs []string) string { return nameRequest(requestIDs) }

var errNoProxy = gateway.Verdict{Reason: "PROXY_UNAUTHENTICATED", Status: http.StatusForbidden, Detail: "the proxy is not known, or may not ask: it needs a service key with access.check on account:platform in Tollgate-Authorization"}

func (s *server) verdict(ctx context.Context, held *gateway.Held) gateway.Verdict {
	v := s.judge(ctx, held)
	if v.Err != nil { // of which what is not for callers is logged
		s.sort(ctx, v.Err, zap.String("method", show(held.Method)), zap.String("route", held.Door), zap.String("request_id", held.RequestID))
	}
	s.metrics.judged(&v)
	return v
}

func (s *server) judge(ctx context.Context, held *gateway.Held) gateway.Verdict {
	from, refusal := s.askedBy(ctx, held)
	if refusal != nil {
		return *refusal
	}
	if held.Refusal != nil {
		return *held.Refusal
	}
	key, refusal := gateway.KeyOf(held.Authorization, held.XAPIKey)
	if refusal != nil {
		return *refusal
	}
	gate := s.gates[checks]
	if err := gate.enter(ctx); err != nil {
		return gateway.Verdict{Reason: "OVERLOADED", Status: http.StatusServiceUnavailable, Detail: errOverloaded.detail}
	}
	defer gate.leave()
	return s.Gateway.Authorize(ctx, &gateway.Request{
		APIKey: key, Method: held.Method, Host: held.Host, Path: held.Path, Request: authz.Request{Source: from},
	})
}

// askedBy refuses a proxy that is not known or may not ask, and says where the
// request that it holds comes from, if it is believed that.
func (s *server) askedBy(ctx context.Context, held *gateway.Held) (client netip.Addr, refusal *gateway.Verdict) {
	if held.Proxy.Socket {
		return s.TrustedProxies.Client(held.ForwardedFor), nil
	}
	text, ok := onlyBearer(held.Proxy.Keys)
	if !ok {
		return client, &errNoProxy
	}
	who, err := s.holder(ctx, text, held.Proxy.Addr)
	switch {
	case err != nil && status(err) == http.StatusServiceUnavailable:
		return client, &gateway.Verdict{Reason: "STATE_UNAVAILABLE", Status: http.StatusServiceUnavailable, Err: err, Detail: "nothing is known of the proxy at the moment; try again"}
	case err != nil:
		return client, &errNoProxy
	}
	if by := s.asking(who); by.everything() != nil {
		return client, &errNoProxy
	}
	if s.TrustedProxies.Has(held.Proxy.Addr) {
		client = s.TrustedProxies.Client(held.ForwardedFor)
	}
	return client, nil
}

// reply says a verdict in headers and a body. A client is told its limits
// whatever the verdict is; all else besides is of a denial, which the proxy may
// pass on.
func (s *server) reply(v *gateway.Verdict, id string) gateway.Reply {
	r := gateway.Reply{Status: v.Status, Headers: v.Told(), Client: v.LimitHeaders()}
	if v.Status == http.StatusOK {
		return r
	}
	r.Client = append(r.Client, gateway.Header{Name: "Cache-Control", Value: noStore[0]}, gateway.Header{Name: "Content-Type", Value: problemType[0]}, gateway.Header{Name: requestIDHeader, Value: id})
	switch v.Status {
	case http.StatusUnauthorized:
		r.Client = append(r.Client, gateway.Header{Name: "WWW-Authenticate", Value: challenge})
	case http.StatusServiceUnavailable:
		r.Client = append(r.Client, gateway.Header{Name: "Retry-After", Value: "1"})
	}
	r.Body = s.problemBody(v.Status, v.Reason, "", v.Detail, id)
	return r
}
