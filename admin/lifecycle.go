package admin

import (
	"context"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// The life of a node (M24): it is suspended and resumed, deleted and restored.
// Each is one write of the node's own record, whatever stands below it: what
// is below is suspended or deleted because it is below.

// Stated is what a node's state became.
type Stated struct {
	Written
	State hierarchy.State
	// RestorableUntil is the instant from which on what is deleted cannot be
	// restored any more, in microseconds; 0 for what is not deleted.
	RestorableUntil int64
}

// stateful is the record of a node, whatever its kind.
type stateful interface{ NodeState() *hierarchy.State }

// emptyRecord is a record to read a node's into.
func emptyRecord(typ string) (stateful, error) {
	switch typ {
	case hierarchy.TypeAccount:
		return new(hierarchy.Account), nil
	case hierarchy.TypeBillingAccount:
		return new(billing.Account), nil
	case hierarchy.TypeProject:
		return new(hierarchy.Project), nil
	case hierarchy.TypeSubproject:
		return new(hierarchy.Subproject), nil
	}
	return nil, hierarchy.Invalid("TYPE_INVALID", "", "a %s has no state: accounts, billing accounts, projects and subprojects do", typ)
}

// change writes a node's state. The decision is given the draft, the node's
// record as it is, and its state to change.
func (s *Service) change(ctx context.Context, who Caller, node hierarchy.Ref, permission string, decide func(*draft, authz.Record, *hierarchy.State) error) (Stated, error) {
	if _, err := emptyRecord(node.Type); err != nil {
		return Stated{}, err
	}
	if node == Platform {
		return Stated{}, hierarchy.Conflict("PLATFORM_PERMANENT", "the platform's own account is neither suspended nor deleted")
	}
	account, err := s.accountOf(ctx, node)
	if err != nil {
		return Stated{}, err
	}
	var out Stated
	var changed int64 // when the record was last, before
	out.Written, err = s.write(ctx, who, account, permission, func(d *draft) error {
		if !d.snapshot.Known(node) {
			return hierarchy.NotFound(node)
		}
		doc, _ := emptyRecord(node.Type)
		was, err := d.one(authz.KeyOf(node.Type, node.ID), doc)
		if err != nil {
			return err
		}
		if err := decide(d, was, doc.NodeState()); err != nil {
			return err
		}
		d.replace(was, doc)
		out.State, changed = *doc.NodeState(), was.Updated
		return nil
	})
	if out.State.Deleted {
		out.RestorableUntil = RestorableUntil(max(out.At, changed))
	}
	return out, err
}

// Suspend keeps a node, and everything below it, from being used: whoever
// holds what it takes can still read, resume and restore. A person sets the
// customer's flag; a caller that acts for nobody but the platform sets the
// operator's, which only such a caller clears. It needs <type>.suspend.
func (s *Service) Suspend(ctx context.Context, who Caller, node hierarchy.Ref) (Stated, error) {
	permission := node.Type + ".suspend"
	return s.change(ctx, who, node, permission, func(d *draft, _ authz.Record, state *hierarchy.State) error {
		flag := who.flag(state)
		if *flag && d.snapshot.Has(node) && who.could(d.snapshot, permission, node, d.at) {
			return nil // it is asked for again
		}
		if err := d.may(permission, node); err != nil {
			return err
		}
		*flag = true
		return nil
	})
}

// Resume takes back what Suspend did. It needs <type>.resume.
func (s *Service) Resume(ctx context.Context, who Caller, node hierarchy.Ref) (Stated, error) {
	permission := node.Type + ".resume"
	return s.change(ctx, who, node, permission, func(d *draft, _ authz.Record, state *hierarchy.State) error {
		if err := d.may(permission, node); err != nil {
			return err
		}
		switch flag := who.flag(state); {
		case *flag:
			*flag = false
		case state.SuspendedByOperator:
			return hierarchy.Conflict("SUSPENDED_BY_OPERATOR", "%s is suspended by the platform's operator, who alone can resume it", node)
		case state.Suspended:
			return hierarchy.Conflict("SUSPENDED_BY_CUSTOMER", "%s is suspended by the customer; say in Tollgate-Actor for whom you resume it", node)
		}
		return nil
	})
}

// flag is the one of the two flags of suspension that the caller has a say
// over.
func (c Caller) flag(s *hierarchy.State) *bool {
	if c.operates() {
		return &s.SuspendedByOperator
	}
	return &s.Suspended
}

// Delete deletes a node with everything below it. Until hierarchy.Retention
// has passed, it can be restored, exactly as it was. It needs <type>.close. The
// account's last project and last billing account stay (M4), and a billing
// account that pays for a live project.
func (s *Service) Delete(ctx context.Context, who Caller, node hierarchy.Ref) (Stated, error) {
	permission := node.Type + ".close"
	return s.change(ctx, who, node, permission, func(d *draft, _ authz.Record, state *hierarchy.State) error {
		if state.Deleted && !state.Purged && who.may(d.snapshot, node.Type+".restore", node, hierarchy.Ref{}, d.at) == nil {
			return nil // it is asked for again, by one who may know
		}
		if err := d.may(permission, node); err != nil {
			return err
		}
		if err := d.mayGo(node); err != nil {
			return err
		}
		state.Deleted = true
		// Before it is committed: a note too many is found to be one.
		return s.store.Schedule(ctx, authz.Due{Account: d.snapshot.Account(), Node: node, At: RestorableUntil(d.at)})
	})
}

// mayGo refuses to delete what the account cannot do without.
func (d *draft) mayGo(node hierarchy.Ref) error {
	left := len(d.snapshot.Nodes(node.Type, "", ""))
	switch {
	case node.Type == hierarchy.TypeProject && left == 1:
		return hierarchy.Conflict("LAST_PROJECT", "an account keeps at least one project")
	case node.Type == hierarchy.TypeBillingAccount:
		if paid := d.snapshot.PaidBy(node.ID); len(paid) > 0 {
			return hierarchy.Conflict("BILLING_ACCOUNT_LINKED", "%s pays for project:%s; link that to another billing account first", node, paid[0])
		}
		if left == 1 {
			return hierarchy.Conflict("LAST_BILLING_ACCOUNT", "an account keeps at least one billing account")
		}
	}
	return nil
}

// Restore takes back what Delete did: the node is as it was, suspended if it
// was, and what had been deleted below it before stays deleted. It needs
// <type>.restore.
func (s *Service) Restore(ctx context.Context, who Caller, node hierarchy.Ref) (Stated, error) {
	permission := node.Type + ".restore"
	return s.change(ctx, who, node, permission, func(d *draft, was authz.Record, state *hierarchy.State) error {
		if err := who.may(d.snapshot, permission, node, hierarchy.Ref{}, d.at); err != nil {
			return err
		}
		if above := d.snapshot.Parent(node); !above.IsZero() && !d.snapshot.Has(above) {
			return hierarchy.Conflict("PARENT_DELETED", "%s is in %s, which is deleted; restore that first", node, above)
		}
		if !state.Deleted {
			return nil
		}
		if state.Purged || RestorableUntil(was.Updated) <= d.at {
			return hierarchy.NotFound(node) // it is gone, whether it was collected yet or not
		}
		if payer := d.snapshot.Payer(node.ID); node.Type == hierarchy.TypeProject && payer != "" && !d.snapshot.Has(hierarchy.Ref{Type: hierarchy.TypeBillingAccount, ID: payer}) {
			return hierarchy.Conflict("BILLING_ACCOUNT_DELETED", "billing_account:%s, which pays for %s, is deleted; restore that first", payer, node)
		}
		state.Deleted = false
		return nil
	})
}

// RestorableUntil is the instant from which on what was deleted at another
// cannot be restored any more; both are in microseconds.
func RestorableUntil(deleted int64) int64 { return deleted + hierarchy.Retention.Microseconds() }
