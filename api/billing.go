package api

import (
	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

func (s *server) createBillingAccount(c *call, in *BillingAccountCreate) (BillingAccount, error) {
	return shown(c, viewBillingAccount)(s.Admin.CreateBillingAccount(c.ctx(), c.who, c.path("account"), billingAccountOf(in)))
}

func (s *server) listBillingAccounts(c *call, _ *none) (page[BillingAccount], error) {
	return list(c, c.path("account"), s.Admin.BillingAccounts, viewBillingAccount)
}

func (s *server) getBillingAccount(c *call, _ *none) (BillingAccount, error) {
	return shown(c, viewBillingAccount)(s.Admin.BillingAccount(c.ctx(), c.who, c.path("billing_account")))
}

func (s *server) updateBillingAccount(c *call, in *BillingAccountPatch) (BillingAccount, error) {
	return shown(c, viewBillingAccount)(s.Admin.UpdateBillingAccount(c.ctx(), c.who, c.path("billing_account"), func(doc *billing.Account) error {
		in.apply(&doc.Info)
		in.Mode.apply(&doc.Mode)
		in.Currency.apply(&doc.Currency)
		in.Name.apply(&doc.Name)
		in.PostalAddress.apply(&doc.PostalAddress)
		in.TaxID.apply(&doc.TaxID)
		return nil
	}))
}

func (s *server) getLink(c *call, _ *none) (BillingLink, error) {
	return shown(c, viewLink)(s.Admin.Link(c.ctx(), c.who, c.path("project")))
}

func (s *server) setLink(c *call, in *BillingLinkSet) (BillingLink, error) {
	payer, err := bare("billing_account", hierarchy.TypeBillingAccount, in.BillingAccount)
	if err != nil {
		return BillingLink{}, err
	}
	return shown(c, viewLink)(s.Admin.SetLink(c.ctx(), c.who, c.path("project"), payer))
}

func (s *server) removeLink(c *call, _ *none) (Written, error) {
	return answerOf(s.Admin.RemoveLink(c.ctx(), c.who, c.path("project")))
}

func billingAccountOf(in *BillingAccountCreate) billing.Account {
	doc := billing.Account{
		Info: hierarchy.Info{DisplayName: in.DisplayName, Labels: in.Labels},
		Mode: billing.Mode(in.Mode), Currency: in.Currency, Name: in.Name, TaxID: in.TaxID,
	}
	if a := in.PostalAddress; a.Lines != nil || a.PostalCode+a.City+a.Region+a.Country != "" {
		doc.PostalAddress = &billing.PostalAddress{Lines: a.Lines, PostalCode: a.PostalCode, City: a.City, Region: a.Region, Country: a.Country}
	}
	return doc
}

func viewBillingAccount(i *admin.Item[billing.Account]) BillingAccount {
	out := BillingAccount{
		ID: i.Ref.ID, Account: i.Account, DisplayName: i.Doc.DisplayName, Labels: i.Doc.Labels,
		Mode: BillingMode(i.Doc.Mode), Currency: i.Doc.Currency, Name: i.Doc.Name, TaxID: i.Doc.TaxID,
		Suspended: i.Doc.Suspended, SuspendedByOperator: i.Doc.SuspendedByOperator,
		CreatedAt: stampOf(i.Created), UpdatedAt: stampOf(i.Updated), Revision: i.Revision,
	}
	if a := i.Doc.PostalAddress; a != nil {
		out.PostalAddress = PostalAddress{Lines: a.Lines, PostalCode: a.PostalCode, City: a.City, Region: a.Region, Country: a.Country}
	}
	return out
}

func viewLink(i *admin.Item[billing.Link]) BillingLink {
	return BillingLink{Project: i.Ref.ID, BillingAccount: i.Doc.BillingAccount, Since: stampOf(i.Updated), Revision: i.Revision}
}
