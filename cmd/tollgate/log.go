package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollgate-dev/tollgate/client"
)

const logHelp = `Shows what was changed in an account, when and by whom: the newest change first,
or with --follow the last ones in their order, and then each that comes, until
you stop it with Ctrl-C.

  2026-03-01T09:30:00Z  user:ann  project.link  ~ link prj_1

A record that is new has a +, one that changed a ~, one that is gone a -. With
--json each change is a line of JSON, with the records as they were and as they
then are.`

// logFlags are what tollgate log takes.
type logFlags struct {
	client.LogQuery
	follow bool
	limit  int
}

func (a *app) logCommand() *cobra.Command {
	var f logFlags
	cmd := a.command("log ACCOUNT", "Show what was changed, when and by whom", logHelp, exactly("ACCOUNT"),
		func(ctx context.Context, s session, args []string) error {
			if f.limit < 0 {
				return fmt.Errorf("--limit is how many changes to show, and not %d", f.limit)
			}
			return s.showLog(ctx, args[0], f)
		})
	cmd.Flags().BoolVarP(&f.follow, "follow", "f", false, "go on with each change that comes")
	cmd.Flags().StringVar(&f.Actor, "actor", "", "only what this actor did, such as user:ann or operator")
	cmd.Flags().StringVar(&f.Action, "action", "", "only this action, such as project.link")
	cmd.Flags().IntVar(&f.limit, "limit", 20, "how many changes to begin with; 0 for all that the log has")
	return cmd
}

// recent is what the log has now, newest first, with where to follow from.
type recent struct {
	entries  []client.LogEntry
	revision string
	trimmed  bool
}

// maxPage is the most changes that the server answers at once.
const maxPage = 1000

func (s session) showLog(ctx context.Context, account string, f logFlags) error {
	found, err := s.recent(ctx, account, f)
	if f.follow && ctx.Err() != nil {
		return nil //nolint:nilerr // the user has ended it
	}
	if err != nil {
		return err
	}
	if f.follow {
		slices.Reverse(found.entries)
		if found.trimmed {
			s.sayTrimmed()
		}
	}
	if err := s.printEntries(found.entries); err != nil {
		return err
	}
	if f.follow {
		return s.follow(ctx, account, f.LogQuery, found.revision)
	}
	if found.trimmed {
		s.sayTrimmed()
	}
	return nil
}

// sayTrimmed says on stderr that the log is not whole.
func (s session) sayTrimmed() {
	if !s.json {
		_, _ = fmt.Fprintf(s.err, "%s\n", s.errPaint().faint("older changes are no longer in the log"))
	}
}

func (s session) recent(ctx context.Context, account string, f logFlags) (found recent, err error) {
	q := f.LogQuery
	for {
		q.PageSize = maxPage
		if f.limit > 0 {
			q.PageSize = min(f.limit-len(found.entries), maxPage)
		}
		page, err := s.Log(ctx, account, q)
		if err != nil {
			return found, err
		}
		found.entries = append(found.entries, page.Items...)
		found.trimmed = page.Trimmed
		if q.PageToken == "" {
			found.revision = page.Revision
		}
		if q.PageToken = page.NextPageToken; q.PageToken == "" || (f.limit > 0 && len(found.entries) >= f.limit) {
			return found, nil
		}
	}
}

// idle is how long a follower waits if nothing has come.
const idle = time.Second

// follow shows what comes after a revision, until the context ends.
func (s session) follow(ctx context.Context, account string, q client.LogQuery, after string) error {
	q.PageSize = maxPage
	for tick := time.NewTimer(idle); ; tick.Reset(idle) {
		select {
		case <-ctx.Done():
			tick.Stop()
			return nil
		case <-tick.C:
		}
		for more := true; more; {
			q.After = after
			page, err := s.Log(ctx, account, q)
			if ctx.Err() != nil {
				return nil //nolint:nilerr // the user has ended it
			}
			if err != nil {
				return err
			}
			if err := s.printEntries(page.Items); err != nil {
				return err
			}
			more = page.NextPageToken != "" && page.Revision != after
			after = page.Revision
		}
	}
}

func (s session) printEntries(entries []client.LogEntry) error {
	for i := range entries {
		if s.json {
			if err := s.printJSON(&entries[i]); err != nil {
				return err
			}
			continue
		}
		s.printf("%s\n", s.lineOf(&entries[i]))
	}
	return nil
}

// lineOf is a change in a line.
func (s session) lineOf(e *client.LogEntry) string {
	p := s.outPaint()
	who := e.Actor
	if e.Caller != e.Actor {
		who += " (by " + e.Caller + ")"
	}
	return fmt.Sprintf("%s  %s  %s  %s", p.faint(e.At.Format(time.RFC3339Nano)), safe(who), p.bold(safe(e.Action)), safe(recordsOf(e.Changes)))
}

// recordsOf names the records of a change, the first few of many.
func recordsOf(records []client.LogRecord) string {
	const most = 6
	var names []string
	for i, r := range records {
		if i == most && len(records) > most+1 {
			names = append(names, fmt.Sprintf("and %d more", len(records)-most))
			break
		}
		names = append(names, markOf(&r)+" "+r.Kind+" "+r.ID)
	}
	return strings.Join(names, ", ")
}

func markOf(r *client.LogRecord) string {
	switch {
	case r.Withheld:
		return "?"
	case r.Before == nil:
		return "+"
	case r.After == nil:
		return "-"
	}
	return "~"
}
