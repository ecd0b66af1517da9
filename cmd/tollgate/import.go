package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tollgate-dev/tollgate/client"
)

const importHelp = `Brings accounts to what a file says: creates what is missing, changes what
differs, never deletes. Each account is one write, whole or not at all. A second
import of the same file changes nothing. It is for the operators.

The file, - for stdin, is JSON or YAML: one bundle, or an array of them, as
"tollgate export" writes it.

A bundle that is refused is reported with its account and the reason; the others
are imported, and the exit code is 1.`

func (a *app) importCommand() *cobra.Command {
	var o client.ImportOptions
	cmd := a.command("import FILE", "Bring accounts to what a file says", importHelp, exactly("FILE"),
		func(ctx context.Context, s session, args []string) error {
			bundles, err := s.readBundles(args[0])
			if err != nil {
				return err
			}
			return s.importAll(ctx, bundles, o)
		})
	cmd.Flags().StringVar(&o.Owner, "owner", "", "user who becomes owner of every account, such as user:root")
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "decide everything and write nothing")
	return cmd
}

// intake is what an import of several accounts came to.
type intake struct {
	DryRun    bool               `json:"dry_run"`
	Changed   bool               `json:"changed"`
	Created   map[string]int     `json:"created"`
	Updated   map[string]int     `json:"updated"`
	Unchanged int                `json:"unchanged"`
	Accounts  []*client.Imported `json:"accounts"`
	Failed    []refused          `json:"failed"`
}

// refused is an account that could not be imported.
type refused struct {
	Account string        `json:"account"`
	Error   *client.Error `json:"error"`
}

func (s session) importAll(ctx context.Context, bundles []named, o client.ImportOptions) error {
	in := intake{DryRun: o.DryRun, Created: map[string]int{}, Updated: map[string]int{}, Accounts: []*client.Imported{}, Failed: []refused{}}
	show := s.newProgress(len(bundles))
	for _, b := range bundles {
		show.begin(b.account)
		done, err := s.ImportJSON(ctx, b.json, o)
		if err == nil {
			in.add(done)
			show.done(done)
			continue
		}
		show.failed(b.account, err)
		var answered *client.Error
		if !errors.As(err, &answered) || answered.Status == 401 || ctx.Err() != nil { // the next would fail alike
			return fmt.Errorf("%d of %d accounts imported: %w", len(in.Accounts), len(bundles), err)
		}
		in.Failed = append(in.Failed, refused{b.account, answered})
	}
	show.end()
	if s.json {
		if err := s.printJSON(in); err != nil {
			return err
		}
	} else {
		s.printIntake(&in)
	}
	if len(in.Failed) > 0 {
		return errNo
	}
	return nil
}

func (in *intake) add(done *client.Imported) {
	for kind, n := range done.Created {
		in.Created[kind] += n
	}
	for kind, n := range done.Updated {
		in.Updated[kind] += n
	}
	in.Unchanged += done.Unchanged
	in.Changed = in.Changed || done.Changed
	in.Accounts = append(in.Accounts, done)
}
