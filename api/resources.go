package api

import (
	"encoding/json"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

func (s *server) registerResource(c *call, in *ResourceCreate) (Resource, error) {
	ref, err := hierarchy.ParseAs(in.Type, in.ID)
	if err != nil {
		return Resource{}, inField("id", err)
	}
	parent, err := hierarchy.ParseRef(in.Parent)
	if err != nil {
		return Resource{}, inField("parent", err)
	}
	return shown(c, viewResource)(s.Admin.RegisterResource(c.ctx(), c.who, ref, hierarchy.Resource{Parent: parent, Labels: in.Labels, Properties: in.Properties}))
}

func (s *server) getResource(c *call, _ *none) (Resource, error) {
	return shown(c, viewResource)(s.Admin.Resource(c.ctx(), c.who, c.resource()))
}

func (s *server) updateResource(c *call, in *ResourcePatch) (Resource, error) {
	return shown(c, viewResource)(s.Admin.UpdateResource(c.ctx(), c.who, c.resource(), func(labels *map[string]string, properties *json.RawMessage) error {
		in.Labels.apply(labels)
		in.Properties.apply(properties)
		return nil
	}))
}

func (s *server) deleteResource(c *call, _ *none) (Written, error) {
	return answerOf(s.Admin.DeleteResource(c.ctx(), c.who, c.resource()))
}

func (s *server) listProjectResources(c *call, _ *none) (page[Resource], error) {
	return s.listResources(c, hierarchy.Ref{Type: hierarchy.TypeProject, ID: c.path("project")})
}

func (s *server) listSubprojectResources(c *call, _ *none) (page[Resource], error) {
	return s.listResources(c, hierarchy.Ref{Type: hierarchy.TypeSubproject, ID: c.path("subproject")})
}

func (s *server) listResources(c *call, container hierarchy.Ref) (page[Resource], error) {
	return listOf(c, func(span admin.Span) (admin.Page[hierarchy.Resource], error) {
		return s.Admin.Resources(c.ctx(), c.who, container, span)
	}, viewResource)
}

// resource is the resource that the path names.
func (c *call) resource() hierarchy.Ref {
	return hierarchy.Ref{Type: c.path("type"), ID: c.path("resource")}
}

func viewResource(i *admin.Item[hierarchy.Resource]) Resource {
	return Resource{
		Type: i.Ref.Type, ID: i.Ref.ID, Account: i.Account, Parent: i.Doc.Parent.String(), Labels: i.Doc.Labels, Properties: i.Doc.Properties,
		CreatedAt: stampOf(i.Created), UpdatedAt: stampOf(i.Updated), Revision: i.Revision,
	}
}
