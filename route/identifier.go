package route

import (
	"slices"
	"strings"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// identifier is the template of an identifier: number:{number}.
type identifier struct {
	typ   string
	parts []part
}

// part is a piece of text, or the value of a placeholder.
type part struct {
	text  string
	place int // of the placeholder in the route's template; -1 for text
}

// parseIdentifier reads a template of an identifier whose placeholders are
// bound in t. The type is text; behind it may be text and placeholders.
func parseIdentifier(field, s string, t *template) (identifier, *hierarchy.Error) {
	flaw := func(format string, args ...any) (identifier, *hierarchy.Error) {
		return identifier{}, hierarchy.Invalid("ROUTE_INVALID", field, format, args...)
	}
	if len(s) > MaxTemplate {
		return flaw("has %d bytes; at most %d are kept", len(s), MaxTemplate)
	}
	typ, rest, found := strings.Cut(s, ":")
	if !found || rest == "" || strings.ContainsAny(typ, "{}") {
		return flaw("%.64q must be of the form type:id, such as number:{number}; the type is no placeholder", s)
	}
	id := identifier{typ: typ}
	sample := rest // with an ID in each place
	for rest != "" {
		text, behind, open := strings.Cut(rest, "{")
		if text != "" {
			id.parts = append(id.parts, part{text, -1})
		}
		if !open {
			break
		}
		name, after, closed := strings.Cut(behind, "}")
		place := t.find(name)
		switch {
		case !closed || !isName(name):
			return flaw("%.64q has a brace that is not a placeholder's, as in number:{number}", s)
		case name == "_" || place < 0:
			return flaw("{%s} is not bound: the path has no such placeholder", name)
		}
		sample = strings.Replace(sample, "{"+name+"}", "x", 1)
		id.parts, rest = append(id.parts, part{"", place}), after
	}
	if strings.Contains(sample, "}") {
		return flaw("%.64q has a brace that is not a placeholder's, as in number:{number}", s)
	}
	if err := (hierarchy.Ref{Type: typ, ID: sample}).Check(); err != nil {
		return flaw("%v", err)
	}
	return id, id.flaw(field, t)
}

// flaw refuses a template that would make one identifier of two paths: two
// placeholders have a slash between them, which neither value may have.
func (id *identifier) flaw(field string, t *template) *hierarchy.Error {
	last := -1
	for i, p := range id.parts {
		if p.place < 0 {
			continue
		}
		if last >= 0 && (i != last+2 || !strings.Contains(id.parts[last+1].text, "/")) {
			return hierarchy.Invalid("ROUTE_INVALID", field, "two placeholders need text with a slash between them, or two paths could make one identifier")
		}
		last = i
	}
	if places := id.places(); len(places) > 1 && slices.ContainsFunc(places, func(i int) bool { return t.segments[i].kind == wildcard }) {
		return hierarchy.Invalid("ROUTE_INVALID", field, "a wildcard has slashes in it, and so no other placeholder beside it, or two paths could make one identifier")
	}
	return nil
}

// places are those of the placeholders.
func (id *identifier) places() []int {
	var places []int
	for _, p := range id.parts {
		if p.place >= 0 {
			places = append(places, p.place)
		}
	}
	return places
}

// text writes the template anew.
func (id *identifier) text(t *template) string {
	if id.typ == "" {
		return ""
	}
	text := id.typ + ":"
	for _, p := range id.parts {
		if p.place >= 0 {
			text += "{" + t.segments[p.place].name + "}"
		} else {
			text += p.text
		}
	}
	return text
}

// fill is the identifier of a request. One that the route does not have is
// zero.
func (id *identifier) fill(field string, t *template, p *Path) (hierarchy.Ref, error) {
	if id.typ == "" {
		return hierarchy.Ref{}, nil
	}
	r := hierarchy.Ref{Type: id.typ, ID: id.join(t, p)}
	if why := r.Check(); why != nil {
		return hierarchy.Ref{}, errIdentifier[field]
	}
	return r, nil
}

func (id *identifier) join(t *template, p *Path) string {
	if len(id.parts) == 1 {
		return id.parts[0].fill(t, p)
	}
	var text strings.Builder
	for _, piece := range id.parts {
		text.WriteString(piece.fill(t, p))
	}
	return text.String()
}

func (p part) fill(t *template, path *Path) string {
	if p.place < 0 {
		return p.text
	}
	return t.value(path, p.place)
}

// errIdentifier says of which template the path made no identifier.
var errIdentifier = func() map[string]*hierarchy.Error {
	errs := map[string]*hierarchy.Error{}
	for _, field := range []string{"resource", "under", "account"} {
		errs[field] = refused("IDENTIFIER_INVALID", "what the path has for the "+field+" is no identifier: at most 256 bytes with the type, and no comma, no dollar sign and no asterisk alone")
	}
	return errs
}()
