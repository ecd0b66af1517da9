package route

import (
	"strings"
)

// forest has a tree for each host that a route names, and one for any.
type forest struct {
	exact  map[string]*node // by name
	suffix map[string]*node // by what stands behind the asterisk: .example.com
	any    *node
}

// node is where the templates are that are alike up to here.
type node struct {
	literals    map[string]*node
	verbs       map[string]*node // with their colons
	placeholder *node
	here        leaves // routes that end here
	rest        leaves // routes that end with a wildcard in place of the next segment
}

// leaves are routes that differ in their method.
type leaves []*compiled

func (ls leaves) of(method string) *compiled {
	for _, c := range ls {
		if c.method == method {
			return c
		}
	}
	return nil
}

// answering is the route of a method. HEAD is as GET.
func (ls leaves) answering(method string) *compiled {
	c := ls.of(method)
	if c == nil && method == "HEAD" {
		return ls.of("GET")
	}
	return c
}

// add sets a route into the trees of its hosts, or returns the one that is
// there already.
func (f *forest) add(c *compiled) *compiled {
	if len(c.Hosts) == 0 {
		return descend(&f.any, c)
	}
	for _, h := range c.Hosts {
		trees, key := &f.exact, h
		if suffix, ok := strings.CutPrefix(h, "*"); ok {
			trees, key = &f.suffix, suffix
		}
		if *trees == nil {
			*trees = map[string]*node{}
		}
		tree := (*trees)[key]
		other := descend(&tree, c)
		if (*trees)[key] = tree; other != nil {
			return other
		}
	}
	return nil
}

// descend goes down the template of a route, and sets it where it ends.
func descend(at **node, c *compiled) *compiled {
	n := grow(at)
	list := &n.here
	for _, seg := range c.template.segments {
		switch seg.kind {
		case literal:
			n = growIn(&n.literals, seg.text)
		case verb:
			n = growIn(&n.verbs, seg.text)
		case placeholder:
			n = grow(&n.placeholder)
		case wildcard:
			list = &n.rest
			continue // it is the last
		}
		list = &n.here
	}
	if other := list.of(c.method); other != nil {
		return other
	}
	*list = append(*list, c)
	return nil
}

func grow(at **node) *node {
	if *at == nil {
		*at = &node{}
	}
	return *at
}

func growIn(m *map[string]*node, key string) *node {
	if *m == nil {
		*m = map[string]*node{}
	}
	n := (*m)[key]
	if n == nil {
		n = &node{}
		(*m)[key] = n
	}
	return n
}

// find is the most specific route that matches, or nil.
func (f *forest) find(method, host string, p *Path) *compiled {
	if c := f.exact[host].find(method, p, 0); c != nil {
		return c
	}
	if len(f.suffix) > 0 {
		for dot := strings.IndexByte(host, '.'); dot >= 0; {
			if c := f.suffix[host[dot:]].find(method, p, 0); c != nil {
				return c
			}
			next := strings.IndexByte(host[dot+1:], '.')
			if next < 0 {
				break
			}
			dot += 1 + next
		}
	}
	return f.any.find(method, p, 0)
}

// find looks below n for a route that matches from the i-th segment on, the
// more specific branches first.
func (n *node) find(method string, p *Path, i int) *compiled {
	if n == nil {
		return nil
	}
	if i == int(p.n) {
		return n.here.answering(method)
	}
	seg := p.segment(i)
	if n.literals != nil {
		if c := n.literals[seg].find(method, p, i+1); c != nil { // an escape is in none of them
			return c
		}
	}
	if n.verbs != nil {
		if v := verbOf(seg); v != "" {
			if c := n.verbs[v].find(method, p, i+1); c != nil {
				return c
			}
		}
	}
	if c := n.placeholder.find(method, p, i+1); c != nil {
		return c
	}
	return n.rest.answering(method)
}

// verbOf is what a segment has from its last colon on, if something stands
// before it.
func verbOf(seg string) string {
	if colon := strings.LastIndexByte(seg, ':'); colon > 0 {
		return seg[colon:]
	}
	return ""
}

// shapes are the literals and verbs that a map has anywhere.
type shapes struct{ literals, verbs map[string]bool }

func newShapes() shapes { return shapes{map[string]bool{}, map[string]bool{}} }

func (s shapes) add(t *template) {
	for _, seg := range t.segments {
		switch seg.kind {
		case literal:
			s.literals[seg.text] = true
		case verb:
			s.verbs[seg.text] = true
		case placeholder, wildcard:
		}
	}
}

// hides reports whether a segment would be a literal, or have a verb, only if
// it were decoded.
func (s shapes) hides(p *Path) bool {
	for i := range int(p.n) {
		if !p.isEscaped(i) {
			continue
		}
		var room [256]byte
		text := appendDecoded(room[:0], p.segment(i))
		if s.literals[string(text)] || s.hidesVerb(text, p.segment(i)) {
			return true
		}
	}
	return false
}

func (s shapes) hidesVerb(text []byte, seg string) bool {
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == ':' {
			return s.verbs[string(text[i:])] && verbOf(seg) != string(text[i:])
		}
	}
	return false
}
