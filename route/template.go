package route

import (
	"strings"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// MaxTemplate is the most bytes that a template may have.
const MaxTemplate = 1024

// kind is what a segment of a template matches. The greater is the more
// specific.
type kind uint8

const (
	wildcard kind = iota + 1
	placeholder
	verb
	literal
)

// segment is one of a template.
type segment struct {
	kind kind
	text string // the literal, or the verb with its colon
	name string // of the placeholder
}

// template is the path of a route.
type template struct {
	segments []segment
	trailing bool // it ends with a slash
}

// parseTemplate reads the path of a route.
func parseTemplate(s string) (template, *hierarchy.Error) {
	if len(s) > MaxTemplate {
		return template{}, templateFlaw("has %d bytes; at most %d are kept", len(s), MaxTemplate)
	}
	rest, absolute := strings.CutPrefix(s, "/")
	if !absolute {
		return template{}, templateFlaw("a path begins with a slash, as in GET /v1/numbers/{number}")
	}
	if rest == "" {
		return template{}, nil
	}
	var t template
	rest, t.trailing = strings.CutSuffix(rest, "/")
	for text := range strings.SplitSeq(rest, "/") {
		seg, err := parseSegment(text)
		if err != nil {
			return template{}, err
		}
		t.segments = append(t.segments, seg)
	}
	return t, t.flaw()
}

func templateFlaw(format string, args ...any) *hierarchy.Error {
	return hierarchy.Invalid("ROUTE_INVALID", "route", format, args...)
}

func (t *template) flaw() *hierarchy.Error {
	if len(t.segments) > MaxSegments {
		return templateFlaw("has %d segments; a path has at most %d", len(t.segments), MaxSegments)
	}
	names := map[string]bool{}
	for i, seg := range t.segments {
		last := i == len(t.segments)-1
		switch {
		case seg.kind == wildcard && !last:
			return templateFlaw("{%s...} is not the last segment", seg.name)
		case seg.kind == wildcard && t.trailing:
			return templateFlaw("a slash stands behind {%s...}, which reaches to the end", seg.name)
		case seg.name != "" && seg.name != "_" && names[seg.name]:
			return templateFlaw("{%s} stands there twice", seg.name)
		}
		names[seg.name] = true
	}
	return nil
}

func parseSegment(s string) (segment, *hierarchy.Error) {
	if !strings.ContainsAny(s, "{}") {
		return parseLiteral(s)
	}
	inner, after, closed := strings.Cut(strings.TrimPrefix(s, "{"), "}")
	if s[0] != '{' || !closed {
		return segment{}, templateFlaw("%.64q: a placeholder is a whole segment, {name} or {name}:verb", s)
	}
	name, rest := strings.CutSuffix(inner, "...")
	if !isName(name) {
		return segment{}, templateFlaw("%.64q: a placeholder's name has letters, digits, hyphens and underscores, and begins with no digit", s)
	}
	switch {
	case after == "" && rest:
		return segment{kind: wildcard, name: name}, nil
	case after == "":
		return segment{kind: placeholder, name: name}, nil
	case rest || !isVerb(after):
		return segment{}, templateFlaw("%.64q: behind a placeholder there may be a verb, a colon with letters, digits, hyphens and underscores, and nothing else", s)
	}
	return segment{kind: verb, name: name, text: after}, nil
}

// parseLiteral reads a literal, which is such that it needs no encoding: what
// is encoded is never a literal.
func parseLiteral(s string) (segment, *hierarchy.Error) {
	seg, err := scanSegment(s)
	switch {
	case s == "":
		return segment{}, templateFlaw("a segment is empty")
	case err != nil || seg.escapes:
		return segment{}, templateFlaw("%.64q cannot be a literal: it may have letters, digits and the signs - . _ ~ ! $ & ' ( ) * + , = : @, nothing encoded, and not dots alone", s)
	}
	return segment{kind: literal, text: s}, nil
}

func isName(s string) bool {
	return s != "" && len(s) <= 64 && isWord(s, "-_") && (s[0] < '0' || s[0] > '9')
}

func isVerb(s string) bool {
	word, colon := strings.CutPrefix(s, ":")
	return colon && word != "" && isWord(word, "-_")
}

func isWord(s, signs string) bool {
	for i := range len(s) {
		if !isAlnum(s[i]) && strings.IndexByte(signs, s[i]) < 0 {
			return false
		}
	}
	return true
}

// find is the place of a placeholder.
func (t *template) find(name string) int {
	for i, seg := range t.segments {
		if seg.name == name {
			return i
		}
	}
	return -1
}

// value is what the request has at the place of a placeholder, decoded.
func (t *template) value(p *Path, i int) string {
	if t.segments[i].kind == wildcard {
		return decoded(p.text[p.begin(i):], p.escaped>>i != 0)
	}
	return decoded(strings.TrimSuffix(p.segment(i), t.segments[i].text), p.isEscaped(i))
}

func decoded(s string, escaped bool) string {
	if !escaped {
		return s
	}
	return string(appendDecoded(make([]byte, 0, len(s)), s))
}
