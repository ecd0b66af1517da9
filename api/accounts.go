package api

import (
	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

func (s *server) signUp(c *call, in *SignUp) (*SignedUp, error) {
	owner, err := hierarchy.ParseRef(in.Owner)
	if err != nil {
		return nil, inField("owner", err)
	}
	made, err := s.Admin.SignUp(c.ctx(), c.who, admin.SignUp{
		Account: hierarchy.Account{Info: hierarchy.Info{DisplayName: in.DisplayName, Labels: in.Labels}},
		Owner:   owner,
		Billing: billingAccountOf(&in.BillingAccount),
		Project: hierarchy.Project{Info: hierarchy.Info{DisplayName: in.Project.DisplayName, Labels: in.Project.Labels}},
	})
	if err != nil {
		return nil, err
	}
	made.Account.Revision, made.Billing.Revision, made.Project.Revision, made.Binding.Revision = "", "", "", ""
	return &SignedUp{
		Account: viewAccount(&made.Account), BillingAccount: viewBillingAccount(&made.Billing),
		Project: viewProject(&made.Project), Binding: viewBinding(&made.Binding), Revision: made.Revision,
	}, nil
}

func (s *server) getAccount(c *call, _ *none) (Account, error) {
	return shown(c, viewAccount)(s.Admin.Account(c.ctx(), c.who, c.path("account")))
}

func (s *server) updateAccount(c *call, in *AccountPatch) (Account, error) {
	return shown(c, viewAccount)(s.Admin.UpdateAccount(c.ctx(), c.who, c.path("account"), func(doc *hierarchy.Account) error {
		in.apply(&doc.Info)
		in.OperatorManaged.apply(&doc.OperatorManaged)
		return nil
	}))
}

func viewAccount(i *admin.Item[hierarchy.Account]) Account {
	return Account{
		ID: i.Ref.ID, DisplayName: i.Doc.DisplayName, Labels: i.Doc.Labels, OperatorManaged: i.Doc.OperatorManaged,
		Suspended: i.Doc.Suspended, SuspendedByOperator: i.Doc.SuspendedByOperator,
		CreatedAt: stampOf(i.Created), UpdatedAt: stampOf(i.Updated), Revision: i.Revision,
	}
}
