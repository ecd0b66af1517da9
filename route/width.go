package route

import "slices"

// MaxOpen is the most branches of a map that one request can match up to any
// of its segments. It bounds what a match costs: so many nodes a segment.
const MaxOpen = 16

// maxSteps bounds the work of finding the width of a map. No map of MaxRoutes
// routes comes near it that is not made to.
const maxSteps = 4 << 20

// width is the most branches that are open for one request: of the widest
// tree, since they are searched one after another. What is more than MaxOpen
// is not counted on.
func (f *forest) width() int {
	widest := f.any.width()
	for _, trees := range []map[string]*node{f.exact, f.suffix} {
		for _, n := range trees {
			widest = max(widest, n.width())
		}
	}
	return widest
}

func (n *node) width() int {
	if n == nil {
		return 0
	}
	m := measure{known: map[*node]int{}}
	return m.of([]*node{n})
}

// measure follows all requests at once: a set of nodes is what matches some
// request up to a segment.
type measure struct {
	known map[*node]int // of sets of one
	steps int
}

func (m *measure) of(open []*node) int {
	m.steps += len(open)
	if len(open) > MaxOpen || m.steps > maxSteps {
		return MaxOpen + 1
	}
	if len(open) == 1 {
		if w, ok := m.known[open[0]]; ok {
			return w
		}
	}
	widest := len(open)
	for _, seg := range segmentsOf(open) {
		if next := step(open, seg); len(next) > 0 {
			widest = max(widest, m.of(next))
		}
		if widest > MaxOpen {
			break
		}
	}
	if len(open) == 1 {
		m.known[open[0]] = widest
	}
	return widest
}

// segmentsOf are segments that stand for all that the next one can be: each
// literal, something with each verb, and something else.
func segmentsOf(open []*node) []string {
	segments := []string{"/"} // no segment is a slash: it is no literal and has no verb
	for _, n := range open {
		for text := range n.literals {
			segments = append(segments, text)
		}
		for v := range n.verbs {
			segments = append(segments, "/"+v)
		}
	}
	slices.Sort(segments)
	return slices.Compact(segments)
}

// step is where a segment leads.
func step(open []*node, seg string) []*node {
	var next []*node
	for _, n := range open {
		for _, to := range []*node{n.literals[seg], n.verbs[verbOf(seg)], n.placeholder} {
			if to != nil {
				next = append(next, to)
			}
		}
	}
	return next
}
