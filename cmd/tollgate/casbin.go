package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollgate-dev/tollgate/api"
	"github.com/tollgate-dev/tollgate/client"
)

const casbinHelp = `Derives the Casbin policy of an account, as of an instant. A stock Casbin that
loads it with the model answers as Tollgate does. Prints the policy as CSV, or
writes model.conf and policy.csv into a directory.`

func (a *app) casbinCommand() *cobra.Command {
	var o client.CasbinOptions
	var at, dir string
	cmd := a.command("casbin ACCOUNT", "Print an account's policy for Casbin", casbinHelp, exactly("ACCOUNT"),
		func(ctx context.Context, s session, args []string) error {
			var err error
			if at != "" {
				if o.At, err = instant("at", at); err != nil {
					return err
				}
			}
			p, err := s.Casbin(ctx, args[0], o)
			if err != nil {
				return err
			}
			if dir != "" {
				if err := s.writePolicy(dir, p); err != nil {
					return err
				}
			}
			switch {
			case s.json:
				return s.printJSON(p)
			case dir == "":
				return s.write("", []byte(p.Policy))
			}
			s.printf("model.conf and policy.csv are in %s: as of %s, %s\n", dir, p.AsOf.Format(time.RFC3339Nano), validity(p.ValidUntil))
			return nil
		})
	cmd.Flags().StringVar(&o.Under, "under", "", "only what decides about this node and those below it, such as project:prj_1")
	cmd.Flags().StringVar(&at, "at", "", "instant that time windows are resolved for, as 2026-01-31T12:00:00Z; now by default")
	cmd.Flags().StringVar(&dir, "dir", "", "directory to write model.conf and policy.csv into")
	return cmd
}

func (a *app) writePolicy(dir string, p *client.CasbinPolicy) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	if err := a.write(filepath.Join(dir, "model.conf"), []byte(p.Model)); err != nil {
		return err
	}
	return a.write(filepath.Join(dir, "policy.csv"), []byte(p.Policy))
}

func validity(until *time.Time) string {
	if until == nil {
		return "valid until something is changed"
	}
	return "valid until something is changed, and at most until " + until.Format(time.RFC3339Nano)
}

// instant reads a flag that is a time, as the server would.
func instant(flag, text string) (time.Time, error) {
	t, err := api.ParseInstant(text)
	if err != nil {
		return t, fmt.Errorf("--%s %q is not a time: it %w", flag, text, err)
	}
	return t, nil
}
