package api

import (
	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

func (s *server) createProject(c *call, in *ProjectCreate) (Project, error) {
	var payer string
	var err error
	if in.BillingAccount != "" {
		payer, err = bare("billing_account", hierarchy.TypeBillingAccount, in.BillingAccount)
	}
	if err != nil {
		return Project{}, err
	}
	doc := hierarchy.Project{Info: hierarchy.Info{DisplayName: in.DisplayName, Labels: in.Labels}}
	return shown(c, viewProject)(s.Admin.CreateProject(c.ctx(), c.who, c.path("account"), doc, payer))
}

func (s *server) listProjects(c *call, _ *none) (page[Project], error) {
	return list(c, c.path("account"), s.Admin.Projects, viewProject)
}

func (s *server) getProject(c *call, _ *none) (Project, error) {
	return shown(c, viewProject)(s.Admin.Project(c.ctx(), c.who, c.path("project")))
}

func (s *server) updateProject(c *call, in *ProjectPatch) (Project, error) {
	return shown(c, viewProject)(s.Admin.UpdateProject(c.ctx(), c.who, c.path("project"), func(doc *hierarchy.Project) error {
		in.apply(&doc.Info)
		return nil
	}))
}

func (s *server) createSubproject(c *call, in *SubprojectCreate) (Subproject, error) {
	info := hierarchy.Info{DisplayName: in.DisplayName, Labels: in.Labels}
	return shown(c, viewSubproject)(s.Admin.CreateSubproject(c.ctx(), c.who, c.path("project"), info))
}

func (s *server) listSubprojects(c *call, _ *none) (page[Subproject], error) {
	return list(c, c.path("project"), s.Admin.Subprojects, viewSubproject)
}

func (s *server) getSubproject(c *call, _ *none) (Subproject, error) {
	return shown(c, viewSubproject)(s.Admin.Subproject(c.ctx(), c.who, c.path("subproject")))
}

func (s *server) updateSubproject(c *call, in *SubprojectPatch) (Subproject, error) {
	return shown(c, viewSubproject)(s.Admin.UpdateSubproject(c.ctx(), c.who, c.path("subproject"), func(info *hierarchy.Info) error {
		in.apply(info)
		return nil
	}))
}

func viewProject(i *admin.Item[admin.Project]) Project {
	return Project{
		ID: i.Ref.ID, Account: i.Account, DisplayName: i.Doc.DisplayName, Labels: i.Doc.Labels, BillingAccount: i.Doc.BillingAccount,
		Suspended: i.Doc.Suspended, SuspendedByOperator: i.Doc.SuspendedByOperator,
		CreatedAt: stampOf(i.Created), UpdatedAt: stampOf(i.Updated), Revision: i.Revision,
	}
}

func viewSubproject(i *admin.Item[hierarchy.Subproject]) Subproject {
	return Subproject{
		ID: i.Ref.ID, Account: i.Account, Project: i.Doc.Project, DisplayName: i.Doc.DisplayName, Labels: i.Doc.Labels,
		Suspended: i.Doc.Suspended, SuspendedByOperator: i.Doc.SuspendedByOperator,
		CreatedAt: stampOf(i.Created), UpdatedAt: stampOf(i.Updated), Revision: i.Revision,
	}
}
