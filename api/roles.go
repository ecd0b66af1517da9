package api

import (
	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

func (s *server) createRole(c *call, in *RoleCreate) (Role, error) {
	id, err := bare("id", hierarchy.TypeRole, in.ID)
	if err != nil {
		return Role{}, err
	}
	doc := policy.Role{DisplayName: in.DisplayName, Description: in.Description, Permissions: in.Permissions}
	return shown(c, viewRole)(s.Admin.CreateRole(c.ctx(), c.who, c.path("account"), id, doc))
}

func (s *server) listRoles(c *call, _ *none) (page[Role], error) {
	return list(c, c.path("account"), s.Admin.Roles, viewRole)
}

func (s *server) getRole(c *call, _ *none) (Role, error) {
	return shown(c, viewRole)(s.Admin.Role(c.ctx(), c.who, c.path("account"), c.path("role")))
}

func (s *server) updateRole(c *call, in *RolePatch) (Role, error) {
	return shown(c, viewRole)(s.Admin.UpdateRole(c.ctx(), c.who, c.path("account"), c.path("role"), func(doc *policy.Role) error {
		in.DisplayName.apply(&doc.DisplayName)
		in.Description.apply(&doc.Description)
		in.Permissions.apply(&doc.Permissions)
		return nil
	}))
}

func (s *server) deleteRole(c *call, _ *none) (Written, error) {
	return answerOf(s.Admin.DeleteRole(c.ctx(), c.who, c.path("account"), c.path("role")))
}

// viewRole shows a role. A predefined one was never made, so it has no times.
func viewRole(i *admin.Item[policy.Role]) Role {
	return Role{
		ID: i.Ref.ID, Account: i.Account, DisplayName: i.Doc.DisplayName, Description: i.Doc.Description,
		Permissions: append([]string{}, i.Doc.Permissions...), Predefined: policy.IsPredefined(i.Ref.ID),
		CreatedAt: stampOf(i.Created), UpdatedAt: stampOf(i.Updated), Revision: i.Revision,
	}
}
