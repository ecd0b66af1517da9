package admin

import (
	"context"
	"errors"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// SignUp is a new customer (M3).
type SignUp struct {
	Account hierarchy.Account
	Owner   hierarchy.Ref // a user
	Billing billing.Account
	Project hierarchy.Project
}

// SignedUp is what a sign-up made.
type SignedUp struct {
	Account  Item[hierarchy.Account]
	Billing  Item[billing.Account]
	Project  Item[Project]
	Binding  Item[policy.Binding]
	Revision string // a token
}

// newIDs are the IDs that a sign-up makes. They are settled before anything
// is written, so that a retry finishes the same account.
type newIDs struct {
	Account, Billing, Project, Binding string
	Identity                           string
}

// SignUp makes an account, a billing account, a project that it pays for, and
// the owner's binding, in one atomic step.
func (s *Service) SignUp(ctx context.Context, who Caller, in SignUp) (SignedUp, error) {
	if err := in.check(); err != nil {
		return SignedUp{}, err
	}
	if err := who.OnPlatform("account.open", s.time()); err != nil {
		return SignedUp{}, err
	}
	if !who.Actor.IsZero() && who.Actor != in.Owner {
		return SignedUp{}, &hierarchy.Error{Kind: hierarchy.KindForbidden, Reason: "PERMISSION_DENIED", Field: "owner", Detail: "one signs up for oneself: the owner must be " + who.Actor.String()}
	}
	ids, err := s.settle(ctx, who, &in)
	if err != nil {
		return SignedUp{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, WriteTimeout)
	defer cancel()
	for range tries {
		_, _, err = s.store.Commit(ctx, in.commit(who, ids))
		if err != nil && !errors.Is(err, authz.ErrConflict) {
			return SignedUp{}, err
		}
		// A conflict is that an earlier try has made the account, or that this
		// one came too late and has to be made again.
		_, _, known := s.store.Read(ctx, ids.Account)
		if err == nil || !errors.Is(known, authz.ErrNoAccount) {
			return s.signedUp(ctx, who, ids, in.Owner)
		}
	}
	return SignedUp{}, busy()
}

func (in *SignUp) check() error {
	if err := in.Owner.Check(); err != nil {
		return fieldOf("owner", err)
	}
	if in.Owner.Type != hierarchy.TypeUser {
		return hierarchy.Invalid("SUBJECT_INVALID", "owner", "the owner of an account is a user, such as user:ann")
	}
	if err := in.Account.Info.Check(); err != nil {
		return err
	}
	if err := in.Billing.Check(); err != nil {
		return fieldOf("billing_account", err)
	}
	return fieldOf("project", in.Project.Info.Check())
}

// fieldOf says in which field of the request an error is.
func fieldOf(field string, err error) error {
	var known *hierarchy.Error
	if errors.As(err, &known) {
		return known.In(field)
	}
	return err
}

// settle decides the IDs of the sign-up, once for each idempotency key.
func (s *Service) settle(ctx context.Context, who Caller, in *SignUp) (newIDs, error) {
	uid := func() string { return hierarchy.NewUID(s.now()).String() }
	ids := newIDs{
		Account: hierarchy.PrefixAccount + uid(), Billing: hierarchy.PrefixBillingAccount + uid(),
		Project: hierarchy.PrefixProject + uid(), Identity: newIdentity(),
	}
	ids.Binding = hierarchy.BindingID(hierarchy.NewUID(s.now()), ids.Account)
	if who.IdempotencyKey == "" {
		return ids, nil
	}
	_, err := s.claim(ctx, who, "", "account.sign_up", in, &ids)
	return ids, err
}

func (in *SignUp) commit(who Caller, ids newIDs) *authz.Commit {
	account, project := in.Account, in.Project
	payer := in.Billing
	payer.Linked = true
	return &authz.Commit{
		Account: ids.Account, Identity: ids.Identity, New: true,
		Edits: []authz.Edit{
			{Key: authz.KeyOf(hierarchy.TypeAccount, ids.Account), After: encode(account)},
			{Key: authz.KeyOf(hierarchy.TypeBillingAccount, ids.Billing), After: encode(payer)},
			{Key: authz.KeyOf(hierarchy.TypeProject, ids.Project), After: encode(project)},
			{Key: authz.KeyOf(authz.KindLink, ids.Project), After: encode(billing.Link{BillingAccount: ids.Billing})},
			{Key: authz.KeyOf(hierarchy.TypeBinding, ids.Binding), After: encode(ownership(in.Owner, hierarchy.Ref{Type: hierarchy.TypeAccount, ID: ids.Account}))},
		},
		Payers: []authz.Transition{{Node: hierarchy.Ref{Type: hierarchy.TypeProject, ID: ids.Project}.String(), To: ids.Billing}},
		Actor:  who.actor(), Caller: who.Name, Action: "account.sign_up",
	}
}

// signedUp reads what a sign-up made. One that is repeated later answers the
// account as it is by then; the binding, if it was replaced, as it was made.
func (s *Service) signedUp(ctx context.Context, who Caller, ids newIDs, owner hierarchy.Ref) (SignedUp, error) {
	account := hierarchy.Ref{Type: hierarchy.TypeAccount, ID: ids.Account}
	v, err := s.view(ctx, who.reader(), account)
	if err != nil {
		return SignedUp{}, err
	}
	if !v.snapshot.Has(account) {
		return SignedUp{}, deletedSince(account)
	}
	var out SignedUp
	if out.Account, err = get[hierarchy.Account](ctx, v, account, authz.KeyOf(hierarchy.TypeAccount, ids.Account)); err != nil {
		return out, err
	}
	payer := hierarchy.Ref{Type: hierarchy.TypeBillingAccount, ID: ids.Billing}
	if out.Billing, err = get[billing.Account](ctx, v, payer, authz.KeyOf(payer.Type, payer.ID)); err != nil {
		return out, err
	}
	if out.Project, err = v.project(ctx, ids.Project); err != nil {
		return out, err
	}
	binding := hierarchy.Ref{Type: hierarchy.TypeBinding, ID: ids.Binding}
	out.Binding, err = get[policy.Binding](ctx, v, binding, authz.KeyOf(binding.Type, binding.ID))
	out.Revision = out.Project.Revision
	var known *hierarchy.Error
	if errors.As(err, &known) && known.Kind == hierarchy.KindNotFound {
		out.Binding, err = Item[policy.Binding]{Ref: binding, Account: ids.Account, Doc: ownership(owner, account), Created: out.Account.Created, Updated: out.Account.Created, Revision: out.Revision}, nil
	}
	return out, err
}

// ownership is the binding that a sign-up makes.
func ownership(owner, account hierarchy.Ref) policy.Binding {
	return policy.Binding{Subject: owner, Role: policy.Owner, Scope: account, Effect: policy.Allow}
}
