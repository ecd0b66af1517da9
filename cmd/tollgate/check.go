package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tollgate-dev/tollgate/client"
)

const checkHelp = `Asks whether a subject may do something to a resource, and who pays.

  tollgate check user:ann number.update number:+4670123
  tollgate check --file questions.jsonl

A file holds one question a line, with the answer that is expected:

  {"subject":"user:ann","permission":"number.read","resource":"number:+4670123","allowed":true}

A line may also name account, parent and require_billing. What is not as
expected is printed with the number of its line and the reason.

Exits with 0 if it is allowed, or all lines are as expected; 1 if not; 2 if
there is no answer.`

// questionFlags are the parts of a question that are not arguments.
func questionFlags(flags *pflag.FlagSet, q *client.Question) {
	flags.StringVar(&q.Account, "account", "", "account of the resource, if you know it")
	flags.StringVar(&q.Parent, "parent", "", "project or subproject that holds a resource which is not registered")
	flags.StringVar(&q.AtLeast, "at-least", "", "revision that the answer must not be older than")
	flags.StringVar((*string)(&q.Freshness), "freshness", "", "fast, the default: from the server's memory; full: the server asks its store first")
	flags.BoolVar(&q.RequireBilling, "require-billing", false, "deny what nobody pays for")
}

func (a *app) checkCommand() *cobra.Command {
	var q client.Question
	var file string
	var cmd *cobra.Command
	cmd = a.command("check {SUBJECT PERMISSION RESOURCE | --file FILE}", "Ask whether a subject may do something, and who pays", checkHelp, nil,
		func(ctx context.Context, s session, args []string) error {
			if file != "" {
				if len(args) > 0 {
					return errors.New("with --file the questions are in the file: leave the arguments out")
				}
				return s.checkFile(ctx, file)
			}
			if err := exactly("SUBJECT", "PERMISSION", "RESOURCE")(cmd, args); err != nil {
				return err
			}
			q.Subject, q.Permission, q.Resource = args[0], args[1], args[2]
			return s.checkOne(ctx, q)
		})
	questionFlags(cmd.Flags(), &q)
	cmd.Flags().StringVar(&file, "file", "", "file of questions with their expected answers, as JSON lines; - for stdin")
	return cmd
}

func (s session) checkOne(ctx context.Context, q client.Question) error {
	answer, err := s.Check(ctx, q)
	if err != nil {
		return err
	}
	if s.json {
		err = s.printJSON(answer)
	} else {
		s.printAnswer(q, answer)
	}
	if err == nil && !answer.Allowed {
		return errNo
	}
	return err
}

func (s session) printAnswer(q client.Question, answer *client.Answer) {
	s.printf("%s\n", s.headline(q, answer))
	s.printf("  reason  %s\n", safe(reasonOf(answer)))
	s.printf("  payer   %s\n", safe(payerOf(answer.Billing)))
	s.printStale(answer.Stale)
}

const staleText = "the server cannot reach its store, and answers from memory that may be out of date"

// printStale says that an answer may be older than answers are, if it is.
func (s session) printStale(stale bool) {
	if stale {
		s.printf("  stale   %s\n", staleText)
	}
}

// headline is the answer in a line.
func (s session) headline(q client.Question, answer *client.Answer) string {
	p := s.outPaint()
	word, may := p.red("denied "), "may not"
	if answer.Allowed {
		word, may = p.green("allowed"), "may"
	}
	return fmt.Sprintf("%s %s", word, safe(fmt.Sprintf(" %s %s %s on %s", q.Subject, may, q.Permission, q.Resource)))
}

// reasonOf is why, in a line.
func reasonOf(answer *client.Answer) string {
	r := answer.Reason
	text := r.Code
	if r.Detail != "" {
		text += ": " + r.Detail
	}
	if r.Code == "ALLOWED" || r.Code == "DENIED_BY_BINDING" {
		text += ": " + causeOf(r.Cause)
	}
	return text
}

// causeOf is a binding, in words.
func causeOf(c client.Cause) string {
	text := fmt.Sprintf("%s on %s, bound to %s", c.Role, c.Scope, c.Subject)
	if len(c.Groups) > 1 {
		text += ", reached by " + strings.Join(prefixed("group:", c.Groups), " → ")
	}
	return text
}

func prefixed(typ string, ids []string) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = typ + strings.TrimPrefix(id, typ)
	}
	return out
}

// payerOf is who pays, in words.
func payerOf(b client.Billing) string {
	if !b.Billed() {
		return "nobody: " + b.Reason
	}
	text := "billing_account:" + strings.TrimPrefix(b.BillingAccount, "billing_account:")
	if b.Project != "" {
		text += ", through project:" + strings.TrimPrefix(b.Project, "project:")
	}
	if b.Suspended {
		text += " (suspended)"
	}
	return text
}
