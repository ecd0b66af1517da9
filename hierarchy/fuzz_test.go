package hierarchy

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// Whatever is read as an identifier is written as it was read, keeps the rule
// of identifiers, and has nothing in it that could be taken for something
// else where identifiers are joined.
func FuzzParseRef(f *testing.F) {
	for _, s := range []string{
		"project:prj_1", "number:+15551234", "user:ann@example.com", "leg/1:a:b:c", "номер:日本", "user:role:owner",
		"", ":", "a:", ":a", "a", "user:a,b", "user:a$", "user:a\x00", "user:a\n", "user:\xff", "user:a\u200b", "user:\u2028", "user:*", "user:.", "user:..",
		"user: a", "user:a ", "us er:a", "us*er:a", "user:a\u00a0b", "user:\ufffd", "user:" + strings.Repeat("a", MaxIdentifier),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRef(s)
		if err != nil {
			if e, ok := err.(*Error); !ok || e.Kind != KindInvalid || !r.IsZero() || len(e.Detail) > 2*MaxIdentifier || strings.ContainsFunc(e.Detail, unicode.IsControl) { //nolint:errorlint // exactly this type
				t.Fatalf("%q: %+v, %v", s, r, err)
			}
			return
		}
		if r.String() != s {
			t.Fatalf("%q is read as %q", s, r)
		}
		if len(s) > MaxIdentifier || !utf8.ValidString(s) || strings.ContainsAny(s, ",$") || r.Type == "" || r.ID == "" {
			t.Fatalf("%q is accepted", s)
		}
		if strings.ContainsFunc(s, func(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Cf, c) }) || strings.ContainsAny(r.Type, " *:") {
			t.Fatalf("%q is accepted", s)
		}
		if again, err := ParseAs(r.Type, s); err != nil || again != r {
			t.Fatalf("%q is read in full as %q, %v", s, again, err)
		}
		text, err := r.MarshalText()
		var back Ref
		if err != nil || back.UnmarshalText(text) != nil || back != r {
			t.Fatalf("%q is not read back from %q", s, text)
		}
	})
}
