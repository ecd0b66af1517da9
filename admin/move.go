package admin

import (
	"context"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// Moved is what a move changed.
type Moved struct {
	Written
	From, To hierarchy.Ref // parents; equal if it stood there already
	// PayerFrom and PayerTo are who paid, and who pays.
	PayerFrom, PayerTo authz.Billing
	// Lost are the bindings that reached it from above and no longer do;
	// Gained those that now do. Complete is false if there are more of either
	// than are named, or some that are not for the caller to see.
	Lost, Gained []authz.BoundBinding
	Complete     bool
}

// maxNamed is how many bindings a move names at most, lost and gained each.
const maxNamed = 1_000

// To move something is to give access to it, and to take it. So beside the
// right to move it takes what it would take to end the denies that are left
// behind, and to give the roles that reach it in its new place.

// MoveSubproject moves a subproject, with everything in it, to another project
// of its account (M9). It needs subproject.move on the subproject and
// subproject.open on the project.
func (s *Service) MoveSubproject(ctx context.Context, who Caller, id, projectID string) (Moved, error) {
	ref := hierarchy.Ref{Type: hierarchy.TypeSubproject, ID: id}
	to := hierarchy.Ref{Type: hierarchy.TypeProject, ID: projectID}
	return s.move(ctx, who, ref, "subproject.move", func(d *draft, m *Moved) error {
		if err := d.may("subproject.move", ref); err != nil {
			return err
		}
		var doc hierarchy.Subproject
		was, err := d.one(authz.KeyOf(ref.Type, ref.ID), &doc)
		if err != nil {
			return err
		}
		m.From, m.To = hierarchy.Ref{Type: hierarchy.TypeProject, ID: doc.Project}, to
		if err := d.mayMove(site{node: ref}, m, "subproject.open"); err != nil || m.From == to {
			return err
		}
		doc.Project = to.ID
		d.replace(was, doc)
		d.moves(ref, m)
		return nil
	})
}

// MoveResource moves a product's resource to another container of its account
// (M9). It needs resource.move on the resource and resource.register in the
// container.
func (s *Service) MoveResource(ctx context.Context, who Caller, ref, to hierarchy.Ref) (Moved, error) {
	if err := hierarchy.CheckParent(ref.Type, to.Type); err != nil {
		return Moved{}, err
	}
	return s.move(ctx, who, ref, "resource.move", func(d *draft, m *Moved) error {
		was, doc, err := d.resource(ref, "resource.move")
		if err != nil {
			return err
		}
		m.From, m.To = doc.Parent, to
		if err := d.mayMove(site{node: doc.Parent, resource: ref}, m, "resource.register"); err != nil || m.From == to {
			return err
		}
		d.begins(ref, was, &doc)
		doc.Parent, doc.Moved = to, true
		d.replace(was, doc)
		d.moves(ref, m)
		return nil
	})
}

// move writes a move. It is guarded by the whole account's basis: who may move
// what, and what changes by it, hangs on nodes and bindings at both ends.
func (s *Service) move(ctx context.Context, who Caller, ref hierarchy.Ref, action string, decide func(*draft, *Moved) error) (Moved, error) {
	account, err := s.accountOf(ctx, ref)
	if err != nil {
		return Moved{}, err
	}
	var out Moved
	written, err := s.write(ctx, who, account, action, func(d *draft) error {
		out = Moved{Complete: true}
		return decide(d, &out)
	})
	out.Written = written
	return out, err
}

// moves notes in the history that a node has another parent from now on.
func (d *draft) moves(node hierarchy.Ref, m *Moved) {
	d.commit.Parents = append(d.commit.Parents, authz.Transition{Node: node.String(), From: m.From.String(), To: m.To.String()})
}

// mayMove refuses to move something to where it may not go, and says what the
// move changes.
func (d *draft) mayMove(what site, m *Moved, permission string) error {
	if err := d.may(permission, m.To); err != nil {
		return fieldOf("parent", err)
	}
	m.PayerFrom, m.PayerTo = d.snapshot.BillingOf(m.From), d.snapshot.BillingOf(m.To)
	before, after := d.upwards(m.From), d.upwards(m.To)
	for _, b := range d.snapshot.FindBindings("", "", func(b policy.Binding) bool { return before[b.Scope] != after[b.Scope] }) {
		if err := d.mayShift(what, b.Binding, before[b.Scope]); err != nil {
			return err
		}
		list := &m.Gained
		if before[b.Scope] {
			list = &m.Lost
		}
		if len(*list) == maxNamed || d.may("binding.inspect", b.Scope) != nil {
			m.Complete = false
			continue
		}
		*list = append(*list, b)
	}
	return nil
}

// mayShift refuses who could not end a deny that is left behind, or give an
// allow that is gained. It does not name the binding, which who moves may not
// see.
func (d *draft) mayShift(what site, b policy.Binding, lost bool) error {
	moved := what.node
	if !what.resource.IsZero() {
		moved = what.resource
	}
	switch {
	case lost && b.Effect == policy.Deny && d.mayDeny(b.Scope, site{node: b.Scope}) != nil:
		return forbidden(d.who.acting(), "the right to end a deny binding that would be left behind,", moved)
	case !lost && b.Effect == policy.Allow && d.who.mayGrant(d.snapshot, b.Role, what.node, what.resource, d.at) != nil:
		return forbidden(d.who.acting(), "the right to give all access that it would gain,", moved)
	}
	return nil
}

// upwards are a container and what it stands in.
func (d *draft) upwards(container hierarchy.Ref) map[hierarchy.Ref]bool {
	all := map[hierarchy.Ref]bool{}
	for at := container; !at.IsZero(); at = d.snapshot.Parent(at) {
		all[at] = true
	}
	return all
}
