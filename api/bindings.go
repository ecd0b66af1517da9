package api

import (
	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

func (s *server) createBinding(c *call, in *BindingCreate) (Binding, error) {
	doc := policy.Binding{Effect: policy.Effect(in.Effect), Window: policy.Window{NotBefore: in.NotBefore.micro(), ExpiresAt: in.ExpiresAt.micro()}}
	var err error
	if doc.Subject, err = hierarchy.ParseRef(in.Subject); err != nil {
		return Binding{}, inField("subject", err)
	}
	if err = policy.CheckSubject(doc.Subject); err != nil {
		return Binding{}, inField("subject", err)
	}
	if doc.Role, err = bare("role", hierarchy.TypeRole, in.Role); err != nil {
		return Binding{}, err
	}
	if doc.Scope, err = hierarchy.ParseRef(in.Scope); err != nil {
		return Binding{}, inField("scope", err)
	}
	return shown(c, viewBinding)(s.Admin.CreateBinding(c.ctx(), c.who, doc))
}

func (s *server) listBindings(c *call, _ *none) (page[Binding], error) {
	filter, err := c.bindingFilter()
	if err == nil {
		err = s.inOneAccount(c, &filter)
	}
	if err != nil {
		return page[Binding]{}, err
	}
	return listOf(c, func(span admin.Span) (admin.Page[policy.Binding], error) {
		return s.Admin.Bindings(c.ctx(), c.who, filter, span)
	}, viewBinding)
}

func (c *call) bindingFilter() (f admin.BindingFilter, err error) {
	scoped := c.query.Get("scope") != "" // an empty one is none
	if !scoped && !c.query.Has("account") {
		return f, hierarchy.Invalid("QUERY_REQUIRED", "scope", "bindings are listed within one account, a subject's too: add account=id, such as account=acc_1, or scope=type:id, such as scope=project:prj_1")
	}
	if scoped {
		if f.Scope, err = c.refOf("scope"); err != nil {
			return f, err
		}
	}
	if f.Subject, err = c.refOf("subject"); err != nil {
		return f, err
	}
	if c.query.Has("account") {
		f.Account, err = bare("account", hierarchy.TypeAccount, c.query.Get("account"))
	}
	return f, err
}

// inOneAccount refuses a scope that is not in the account that was named too.
func (s *server) inOneAccount(c *call, f *admin.BindingFilter) error {
	if f.Scope.IsZero() || f.Account == "" {
		return nil
	}
	account, err := s.Engine.AccountOf(c.ctx(), f.Scope)
	if err == nil && account != f.Account {
		err = hierarchy.NotFound(f.Scope)
	}
	return err
}

func (s *server) getBinding(c *call, _ *none) (Binding, error) {
	return shown(c, viewBinding)(s.Admin.Binding(c.ctx(), c.who, c.path("binding")))
}

func (s *server) deleteBinding(c *call, _ *none) (Written, error) {
	return answerOf(s.Admin.DeleteBinding(c.ctx(), c.who, c.path("binding")))
}

func viewBinding(i *admin.Item[policy.Binding]) Binding {
	return Binding{
		ID: i.Ref.ID, Account: i.Account, Subject: i.Doc.Subject.String(), Role: i.Doc.Role, Scope: i.Doc.Scope.String(), Effect: Effect(i.Doc.Effect),
		NotBefore: stampOf(i.Doc.NotBefore), ExpiresAt: stampOf(i.Doc.ExpiresAt),
		CreatedAt: stampOf(i.Created), UpdatedAt: stampOf(i.Updated), Revision: i.Revision,
	}
}
