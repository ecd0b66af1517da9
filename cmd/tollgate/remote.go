package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tollgate-dev/tollgate/client"
)

// remote are the flags of the commands that talk to a server.
type remote struct {
	server, keyFile, actor string
}

const defaultServer = "http://127.0.0.1:8080"

func (a *app) remoteFlags(flags *pflag.FlagSet, r *remote) {
	flags.StringVar(&r.server, "server", defaultServer, "URL of the server")
	flags.StringVar(&r.keyFile, "key-file", "", "file with the key to show there; by default the key is $TOLLGATE_KEY")
	flags.StringVar(&r.actor, "as", "", "user or service to act for, such as user:ann: what is done then needs its rights too")
	flags.BoolVar(&a.json, "json", false, "answer in JSON, for programs")
}

// session is one command's talk with a server.
type session struct {
	*app
	*client.Client
}

// command makes a command that talks to a server.
func (a *app) command(use, short, long string, args cobra.PositionalArgs, talk func(context.Context, session, []string) error) *cobra.Command {
	var r remote
	cmd := &cobra.Command{Use: use, Short: short, Long: long, Args: args, DisableFlagsInUseLine: true}
	a.remoteFlags(cmd.Flags(), &r)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if r.actor == "" && cmd.Flags().Changed("as") {
			return errors.New("--as is empty: it names a user or a service to act for; without it the platform's operator acts")
		}
		c, err := a.dial(r)
		if err != nil {
			return err
		}
		defer c.Close()
		return talk(cmd.Context(), session{a, c}, args)
	}
	return cmd
}

func (a *app) dial(r remote) (*client.Client, error) {
	key, err := a.secret(r.keyFile, "TOLLGATE_KEY")
	if err != nil {
		return nil, err
	}
	if key == "" {
		return nil, errors.New("there is no key: export TOLLGATE_KEY=…, as the server printed it or was given it, or name a file with --key-file")
	}
	return client.New(r.server, key, client.WithUserAgent("tollgate/"+version().Version), client.WithActor(r.actor))
}

// maxSecret is the most that a file with a key may hold.
const maxSecret = 4096

// secret reads a key from a file, or if none is named from the environment.
// Keys are never flags: those can be read in the list of processes.
func (a *app) secret(file, name string) (string, error) {
	if file == "" {
		return strings.TrimSpace(a.env(name)), nil
	}
	f, err := os.Open(file) //nolint:gosec // the user names it
	if err != nil {
		return "", fmt.Errorf("the file with the key: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("the file with the key: %w", err)
	}
	key := strings.TrimSpace(string(text))
	if key == "" || len(text) > maxSecret {
		return "", fmt.Errorf("%s holds no key: it must have the key in it, and nothing else", file)
	}
	return key, nil
}
