package admin

import (
	"context"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Link returns which billing account pays for a project, and since when: the
// time of the record's last change. It needs project.read. NotFound if no
// billing account does.
func (s *Service) Link(ctx context.Context, who Caller, projectID string) (Item[billing.Link], error) {
	ref := hierarchy.Ref{Type: hierarchy.TypeProject, ID: projectID}
	v, err := s.view(ctx, who, ref)
	if err == nil {
		err = v.may("project.read", ref)
	}
	if err != nil {
		return Item[billing.Link]{}, err
	}
	return get[billing.Link](ctx, v, hierarchy.Ref{Type: "billing link of project", ID: projectID}, authz.KeyOf(authz.KindLink, projectID))
}

// SetLink makes a billing account of the same account pay for a project. It
// needs project.link on the project and billing_account.link on the billing
// account (M13).
func (s *Service) SetLink(ctx context.Context, who Caller, projectID, payer string) (Item[billing.Link], error) {
	ref := hierarchy.Ref{Type: hierarchy.TypeProject, ID: projectID}
	return update(ctx, s, who, ref, func(d *draft) error {
		if err := d.may("project.link", ref); err != nil {
			return err
		}
		if err := d.may("billing_account.link", hierarchy.Ref{Type: hierarchy.TypeBillingAccount, ID: payer}); err != nil {
			return fieldOf("billing_account", err)
		}
		return d.link(projectID, payer)
	}, "project.link", (*Service).Link)
}

// link links a project, and fixes the billing account's currency.
func (d *draft) link(projectID, payer string) error {
	linkKey, payerKey := authz.KeyOf(authz.KindLink, projectID), authz.KeyOf(hierarchy.TypeBillingAccount, payer)
	records, err := d.read(linkKey, payerKey)
	if err != nil {
		return err
	}
	var doc billing.Account
	if err := unmarshal(records[payerKey], &doc); err != nil {
		return err
	}
	doc.Linked = true
	d.replace(records[payerKey], doc)
	was, linked := records[linkKey]
	if linked {
		d.replaces(was)
	} else {
		d.replaces()
	}
	from := d.snapshot.Payer(projectID)
	switch {
	case from == payer:
		return nil
	case linked:
		d.replace(was, billing.Link{BillingAccount: payer})
	default:
		d.create(linkKey, billing.Link{BillingAccount: payer})
	}
	d.paid(projectID, from, payer)
	return nil
}

// paid notes in the history that another billing account pays from now on.
func (d *draft) paid(projectID, from, to string) {
	node := hierarchy.Ref{Type: hierarchy.TypeProject, ID: projectID}.String()
	d.commit.Payers = append(d.commit.Payers, authz.Transition{Node: node, From: from, To: to})
}

// RemoveLink leaves a project unbilled. It needs project.link.
func (s *Service) RemoveLink(ctx context.Context, who Caller, projectID string) (Written, error) {
	ref := hierarchy.Ref{Type: hierarchy.TypeProject, ID: projectID}
	return s.remove(ctx, who, ref, "project.link", func(d *draft) error {
		var doc billing.Link
		was, err := d.one(authz.KeyOf(authz.KindLink, projectID), &doc)
		if err != nil {
			return err
		}
		d.remove(was)
		d.paid(projectID, doc.BillingAccount, "")
		return nil
	})
}
