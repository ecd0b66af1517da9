package route

import (
	"slices"
	"strings"

	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// Limits of a map.
const (
	MaxRoutes = 10_000
	MaxHosts  = 32      // of a route
	MaxFile   = 4 << 20 // bytes
)

// Route is one of a map, as its file has it.
type Route struct {
	// Route is the method and the template of the path, with a space between:
	// "GET /v1/projects/{project}/numbers/{number}".
	Route string `json:"route" yaml:"route"`
	// Hosts are those that the route is for, exact or "*.example.com", which is
	// every name that ends so; none is any.
	Hosts []string `json:"hosts,omitempty" yaml:"hosts,omitempty,flow"`
	// Permission is what the request needs, on Resource.
	Permission string `json:"permission" yaml:"permission"`
	Resource   string `json:"resource" yaml:"resource"`
	// Under is the container that the resource has to stand in; it must be
	// given if resources of its type are not registered.
	Under string `json:"under,omitempty" yaml:"under,omitempty"`
	// Account is the one that the resource has to belong to.
	Account string `json:"account,omitempty" yaml:"account,omitempty"`
	// EncodedSlash lets the value of a placeholder have a slash, as %2F. It is
	// safe only if the proxy and the server behind it keep it encoded.
	EncodedSlash bool `json:"encoded_slash,omitempty" yaml:"encoded_slash,omitempty"`
}

// compiled is a route, ready to match.
type compiled struct {
	Route
	at         int // its place in the list that the map was made of
	line       int // in the file; 0 if there is none
	method     string
	template   template
	permission policy.Permission
	resource   identifier
	under      identifier
	account    identifier
}

// compile reads a route, and returns all that is wrong with it.
func compile(r Route) (*compiled, []*hierarchy.Error) {
	c := &compiled{Route: r}
	var flaws []*hierarchy.Error
	note := func(err *hierarchy.Error) bool {
		if err != nil {
			flaws = append(flaws, err)
		}
		return err == nil
	}
	note(c.readHosts())
	if p, err := policy.ParsePermission(r.Permission); err != nil {
		note(asFlaw(err))
	} else {
		c.permission = p
	}
	if !note(c.readRoute()) {
		return c, flaws // without a path, no placeholder is bound
	}
	for _, id := range []struct {
		field, text string
		to          *identifier
	}{{"resource", r.Resource, &c.resource}, {"under", r.Under, &c.under}, {"account", inFull(r.Account), &c.account}} {
		if id.text == "" && id.field != "resource" {
			continue
		}
		read, err := parseIdentifier(id.field, id.text, &c.template)
		note(err)
		*id.to = read
	}
	if len(flaws) == 0 {
		note(c.flaw())
		c.canonical()
	}
	return c, flaws
}

// inFull is the template of an account, of which the type may be left out.
func inFull(account string) string {
	if account == "" {
		return ""
	}
	return hierarchy.TypeAccount + ":" + strings.TrimPrefix(account, hierarchy.TypeAccount+":")
}

func asFlaw(err error) *hierarchy.Error {
	if e, ok := err.(*hierarchy.Error); ok { //nolint:errorlint // what ParsePermission documents
		return e
	}
	return hierarchy.Invalid("PERMISSION_INVALID", "permission", "%v", err)
}

func (c *compiled) readRoute() *hierarchy.Error {
	method, path, found := strings.Cut(c.Route.Route, " ")
	if !found || !isMethod(method) {
		return templateFlaw("%.64q must be a method in upper case and the template of a path, with one space between: GET /v1/numbers/{number}", c.Route.Route)
	}
	t, err := parseTemplate(path)
	c.method, c.template = method, t
	return err
}

// isMethod reports whether s is a method that has a path. CONNECT has none.
func isMethod(s string) bool {
	word := s != "" && len(s) <= 32 && s != "CONNECT"
	for i := range len(s) {
		word = word && (s[i] >= 'A' && s[i] <= 'Z' || s[i] == '-')
	}
	return word
}

func (c *compiled) readHosts() *hierarchy.Error {
	if c.Hosts != nil && len(c.Hosts) == 0 {
		return hierarchy.Invalid("ROUTE_INVALID", "hosts", "is empty: leave it out for any host")
	}
	if len(c.Hosts) > MaxHosts {
		return hierarchy.Invalid("TOO_MANY_HOSTS", "hosts", "has %d hosts; a route has at most %d", len(c.Hosts), MaxHosts)
	}
	for _, h := range c.Hosts {
		if err := checkHost(h); err != nil {
			return err
		}
	}
	c.Hosts = slices.Compact(slices.Sorted(slices.Values(c.Hosts)))
	return nil
}

// flaw refuses what its parts allow, and together contradict.
func (c *compiled) flaw() *hierarchy.Error {
	last := len(c.template.segments) - 1
	switch {
	case c.under.typ != "" && !canHold(c.under.typ, c.resource.typ):
		return hierarchy.Invalid("PARENT_INVALID", "under", "%s cannot be what %s stands in", c.under.typ, c.resource.typ)
	case c.account.typ != "" && c.resource.typ == hierarchy.TypeAccount:
		return hierarchy.Invalid("ROUTE_INVALID", "account", "the resource is an account itself")
	case !c.EncodedSlash:
		return nil
	case last >= 0 && c.template.segments[last].kind == wildcard:
		return hierarchy.Invalid("ROUTE_INVALID", "encoded_slash", "a wildcard has slashes in it already: encoded ones would make one value of two paths")
	case len(c.resource.places()) > 1 || len(c.under.places()) > 1 || len(c.account.places()) > 1:
		return hierarchy.Invalid("ROUTE_INVALID", "encoded_slash", "an identifier is made of two placeholders with a slash between them: encoded ones would make one of two paths")
	}
	return nil
}

// canHold reports whether a node of one type may stand in one of another.
func canHold(parent, child string) bool {
	switch child {
	case hierarchy.TypeAccount:
		return false
	case hierarchy.TypeProject, hierarchy.TypeBillingAccount:
		return parent == hierarchy.TypeAccount
	}
	return hierarchy.CheckParent(child, parent) == nil
}

// canonical puts the route's fields in the form that it is stored in.
func (c *compiled) canonical() {
	c.Resource = c.resource.text(&c.template)
	c.Under = c.under.text(&c.template)
	c.Account = c.account.text(&c.template)
}

// path is the template as the file has it.
func (c *compiled) path() string { return c.Route.Route[len(c.method)+1:] }
