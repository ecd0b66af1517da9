package admin

import (
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// The steps of a walk, from a resource up to who paid.

// from walks up from the resource that was asked about.
func (w *walk) from(q asked) error {
	switch {
	case !q.registered:
		if !isContainer(q.parent) {
			return nil
		}
		w.path = []string{q.resource.String()}
		return w.container(q.parent)
	case q.resource.Type == hierarchy.TypeAccount, q.resource.Type == hierarchy.TypeBillingAccount:
		return w.above(q.resource)
	case isContainer(q.resource):
		return w.container(q.resource)
	case hierarchy.IsOwn(q.resource.Type):
		return nil // neither a node nor a resource
	}
	return w.product(q.resource)
}

func isContainer(r hierarchy.Ref) bool {
	return r.Type == hierarchy.TypeProject || r.Type == hierarchy.TypeSubproject
}

// ended ends the walk where the node was not there.
func (w *walk) ended(why authz.BillingCode) {
	w.path, w.billing = nil, authz.Billing{Code: why}
}

// above is for an account, which has no payer, and for a billing account,
// which pays for itself.
func (w *walk) above(node hierarchy.Ref) error {
	_, records, err := w.service.store.Read(w.ctx, w.account, authz.KeyOf(node.Type, node.ID))
	if err != nil || len(records) == 0 {
		return err
	}
	if records[0].Created > w.at {
		w.ended(authz.NotCreatedYet)
		return nil
	}
	w.path = []string{node.String()}
	w.billing.Code = authz.NotBillable
	if node.Type == hierarchy.TypeBillingAccount {
		w.path = append(w.path, hierarchy.Ref{Type: hierarchy.TypeAccount, ID: w.account}.String())
		w.billing.Code, w.billing.BillingAccount = authz.Billed, node.ID
	}
	return nil
}

// product walks up from a product's resource.
func (w *walk) product(ref hierarchy.Ref) error {
	past, err := w.service.store.ParentAt(w.ctx, w.account, ref, w.at)
	if err != nil {
		return err
	}
	parent, there, err := livingParent(&past)
	if err != nil {
		return err
	}
	if there && past.Record.Created <= w.at {
		return w.up(ref, parent)
	}
	return w.upFrom(ref, &past)
}

// livingParent is the parent of a resource that has stood in one place since
// it was registered, and so has no history of this life yet.
func livingParent(past *authz.Past) (hierarchy.Ref, bool, error) {
	if past.Record == nil {
		return hierarchy.Ref{}, false, nil
	}
	var doc hierarchy.Resource
	err := unmarshal(*past.Record, &doc)
	return doc.Parent, err == nil && !doc.Moved, err
}

// upFrom goes on where the node's history says that it stood.
func (w *walk) upFrom(node hierarchy.Ref, past *authz.Past) error {
	if len(past.Points) == 0 {
		return w.unborn(node, past)
	}
	last := past.Points[0]
	if last.To == "" {
		w.ended(authz.AlreadyDeleted)
		return nil
	}
	parent, err := hierarchy.ParseRef(last.To)
	if err != nil {
		return err
	}
	return w.up(node, parent)
}

// unborn is for a node that has no history up to the instant: it came later,
// or never.
func (w *walk) unborn(node hierarchy.Ref, past *authz.Past) error {
	later := past.Record != nil
	if !later {
		after, err := w.service.store.ParentsAfter(w.ctx, w.account, node, w.at, 1)
		if err != nil {
			return err
		}
		later = len(after.Points) > 0
	}
	w.ended(authz.PayerUnknown)
	if later {
		w.ended(authz.NotCreatedYet)
	}
	return nil
}

func (w *walk) up(node, parent hierarchy.Ref) error {
	w.path = append(w.path, node.String())
	return w.container(parent)
}

// container walks up from a subproject, or ends at a project.
func (w *walk) container(ref hierarchy.Ref) error {
	if ref.Type == hierarchy.TypeProject {
		return w.project(ref)
	}
	past, err := w.service.store.ParentAt(w.ctx, w.account, ref, w.at)
	if err != nil {
		return err
	}
	return w.upFrom(ref, &past)
}

// project ends the walk: whoever it was linked to paid.
func (w *walk) project(ref hierarchy.Ref) error {
	past, err := w.service.store.PayerAt(w.ctx, w.account, ref, w.at)
	if err != nil {
		return err
	}
	if len(past.Points) == 0 && (past.Record == nil || past.Record.Created > w.at) {
		w.ended(authz.PayerUnknown)
		if past.Record != nil {
			w.ended(authz.NotCreatedYet)
		}
		return nil
	}
	w.path = append(w.path, ref.String(), hierarchy.Ref{Type: hierarchy.TypeAccount, ID: w.account}.String())
	w.billing = authz.Billing{Code: authz.NoBillingLink, Project: ref.ID}
	if len(past.Points) > 0 && past.Points[0].To != "" {
		w.billing.Code, w.billing.BillingAccount = authz.Billed, past.Points[0].To
	}
	return nil
}
