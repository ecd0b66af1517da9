package main

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollgate-dev/tollgate/client"
)

const bindHelp = `Gives a user, a service or a group a role on an account, a billing account, a
project, a subproject or a resource, and on everything below it.

  tollgate bind user:ann editor project:prj_1
  tollgate bind group:contractors viewer account:acme --expires-at 2027-01-01T00:00:00Z
  tollgate bind user:ben editor number:+4670123 --deny

A deny wins over any allow, at every level together. A window is from
--not-before until, and not including, --expires-at.`

func (a *app) bindCommand() *cobra.Command {
	var deny bool
	var w waiting
	var notBefore, expiresAt string
	cmd := a.command("bind SUBJECT ROLE SCOPE", "Give a subject a role on a scope", bindHelp, exactly("SUBJECT", "ROLE", "SCOPE"),
		func(ctx context.Context, s session, args []string) (err error) {
			b := client.Binding{Subject: args[0], Role: args[1], Scope: args[2]}
			if deny {
				b.Effect = "deny"
			}
			if b.NotBefore, err = optionalInstant("not-before", notBefore); err != nil {
				return err
			}
			if b.ExpiresAt, err = optionalInstant("expires-at", expiresAt); err != nil {
				return err
			}
			made, err := s.CreateBinding(ctx, b, client.Once(rand.Text())) // so that it can be sent again if the server asks for it
			if err != nil {
				return err
			}
			_, account, _ := strings.Cut(made.ID, "@")
			if s.json {
				return errors.Join(s.printJSON(made), w.receipt(ctx, s, account, made.Revision))
			}
			s.printf("%s: %s %s %s on %s\n", made.ID, safe(made.Subject), verb(made.Effect), safe(made.Role), safe(made.Scope))
			return w.receipt(ctx, s, account, made.Revision)
		})
	w.flag(cmd.Flags())
	cmd.Flags().BoolVar(&deny, "deny", false, "deny the role's permissions instead of allowing them")
	cmd.Flags().StringVar(&notBefore, "not-before", "", "instant from which it holds, as 2026-01-31T12:00:00Z")
	cmd.Flags().StringVar(&expiresAt, "expires-at", "", "instant at which it no longer holds")
	return cmd
}

func verb(effect string) string {
	if effect == "deny" {
		return "is denied"
	}
	return "has"
}

func optionalInstant(flag, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	t, err := instant(flag, text)
	return &t, err
}
