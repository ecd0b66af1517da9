package route

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

var errNoRoutes = hierarchy.Invalid("ROUTES_INVALID", "routes", "there is no list of routes; one that is empty is written routes: []")

// Parse reads a map from YAML, or JSON, which is YAML too. Whatever is not
// known is refused: an unknown field, a field that stands twice, an alias, a
// second document. The error is Mistakes: all that is wrong, with the lines.
func Parse(in io.Reader) (*Map, error) {
	f, root, err := open(in)
	if err != nil {
		return nil, err
	}
	var routes []Route
	var lines []int
	fields := f.fields(root, "routes")
	list := fields["routes"]
	if list == nil && len(f.wrong) == 0 {
		f.note(root, errNoRoutes)
	}
	for _, item := range f.items("routes", list) {
		if r, ok := f.route(item); ok {
			routes, lines = append(routes, r), append(lines, item.Line)
		}
	}
	m, err := build(routes, lines)
	var more Mistakes
	errors.As(err, &more)
	for _, mistake := range more {
		f.wrong.add(mistake)
	}
	if len(f.wrong) > 0 {
		slices.SortStableFunc(f.wrong, func(a, b Mistake) int { return a.Line - b.Line })
		return nil, f.wrong
	}
	return m, nil
}

// YAML writes the map in canonical form, as a file that Parse reads.
func (m *Map) YAML() ([]byte, error) {
	var text bytes.Buffer
	enc := yaml.NewEncoder(&text)
	enc.SetIndent(2)
	if err := enc.Encode(document{m.Routes()}); err != nil {
		return nil, err
	}
	return text.Bytes(), enc.Close()
}

// file is one that is being read, strictly.
type file struct{ wrong Mistakes }

// open reads a file of one document of YAML.
func open(in io.Reader) (*file, *yaml.Node, error) {
	text, err := io.ReadAll(io.LimitReader(in, MaxFile+1))
	if err != nil {
		return nil, nil, err
	}
	f := &file{}
	if len(text) > MaxFile {
		f.note(nil, hierarchy.Invalid("FILE_TOO_LARGE", "", "the file has more than %d bytes", MaxFile))
		return nil, nil, f.wrong
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		f.note(nil, errNoRoutes)
	case err != nil:
		f.note(nil, hierarchy.Invalid("ROUTES_INVALID", "", "not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: ")))
	default:
		if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
			f.note(&more, hierarchy.Invalid("ROUTES_INVALID", "", "there is a second document behind the first, or what is no YAML"))
		}
	}
	if len(f.wrong) > 0 {
		return nil, nil, f.wrong
	}
	return f, doc.Content[0], nil
}

func (f *file) note(at *yaml.Node, err *hierarchy.Error) {
	m := Mistake{Place: -1, Err: err}
	if at != nil {
		m.Line = at.Line
	}
	f.wrong.add(m)
}

func (f *file) flaw(at *yaml.Node, field, format string, args ...any) {
	f.note(at, hierarchy.Invalid("ROUTES_INVALID", field, format, args...))
}

// fields reads a mapping that may have these fields.
func (f *file) fields(n *yaml.Node, names ...string) map[string]*yaml.Node {
	if n.Kind != yaml.MappingNode || n.Anchor != "" {
		f.flaw(n, "", "must be a mapping with the fields %s", strings.Join(names, ", "))
		return nil
	}
	found := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode || !slices.Contains(names, key.Value):
			f.flaw(key, "", "there is no field %.64q; the fields are %s", key.Value, strings.Join(names, ", "))
		case found[key.Value] != nil:
			f.flaw(key, key.Value, "stands there twice, first in line %d", found[key.Value].Line)
		default:
			found[key.Value] = value
		}
	}
	return found
}

// items reads a list; nil if there is none.
func (f *file) items(field string, n *yaml.Node) []*yaml.Node {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode || n.Anchor != "" {
		f.flaw(n, field, "must be a list")
		return nil
	}
	return append([]*yaml.Node{}, n.Content...) // not nil, if it is empty
}

// text reads text; a field that is not there is empty.
func (f *file) text(field string, n *yaml.Node) string {
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" || n.Anchor != "" {
		f.flaw(n, field, "must be text: write it in quotes")
		return ""
	}
	if n.Value == "" {
		f.flaw(n, field, "is empty: leave it out if there is none")
	}
	return n.Value
}

// flag reads true or false; a field that is not there is false.
func (f *file) flag(field string, n *yaml.Node) bool {
	if n == nil {
		return false
	}
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || n.Anchor != "" {
		f.flaw(n, field, "must be true or false")
		return false
	}
	return strings.EqualFold(n.Value, "true")
}

// route reads one route, if it is a mapping.
func (f *file) route(n *yaml.Node) (Route, bool) {
	fields := f.fields(n, "route", "hosts", "permission", "resource", "under", "account", "encoded_slash")
	r := Route{
		Route:        f.text("route", fields["route"]),
		Permission:   f.text("permission", fields["permission"]),
		Resource:     f.text("resource", fields["resource"]),
		Under:        f.text("under", fields["under"]),
		Account:      f.text("account", fields["account"]),
		EncodedSlash: f.flag("encoded_slash", fields["encoded_slash"]),
	}
	if hosts := f.items("hosts", fields["hosts"]); hosts != nil {
		r.Hosts = []string{}
		for _, h := range hosts {
			r.Hosts = append(r.Hosts, f.text("hosts", h))
		}
	}
	return r, fields != nil
}
