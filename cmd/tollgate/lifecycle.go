package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollgate-dev/tollgate/client"
)

const suspendHelp = `Keeps an account, a billing account, a project or a subproject, and everything
below it, from being used: until it is resumed it can only be read, resumed and
restored, by whoever may.

  tollgate suspend project:prj_1
  tollgate suspend account:acme --as user:ann

Without --as it is the platform operator who suspends, and who alone can resume;
with it the customer.`

const resumeHelp = `Takes back what tollgate suspend did.

  tollgate resume project:prj_1`

const deleteHelp = `Deletes an account, a billing account, a project or a subproject with everything
below it, to be restored for 30 days; or a product's resource, at once and for
good.

  tollgate delete subproject:sub_1
  tollgate delete number:+4670123`

const restoreHelp = `Takes back a deletion, for 30 days: everything is as it was.

  tollgate restore subproject:sub_1`

const moveHelp = `Moves a subproject to another project, or a product's resource to another
project or subproject, of the same account. Says who pays before and after, and
which bindings reach it no longer (-) or now do (+).

  tollgate move subproject:sub_1 project:prj_2`

// lifecycleCommands are the steps in the life of a node.
func (a *app) lifecycleCommands() []*cobra.Command {
	step := func(name, short, long string, do func(session, context.Context, string) (*client.NodeState, error)) *cobra.Command {
		var w waiting
		cmd := a.command(name+" NODE", short, long, exactly("NODE"), func(ctx context.Context, s session, args []string) error {
			state, err := do(s, ctx, args[0])
			if err != nil {
				return err
			}
			if s.json {
				return errors.Join(s.printJSON(state), w.receipt(ctx, s, state.Account, state.Revision))
			}
			s.printf("%s %s\n", safe(state.Node), stateOf(state))
			return w.receipt(ctx, s, state.Account, state.Revision)
		})
		w.flag(cmd.Flags())
		return cmd
	}
	return []*cobra.Command{
		step("suspend", "Keep a node from being used", suspendHelp, func(s session, ctx context.Context, node string) (*client.NodeState, error) {
			return s.Suspend(ctx, node)
		}),
		step("resume", "Take back a suspension", resumeHelp, func(s session, ctx context.Context, node string) (*client.NodeState, error) {
			return s.Resume(ctx, node)
		}),
		step("delete", "Delete a node or a resource", deleteHelp, func(s session, ctx context.Context, node string) (*client.NodeState, error) {
			return s.Delete(ctx, node)
		}),
		step("restore", "Take back a deletion", restoreHelp, func(s session, ctx context.Context, node string) (*client.NodeState, error) {
			return s.Restore(ctx, node)
		}),
		a.moveCommand(),
	}
}

// stateOf is a node's state, in words.
func stateOf(n *client.NodeState) string {
	switch {
	case n.Deleted && n.RestorableUntil != nil:
		return "is deleted; it can be restored until " + n.RestorableUntil.UTC().Format(time.RFC3339)
	case n.Deleted:
		return "is deleted"
	case n.Suspended && n.SuspendedByOperator:
		return "is suspended, by the customer and by the operator"
	case n.Suspended:
		return "is suspended, by the customer"
	case n.SuspendedByOperator:
		return "is suspended, by the operator"
	}
	return "is active"
}

func (a *app) moveCommand() *cobra.Command {
	var w waiting
	cmd := a.command("move NODE PARENT", "Move a subproject or a resource", moveHelp, exactly("NODE", "PARENT"), func(ctx context.Context, s session, args []string) error {
		moved, err := s.Move(ctx, args[0], args[1])
		if err != nil {
			return err
		}
		if s.json {
			return errors.Join(s.printJSON(moved), w.receipt(ctx, s, moved.Account, moved.Revision))
		}
		s.printMove(moved)
		return w.receipt(ctx, s, moved.Account, moved.Revision)
	})
	w.flag(cmd.Flags())
	return cmd
}

func (s session) printMove(moved *client.Moved) {
	s.printf("%s stands in %s\n", safe(moved.Node), safe(moved.After.Parent))
	if !moved.Changed {
		return
	}
	s.printf("  before  %s, paid for by %s\n", safe(moved.Before.Parent), safe(payerOf(moved.Before.Billing)))
	s.printf("  after   %s, paid for by %s\n", safe(moved.After.Parent), safe(payerOf(moved.After.Billing)))
	s.printReaching("-", moved.Access.Lost)
	s.printReaching("+", moved.Access.Gained)
	if !moved.Access.Complete {
		s.printf("  and others, which are too many or not yours to see\n")
	}
}

func (s session) printReaching(sign string, bindings []client.ReachingBinding) {
	for _, b := range bindings {
		s.printf("  %s %s %s %s on %s\n", sign, safe(b.Subject), verb(b.Effect), safe(b.Role), safe(b.Scope))
	}
}
