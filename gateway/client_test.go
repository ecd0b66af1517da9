package gateway

import (
	"net/netip"
	"testing"
)

// One key counts, wherever it stands, and a second makes none of them count.
func TestKeyOf(t *testing.T) {
	for _, x := range []struct {
		authorization, xAPIKey []string
		key                    string
		refused                bool
	}{
		{nil, nil, "", false},
		{[]string{"Bearer k"}, nil, "k", false},
		{[]string{"bEARER k"}, nil, "k", false},
		{nil, []string{"k"}, "k", false},
		{[]string{""}, nil, wrongKey, false},
		{[]string{"Bearer"}, nil, wrongKey, false},
		{[]string{"Basic a2V5"}, nil, wrongKey, false},
		{nil, []string{""}, wrongKey, false},
		{[]string{"Bearer k"}, []string{"k"}, "", true},
		{[]string{"Bearer k", "Bearer k"}, nil, "", true},
		{nil, []string{"k", ""}, "", true},
	} {
		key, refusal := KeyOf(x.authorization, x.xAPIKey)
		if key != x.key || (refusal != nil) != x.refused || refusal != nil && refusal.Status != 401 {
			t.Errorf("%q %q: %q %+v", x.authorization, x.xAPIKey, key, refusal)
		}
	}
}

// What a client writes into X-Forwarded-For stands left of what proxies append.
func TestClient(t *testing.T) {
	trusted := Trusted{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, x := range []struct {
		values []string
		client string
	}{
		{nil, ""},
		{[]string{"192.0.2.1"}, "192.0.2.1"},
		{[]string{"203.0.113.9, 192.0.2.1"}, "192.0.2.1"},
		{[]string{"203.0.113.9, 192.0.2.1, 10.1.2.3"}, "192.0.2.1"},
		{[]string{"203.0.113.9", "192.0.2.1", "fd00::1,10.1.2.3"}, "192.0.2.1"},
		{[]string{"192.0.2.1, nonsense"}, ""},
		{[]string{"192.0.2.1, nonsense, 10.1.2.3"}, ""},
		{[]string{"10.1.2.3"}, ""},
		{[]string{"192.0.2.1,"}, ""},
		{[]string{"192.0.2.1", ""}, ""},
		{[]string{",10.1.2.3", "10.1.2.3"}, ""},
		{[]string{"::ffff:192.0.2.1, ::ffff:10.0.0.1"}, "192.0.2.1"},
	} {
		if got := trusted.Client(x.values); got != SourceOf(x.client) {
			t.Errorf("%q: %v, want %s", x.values, got, x.client)
		}
	}
}
