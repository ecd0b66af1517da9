package api

import (
	"context"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// stateChange is a step in the life of a node.
type stateChange func(*admin.Service, context.Context, admin.Caller, hierarchy.Ref) (admin.Stated, error)

// lifecycle are the routes of the life of a node, the same for all kinds of
// node. The parameter of the path that names it is called as its type is.
func lifecycle(path, typ string) []route {
	step := func(do stateChange) func(*server, *call, *none) (NodeState, error) {
		return func(s *server, c *call, _ *none) (NodeState, error) {
			node := hierarchy.Ref{Type: typ, ID: c.path(typ)}
			done, err := do(s.Admin, c.ctx(), c.who, node)
			return viewState(node, &done), err
		}
	}
	return []route{
		{remove, path, serveJSON(step((*admin.Service).Delete))},
		{post, path + "/restore", serveJSON(step((*admin.Service).Restore))},
		{post, path + "/suspend", serveJSON(step((*admin.Service).Suspend))},
		{post, path + "/resume", serveJSON(step((*admin.Service).Resume))},
	}
}

func viewState(node hierarchy.Ref, done *admin.Stated) NodeState {
	return NodeState{
		Node: node.String(), Account: done.Account, Suspended: done.State.Suspended, SuspendedByOperator: done.State.SuspendedByOperator, Deleted: done.State.Deleted,
		RestorableUntil: stampOf(done.RestorableUntil), Changed: done.Changed, Revision: done.Revision,
	}
}

func (s *server) moveSubproject(c *call, in *Move) (Moved, error) {
	to, err := bare("parent", hierarchy.TypeProject, in.Parent)
	if err != nil {
		return Moved{}, err
	}
	done, err := s.Admin.MoveSubproject(c.ctx(), c.who, c.path("subproject"), to)
	return viewMove(hierarchy.Ref{Type: hierarchy.TypeSubproject, ID: c.path("subproject")}, &done), err
}

func (s *server) moveResource(c *call, in *Move) (Moved, error) {
	to, err := hierarchy.ParseRef(in.Parent)
	if err != nil {
		return Moved{}, inField("parent", err)
	}
	done, err := s.Admin.MoveResource(c.ctx(), c.who, c.resource(), to)
	return viewMove(c.resource(), &done), err
}

func viewMove(node hierarchy.Ref, m *admin.Moved) Moved {
	return Moved{
		Node: node.String(), Account: m.Account, Changed: m.Changed, Revision: m.Revision,
		Before: MovedSide{Parent: m.From.String(), Billing: viewBilling(&m.PayerFrom)},
		After:  MovedSide{Parent: m.To.String(), Billing: viewBilling(&m.PayerTo)},
		Access: MovedAccess{Lost: viewReaching(m.Lost), Gained: viewReaching(m.Gained), Complete: m.Complete},
	}
}

func viewBilling(b *authz.Billing) Billing {
	out := Billing{Status: Unbilled, BillingAccount: b.BillingAccount, Project: b.Project, Suspended: b.Suspended}
	if b.Code == authz.Billed {
		out.Status = Billed
	} else {
		out.Reason = b.Code.String()
	}
	return out
}

func viewReaching(bindings []authz.BoundBinding) []ReachingBinding {
	out := make([]ReachingBinding, len(bindings))
	for i, b := range bindings {
		out[i] = ReachingBinding{
			Binding: b.ID, Subject: b.Subject.String(), Role: b.Role, Scope: b.Scope.String(), Effect: Effect(b.Effect),
			NotBefore: stampOf(b.NotBefore), ExpiresAt: stampOf(b.ExpiresAt),
		}
	}
	return out
}
