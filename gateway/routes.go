package gateway

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/route"
)

// SetRoutes has requests that begin from now on read by a map of routes; nil
// is for none, by which every path is denied.
func (g *Gateway) SetRoutes(m *route.Map) { g.routes.Store(m) }

// errElsewhere says that the proxy and the route name two accounts, of which
// the resource can belong to one at most.
var errElsewhere = &hierarchy.Error{Kind: hierarchy.KindNotFound, Reason: authz.ResourceNotFound.String(), Detail: authz.ResourceNotFound.Sentence()}

// errTwoParents is errElsewhere of containers.
var errTwoParents = &hierarchy.Error{Kind: hierarchy.KindNotFound, Reason: authz.ParentMismatch.String(), Detail: authz.ParentMismatch.Sentence()}

// resolve fills in what a request asks for. What the proxy has named besides
// has to be what the route names.
func (g *Gateway) resolve(r *Request) error {
	t, err := g.routes.Load().Resolve(r.Method, r.Host, r.Path)
	if err != nil {
		return err
	}
	r.Permission, r.Resource = t.Permission.String(), t.Resource.String()
	if !t.Under.IsZero() {
		if r.Parent != "" && r.Parent != t.Under.String() {
			return errTwoParents
		}
		r.Parent = t.Under.String()
	}
	if !t.Account.IsZero() {
		if r.Account != "" && strings.TrimPrefix(r.Account, hierarchy.TypeAccount+":") != t.Account.ID {
			return errElsewhere
		}
		r.Account = t.Account.ID
	}
	return nil
}

// astray denies a request that asks for nothing. Only who holds a good key is
// told so: nobody else learns which routes there are.
func (g *Gateway) astray(ctx context.Context, r *Request, err error) Verdict {
	if r.Key != nil {
		_, _, code, unknown := g.engine.Authenticate(ctx, r.Key, r.Source)
		switch {
		case unknown != nil:
			return undecided(unknown)
		case code == authz.AddressBlocked:
			return Verdict{Answer: authz.Answer{Code: code}, Reason: code.String(), Detail: code.Sentence(), Status: http.StatusForbidden}
		case code != authz.Allowed:
			return refused(code)
		}
	}
	return denied(err)
}

// denied is the verdict about a request that is known to be wrong.
func denied(err error) Verdict {
	var known *hierarchy.Error
	if !errors.As(err, &known) {
		return undecided(err)
	}
	return Verdict{Reason: known.Reason, Detail: known.Detail, Status: http.StatusForbidden}
}
