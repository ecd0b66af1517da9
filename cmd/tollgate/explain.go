package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollgate-dev/tollgate/client"
)

const explainHelp = `Asks what check asks, and prints why the answer is what it is: for an allow the
binding, its role and scope, and the groups through which the subject has it;
for a denial everything that stands in the way, what came nearest to allowing
it, and what to ask for. Casbin decides the same question again.

Exits as check does.`

func (a *app) explainCommand() *cobra.Command {
	var q client.Question
	cmd := a.command("explain SUBJECT PERMISSION RESOURCE", "Ask the same as check, and why", explainHelp, exactly("SUBJECT", "PERMISSION", "RESOURCE"),
		func(ctx context.Context, s session, args []string) error {
			q.Subject, q.Permission, q.Resource = args[0], args[1], args[2]
			answer, err := s.Explain(ctx, q)
			if err != nil {
				return err
			}
			if s.json {
				err = s.printJSON(answer)
			} else {
				s.printf("%s\n", s.headline(q, answer))
				explanation(q, answer).show(s, "")
			}
			if err == nil && !answer.Allowed {
				return errNo
			}
			return err
		})
	questionFlags(cmd.Flags(), &q)
	return cmd
}

// branch is a line of the tree, and what stands under it.
type branch struct {
	text string
	twig []branch
}

func (b *branch) add(format string, args ...any) *branch {
	b.twig = append(b.twig, branch{text: fmt.Sprintf(format, args...)})
	return &b.twig[len(b.twig)-1]
}

func (b *branch) show(s session, indent string) {
	for i := range b.twig {
		fork, below := "├─ ", "│  "
		if i == len(b.twig)-1 {
			fork, below = "└─ ", "   "
		}
		s.printf("%s%s\n", s.outPaint().faint(indent+fork), safe(b.twig[i].text))
		b.twig[i].show(s, indent+below)
	}
}

// explanation is an answer as a tree.
func explanation(q client.Question, answer *client.Answer) *branch {
	tree := &branch{}
	if len(answer.Path) > 0 {
		tree.add("path: %s", strings.Join(answer.Path, " → "))
	}
	x := answer.Explanation
	if x == nil {
		x = &client.Explanation{}
	}
	if x.Allow != nil {
		chain(tree.add("allowed by %s", x.Allow.Binding), q.Subject, *x.Allow)
	}
	for _, o := range x.Obstacles {
		obstacle(tree, q.Subject, o)
	}
	if m := x.NearestMiss; m != nil {
		miss := tree.add("nearest miss, %s: %s", m.Kind, m.Detail)
		chain(miss, q.Subject, m.Cause)
		window(miss, m)
	}
	tree.add("payer: %s", payerOf(answer.Billing))
	if answer.Stale {
		tree.add("stale: %s", staleText)
	}
	if x.Casbin != nil {
		tree.add("%s", casbinSays(answer, x.Casbin))
	}
	if answer.Revision != "" {
		tree.add("revision: %s", answer.Revision)
	}
	return tree
}

// chain says how the subject comes to a role.
func chain(under *branch, subject string, c client.Cause) {
	if c.Role == "" {
		return
	}
	under.add("role %s on %s", c.Role, c.Scope)
	if len(c.Groups) == 0 {
		under.add("bound to %s itself", c.Subject)
		return
	}
	under.add("bound to %s: %s", c.Subject, strings.Join(append([]string{subject}, prefixed("group:", c.Groups)...), " → "))
}

func obstacle(tree *branch, subject string, o client.Obstacle) {
	text := "in the way, " + o.Code
	if o.Detail != "" {
		text += ": " + o.Detail
	}
	b := tree.add("%s", text)
	if o.Binding != "" {
		b.add("binding %s", o.Binding)
	}
	chain(b, subject, o.Cause)
}

func window(under *branch, m *client.Miss) {
	if m.NotBefore != nil {
		under.add("not before %s", m.NotBefore.Format(time.RFC3339Nano))
	}
	if m.ExpiresAt != nil {
		under.add("until %s", m.ExpiresAt.Format(time.RFC3339Nano))
	}
}

func casbinSays(answer *client.Answer, v *client.CasbinVerdict) string {
	text := "Casbin says: denied"
	if v.Allowed {
		text = "Casbin says: allowed"
	}
	if len(v.Rule) > 0 {
		text += ", by p, " + strings.Join(v.Rule, ", ")
	} else {
		text += ", by no rule"
	}
	if v.Allowed != answer.Allowed && answer.Reason.Code != "EVALUATOR_MISMATCH" {
		text += " (it is asked about bindings only)"
	}
	return text
}
