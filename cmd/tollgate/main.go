// Tollgate is one program: the server, and the command line that talks to it.
// It wires the other packages together and decides nothing.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/mattn/go-isatty"
)

func main() { os.Exit(start()) }

// byThe is why the program is to stop: a signal.
type byThe struct{ os.Signal }

func (b byThe) Error() string { return "stopped by the signal: " + b.String() }

// start runs the program with what the process was given. The first signal
// asks it to stop; a second one stops it at once.
func start() int {
	ctx, stop := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		by := <-signals
		signal.Stop(signals)
		stop(byThe{by})
	}()
	return run(ctx, os.Args[1:], streams{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv,
		outTerminal: isatty.IsTerminal(os.Stdout.Fd()), errTerminal: isatty.IsTerminal(os.Stderr.Fd()),
	})
}
