package route

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Extension is the field of an operation in an OpenAPI document that says what
// it asks for: an object with the fields of a Route but for the route itself,
// or Denied.
const Extension = "x-tollgate"

// Denied in place of the object says that an operation is left out of the map
// on purpose. Like all that is unmatched it is denied.
const Denied = "deny"

// FromOpenAPI makes a map of the operations of a document, version 3, each
// under the base paths of the servers that it has, variables at their defaults.
// Hosts come from the extension alone: servers are known by other names behind
// a proxy. It also returns the names of the operations that say nothing, and
// are denied so: their operationId, or method and path. The error is Mistakes.
func FromOpenAPI(doc *openapi3.T) (*Map, []string, error) {
	g := generator{doc: doc}
	for path, item := range sorted(doc.Paths.Map()) {
		for method, op := range sorted(item.Operations()) {
			g.operation(method, path, item, op)
		}
	}
	m, err := New(g.routes)
	var more Mistakes
	errors.As(err, &more)
	for _, mistake := range more {
		mistake.Place = -1 // the list is none that the reader knows
		g.wrong.add(mistake)
	}
	if len(g.wrong) > 0 {
		return nil, g.silent, g.wrong
	}
	return m, g.silent, nil
}

// sorted goes through a map in the order of its keys.
func sorted[V any](m map[string]V) func(yield func(string, V) bool) {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return func(yield func(string, V) bool) {
		for _, key := range keys {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}

// generator is a map on its way from a document.
type generator struct {
	doc    *openapi3.T
	routes []Route
	silent []string
	wrong  Mistakes
}

func (g *generator) operation(method, path string, item *openapi3.PathItem, op *openapi3.Operation) {
	name := method + " " + path
	said, found := op.Extensions[Extension]
	switch {
	case !found && op.OperationID != "":
		g.silent = append(g.silent, op.OperationID)
		return
	case !found:
		g.silent = append(g.silent, name)
		return
	case said == Denied:
		return
	}
	r, err := fromExtension(said)
	if err != nil {
		g.note(name, err)
		return
	}
	bases, err := g.bases(item, op)
	if err != nil {
		g.note(name, err)
		return
	}
	for _, base := range bases {
		r.Route = method + " " + base + path
		g.routes = append(g.routes, r)
	}
}

func (g *generator) note(name string, err *hierarchy.Error) {
	g.wrong.add(Mistake{Place: -1, Route: name, Err: err})
}

// fromExtension reads what an operation says, strictly.
func fromExtension(said any) (Route, *hierarchy.Error) {
	var r Route
	text, err := json.Marshal(said)
	if err == nil {
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		err = dec.Decode(&r)
	}
	if _, object := said.(map[string]any); err != nil || !object || r.Route != "" {
		return Route{}, hierarchy.Invalid("ROUTE_INVALID", Extension, "must be %s, or an object with permission and resource, and if need be under, account, hosts and encoded_slash", Denied)
	}
	return r, nil
}

// bases are the base paths of an operation's servers, each once.
func (g *generator) bases(item *openapi3.PathItem, op *openapi3.Operation) ([]string, *hierarchy.Error) {
	servers := g.doc.Servers
	if len(item.Servers) > 0 {
		servers = item.Servers
	}
	if op.Servers != nil && len(*op.Servers) > 0 {
		servers = *op.Servers
	}
	if len(servers) == 0 {
		return []string{""}, nil
	}
	var bases []string
	for _, s := range servers {
		base, err := basePath(s)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(bases, base) {
			bases = append(bases, base)
		}
	}
	return bases, nil
}

// basePath is the path of a server's URL, without a slash at its end.
func basePath(s *openapi3.Server) (string, *hierarchy.Error) {
	url := s.URL
	for name, v := range s.Variables {
		if v != nil {
			url = strings.ReplaceAll(url, "{"+name+"}", v.Default)
		}
	}
	path := url
	if _, rest, absolute := strings.Cut(url, "://"); absolute {
		_, path, _ = strings.Cut(rest, "/")
		path = "/" + path
	}
	if strings.ContainsAny(path, "{}?#") || !strings.HasPrefix(path, "/") {
		return "", hierarchy.Invalid("ROUTE_INVALID", "servers", "%.128q has no base path that could be read: it must begin with a slash, or be a whole URL, and each variable needs a default", s.URL)
	}
	return strings.TrimRight(path, "/"), nil
}
