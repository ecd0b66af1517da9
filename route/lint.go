package route

import "fmt"

// Warning is something in a map that is legal, and may be a mistake.
type Warning struct {
	Line  int    `json:"line,omitempty"` // of the file; 0 if the map was not read from one
	Route string `json:"route"`
	Text  string `json:"text"`
}

func (w Warning) String() string {
	if w.Line == 0 {
		return w.Route + ": " + w.Text
	}
	return fmt.Sprintf("line %d: %s: %s", w.Line, w.Route, w.Text)
}

// Warnings are of placeholders whose values decide nothing, and of templates
// that servers rank differently; no more than MaxMistakes. It compares each
// route with each.
func (m *Map) Warnings() []Warning {
	var found []Warning
	if m == nil {
		return nil
	}
	for i, c := range m.routes {
		for _, name := range c.unused() {
			found = append(found, c.warn("{%s} stands in the path, and neither in resource, under nor account: whatever the request has there is let through; call it {_%s} if that is meant", name, name))
		}
		for _, other := range m.routes[:i] {
			if c.crosses(other) {
				found = append(found, c.warn("some requests match %s too, and servers differ in which they take; here it is %s", other.Route.Route, moreSpecific(c, other).Route.Route))
			}
		}
		if len(found) >= MaxMistakes {
			return found[:MaxMistakes]
		}
	}
	return found
}

func (c *compiled) warn(format string, args ...any) Warning {
	return Warning{c.line, c.Route.Route, fmt.Sprintf(format, args...)}
}

// unused are the placeholders that stand in no identifier, those apart whose
// names begin with an underscore.
func (c *compiled) unused() []string {
	used := map[int]bool{}
	for _, id := range []*identifier{&c.resource, &c.under, &c.account} {
		for _, i := range id.places() {
			used[i] = true
		}
	}
	var names []string
	for i, seg := range c.template.segments {
		if seg.name != "" && seg.name[0] != '_' && !used[i] {
			names = append(names, seg.name)
		}
	}
	return names
}

// crosses reports whether some request matches both routes, and each is the
// more specific one in some segment.
func (c *compiled) crosses(other *compiled) bool {
	if c.method != other.method || !sameHosts(c.Hosts, other.Hosts) {
		return false
	}
	a, b := c.template.segments, other.template.segments
	var here, there bool
	for i := 0; i < len(a) || i < len(b); i++ {
		switch {
		case i == len(a) || i == len(b):
			return false // one ends, and no wildcard was met
		case !a[i].overlaps(b[i]):
			return false
		}
		here, there = here || a[i].narrower(b[i]), there || b[i].narrower(a[i])
		if a[i].kind == wildcard || b[i].kind == wildcard {
			break
		}
	}
	return here && there
}

// sameHosts reports whether a host may match both lists, each by an entry that
// is no more specific than the other's.
func sameHosts(a, b []string) bool {
	for _, h := range a {
		for _, g := range b {
			if h == g {
				return true
			}
		}
	}
	return len(a) == 0 && len(b) == 0
}

// overlaps reports whether a segment of a request may match both.
func (s segment) overlaps(o segment) bool {
	switch {
	case s.kind == literal && o.kind == literal, s.kind == verb && o.kind == verb:
		return s.text == o.text
	case s.kind == literal && o.kind == verb:
		return verbOf(s.text) == o.text
	case s.kind == verb && o.kind == literal:
		return verbOf(o.text) == s.text
	}
	return true
}

func (s segment) narrower(o segment) bool { return s.kind > o.kind }

// moreSpecific is the one of two routes with the same method and host that is
// taken if both match.
func moreSpecific(a, b *compiled) *compiled {
	for i := range min(len(a.template.segments), len(b.template.segments)) {
		if k, l := a.template.segments[i].kind, b.template.segments[i].kind; k != l {
			if k > l {
				return a
			}
			return b
		}
	}
	return a
}
