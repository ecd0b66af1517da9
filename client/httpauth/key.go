package httpauth

import (
	"net/http"
	"net/netip"
	"strings"
)

// keyOf is the API key in the values of Authorization and X-API-Key, as proxies
// are answered for it. What stands where a key should is sent, so that Tollgate
// says what is wrong with it.
func keyOf(authorization, xAPIKey []string) (key string, refused *refusal) {
	switch {
	case len(authorization)+len(xAPIKey) > 1:
		return "", &errAmbiguous
	case len(authorization)+len(xAPIKey) == 0:
		return "", &errMissing
	case len(xAPIKey) == 1:
		key = xAPIKey[0]
	default:
		scheme, rest, _ := strings.Cut(authorization[0], " ")
		if strings.EqualFold(scheme, "Bearer") {
			key = rest
		}
	}
	if key == "" {
		return "", &errInvalid
	}
	return key, nil
}

// source is where a request comes from: who has connected, or of the addresses
// that a trusted proxy tells the last one that is not a trusted proxy's. Zero if
// that is not known, as of a peer at a Unix socket.
func (g *Guard) source(r *http.Request) netip.Addr {
	var at netip.Addr
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		at = peer.Addr().Unmap().WithZone("")
	}
	if !g.trusts(at) {
		return at
	}
	hops := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		at, _ = netip.ParseAddr(strings.TrimSpace(hops[i])) // zero for what is none
		if at = at.Unmap(); !g.trusts(at) {
			return at
		}
	}
	return netip.Addr{}
}

func (g *Guard) trusts(a netip.Addr) bool {
	for _, p := range g.trusted {
		if a.IsValid() && p.Contains(a) {
			return true
		}
	}
	return false
}
