package main

import (
	"context"
	"time"

	"github.com/spf13/pflag"
)

// waiting is how long a command waits for the receipt of its write.
type waiting struct{ most time.Duration }

func (w *waiting) flag(flags *pflag.FlagSet) {
	flags.DurationVar(&w.most, "wait", 0, "wait until every server answers from this write, for so long at most, and say which do, such as 5s")
}

// receipt prints which servers answer from a write, if that was asked for. It
// is a no if not all do.
func (w *waiting) receipt(ctx context.Context, s session, account, revision string) error {
	if w.most == 0 || revision == "" {
		return nil
	}
	r, err := s.Receipt(ctx, account, revision, w.most)
	if err != nil {
		return err
	}
	if s.json {
		err = s.printJSON(r)
	}
	for _, server := range r.Servers {
		if state := "confirmed"; !s.json {
			if !server.Confirmed {
				state = "silent, or could not tell"
			}
			if server.Differs {
				state += "; decides by another model, predefined roles or unregistered types than the server that was asked"
			}
			s.printf("  %s %s: %s\n", safe(server.ID), safe(server.Name), state)
		}
	}
	if err == nil && !r.Confirmed {
		return errNo
	}
	return err
}
