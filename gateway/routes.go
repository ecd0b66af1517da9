package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/route"
)

// SetRoutes has requests that begin from now on read by a map of routes; nil
// is for that of the platform, if there is one. Without any every path is
// denied.
func (g *Gateway) SetRoutes(m *route.Map) { g.routes.Store(m) }

// compiled is the platform's map of routes, and the text that it was made of.
type compiled struct {
	text json.RawMessage
	*route.Map
}

// current is the map of routes that requests are read by now.
func (g *Gateway) current(ctx context.Context) (*route.Map, error) {
	if m := g.routes.Load(); m != nil {
		return m, nil
	}
	s, err := g.engine.Snapshot(ctx, hierarchy.PlatformID, "")
	switch {
	case errors.Is(err, authz.ErrNoAccount) || (err == nil && s.Routes() == nil):
		return nil, nil //nolint:nilnil // no map is one that matches nothing
	case err != nil:
		return nil, err
	}
	text := s.Routes()
	if c := g.platform.Load(); c != nil && len(c.text) == len(text) && &c.text[0] == &text[0] {
		return c.Map, nil
	}
	c := &compiled{text, new(route.Map)}
	if err := json.Unmarshal(text, c.Map); err != nil {
		return nil, fmt.Errorf("the platform's map of routes: %w", err)
	}
	g.platform.Store(c)
	return c.Map, nil
}

// errElsewhere says that the proxy and the route name two accounts, of which
// the resource can belong to one at most.
var errElsewhere = &hierarchy.Error{Kind: hierarchy.KindNotFound, Reason: authz.ResourceNotFound.String(), Detail: authz.ResourceNotFound.Sentence()}

// errTwoParents is errElsewhere of containers.
var errTwoParents = &hierarchy.Error{Kind: hierarchy.KindNotFound, Reason: authz.ParentMismatch.String(), Detail: authz.ParentMismatch.Sentence()}

// resolve fills in what a request asks for. What the proxy has named besides
// has to be what the route names.
func (g *Gateway) resolve(ctx context.Context, r *Request) error {
	m, err := g.current(ctx)
	if err != nil {
		return &unread{err}
	}
	t, err := m.Resolve(r.Method, r.Host, r.Path)
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

// unread is the error of a map that cannot be had: nothing is known of the
// request then.
type unread struct{ error }

func (u *unread) Unwrap() error { return u.error }

// astray denies a request that asks for nothing. Only who holds a good key is
// told so: nobody else learns which routes there are. It is taken out of the
// bucket of who asks, like any other.
func (g *Gateway) astray(ctx context.Context, r *Request, err error) Verdict {
	who, account := r.Subject, ""
	if !r.Key.IsZero() {
		principal, of, code, unknown := g.engine.Authenticate(ctx, r.Key, r.Source)
		switch {
		case unknown != nil:
			return undecided(unknown)
		case code == authz.AddressBlocked:
			return Verdict{Answer: authz.Answer{Code: code}, Reason: code.String(), Detail: code.Sentence(), Status: http.StatusForbidden}
		case code != authz.Allowed:
			return refused(code)
		}
		if who = principal; !isService(who) {
			account = of
		}
	}
	v := denied(err)
	if v.RateLimit = g.limits.Take(who, account); v.RateLimit.Refused() {
		v.Err, v.Code, v.Status = nil, authz.RateLimited, http.StatusTooManyRequests
		v.Reason, v.Detail = v.Code.String(), v.Code.Sentence()
	}
	return v
}

// denied is the verdict about a request that is known to be wrong.
func denied(err error) Verdict {
	var known *hierarchy.Error
	var without *unread
	if errors.As(err, &without) || !errors.As(err, &known) {
		return undecided(err)
	}
	return Verdict{Reason: known.Reason, Detail: known.Detail, Status: http.StatusForbidden}
}
