package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// streams are what the program reads from and writes to; tests bring their
// own.
type streams struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) string

	outTerminal, errTerminal bool
}

// app is the program with its streams.
type app struct {
	streams
	json bool // answers and errors are for programs
}

// The exit codes.
const (
	exitYes   = 0 // done; allowed; as expected
	exitNo    = 1 // the answer is no: denied, not as expected, not all imported
	exitError = 2 // there is no answer
)

// errNo is what a command returns that has printed a no.
var errNo = errors.New("no")

// run is the program without the process around it. It returns the exit code.
func run(ctx context.Context, args []string, s streams) int {
	a := &app{streams: s}
	root := a.root() //nolint:contextcheck // each command gets ctx from cobra
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	switch err := root.ExecuteContext(ctx); {
	case err == nil:
		return exitYes
	case errors.Is(err, errNo):
		return exitNo
	default:
		a.complain(err)
		return exitError
	}
}

const rootHelp = `Tollgate answers two questions in one call, for any resource of any customer:
may this subject do this, and which billing account pays.

  tollgate serve              start a server; without --redis it keeps all in memory
  export TOLLGATE_KEY=…       the operator's key, as the server printed it
  tollgate import FILE        bring accounts to what a file says
  tollgate check user:ann number.update number:+4670123

Every flag can be given in the environment as well, as TOLLGATE_ and the flag's
name in upper case with underscores; a flag beats the environment.

Commands exit with 0 for yes (done, allowed, as expected), 1 for no (denied, not
as expected, not all imported) and 2 for an error.`

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "tollgate",
		Short:         "Who may pass, and who pays",
		Long:          rootHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return fromEnvironment(cmd.Flags(), a.env)
		},
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see: %s --help", err, cmd.CommandPath())
	})
	root.AddCommand(
		a.serveCommand(), a.sidecarCommand(), a.versionCommand(),
		a.checkCommand(), a.explainCommand(), a.billingOwnerCommand(),
		a.importCommand(), a.exportCommand(), a.casbinCommand(),
		a.signUpCommand(), a.bindCommand(), a.keysCommand(), a.logCommand(), a.rolesCommand(), a.routesCommand(),
	)
	root.AddCommand(a.lifecycleCommands()...)
	for _, cmd := range root.Commands() {
		nameVariables(cmd.Flags())
		for _, sub := range cmd.Commands() {
			nameVariables(sub.Flags())
		}
	}
	return root
}

// exactly wants as many arguments as there are names.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		return fmt.Errorf("%s takes %d arguments, not %d: %s", cmd.CommandPath(), len(names), len(args), cmd.UseLine())
	}
}
