package route

import (
	"fmt"
	"strings"
	"testing"
)

// tangle has a route for each way to have literals and placeholders in so many
// segments: a request could be compared with each.
func tangle(segments int) []Route {
	var routes []Route
	for ways := range 1 << segments {
		path := ""
		for i := range segments {
			if ways>>i&1 == 0 {
				path += "/a"
			} else {
				path += fmt.Sprintf("/{x%d}", i)
			}
		}
		routes = append(routes, asks("GET "+path, "x"))
	}
	return routes
}

// A request costs its segments, not the routes: a map where that could not be
// is refused.
func TestTangledMapsAreRefused(t *testing.T) {
	m := mustNew(t, tangle(4)...)
	if w := m.forest.width(); w != MaxOpen {
		t.Errorf("16 ways are %d branches", w)
	}
	if _, err := New(tangle(5)); reason(err) != "ROUTES_TANGLED" {
		t.Errorf("32 ways: %v", err)
	}
	if _, err := New(tangle(13)); reason(err) != "ROUTES_TANGLED" {
		t.Errorf("8,192 ways: %v", err)
	}
}

// An ordinary map, however large, is narrow.
func TestLargeMapsAreNarrow(t *testing.T) {
	var routes []Route
	for i := range MaxRoutes / 5 {
		base := fmt.Sprintf("/v1/tenants/{tenant}/things%d", i)
		for _, r := range []string{"GET %s", "POST %s", "GET %s/{id}", "GET %s/search", "POST %s/{id}:cancel"} {
			routes = append(routes, asks(fmt.Sprintf(r, base), "x"))
		}
	}
	if w := mustNew(t, routes...).forest.width(); w != 2 {
		t.Errorf("%d branches", w)
	}
}

// visited counts the nodes that a request reaches, level by level, by their
// definition.
func visited(n *node, segments []string) int {
	open, most := []*node{n}, 1
	for _, seg := range segments {
		var next []*node
		for _, o := range open {
			for text, to := range o.literals {
				if text == seg {
					next = append(next, to)
				}
			}
			for v, to := range o.verbs {
				if strings.HasSuffix(seg, v) && len(seg) > len(v) {
					next = append(next, to)
				}
			}
			if o.placeholder != nil {
				next = append(next, o.placeholder)
			}
		}
		open, most = next, max(most, len(next))
	}
	return most
}
