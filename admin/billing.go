package admin

import (
	"context"
	"slices"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// CreateBillingAccount opens a billing account. It needs billing_account.open
// on the account.
func (s *Service) CreateBillingAccount(ctx context.Context, who Caller, account string, doc billing.Account) (Item[billing.Account], error) {
	if err := doc.Check(); err != nil {
		return Item[billing.Account]{}, err
	}
	o, err := s.once(ctx, who, account, "billing_account.open", doc)
	if err != nil {
		return Item[billing.Account]{}, err
	}
	ref := hierarchy.Ref{Type: hierarchy.TypeBillingAccount, ID: hierarchy.PrefixBillingAccount + o.uid.String()}
	return createOnce(ctx, s, who, o, ref, func(d *draft) error {
		d.create(authz.KeyOf(ref.Type, ref.ID), doc)
		return d.may("billing_account.open", d.account())
	}, (*Service).BillingAccount)
}

// amend is update, of what is found through its account only.
func amend[T any](ctx context.Context, s *Service, who Caller, account, action string, ref hierarchy.Ref, decide func(*draft) error, read func(*Service, context.Context, Caller, string) (Item[T], error)) (Item[T], error) {
	written, err := s.write(ctx, who, account, action, decide)
	if err != nil {
		return Item[T]{}, err
	}
	item, err := read(s, ctx, who.reader(), ref.ID) // its right was checked by the write
	return answered(written, ref, item, err)
}

// made is what a write has created, from what it has written: nothing is read
// again. The document is answered as it would be read.
func made[T any](account string, ref hierarchy.Ref, doc T, written Written) (Item[T], error) {
	item, err := itemOf[T](account, ref, authz.Record{
		Key: authz.KeyOf(ref.Type, ref.ID), Created: written.At, Updated: written.At, Version: written.number, Body: encode(doc),
	})
	item.Revision = written.Revision
	return item, err
}

// BillingAccount returns a billing account. It needs billing_account.inspect.
func (s *Service) BillingAccount(ctx context.Context, who Caller, id string) (Item[billing.Account], error) {
	ref := hierarchy.Ref{Type: hierarchy.TypeBillingAccount, ID: id}
	v, err := s.view(ctx, who, ref)
	if err == nil {
		err = v.may("billing_account.inspect", ref)
	}
	if err != nil {
		return Item[billing.Account]{}, err
	}
	return get[billing.Account](ctx, v, ref, authz.KeyOf(ref.Type, ref.ID))
}

// BillingAccounts lists an account's billing accounts. It needs
// billing_account.inspect on the account; what a deny hides is left out.
func (s *Service) BillingAccounts(ctx context.Context, who Caller, account string, span Span) (Page[billing.Account], error) {
	v, err := s.view(ctx, who, hierarchy.Ref{Type: hierarchy.TypeAccount, ID: account})
	if err == nil {
		err = v.may("billing_account.inspect", v.account())
	}
	if err != nil {
		return Page[billing.Account]{}, err
	}
	ids := slices.DeleteFunc(v.snapshot.Nodes(hierarchy.TypeBillingAccount, "", span.After), func(id string) bool { return !v.showsPayer(id) })
	return listLabelled(ctx, v, hierarchy.TypeBillingAccount, ids, span, func(doc *billing.Account) map[string]string { return doc.Labels })
}

// showsPayer reports whether the caller may inspect a billing account.
func (v *view) showsPayer(id string) bool {
	return v.may("billing_account.inspect", hierarchy.Ref{Type: hierarchy.TypeBillingAccount, ID: id}) == nil
}

// UpdateBillingAccount changes a billing account by change. It needs
// billing_account.configure, and billing_account.inspect to be answered what it
// then is. The currency is fixed once it has paid for a project (M11).
func (s *Service) UpdateBillingAccount(ctx context.Context, who Caller, id string, change func(*billing.Account) error) (Item[billing.Account], error) {
	ref := hierarchy.Ref{Type: hierarchy.TypeBillingAccount, ID: id}
	return update(ctx, s, who, ref, func(d *draft) error {
		if err := errorOr(d.may("billing_account.inspect", ref), d.may("billing_account.configure", ref)); err != nil {
			return err
		}
		var doc billing.Account
		was, err := d.one(authz.KeyOf(ref.Type, ref.ID), &doc)
		if err != nil {
			return err
		}
		currency := doc.Currency
		if err := change(&doc); err != nil {
			return err
		}
		d.replace(was, doc)
		return errorOr(doc.Check(), checkCurrency(&doc, currency, ref))
	}, "billing_account.configure", (*Service).BillingAccount)
}

func checkCurrency(doc *billing.Account, was string, ref hierarchy.Ref) error {
	if doc.Linked && doc.Currency != was {
		return hierarchy.Conflict("CURRENCY_FIXED", "%s has paid for a project, so its currency stays %s; open another billing account for %s", ref, was, doc.Currency)
	}
	return nil
}

// remove writes a deletion that needs a permission on the node itself.
func (s *Service) remove(ctx context.Context, who Caller, ref hierarchy.Ref, permission string, decide func(*draft) error) (Written, error) {
	account, err := s.accountOf(ctx, ref)
	if err != nil {
		return Written{}, err
	}
	return s.write(ctx, who, account, permission, func(d *draft) error {
		if err := d.may(permission, ref); err != nil {
			return err
		}
		return decide(d)
	})
}
