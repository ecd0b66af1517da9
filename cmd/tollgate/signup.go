package main

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/spf13/cobra"

	"github.com/tollgate-dev/tollgate/client"
)

const signUpHelp = `Signs a customer up: makes an account, a billing account, a first project that it
pays for, and the owner's role on the account, in one step.

  tollgate signup --owner user:ann --currency EUR --name "Acme"

With --idempotency-key the same sign-up can be repeated within 24 hours, and
answers the same account.`

func (a *app) signUpCommand() *cobra.Command {
	in := client.SignUp{}
	cmd := a.command("signup", "Sign a customer up", signUpHelp, cobra.NoArgs,
		func(ctx context.Context, s session, _ []string) error {
			if in.Owner == "" || in.BillingAccount.Currency == "" {
				return errors.New("a sign-up needs an owner and a currency: tollgate signup --owner user:ann --currency EUR")
			}
			if in.IdempotencyKey == "" {
				in.IdempotencyKey = rand.Text() // so that it can be sent again if the server asks for it
			}
			made, err := s.SignUp(ctx, in)
			if err != nil {
				return err
			}
			if s.json {
				return s.printJSON(made)
			}
			table(s.out, s.outPaint(), [][]string{
				{"what", "id"},
				{"account", made.Account.ID},
				{"billing account", made.BillingAccount.ID},
				{"project", made.Project.ID},
				{"owner", made.Binding.Subject},
			})
			return nil
		})
	flags := cmd.Flags()
	flags.StringVar(&in.Owner, "owner", "", "user who becomes the owner, such as user:ann (required)")
	flags.StringVar(&in.BillingAccount.Currency, "currency", "", "currency of the billing account, of ISO 4217, such as EUR (required)")
	flags.StringVar(&in.BillingAccount.Mode, "mode", "prepaid", "prepaid or postpaid")
	flags.StringVar(&in.DisplayName, "name", "", "name of the account, for people")
	flags.StringVar(&in.IdempotencyKey, "idempotency-key", "", "makes a repeated sign-up the same one")
	return cmd
}
