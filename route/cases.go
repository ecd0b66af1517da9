package route

import (
	"errors"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Case is a request, and what a map must make of it.
type Case struct {
	Line    int    `json:"line"`
	Request string `json:"request"` // the method and the path as it arrives, with a space between
	Host    string `json:"host,omitempty"`
	Want    Answer `json:"want"`
}

// Answer is what a map makes of a request: a target; or, of one that is
// denied, Unmatched or the reason for which it is refused.
type Answer struct {
	Permission string `json:"permission,omitempty"`
	Resource   string `json:"resource,omitempty"`
	Under      string `json:"under,omitempty"`
	Account    string `json:"account,omitempty"`
	Unmatched  bool   `json:"unmatched,omitempty"`
	Refused    string `json:"refused,omitempty"`
}

// Cases are a file of them.
type Cases struct {
	Map   string // the file of the map, as the file of cases names it; may be empty
	Cases []Case
}

// ParseCases reads a file of cases, of YAML or JSON:
//
//	map: routes.yaml
//	cases:
//	  - {request: GET /v1/numbers/+4670, permission: number.read, resource: "number:+4670"}
//	  - {request: DELETE /v1/numbers/+4670, unmatched: true}
//	  - {request: GET /v1/numbers/../keys, refused: PATH_DOT_SEGMENT}
//
// It is as strict as Parse, and its error is Mistakes too.
func ParseCases(in io.Reader) (*Cases, error) {
	f, root, err := open(in)
	if err != nil {
		return nil, err
	}
	fields := f.fields(root, "map", "cases")
	read := &Cases{Map: f.text("map", fields["map"])}
	for _, item := range f.items("cases", fields["cases"]) {
		read.Cases = append(read.Cases, f.oneCase(item))
	}
	if len(read.Cases) == 0 && len(f.wrong) == 0 {
		f.flaw(root, "cases", "there are none")
	}
	if len(f.wrong) > 0 {
		return nil, f.wrong
	}
	return read, nil
}

// ParseCase reads one case: a line of JSON, of which n is the number.
func ParseCase(text string, n int) (Case, error) {
	f, root, err := open(strings.NewReader(text))
	var wrong Mistakes
	if errors.As(err, &wrong) {
		wrong[0].Line = n
		return Case{}, wrong
	}
	if err != nil {
		return Case{}, err
	}
	root.Line = n
	c := f.oneCase(root)
	for i := range f.wrong {
		f.wrong[i].Line = n
	}
	return c, f.wrong.asError()
}

func (f *file) oneCase(n *yaml.Node) Case {
	fields := f.fields(n, "request", "host", "permission", "resource", "under", "account", "unmatched", "refused")
	c := Case{Line: n.Line, Request: f.text("request", fields["request"]), Host: f.text("host", fields["host"]), Want: Answer{
		Permission: f.text("permission", fields["permission"]),
		Resource:   f.text("resource", fields["resource"]),
		Under:      f.text("under", fields["under"]),
		Account:    f.text("account", fields["account"]),
		Unmatched:  f.flag("unmatched", fields["unmatched"]),
		Refused:    f.text("refused", fields["refused"]),
	}}
	if method, _, two := strings.Cut(c.Request, " "); fields != nil && (!two || method == "") {
		f.flaw(n, "request", "must be a method and a path, with one space between: GET /v1/numbers/+4670")
	}
	w := c.Want
	target := w.Permission != "" || w.Resource != "" || w.Under != "" || w.Account != ""
	switch {
	case fields == nil: // told already
	case count(target, w.Unmatched, w.Refused != "") != 1, target && (w.Permission == "" || w.Resource == ""):
		f.flaw(n, "", "must say what is expected: permission and resource, with under and account if there are any; or unmatched: true; or refused, with the reason")
	}
	return c
}

func count(flags ...bool) (n int) {
	for _, set := range flags {
		if set {
			n++
		}
	}
	return n
}

// Answer is what the map makes of a case's request.
func (m *Map) Answer(c Case) Answer {
	method, path, _ := strings.Cut(c.Request, " ")
	t, err := m.Resolve(method, c.Host, path)
	var e *hierarchy.Error
	switch {
	case errors.Is(err, ErrUnmatched):
		return Answer{Unmatched: true}
	case errors.As(err, &e):
		return Answer{Refused: e.Reason}
	case err != nil:
		return Answer{Refused: "INTERNAL"}
	}
	a := Answer{Permission: t.Permission.String(), Resource: t.Resource.String()}
	if !t.Under.IsZero() {
		a.Under = t.Under.String()
	}
	if !t.Account.IsZero() {
		a.Account = t.Account.String()
	}
	return a
}

func (a Answer) String() string {
	switch {
	case a.Unmatched:
		return "unmatched"
	case a.Refused != "":
		return "refused, " + a.Refused
	}
	text := a.Permission + " on " + a.Resource
	if a.Under != "" {
		text += ", under " + a.Under
	}
	if a.Account != "" {
		text += ", of " + a.Account
	}
	return text
}
