package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tollgate-dev/tollgate/client"
)

const rolesImportHelp = `Brings the custom roles of an account to what a file says: defines those that
are missing, changes those that differ, never deletes. A second import of the same
file changes nothing. It is for the operators; the account must exist.

The file, - for stdin, has one role a line, compressed by gzip or not:

  {"id":"support","title":"Support","permissions":["number.read","call.*"]}

Other members of a line are passed over. Roles go to the server in several
requests, each whole or not at all; if one fails, those before it stay, and
importing the file again goes on from there.`

// roleFlags are what tollgate roles import takes.
type roleFlags struct {
	account, prefix string
	dryRun          bool
}

func (a *app) rolesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "roles", Short: "Keep an account's own roles", Long: "Keeps an account's own roles.", Args: cobra.NoArgs, DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.rolesImportCommand())
	return cmd
}

func (a *app) rolesImportCommand() *cobra.Command {
	var f roleFlags
	cmd := a.command("import FILE --account ACCOUNT", "Define the roles of a file", rolesImportHelp, exactly("FILE"),
		func(ctx context.Context, s session, args []string) error {
			if f.account == "" {
				return errors.New("whose roles are they? name the account with --account")
			}
			roles, err := s.readRoles(args[0], f.prefix)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return s.importRoles(ctx, roles, f)
		})
	cmd.Flags().StringVar(&f.account, "account", "", "account whose roles they become")
	cmd.Flags().StringVar(&f.prefix, "prefix", "", "text to set before each role's ID")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "decide everything and write nothing")
	return cmd
}

// roleIntake is what an import of roles came to.
type roleIntake struct {
	Account     string `json:"account"`
	DryRun      bool   `json:"dry_run"`
	Roles       int    `json:"roles"`
	Permissions int    `json:"permissions"` // of all roles, each counted in each
	Created     int    `json:"created"`
	Updated     int    `json:"updated"`
	Unchanged   int    `json:"unchanged"`
	Revision    string `json:"revision,omitempty"`
}

// One request takes about so many bytes of roles: a sixteenth of what the
// server takes, so that each is decided and committed in well under a second.
const roleBytes = 4 << 20

// importRoles sends the roles in as many requests as it takes.
func (s session) importRoles(ctx context.Context, roles []client.BundleRole, f roleFlags) error {
	in := roleIntake{Account: f.account, DryRun: f.dryRun, Roles: len(roles)}
	bundles, err := bundlesOfRoles(f.account, roles, roleBytes)
	if err != nil {
		return err
	}
	show := s.newProgress(len(bundles))
	for _, b := range bundles {
		show.begin(f.account)
		done, err := s.ImportJSON(ctx, b.json, client.ImportOptions{DryRun: f.dryRun})
		if err != nil {
			show.end()
			return fmt.Errorf("%d of %d roles imported: %w", in.Created+in.Updated+in.Unchanged, len(roles), err)
		}
		show.done(done)
		in.add(done, b.roles)
	}
	show.end()
	for _, r := range roles {
		in.Permissions += len(r.Permissions)
	}
	if s.json {
		return s.printJSON(in)
	}
	s.printRoleIntake(&in)
	return nil
}

func (in *roleIntake) add(done *client.Imported, roles int) {
	created, updated := done.Created["role"], done.Updated["role"]
	in.Created += created
	in.Updated += updated
	in.Unchanged += roles - created - updated
	in.Revision = done.Revision
}

func (s session) printRoleIntake(in *roleIntake) {
	did := ""
	if in.DryRun {
		did = "; nothing was written (dry run)"
	}
	s.printf("%s with %s in account:%s: %d created, %d updated, %d so already%s\n",
		counted(in.Roles, "role"), counted(in.Permissions, "permission"), safe(in.Account), in.Created, in.Updated, in.Unchanged, did)
}

// roleBundle is one request's part of the roles.
type roleBundle struct {
	json  json.RawMessage
	roles int
}

// bundlesOfRoles divides roles into bundles of about so many bytes, each of at
// least one role.
func bundlesOfRoles(account string, roles []client.BundleRole, most int) ([]roleBundle, error) {
	var bundles []roleBundle
	for len(roles) > 0 {
		n, size := 0, 0
		for n < len(roles) && (n == 0 || size+sizeOf(&roles[n]) <= most) {
			size += sizeOf(&roles[n])
			n++
		}
		encoded, err := json.Marshal(client.Bundle{Account: client.BundleAccount{ID: account}, Roles: roles[:n]})
		if err != nil {
			return nil, err
		}
		bundles = append(bundles, roleBundle{encoded, n})
		roles = roles[n:]
	}
	return bundles, nil
}

// sizeOf is about how many bytes a role takes in JSON.
func sizeOf(r *client.BundleRole) int {
	size := len(r.ID) + len(r.DisplayName) + 64
	for _, p := range r.Permissions {
		size += len(p) + 3
	}
	return size
}
