package main

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/tollgate-dev/tollgate/client"
)

// progress shows on stderr how far an import is: on a terminal in one line
// that changes, elsewhere in a line for each account.
type progress struct {
	*app
	of, at int
}

func (a *app) newProgress(of int) *progress { return &progress{app: a, of: of} }

func (p *progress) live() bool { return p.errTerminal && !p.json }

const clearLine = "\r\x1b[K"

func (p *progress) begin(account string) {
	p.at++
	if p.live() {
		_, _ = fmt.Fprintf(p.err, "%simporting %d of %d: %.60s", clearLine, p.at, p.of, safe(account))
	}
}

func (p *progress) done(done *client.Imported) {
	if !p.live() && !p.json {
		_, _ = fmt.Fprintf(p.err, "%s: %s\n", safe(done.Account), summary(done))
	}
}

func (p *progress) failed(account string, err error) {
	p.end()
	if !p.json {
		_, _ = fmt.Fprintf(p.err, "%s %s: not imported: %s\n", p.errPaint().red("tollgate:"), safe(account), safe(err.Error()))
	}
}

func (p *progress) end() {
	if p.live() {
		_, _ = fmt.Fprint(p.err, clearLine)
	}
}

// summary is what an import did to one account.
func summary(done *client.Imported) string {
	if !done.Changed {
		return "nothing to change"
	}
	return fmt.Sprintf("%d created, %d updated, %d unchanged", sum(done.Created), sum(done.Updated), done.Unchanged)
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// kinds are the kinds of record, in the order in which people think of them.
var kinds = []string{"account", "billing_account", "project", "link", "subproject", "resource", "role", "group", "member", "binding"}

// printIntake prints what was created and updated, by kind.
func (s session) printIntake(in *intake) {
	did := "created"
	if in.DryRun {
		did = "would create"
	}
	if in.Changed {
		rows := [][]string{{"kind", did, "updated"}}
		for _, kind := range in.kinds() {
			rows = append(rows, []string{kind, strconv.Itoa(in.Created[kind]), strconv.Itoa(in.Updated[kind])})
		}
		rows = append(rows, []string{"all", strconv.Itoa(sum(in.Created)), strconv.Itoa(sum(in.Updated))})
		table(s.out, s.outPaint(), rows)
	}
	for _, done := range in.Accounts {
		if done.OperatorManaged {
			s.printf("account:%s has no owner, so the operators administer it; give it one with --owner\n", safe(done.Account))
		}
	}
	what := counted(len(in.Accounts), "account")
	if len(in.Failed) > 0 {
		what += fmt.Sprintf(" of %d", len(in.Accounts)+len(in.Failed))
	}
	switch {
	case len(in.Accounts) == 0:
		s.printf("nothing was imported\n")
	case !in.Changed:
		s.printf("%s: nothing to change; %s so already\n", what, were(in.Unchanged))
	case in.DryRun:
		s.printf("%s: nothing was written (dry run); %s so already\n", what, were(in.Unchanged))
	case in.Unchanged == 0:
		s.printf("%s imported\n", what)
	default:
		s.printf("%s imported; %s so already\n", what, were(in.Unchanged))
	}
}

func were(n int) string {
	if n == 1 {
		return "1 record was"
	}
	return counted(n, "record") + " were"
}

// kinds are the kinds of record that changed: the known ones first.
func (in *intake) kinds() []string {
	var changed []string
	for _, kind := range kinds {
		if in.Created[kind]+in.Updated[kind] > 0 {
			changed = append(changed, kind)
		}
	}
	var others []string
	for _, counts := range []map[string]int{in.Created, in.Updated} {
		for kind := range counts {
			if !slices.Contains(kinds, kind) && !slices.Contains(others, kind) {
				others = append(others, kind)
			}
		}
	}
	slices.Sort(others)
	return append(changed, others...)
}
