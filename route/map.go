package route

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// Map is a list of routes, checked and ready to match. It does not change, and
// may be used by many goroutines at once. A nil Map and the zero one have no
// routes, and match nothing.
type Map struct {
	routes []*compiled // in canonical order
	forest forest
	shapes shapes
	digest string
}

// Target is what a request asks for.
type Target struct {
	Route      string            // the route that matched, as the map has it
	Path       string            // the path in normal form: the one to pass on
	Permission policy.Permission // what it needs,
	Resource   hierarchy.Ref     // on this
	Under      hierarchy.Ref     // the container that the resource has to stand in; zero if the route names none
	Account    hierarchy.Ref     // the account that it has to belong to; zero if the route names none
}

// ErrUnmatched says that no route matches a request. It is denied.
var ErrUnmatched = &hierarchy.Error{Kind: hierarchy.KindNotFound, Reason: "ROUTE_NOT_FOUND", Detail: "no route of the map matches the method, the host and the path"}

var (
	errEncodedSlash = refused("PATH_ENCODED_SLASH", "has an encoded slash, and the route does not say encoded_slash: some servers take it for a slash")
	errTrailing     = refused("PATH_TRAILING_SLASH", "the path and the route differ in the slash at the end: some servers leave it out of account, others do not")
	errEncodedName  = refused("PATH_ENCODED_LITERAL", "would have a literal or a verb of the map if it were decoded: servers that match the path as it is sent, and those that decode it first, differ")
)

// New makes a map of routes, or returns Mistakes.
func New(routes []Route) (*Map, error) { return build(routes, nil) }

// build makes a map of routes and the lines that they begin in, if there are
// any.
func build(routes []Route, lines []int) (*Map, error) {
	var wrong Mistakes
	lineOf := func(i int) int {
		if i >= 0 && i < len(lines) {
			return lines[i]
		}
		return 0
	}
	note := func(i int, err *hierarchy.Error) {
		m := Mistake{Line: lineOf(i), Place: i, Err: err}
		if i >= 0 {
			m.Route = routes[i].Route
		}
		wrong.add(m)
	}
	if len(routes) > MaxRoutes {
		note(-1, hierarchy.Invalid("TOO_MANY_ROUTES", "routes", "has %d routes; a map holds at most %d", len(routes), MaxRoutes))
		return nil, wrong
	}
	m := &Map{shapes: newShapes()}
	for i, r := range routes {
		c, flaws := compile(r)
		c.at, c.line = i, lineOf(i)
		for _, err := range flaws {
			note(i, err)
		}
		if len(flaws) > 0 {
			continue
		}
		if other := m.forest.add(c); other != nil {
			note(i, ambiguous(other))
			continue
		}
		m.shapes.add(&c.template)
		m.routes = append(m.routes, c)
	}
	if len(wrong) == 0 && m.forest.width() > MaxOpen {
		note(-1, hierarchy.Invalid("ROUTES_TANGLED", "routes", "a request could have to be compared with more than %d branches at a time: have fewer templates that differ in where they have literals and placeholders", MaxOpen))
	}
	if len(wrong) > 0 {
		return nil, wrong.asError()
	}
	m.seal()
	return m, nil
}

func ambiguous(other *compiled) *hierarchy.Error {
	where := fmt.Sprintf("routes[%d]", other.at)
	if other.line > 0 {
		where = fmt.Sprintf("line %d", other.line)
	}
	return hierarchy.Invalid("ROUTE_AMBIGUOUS", "route", "is no more and no less specific than that in %s, %s, for the same method and host: a request would match both", where, other.Route.Route)
}

// seal puts the routes in canonical order, and takes the digest.
func (m *Map) seal() {
	slices.SortFunc(m.routes, func(a, b *compiled) int {
		return cmp.Or(cmp.Compare(a.path(), b.path()), cmp.Compare(a.method, b.method), slices.Compare(a.Hosts, b.Hosts))
	})
	text, _ := m.MarshalJSON() // strings and booleans
	sum := sha256.Sum256(text)
	m.digest = "sha256:" + hex.EncodeToString(sum[:])
}

// Routes returns the routes in canonical form and order: by path, method and
// hosts.
func (m *Map) Routes() []Route {
	routes := []Route{}
	if m == nil {
		return routes
	}
	for _, c := range m.routes {
		r := c.Route
		r.Hosts = slices.Clone(r.Hosts)
		routes = append(routes, r)
	}
	return routes
}

// Len is how many routes the map has.
func (m *Map) Len() int {
	if m == nil {
		return 0
	}
	return len(m.routes)
}

// Digest is of the map's content: that of a map with the same routes is the
// same, whatever their order and the layout of the file.
func (m *Map) Digest() string {
	if m == nil || m.digest == "" {
		empty := &Map{}
		empty.seal()
		return empty.digest
	}
	return m.digest
}

// document is a map as it is written.
type document struct {
	Routes []Route `json:"routes" yaml:"routes"`
}

// MarshalJSON writes the map in canonical form.
func (m *Map) MarshalJSON() ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(document{m.Routes()}); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(text.Bytes()), nil
}

// UnmarshalJSON reads what MarshalJSON wrote; a field that is not known is
// refused. The error is Mistakes or a *hierarchy.Error.
func (m *Map) UnmarshalJSON(text []byte) error {
	var d document
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return hierarchy.Invalid("ROUTES_INVALID", "", "not a map of routes: %v", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return hierarchy.Invalid("ROUTES_INVALID", "", "there is more than one map of routes")
	}
	if d.Routes == nil {
		return errNoRoutes
	}
	read, err := New(d.Routes)
	if err != nil {
		return err
	}
	*m = *read
	return nil
}

// Resolve reads the host and the path of a request as they arrived, and finds
// what it asks for. The error is ErrUnmatched or another *hierarchy.Error, with
// the reason why the request is refused; the target is zero then. Whatever it
// is, the request is denied.
func (m *Map) Resolve(method, host, rawPath string) (Target, error) {
	p, err := Normalise(rawPath)
	if err != nil {
		return Target{}, err
	}
	h, err := NormaliseHost(host)
	if err != nil {
		return Target{}, err
	}
	return m.Find(method, h, &p)
}

// Find is Resolve for a host and a path that have been read. It does not allocate
// unless a value has to be decoded or is joined of several.
func (m *Map) Find(method string, host Host, p *Path) (Target, error) {
	if m == nil || p.text == "" {
		return Target{}, ErrUnmatched
	}
	if p.escaped != 0 && m.shapes.hides(p) {
		return Target{}, errEncodedName
	}
	c := m.forest.find(method, host.name, p)
	switch {
	case c == nil:
		return Target{}, ErrUnmatched
	case c.template.trailing != p.trailing:
		return Target{}, errTrailing
	case p.slashed && !c.EncodedSlash:
		return Target{}, errEncodedSlash
	}
	return c.target(p)
}

func (c *compiled) target(p *Path) (Target, error) {
	t := Target{Route: c.Route.Route, Path: p.text, Permission: c.permission}
	var err error
	if t.Resource, err = c.resource.fill("resource", &c.template, p); err != nil {
		return Target{}, err
	}
	if t.Under, err = c.under.fill("under", &c.template, p); err != nil {
		return Target{}, err
	}
	if t.Account, err = c.account.fill("account", &c.template, p); err != nil {
		return Target{}, err
	}
	return t, nil
}
