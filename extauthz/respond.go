package extauthz

import (
	"net/http"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"

	"github.com/tollgate-dev/tollgate/gateway"
)

// respond writes a reply as a CheckResponse. Of forged names the upstream sees
// none. A status is always set: Envoy takes one that is missing for OK.
func respond(r *gateway.Reply, forged []string) *authv3.CheckResponse {
	if r.Status == http.StatusOK {
		return &authv3.CheckResponse{
			Status: &status.Status{Code: int32(codes.OK)},
			HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{
				Headers:              replacing(r.Headers),
				HeadersToRemove:      append(gateway.Credentials(), forged...),
				ResponseHeadersToAdd: replacing(r.Client),
			}},
		}
	}
	return &authv3.CheckResponse{
		Status: &status.Status{Code: int32(codeOf(r.Status)), Message: http.StatusText(r.Status)},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status:  &typev3.HttpStatus{Code: typev3.StatusCode(r.Status)},
			Headers: append(replacing(r.Headers), replacing(r.Client)...),
			Body:    string(r.Body),
		}},
	}
}

// codeOf is a denial in gRPC's terms, never OK.
func codeOf(status int) codes.Code {
	switch status {
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusTooManyRequests:
		return codes.ResourceExhausted
	case http.StatusServiceUnavailable:
		return codes.Unavailable
	}
	return codes.PermissionDenied
}

// replacing are headers that take the place of any of the same name, empty ones
// too. Envoy takes `append`, which is left out, as false here.
func replacing(headers []gateway.Header) []*corev3.HeaderValueOption {
	if len(headers) == 0 {
		return nil
	}
	room := make([]struct {
		option corev3.HeaderValueOption
		value  corev3.HeaderValue
	}, len(headers))
	all := make([]*corev3.HeaderValueOption, len(headers))
	for i, h := range headers {
		at := &room[i]
		at.value.Key, at.value.Value = lower(h.Name), h.Value
		at.option.Header = &at.value
		at.option.AppendAction = corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD
		at.option.KeepEmptyValue = true
		all[i] = &at.option
	}
	return all
}

// lowered are the names that every answer has, in lower case.
var lowered = func() map[string]string {
	all := map[string]string{}
	for _, name := range gateway.HeaderNames() {
		all[name] = strings.ToLower(name)
		all[strings.ToLower(name)] = strings.ToLower(name)
	}
	return all
}()

// lower is the name of a header as HTTP/2 has it.
func lower(name string) string {
	if l, ok := lowered[name]; ok {
		return l
	}
	return strings.ToLower(name)
}
