package gateway

import (
	"net/http"
	"net/url"
	"testing"

	"pgregory.net/rapid"

	"github.com/tollgate-dev/tollgate/authz"
)

// Whatever an identifier has goes into a header as printable ASCII, and comes
// out of it as it was.
func TestEscape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		escaped := escape(text)
		for i := range len(escaped) {
			if c := escaped[i]; c <= ' ' || c >= 0x7f {
				t.Fatalf("%q has the byte %#x", escaped, c)
			}
		}
		if back, err := url.PathUnescape(escaped); err != nil || back != text {
			t.Fatalf("%q becomes %q, and comes back as %q: %v", text, escaped, back, err)
		}
	})
}

// The zero Verdict lets nobody by, and no verdict leaves a header out.
func TestEveryVerdictHasAllHeaders(t *testing.T) {
	var zero Verdict
	for _, h := range zero.Headers() {
		if h.Name == "X-Tollgate-Decision" && h.Value != "denied" {
			t.Errorf("the zero verdict is %s", h.Value)
		}
	}
	allowed := Verdict{Answer: authz.Answer{Allowed: true, Code: authz.Allowed}, Status: http.StatusOK}
	if got, want := len(allowed.Headers()), len(HeaderNames()); got != want {
		t.Errorf("%d headers, want %d", got, want)
	}
	seen := map[string]bool{}
	for _, name := range HeaderNames() {
		if http.CanonicalHeaderKey(name) != name {
			t.Errorf("%s is not spelled as net/http does, which is relied on", name)
		}
		if seen[name] {
			t.Errorf("%s stands twice", name)
		}
		seen[name] = true
	}
}

// Only an allow has the status that lets by.
func TestStatusOfEveryCode(t *testing.T) {
	for code := authz.NoBinding; code <= authz.EvaluatorMismatch; code++ {
		a := authz.Answer{Code: code, Allowed: code == authz.Allowed}
		if by := statusOf(&a) == http.StatusOK; by != a.Allowed {
			t.Errorf("%s: %d", code, statusOf(&a))
		}
		if code.String() == "" || (code != authz.Allowed && code.Sentence() == "") {
			t.Errorf("the code %d has no name, or no sentence", code)
		}
	}
}
