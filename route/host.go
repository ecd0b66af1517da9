package route

import (
	"strings"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// MaxHost is the most bytes that a host may have.
const MaxHost = 255

var errHost = &hierarchy.Error{Kind: hierarchy.KindInvalid, Reason: "HOST_INVALID", Field: "host",
	Detail: "a host is a name in ASCII or an address, with a port or without: no user, no white space, no dot at its end, names of other scripts in Punycode"}

// Host is a host that NormaliseHost has read. The zero Host is that of a
// request that names none: only routes without hosts match it.
type Host struct{ name string }

func (h Host) String() string { return h.name }

// NormaliseHost reads the host of a request as it arrived: it cuts the port
// off and puts the name in lower case. The error is a *hierarchy.Error of
// KindInvalid.
func NormaliseHost(raw string) (Host, error) {
	if raw == "" {
		return Host{}, nil
	}
	name, ok := cutPort(raw)
	if !ok || len(name) > MaxHost || !isHostName(name) {
		return Host{}, errHost
	}
	return Host{strings.ToLower(name)}, nil
}

// cutPort splits the port from a host, or says that there is no good one.
func cutPort(s string) (name string, ok bool) {
	at := len(s)
	if s[0] == '[' {
		at = strings.IndexByte(s, ']') + 1
	} else if colon := strings.IndexByte(s, ':'); colon >= 0 {
		at = colon
	}
	name, port := s[:at], s[at:]
	if port == "" {
		return name, true
	}
	if len(port) < 2 || len(port) > len(":65535") || port[0] != ':' || strings.Trim(port[1:], "0123456789") != "" {
		return "", false
	}
	return name, true
}

// isHostName reports whether s is labels of letters, digits, hyphens and
// underscores with dots between, or an IPv6 address in brackets.
func isHostName(s string) bool {
	if address, v6 := strings.CutPrefix(s, "["); v6 {
		address, closed := strings.CutSuffix(address, "]")
		return closed && address != "" && strings.Trim(address, "0123456789abcdefABCDEF:.") == ""
	}
	before := byte('.')
	for i := range len(s) {
		c := s[i]
		if c == '.' && before == '.' || c != '.' && c != '-' && c != '_' && !isAlnum(c) {
			return false
		}
		before = c
	}
	return before != '.'
}

// checkHost reads a host of a route: a name in lower case, or *.name.
func checkHost(s string) *hierarchy.Error {
	name := strings.TrimPrefix(s, "*.")
	if normal, err := NormaliseHost(name); err != nil || name == "" || normal.name != name {
		return hierarchy.Invalid("HOST_INVALID", "hosts", "%.64q is neither a name in lower case without a port, such as api.example.com, nor *. and such a name", s)
	}
	return nil
}
