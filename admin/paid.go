package admin

import (
	"context"
	"errors"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Paid is who paid for a resource at an instant.
type Paid struct {
	Billing  authz.Billing
	Path     []string // as it was then: the resource and its ancestors, nearest first; empty if it was not there
	Account  string   // bare ID; "" if it is not known
	Revision string   // a token; "" if the account is not known
}

// BillingOwnerAt answers who paid for the request's resource at an instant,
// in microseconds since 1970 (M17): it walks the parents as they were then, up
// to the billing account that the project was linked to then. What is deleted
// by now is answered for too; a deleted resource only if the request names its
// account, since no locator leads there any more. The request's subject and
// permission are ignored.
//
// It reads the store, not a snapshot: two or three transactions, one for each
// node on the way. Histories only grow, and only later than any instant that
// is answered for, so the hops cannot contradict each other, and the answer is
// the same whenever it is asked for. An instant that is not over yet is
// refused. A deleted project or subproject keeps its link and its parent, as
// it does when the payer is asked for without an instant.
func (s *Service) BillingOwnerAt(ctx context.Context, req *authz.Request, at int64) (Paid, error) {
	w := walk{service: s, ctx: ctx, at: at}
	named, err := w.read(req)
	if err != nil {
		return Paid{}, err
	}
	if err := w.locate(named); err != nil || w.account == "" {
		return Paid{}, errorOr(err, w.mustBeOver(s.engine.Now()))
	}
	if req.AtLeast != "" {
		if _, err := s.engine.Snapshot(ctx, w.account, req.AtLeast); err != nil && !errors.Is(err, authz.ErrNoAccount) {
			return Paid{}, err
		}
	}
	head, _, err := s.store.Read(ctx, w.account)
	if errors.Is(err, authz.ErrNoAccount) {
		return Paid{}, w.mustBeOver(s.engine.Now())
	}
	if err := errorOr(err, w.mustBeOver(head.Settled())); err != nil {
		return Paid{}, err
	}
	if err := w.from(named); err != nil {
		return Paid{}, err
	}
	return w.paid(named, head), nil
}

// walk is the way up from a resource as it was at an instant.
type walk struct {
	service *Service
	ctx     context.Context //nolint:containedctx // lives no longer than the call
	account string
	at      int64
	path    []string
	billing authz.Billing
}

// asked is what a question about the past names.
type asked struct {
	resource, account, parent hierarchy.Ref
	registered                bool
}

func (w *walk) read(req *authz.Request) (asked, error) {
	var q asked
	var err error
	if q.resource, err = hierarchy.ParseRef(req.Resource); err != nil {
		return q, fieldOf("resource", err)
	}
	q.registered = hierarchy.IsOwn(q.resource.Type) || w.service.engine.Registered(q.resource.Type)
	if req.Account != "" {
		if q.account, err = hierarchy.ParseAs(hierarchy.TypeAccount, req.Account); err != nil {
			return q, fieldOf("account", err)
		}
	}
	if req.Parent != "" {
		q.parent, err = hierarchy.ParseRef(req.Parent)
	}
	return q, fieldOf("parent", err)
}

// locate finds the account. It asks the store rather than memory, which may
// know a resource from an account that it has left.
func (w *walk) locate(q asked) error {
	of := q.resource
	if !q.registered {
		of = q.parent
	}
	switch {
	case !q.account.IsZero():
		w.account = q.account.ID
	case !of.IsZero():
		accounts, err := w.service.store.Locate(w.ctx, of)
		if err != nil {
			return err
		}
		w.account = accounts[0]
	}
	return nil
}

func (w *walk) mustBeOver(settled int64) error {
	if w.at <= settled {
		return nil
	}
	return hierarchy.Invalid("AT_IN_FUTURE", "at", "is not over yet by the store's clock; leave it out to ask who pays now")
}

// paid is the answer, once the walk has ended. A parent that was named and was
// not the resource's own is as good as no resource.
func (w *walk) paid(q asked, head authz.Head) Paid {
	out := Paid{Billing: w.billing, Path: w.path, Account: w.account, Revision: authz.Token(w.account, head.Revision)}
	misnamed := !q.parent.IsZero() && (len(w.path) < 2 || w.path[1] != q.parent.String())
	if found := len(w.path) > 0; found && misnamed {
		out.Billing, out.Path = authz.Billing{}, nil
	}
	return out
}
