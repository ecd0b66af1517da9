package hierarchy

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxIdentifier is the most bytes that an identifier may have, its type and
// the colon included.
const MaxIdentifier = 256

// Ref is an identifier, "type:id". The zero Ref names nothing.
type Ref struct{ Type, ID string }

func (r Ref) String() string { return r.Type + ":" + r.ID }

// IsZero reports whether r names nothing.
func (r Ref) IsZero() bool { return r.Type == "" && r.ID == "" }

// ParseRef reads "type:id". The type ends at the first colon; further colons
// belong to the ID. The error is an *Error of KindInvalid.
func ParseRef(s string) (Ref, error) {
	typ, id, found := strings.Cut(s, ":")
	if !found {
		return Ref{}, Invalid("IDENTIFIER_INVALID", "", "%s must be of the form type:id, such as project:prj_1", quote(s))
	}
	r := Ref{typ, id}
	if err := r.Check(); err != nil {
		return Ref{}, err
	}
	return r, nil
}

// ParseAs reads an identifier whose type is known from where it stands: either
// the bare ID or "typ:id" is accepted. An ID that itself begins with "typ:"
// must be given in full.
func ParseAs(typ, s string) (Ref, error) {
	r := Ref{typ, strings.TrimPrefix(s, typ+":")}
	if err := r.Check(); err != nil {
		return Ref{}, err
	}
	return r, nil
}

// Check applies the one rule of identifiers, or returns an *Error of
// KindInvalid: valid UTF-8; at most MaxIdentifier bytes; no control or
// invisible formatting character; no comma or dollar sign; no white space at
// either end; an ID that is not ".", ".." or "*"; a type that has neither
// white space nor an asterisk.
func (r Ref) Check() error {
	if why := r.flaw(); why != "" {
		return Invalid("IDENTIFIER_INVALID", "", "%s %s", quote(r.String()), why)
	}
	return nil
}

func (r Ref) flaw() string {
	switch {
	case r.Type == "":
		return "has no type before the colon"
	case r.ID == "":
		return "has no ID after the colon"
	case len(r.Type)+1+len(r.ID) > MaxIdentifier:
		return "is longer than 256 bytes"
	case r.ID == "." || r.ID == "..":
		return "may not have the ID . or .., which paths cannot carry"
	case r.ID == "*":
		return "may not be a wildcard; wildcards stand in roles only"
	case strings.TrimSpace(r.ID) != r.ID:
		return "may not begin or end with white space"
	}
	if why := TextFlaw(r.ID); why != "" {
		return why
	}
	return wordFlaw(r.Type)
}

// wordFlaw is the stricter rule for a type: a word without white space,
// colon or asterisk.
func wordFlaw(s string) string {
	if why := TextFlaw(s); why != "" {
		return why
	}
	if strings.ContainsFunc(s, unicode.IsSpace) || strings.ContainsAny(s, "*:") {
		return "has a type with white space, a colon or an asterisk in it"
	}
	return ""
}

// TextFlaw says what keeps s from being a part of an identifier or of a
// permission, or "" if nothing does. It allocates nothing for good text.
func TextFlaw(s string) string {
	ascii := true
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= utf8.RuneSelf:
			ascii = false
		case c < ' ' || c == 0x7f:
			return "has a control character"
		case c == ',' || c == '$':
			return "has a comma or a dollar sign"
		}
	}
	if ascii {
		return ""
	}
	if !utf8.ValidString(s) {
		return "is not valid UTF-8"
	}
	for _, c := range s {
		if unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || unicode.Is(unicode.Zl, c) || unicode.Is(unicode.Zp, c) || c == unicode.ReplacementChar {
			return "has a control or invisible character"
		}
	}
	return ""
}

// quote shows hostile input safely and briefly.
func quote(s string) string {
	const most = 64
	cut := ""
	if len(s) > most {
		s, cut = s[:most], "…"
	}
	printable := func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return unicode.ReplacementChar
	}
	return `"` + strings.Map(printable, s) + `"` + cut
}
