package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tollgate-dev/tollgate/client"
)

const billingOwnerHelp = `Asks which billing account pays for a resource, or why none does. With --at, which
one paid at that instant, whatever was linked since. What is deleted by now is
answered for too; for a deleted resource name its --account.

Exits with 0 if somebody pays, 1 if nobody does, 2 if there is no answer.`

func (a *app) billingOwnerCommand() *cobra.Command {
	var q client.PayerQuestion
	var at string
	cmd := a.command("billing-owner RESOURCE", "Ask who pays for a resource",
		billingOwnerHelp,
		exactly("RESOURCE"),
		func(ctx context.Context, s session, args []string) error {
			q.Resource = args[0]
			if at != "" {
				var err error
				if q.At, err = instant("at", at); err != nil {
					return err
				}
			}
			payer, err := s.BillingOwner(ctx, q)
			if err != nil {
				return err
			}
			if s.json {
				err = s.printJSON(payer)
			} else {
				s.printf("%s\n", safe(payerOf(payer.Billing)))
				if len(payer.Path) > 0 {
					s.printf("  path  %s\n", safe(strings.Join(payer.Path, " → ")))
				}
				s.printStale(payer.Stale)
			}
			if err == nil && !payer.Billing.Billed() {
				return errNo
			}
			return err
		})
	cmd.Flags().StringVar(&q.Account, "account", "", "account of the resource, if you know it")
	cmd.Flags().StringVar(&q.Parent, "parent", "", "project or subproject that holds a resource which is not registered")
	cmd.Flags().StringVar(&q.AtLeast, "at-least", "", "revision that the answer must not be older than")
	cmd.Flags().StringVar(&at, "at", "", "instant that is asked about, as 2026-01-31T12:00:00Z; now by default")
	return cmd
}
