package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tollgate-dev/tollgate/client"
)

const keysCreateHelp = `Makes an API key of a project or a subproject, or, for the platform's operators, a
service key. Its secret is printed on stdout, this once; with --secret-only nothing
else is.

  tollgate keys create project:prj_1 --sponsor user:ann --name "billing run"
  tollgate keys create subproject:sub_1 --source 192.0.2.0/24 --secret-only > key
  tollgate keys create service:gateway

A customer's key has the rights that are bound to key:ID, and no more than its
sponsor: whoever makes it, unless an operator names somebody.`

const keysListHelp = `Lists the API keys of a project or a subproject, or with account:platform the
service keys.

  tollgate keys list project:prj_1`

const keysRotateHelp = `Gives an API key a new secret, which is printed on stdout, this once. The one
before is accepted until the overlap is over.

  tollgate keys rotate key_1 --overlap 24h --secret-only > key`

const keysLeakHelp = `Reports the secret of an API key that was found where it should not be: the key is
disabled until it is rotated. The secret is read from a file, by default from
stdin; it is no argument, since those can be read in the list of processes. It is
all the credential that this takes, and whether there was such a key is not told.

  tollgate keys leak < found`

func (a *app) keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "keys", Short: "Make and keep API keys", Long: "Makes and keeps API keys.", Args: cobra.NoArgs, DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.keysCreateCommand(), a.keysListCommand(), a.keysGetCommand(), a.keysRotateCommand(), a.keysTransferCommand(), a.keysRevokeCommand(), a.keysLeakCommand(),
		a.keysStepCommand("disable", "Keep an API key from being used", "Keeps an API key from being used, until it is enabled.\n\n  tollgate keys disable key_1",
			func(s session, ctx context.Context, id string) (*client.Key, error) { return s.DisableKey(ctx, id) }),
		a.keysStepCommand("enable", "Let an API key be used again", "Lets an API key be used again. One whose secret has leaked is rotated instead.\n\n  tollgate keys enable key_1",
			func(s session, ctx context.Context, id string) (*client.Key, error) { return s.EnableKey(ctx, id) }))
	return cmd
}

// minting is how a secret that was made is printed, and the receipt waited for.
type minting struct {
	waiting
	only bool
}

func (m *minting) flag(flags *pflag.FlagSet) {
	m.waiting.flag(flags)
	flags.BoolVar(&m.only, "secret-only", false, "print the secret and nothing else on stdout")
}

var errShown = errors.New("the key was made, and its secret was in an answer that did not arrive: rotate the key")

// print prints a key with its secret, once.
func (m *minting) print(ctx context.Context, s session, k *client.MintedKey) error {
	if k.Secret == "" {
		return fmt.Errorf("%s: %w", k.ID, errShown)
	}
	switch {
	case m.only:
		s.printf("%s\n", safe(k.Secret))
		if m.most == 0 {
			return nil
		}
		r, err := s.Receipt(ctx, k.Account, k.Revision, m.most)
		if err == nil && !r.Confirmed {
			return errNo
		}
		return err
	case s.json:
		return errors.Join(s.printJSON(k), m.receipt(ctx, s, k.Account, k.Revision))
	}
	s.printKey(&k.Key)
	s.printf("  secret  %s\n", safe(k.Secret))
	return m.receipt(ctx, s, k.Account, k.Revision)
}

func (a *app) keysCreateCommand() *cobra.Command {
	var m minting
	var key client.NewKey
	var expiresAt string
	cmd := a.command("create {PROJECT | SUBPROJECT | SERVICE}", "Make an API key", keysCreateHelp, exactly("PROJECT"),
		func(ctx context.Context, s session, args []string) (err error) {
			if key.ExpiresAt, err = optionalInstant("expires-at", expiresAt); err != nil {
				return err
			}
			parent := args[0]
			if strings.HasPrefix(parent, "service:") {
				parent, key.Service = client.Platform, parent
			}
			made, err := s.CreateKey(ctx, parent, key, client.Once(rand.Text())) // so that it can be sent again if the server asks for it
			if err != nil {
				return err
			}
			return m.print(ctx, s, made)
		})
	flags := cmd.Flags()
	m.flag(flags)
	flags.StringVar(&key.Sponsor, "sponsor", "", "user or service that bounds its rights, such as user:ann; for operators only")
	flags.StringVar(&key.DisplayName, "name", "", "name of the key, for people")
	flags.StringToStringVar(&key.Labels, "label", nil, "labels, as name=value with commas between")
	flags.StringSliceVar(&key.Sources, "source", nil, "networks that it may be used from, as CIDRs with commas between; by default all")
	flags.StringVar(&expiresAt, "expires-at", "", "instant at which it ends, as 2026-01-31T12:00:00Z")
	return cmd
}

func (a *app) keysListCommand() *cobra.Command {
	return a.command("list {PROJECT | SUBPROJECT | account:platform}", "List API keys", keysListHelp, exactly("PROJECT"), func(ctx context.Context, s session, args []string) error {
		all := []client.Key{}
		for token, more := "", true; more; more = token != "" {
			page, err := s.Keys(ctx, args[0], 0, token)
			if err != nil {
				return err
			}
			all, token = append(all, page.Items...), page.NextPageToken
		}
		if s.json {
			return s.printJSON(all)
		}
		for i := range all {
			s.printKey(&all[i])
		}
		return nil
	})
}

func (a *app) keysGetCommand() *cobra.Command {
	return a.command("get KEY", "Show an API key, without its secret", "Shows an API key: what is known of it, but not its secret.\n\n  tollgate keys get key_1", exactly("KEY"),
		func(ctx context.Context, s session, args []string) error {
			k, err := s.Key(ctx, args[0])
			if err != nil {
				return err
			}
			if s.json {
				return s.printJSON(k)
			}
			s.printKey(k)
			return nil
		})
}

// keysStepCommand makes a command that changes one key.
func (a *app) keysStepCommand(name, short, long string, do func(session, context.Context, string) (*client.Key, error)) *cobra.Command {
	var w waiting
	cmd := a.command(name+" KEY", short, long, exactly("KEY"), func(ctx context.Context, s session, args []string) error {
		k, err := do(s, ctx, args[0])
		return w.changed(ctx, s, k, err)
	})
	w.flag(cmd.Flags())
	return cmd
}

// changed prints a key that was changed, and the receipt.
func (w *waiting) changed(ctx context.Context, s session, k *client.Key, err error) error {
	switch {
	case err != nil:
		return err
	case s.json:
		err = s.printJSON(k)
	default:
		s.printKey(k)
	}
	return errors.Join(err, w.receipt(ctx, s, k.Account, k.Revision))
}

func (a *app) keysTransferCommand() *cobra.Command {
	var w waiting
	cmd := a.command("transfer KEY SPONSOR", "Give an API key another sponsor", "Gives an API key another sponsor, who must hold all that the key is bound to.\n\n  tollgate keys transfer key_1 user:ben", exactly("KEY", "SPONSOR"),
		func(ctx context.Context, s session, args []string) error {
			k, err := s.TransferKey(ctx, args[0], args[1])
			return w.changed(ctx, s, k, err)
		})
	w.flag(cmd.Flags())
	return cmd
}

func (a *app) keysRotateCommand() *cobra.Command {
	var m minting
	var overlap time.Duration
	cmd := a.command("rotate KEY", "Give an API key a new secret", keysRotateHelp, exactly("KEY"), func(ctx context.Context, s session, args []string) error {
		made, err := s.RotateKey(ctx, args[0], overlap)
		if err != nil {
			return err
		}
		return m.print(ctx, s, made)
	})
	m.flag(cmd.Flags())
	cmd.Flags().DurationVar(&overlap, "overlap", 0, "how long the secret before is still accepted, 720h at most")
	return cmd
}

func (a *app) keysRevokeCommand() *cobra.Command {
	var w waiting
	cmd := a.command("revoke KEY", "End an API key for good", "Ends an API key for good, and what is bound to it.\n\n  tollgate keys revoke key_1 --wait 5s", exactly("KEY"), func(ctx context.Context, s session, args []string) error {
		k := &client.Key{ID: strings.TrimPrefix(args[0], "key:")}
		var err error
		if w.most > 0 { // the receipt is asked for by its account
			if k, err = s.Key(ctx, args[0]); err != nil {
				return err
			}
		}
		revision, err := s.RevokeKey(ctx, args[0])
		switch {
		case err != nil:
			return err
		case s.json:
			err = s.printJSON(map[string]string{"revision": revision})
		default:
			s.printf("%s is revoked\n", safe(k.ID))
		}
		return errors.Join(err, w.receipt(ctx, s, k.Account, revision))
	})
	w.flag(cmd.Flags())
	return cmd
}

func (a *app) keysLeakCommand() *cobra.Command {
	var server, file string
	cmd := &cobra.Command{Use: "leak", Short: "Report an API key that was found", Long: keysLeakHelp, Args: noSecret, DisableFlagsInUseLine: true}
	cmd.Flags().StringVar(&server, "server", defaultServer, "URL of the server")
	cmd.Flags().StringVar(&file, "file", "", "file with the secret that was found; by default it is read from stdin")
	cmd.Flags().BoolVar(&a.json, "json", false, "answer in JSON, for programs")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		found, err := a.found(file)
		if err != nil {
			return err
		}
		c, err := client.New(server, "", client.WithUserAgent("tollgate/"+version().Version))
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.ReportLeak(cmd.Context(), found); err != nil {
			return err
		}
		s := session{a, c}
		if s.json {
			return s.printJSON(map[string]string{"status": "ok"})
		}
		s.printf("if there is such a key, it is disabled\n")
		return nil
	}
	return cmd
}

// noSecret refuses arguments, and does not repeat them: they may be the secret.
func noSecret(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return errors.New("the secret is no argument, since those can be read in the list of processes: give it on stdin, or name a file with --file")
	}
	return nil
}

// found reads a secret from a file or from stdin.
func (a *app) found(file string) (string, error) {
	if file != "" {
		return a.secret(file, "")
	}
	text, err := io.ReadAll(io.LimitReader(a.in, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("stdin: %w", err)
	}
	key := strings.TrimSpace(string(text))
	if key == "" || len(text) > maxSecret {
		return "", errors.New("stdin holds no key: it must have the key in it, and nothing else")
	}
	return key, nil
}

// printKey prints a key in a line.
func (s session) printKey(k *client.Key) {
	text := fmt.Sprintf("%s of %s", k.ID, k.Parent)
	if k.Service != "" {
		text += ", for " + k.Service
	}
	if k.Sponsor != "" {
		text += ", sponsored by " + k.Sponsor
	}
	if k.DisplayName != "" {
		text += fmt.Sprintf(", %q", k.DisplayName)
	}
	if k.ExpiresAt != nil {
		text += ", ends " + k.ExpiresAt.UTC().Format(time.RFC3339)
	}
	if k.LastUsedAt != nil {
		text += ", last used " + k.LastUsedAt.UTC().Format(time.RFC3339)
	}
	if len(k.Sources) > 0 {
		text += ", from " + strings.Join(k.Sources, ", ")
	}
	s.printf("%s: %s\n", safe(text), stateOfKey(k))
}

func stateOfKey(k *client.Key) string {
	switch {
	case k.Leaked:
		return "disabled, since it leaked; rotate it"
	case k.Disabled:
		return "disabled"
	}
	return "enabled"
}
