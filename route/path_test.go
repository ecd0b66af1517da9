package route

import (
	"errors"
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

func TestNormalForm(t *testing.T) {
	for raw, want := range map[string]string{
		"/": "/", "/?": "/", "/a": "/a", "/a/": "/a/", "/a?b=c#d": "/a", "/a%2fb": "/a%2Fb", "/%c3%a4/%C3%A4": "/%C3%A4/%C3%A4", "/a:b/+1": "/a:b/+1",
	} {
		p, err := Normalise(raw)
		if err != nil || p.String() != want {
			t.Errorf("%q is %q, %v, and should be %q", raw, p.String(), err, want)
		}
		checkNormal(t, raw, &p)
	}
}

// reason is that of an error.
func reason(err error) string {
	var e *hierarchy.Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Reason
}

func TestLimitsOfPaths(t *testing.T) {
	for _, tc := range []struct{ raw, reason string }{
		{"/" + strings.Repeat("x", MaxPath-1), ""},
		{"/" + strings.Repeat("x", MaxPath), "PATH_TOO_LONG"},
		{"/" + strings.Repeat("x", MaxPath-1) + "?" + strings.Repeat("x", MaxPath), ""},
		{strings.Repeat("/x", MaxSegments), ""},
		{strings.Repeat("/x", MaxSegments) + "/", ""},
		{strings.Repeat("/x", MaxSegments+1), "PATH_TOO_DEEP"},
	} {
		if _, err := Normalise(tc.raw); reason(err) != tc.reason {
			t.Errorf("%d bytes: %v, want %q", len(tc.raw), err, tc.reason)
		}
	}
}

// Every byte, as it stands and encoded: what is not named here is refused.
func TestEveryByte(t *testing.T) {
	const data = "!$&'()*+,:=@"
	const alnum = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	for c := range 256 {
		b := string([]byte{byte(c)})
		raw, encoded := "/x"+b+"y", "/x%"+strings.ToUpper(hexByte(c))+"y"
		_, rawErr := Normalise(raw)
		_, encodedErr := Normalise(encoded)
		wantRaw := strings.Contains(data+alnum+"-._~/?", b)
		wantEncoded := strings.Contains(data+" \"<>[]^`{|}/", b)
		if (rawErr == nil) != wantRaw || (encodedErr == nil) != wantEncoded {
			t.Errorf("%q: %v; %q: %v", raw, rawErr, encoded, encodedErr)
		}
	}
}

func hexByte(c int) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[c>>4], digits[c&15]})
}

func TestHosts(t *testing.T) {
	for raw, want := range map[string]string{
		"": "", "api.example.com": "api.example.com", "API.Example.COM:8443": "api.example.com", "localhost:80": "localhost", "my_host": "my_host",
		"127.0.0.1:8080": "127.0.0.1", "[::1]:80": "[::1]", "[::1]": "[::1]", "xn--4ca.example": "xn--4ca.example",
	} {
		if got, err := NormaliseHost(raw); err != nil || got.String() != want {
			t.Errorf("%q is %q, %v", raw, got, err)
		}
	}
	for _, raw := range []string{
		" ", ".", "a.", ".a", "a..b", "a.:80", ":80", "a:", "a:x", "a:123456", "a:80:80", "a:-1", "a b", "a,b", "a/b", "a@b", "user:pw@a", "ä.example", "a\x00", "a\r\n", "%61", "*.a", "[::1", "::1", "[]", "[x]", "[::1]x", "a?", "a#", "a;b", `a\b`, strings.Repeat("a", MaxHost+1),
	} {
		if got, err := NormaliseHost(raw); reason(err) != "HOST_INVALID" || got != (Host{}) {
			t.Errorf("%q is %q, %v", raw, got, err)
		}
	}
}
