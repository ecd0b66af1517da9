package api

import (
	"errors"
	"strings"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/hierarchy"
	routemap "github.com/tollgate-dev/tollgate/route"
)

// RouteMap is the platform's route map on the wire.
type RouteMap struct {
	Routes    []routemap.Route `json:"routes"`
	Digest    string           `json:"digest,omitempty"`
	CreatedAt Timestamp        `json:"created_at,omitzero"`
	UpdatedAt Timestamp        `json:"updated_at,omitzero"`
	Revision  string           `json:"revision,omitempty"`
}

func (s *server) getRouteMap(c *call, _ *none) (RouteMap, error) {
	return shown(c, viewRouteMap)(s.Admin.Routes(c.ctx(), c.who))
}

func (s *server) setRouteMap(c *call, in *RouteMap) (RouteMap, error) {
	m, err := routemap.New(in.Routes)
	if err != nil {
		return RouteMap{}, mistaken(err)
	}
	return shown(c, viewRouteMap)(s.Admin.SetRoutes(c.ctx(), c.who, m))
}

// mistaken tells all mistakes of a map, up to a number that one can read.
func mistaken(err error) error {
	var all routemap.Mistakes
	if !errors.As(err, &all) {
		return err
	}
	const most = 10
	var texts []string
	for i := range all[:min(most, len(all))] {
		texts = append(texts, all[i].Error())
	}
	return hierarchy.Invalid("ROUTES_INVALID", "routes", "%d mistakes: %s", len(all), strings.Join(texts, "; "))
}

func (s *server) removeRouteMap(c *call, _ *none) (Written, error) {
	return answerOf(s.Admin.RemoveRoutes(c.ctx(), c.who))
}

func viewRouteMap(i *admin.Item[routemap.Map]) RouteMap {
	return RouteMap{
		Routes: i.Doc.Routes(), Digest: i.Doc.Digest(),
		CreatedAt: stampOf(i.Created), UpdatedAt: stampOf(i.Updated), Revision: i.Revision,
	}
}
