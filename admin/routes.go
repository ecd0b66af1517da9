package admin

import (
	"context"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/route"
)

// routesRef names the platform's route map where a record is named.
var routesRef = hierarchy.Ref{Type: authz.KindRoutes, ID: hierarchy.PlatformID}

// Routes returns the platform's route map. It needs route_map.inspect on the
// platform. NotFound if there is none.
func (s *Service) Routes(ctx context.Context, who Caller) (Item[route.Map], error) {
	v, err := s.view(ctx, who, Platform)
	if err == nil {
		err = v.may("route_map.inspect", Platform)
	}
	if err != nil {
		return Item[route.Map]{}, err
	}
	return get[route.Map](ctx, v, routesRef, authz.RoutesKey)
}

// SetRoutes replaces the platform's route map, by which every server finds the
// permissions and resources of requests that proxies ask about. It needs
// route_map.define on the platform.
func (s *Service) SetRoutes(ctx context.Context, who Caller, m *route.Map) (Item[route.Map], error) {
	written, err := s.write(ctx, who, hierarchy.PlatformID, "route_map.define", func(d *draft) error {
		if err := d.may("route_map.define", Platform); err != nil {
			return err
		}
		records, err := d.read(authz.RoutesKey)
		if err != nil {
			return err
		}
		was, there := records[authz.RoutesKey]
		if !there {
			d.replaces()
			d.create(authz.RoutesKey, m)
			return nil
		}
		d.replaces(was)
		d.replace(was, m)
		return nil
	})
	if err != nil {
		return Item[route.Map]{}, err
	}
	item, err := s.Routes(ctx, who.reader())
	return answered(written, routesRef, item, err)
}

// RemoveRoutes takes the platform's route map away. It needs route_map.define
// on the platform.
func (s *Service) RemoveRoutes(ctx context.Context, who Caller) (Written, error) {
	return s.write(ctx, who, hierarchy.PlatformID, "route_map.define", func(d *draft) error {
		if err := d.may("route_map.define", Platform); err != nil {
			return err
		}
		var m route.Map
		was, err := d.one(authz.RoutesKey, &m)
		if err != nil {
			return err
		}
		d.remove(was)
		return nil
	})
}
