package route

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The oracle matches by definition: it compares a request with each route, as
// text, and shares nothing with the tree.

// rank says how specifically a segment of a template matches one of a request:
// 4 for a literal, 3 for a verb, 2 for a placeholder; 0 if it does not.
func rank(template, seg string) int {
	switch name, v, _ := strings.Cut(strings.TrimPrefix(template, "{"), "}"); {
	case template[0] != '{':
		return 4 * count(template == seg)
	case v == "":
		return 2
	default:
		return 3 * count(strings.HasSuffix(seg, v) && len(seg) > len(v) && name != "")
	}
}

// ranks are those of all segments, or nil if the template does not match. A
// slash at the end is left out of account.
func ranks(template, path []string) []int {
	out := []int{}
	for i, t := range template {
		switch {
		case i >= len(path):
			return nil
		case strings.HasSuffix(t, "...}"):
			return append(out, 1)
		}
		r := rank(t, path[i])
		if r == 0 {
			return nil
		}
		out = append(out, r)
	}
	if len(path) > len(template) {
		return nil
	}
	return out
}

func pathOf(s string) []string {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "/"), "/")
	if s == "" {
		return nil
	}
	return strings.Split(s, "/")
}

// hostRank is how specifically a route's hosts match: none is 1, *.name more
// the longer it is, a name the most; 0 if they do not.
func hostRank(hosts []string, host string) int {
	best := count(len(hosts) == 0)
	for _, h := range hosts {
		switch suffix, wild := strings.CutPrefix(h, "*"); {
		case !wild && h == host:
			best = 1000
		case wild && strings.HasSuffix(host, suffix) && len(host) > len(suffix):
			best = max(best, 1+len(suffix))
		}
	}
	return best
}

// standing is where a route stands among those that match a request, or nil.
func standing(r Route, method, host string, path []string) []int {
	m, template, _ := strings.Cut(r.Route, " ")
	h, p := hostRank(r.Hosts, host), ranks(pathOf(template), path)
	if h == 0 || p == nil || (m != method && (m != "GET" || method != "HEAD")) {
		return nil
	}
	return append(append([]int{h}, p...), count(m == method))
}

// byDefinition is what becomes of a request: the routes that are best, of which
// there should be one, or a reason.
func byDefinition(routes []Route, method, host, path string) (best []Route, reason string) {
	for _, seg := range pathOf(path) {
		if encodedName(routes, seg) {
			return nil, "PATH_ENCODED_LITERAL"
		}
	}
	var top []int
	for _, r := range routes {
		switch s := standing(r, method, host, pathOf(path)); {
		case s == nil:
		case len(best) == 0 || slices.Compare(s, top) > 0:
			best, top = []Route{r}, s
		case slices.Equal(s, top):
			best = append(best, r)
		}
	}
	if len(best) != 1 {
		return best, "ROUTE_NOT_FOUND"
	}
	switch r := best[0]; {
	case path != "/" && strings.HasSuffix(r.Route, "/") != strings.HasSuffix(path, "/"):
		return best, "PATH_TRAILING_SLASH"
	case strings.Contains(path, "%2F") && !r.EncodedSlash:
		return best, "PATH_ENCODED_SLASH"
	}
	return best, ""
}

// encodedName reports whether a segment is a literal of some route, or has the
// verb of one, only when it is decoded.
func encodedName(routes []Route, seg string) bool {
	plain, _ := url.PathUnescape(seg)
	for _, r := range routes {
		_, template, _ := strings.Cut(r.Route, " ")
		for _, t := range pathOf(template) {
			_, v, _ := strings.Cut(t, "}")
			if plain != seg && (t == plain || v != "" && plain[max(0, strings.LastIndex(plain, ":")):] == v && !strings.HasSuffix(seg, v)) {
				return true
			}
		}
	}
	return false
}

// What maps and requests are drawn from: few words, so that they meet.
var (
	templateWords = []string{"a", "b", "a:v", "{x}", "{x}:v", "{x}:w"}
	requestWords  = []string{"a", "b", "c", "a:v", "c:v", "c:w", "a%3Av", "c%3Av", "a%2Fb", "%2B", "c%20:v"}
	hostWords     = []string{"", "g.example", "h.g.example", "i.h.g.example", "other"}
	routeHosts    = [][]string{nil, nil, {"g.example"}, {"*.example"}, {"*.g.example", "other"}, {"h.g.example"}}
)

func drawRoute(t *rapid.T) Route {
	path := ""
	for i := range rapid.IntRange(0, 2).Draw(t, "segments") {
		path += "/" + strings.Replace(rapid.SampledFrom(templateWords).Draw(t, "segment"), "x", "x"+string(rune('0'+i)), 1)
	}
	switch {
	case rapid.IntRange(0, 5).Draw(t, "wildcard") == 0:
		path += "/{rest...}"
	case path == "" || rapid.IntRange(0, 9).Draw(t, "slash") == 0:
		path += "/"
	}
	r := asks(rapid.SampledFrom([]string{"GET", "GET", "POST", "HEAD"}).Draw(t, "method")+" "+path, "x", rapid.SampledFrom(routeHosts).Draw(t, "hosts")...)
	r.EncodedSlash = !strings.Contains(path, "...") && rapid.Bool().Draw(t, "encoded")
	return r
}

// everyRequest calls a function with each path of up to three segments.
func everyRequest(yield func(path string)) {
	yield("/")
	for _, a := range requestWords {
		yield("/" + a)
		yield("/" + a + "/")
		for _, b := range requestWords {
			yield("/" + a + "/" + b)
			for _, c := range requestWords[:6] {
				yield("/" + a + "/" + b + "/" + c)
			}
		}
	}
}

// Random maps, and every request that is made of the words: the tree finds what
// the definition says, and a map is refused exactly if two of its routes are
// equally good for some request.
func TestMatchesByDefinition(t *testing.T) {
	matched, refusedMaps := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		routes := rapid.SliceOfN(rapid.Custom(drawRoute), 4, 8).Draw(t, "routes")
		m, err := New(routes)
		if err != nil && reason(err) != "ROUTE_AMBIGUOUS" {
			t.Fatal(err)
		}
		ties := 0
		for _, method := range []string{"GET", "HEAD", "POST"} {
			for _, host := range hostWords {
				everyRequest(func(path string) {
					best, why := byDefinition(routes, method, host, path)
					if ties += count(len(best) > 1); err != nil {
						return
					}
					target, got := m.Resolve(method, host, path)
					if reason(got) != why || (why == "" && target.Route != best[0].Route) {
						t.Fatalf("%s %s at %q is %q, %v; by definition %v, %s", method, path, host, target.Route, got, best, why)
					}
					matched += count(why == "")
				})
			}
		}
		if (ties > 0) != (err != nil) {
			t.Fatalf("%d requests match two routes equally well: %v", ties, err)
		}
		refusedMaps += count(err != nil)
		if m != nil {
			checkWidth(t, m)
		}
	})
	t.Logf("%d requests matched; %d maps were refused", matched, refusedMaps)
	if matched == 0 || refusedMaps == 0 {
		t.Error("nothing was tried")
	}
}

// checkWidth fails if a request can be compared with more branches at a time
// than the map is said to have.
func checkWidth(t *rapid.T, m *Map) {
	trees := []*node{m.forest.any}
	for _, n := range m.forest.exact {
		trees = append(trees, n)
	}
	for _, n := range m.forest.suffix {
		trees = append(trees, n)
	}
	for _, n := range trees {
		if n == nil {
			continue
		}
		most := 0
		everyRequest(func(path string) { most = max(most, visited(n, pathOf(path))) })
		if w := n.width(); most > w {
			t.Fatalf("a request visits %d branches, of %d", most, w)
		}
	}
}

// FuzzMatch has the maps and the requests made of bytes, so that the fuzzer can
// steer.
func FuzzMatch(f *testing.F) {
	f.Add("GET /a/{x}\nGET /{x}:v\nHEAD /{x...}", "GET", "/a/c:v")
	f.Add("GET /a/\nPOST /a", "HEAD", "/a/")
	f.Add("GET /a:v/{y}\nGET /{x}/b", "GET", "/a%3Av/b")
	f.Fuzz(func(t *testing.T, templates, method, path string) {
		var routes []Route
		for i, template := range strings.Split(templates, "\n") {
			if r := asks(template, "x"); i < 6 {
				routes = append(routes, r)
			}
		}
		m, err := New(routes)
		if err != nil {
			return
		}
		p, err := Normalise(path)
		if err != nil {
			return
		}
		best, why := byDefinition(routes, method, "", p.String())
		target, got := m.Resolve(method, "", path)
		if reason(got) != why || (why == "" && target.Route != best[0].Route) || len(best) > 1 {
			t.Fatalf("%s %s is %q, %v; by definition %v, %s", method, path, target.Route, got, best, why)
		}
	})
}
