package gateway

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ReasonKeyAmbiguous is the reason of a request with more than one credential:
// Tollgate and the server behind the proxy could take two different ones.
const ReasonKeyAmbiguous = "KEY_AMBIGUOUS"

// KeyOf is the API key that a client has presented in the values of its headers
// Authorization and X-API-Key: "" for none. A request that has more than one
// value in all is refused, and so is one whose Authorization is not Bearer.
func KeyOf(authorization, xAPIKey []string) (key string, refusal *Verdict) {
	switch {
	case len(authorization)+len(xAPIKey) > 1:
		return "", &Verdict{Reason: ReasonKeyAmbiguous, Status: http.StatusUnauthorized, Detail: "send one API key, as Authorization: Bearer or as X-API-Key, once"}
	case len(xAPIKey) == 1:
		return orWrong(xAPIKey[0]), nil
	case len(authorization) == 0:
		return "", nil
	}
	scheme, key, _ := strings.Cut(authorization[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return wrongKey, nil
	}
	return orWrong(key), nil
}

// wrongKey is no key: what stands where a key should is not taken for nothing.
const wrongKey = "-"

func orWrong(key string) string {
	if key == "" {
		return wrongKey
	}
	return key
}

// Trusted are the addresses of proxies that are believed what they say of where
// a request comes from. The zero Trusted believes nobody.
type Trusted []netip.Prefix

// Has reports whether an address is one of them.
func (t Trusted) Has(a netip.Addr) bool {
	for _, p := range t {
		if a.IsValid() && p.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

// Client is where a request comes from: of the addresses in the values of
// X-Forwarded-For the last one that is not a trusted proxy's, since each proxy
// appends the one that it was called from, and what stands before is as the
// client has made it up. It is for a request that a trusted proxy has asked about.
// Zero if that is not known, which no allow-list of a key has.
func (t Trusted) Client(forwardedFor []string) netip.Addr {
	for _, hops := range slices.Backward(forwardedFor) {
		for more := true; more; {
			hop := hops[strings.LastIndexByte(hops, ',')+1:]
			if more = len(hop) < len(hops); more {
				hops = hops[:len(hops)-len(hop)-1]
			}
			if a := SourceOf(strings.TrimSpace(hop)); !a.IsValid() || !t.Has(a) {
				return a
			}
		}
	}
	return netip.Addr{}
}

// Told are the headers that may be told to the client too: all of them, but
// those of a denial say only that, and why. To whom the rest would have gone, the
// upstream, a denial never comes.
func (v *Verdict) Told() []Header {
	all := v.Headers()
	if v.Status != http.StatusOK {
		for i := range all {
			if name := all[i].Name; name != "X-Tollgate-Decision" && name != "X-Tollgate-Reason" {
				all[i].Value = ""
			}
		}
	}
	return all
}
