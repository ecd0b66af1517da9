package oracle

import (
	"net/netip"
	"strings"
)

// refusesSecret is the reason why whoever shows a secret is not taken for the
// key that he claims to be, "" if there is none. Whether there is such a key is
// told to nobody without its secret, nor is anything else of it.
func refusesSecret(w *World, q Question) string {
	for _, k := range w.Keys {
		if "key:"+k.ID != q.Subject {
			continue
		}
		shown := false
		for _, s := range k.Secrets {
			if s.Text == q.Secret && (s.Until == 0 || q.At < s.Until) {
				shown = true
			}
		}
		if !shown {
			return "KEY_NOT_FOUND"
		}
		if problem := ended(k, q.At); problem != "" {
			return problem
		}
		if !mayComeFrom(k, q.Source) {
			return "ADDRESS_BLOCKED"
		}
		return ""
	}
	return "KEY_NOT_FOUND"
}

func ended(k Key, at int64) string {
	if k.Disabled {
		return "KEY_DISABLED"
	}
	if k.Until != 0 && at >= k.Until {
		return "KEY_EXPIRED"
	}
	return ""
}

// mayComeFrom reports whether a key may be used from an address. One that has
// a list may not be used from an address that nobody knows.
func mayComeFrom(k Key, source string) bool {
	if len(k.Sources) == 0 {
		return true
	}
	if source == "" {
		return false
	}
	addr := netip.MustParseAddr(source)
	if addr.Is4In6() { // an IPv4 address, written as an IPv6 one
		addr = netip.AddrFrom4([4]byte(addr.AsSlice()[12:]))
	}
	for _, network := range k.Sources {
		if netip.MustParsePrefix(network).Contains(addr) {
			return true
		}
	}
	return false
}

// keyLacks is the reason why an API key has no right to anything on a path,
// whatever is bound to it; "" if there is none, and for anybody but a key. A
// key reaches what it belongs to and what is in that.
func keyLacks(w *World, q Question, path []string) string {
	if !strings.HasPrefix(q.Subject, "key:") {
		return ""
	}
	for _, k := range w.Keys {
		if "key:"+k.ID != q.Subject {
			continue
		}
		if problem := ended(k, q.At); problem != "" {
			return problem
		}
		reaches := false
		for _, node := range path {
			if node == k.Parent {
				reaches = true
			}
		}
		if !reaches {
			return "KEY_OUT_OF_REACH"
		}
		if k.Sponsor == "" {
			return "SPONSOR_MISSING"
		}
		return ""
	}
	return "KEY_NOT_FOUND"
}

// ofSponsor is who sponsors the key that asks, and whether the sponsor's own
// bindings allow the same thing at the same instant; "" for anybody but a key.
func ofSponsor(w *World, q Question, path []string) (sponsor string, may bool) {
	for _, k := range w.Keys {
		if "key:"+k.ID == q.Subject {
			q.Subject = k.Sponsor
			allowing, denying := sayOf(w, q, path)
			return k.Sponsor, len(allowing) > 0 && len(denying) == 0
		}
	}
	return "", false
}
