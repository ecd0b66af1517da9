package admin

import (
	"context"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Account returns an account. It needs account.read.
func (s *Service) Account(ctx context.Context, who Caller, id string) (Item[hierarchy.Account], error) {
	ref := hierarchy.Ref{Type: hierarchy.TypeAccount, ID: id}
	v, err := s.view(ctx, who, ref)
	if err == nil {
		err = v.may("account.read", ref)
	}
	if err != nil {
		return Item[hierarchy.Account]{}, err
	}
	return get[hierarchy.Account](ctx, v, ref, authz.KeyOf(ref.Type, ref.ID))
}

// UpdateAccount changes an account's record by change. It needs
// account.configure. Only the platform's operators may say that an account
// is theirs to manage.
func (s *Service) UpdateAccount(ctx context.Context, who Caller, id string, change func(*hierarchy.Account) error) (Item[hierarchy.Account], error) {
	ref := hierarchy.Ref{Type: hierarchy.TypeAccount, ID: id}
	return update(ctx, s, who, ref, func(d *draft) error {
		if err := errorOr(d.may("account.read", ref), d.may("account.configure", ref)); err != nil {
			return err
		}
		var doc hierarchy.Account
		was, err := d.one(authz.KeyOf(ref.Type, ref.ID), &doc)
		if err != nil {
			return err
		}
		managed := doc.OperatorManaged
		if err := change(&doc); err != nil {
			return err
		}
		if doc.OperatorManaged != managed && !d.who.operates() {
			return forbidden(d.who.acting(), "the platform operator's right to change operator_managed", ref)
		}
		d.replace(was, doc)
		return doc.Info.Check()
	}, "account.configure", (*Service).Account)
}

// update writes, and answers the record as it then is.
func update[T any](ctx context.Context, s *Service, who Caller, ref hierarchy.Ref, decide func(*draft) error, action string, read func(*Service, context.Context, Caller, string) (Item[T], error)) (Item[T], error) {
	account, err := s.accountOf(ctx, ref)
	if err != nil {
		return Item[T]{}, err
	}
	written, err := s.write(ctx, who, account, action, decide)
	if err != nil {
		return Item[T]{}, err
	}
	item, err := read(s, ctx, who.reader(), ref.ID) // its right was checked by the write
	return answered(written, ref, item, err)
}
