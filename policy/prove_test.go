package policy

import (
	"slices"
	"strings"
	"testing"
)

// The proof can fail: each of these evaluators is wrong in one way, and is
// caught under the model that is shipped.
func TestTheProofCatchesABrokenEvaluator(t *testing.T) {
	right := evaluatorOf(Meaning{})
	tests := map[string]evaluator{
		"ignores the type":    evaluatorOf(Meaning{IgnoreType: true}),
		"ignores the action":  evaluatorOf(Meaning{IgnoreAction: true}),
		"ignores deny":        evaluatorOf(Meaning{IgnoreDeny: true}),
		"denies everything":   {right.holds, func(bool, bool) bool { return false }},
		"allows by silence":   {right.holds, func(_, deny bool) bool { return !deny }},
		"allows everything":   {right.holds, func(bool, bool) bool { return true }},
		"roles hold nothing":  {func([]string, Permission) bool { return false }, right.decide},
		"knows no wildcards":  {func(p []string, x Permission) bool { return slices.Contains(p, x.String()) }, right.decide},
		"forgets *.*":         {without("*.*"), right.decide},
		"forgets type.*":      {without("number.*"), right.decide},
		"forgets *.action":    {without("*.read"), right.decide},
		"forgets exact":       {without("number.read"), right.decide},
		"splits at first dot": {splitsAtFirstDot, right.decide},
		"matches beginnings":  {matchesBeginnings, right.decide},
		"reads eight patterns": {func(p []string, x Permission) bool {
			return right.holds(p[:min(len(p), few)], x)
		}, right.decide},
	}
	for name, broken := range tests {
		j, err := newJudge(shipped(t), func(Meaning) evaluator { return broken })
		if j != nil || err == nil || !strings.Contains(err.Error(), "not equal to Casbin") {
			t.Errorf("an evaluator that %s was proved: %v", name, err)
		}
	}
}

func without(pattern string) func([]string, Permission) bool {
	return func(patterns []string, p Permission) bool {
		rest := slices.DeleteFunc(slices.Clone(patterns), func(s string) bool { return s == pattern })
		return Meaning{}.Compile(rest).Holds(ptr(p.Probe()))
	}
}

func splitsAtFirstDot(patterns []string, p Permission) bool {
	return slices.ContainsFunc(patterns, func(s string) bool {
		typ, action, _ := strings.Cut(s, ".")
		return (typ == Any || typ == p.Type) && (action == Any || action == p.Action)
	})
}

func matchesBeginnings(patterns []string, p Permission) bool {
	return slices.ContainsFunc(patterns, func(s string) bool {
		pattern := permission(s)
		return strings.HasPrefix(p.Type, strings.Trim(pattern.Type, Any)) && strings.HasPrefix(p.Action, strings.Trim(pattern.Action, Any))
	})
}

// The proof does not lean on recognition: models that recognition refuses are
// caught by it too, whichever condition they lack.
func TestTheProofCatchesAlteredModelsByItself(t *testing.T) {
	tests := map[string]string{
		"without the deny half":   altered(t, denyHalf, ""),
		"ignoring the action":     altered(t, actionClause, ""),
		"ignoring the type":       altered(t, typeClause, ""),
		"dropping r.sub != p.sub": altered(t, notNamedLikeARole, ""),
		"dropping g2":             altered(t, below, ""),
		"equal nodes":             altered(t, below, "r.dom == p.dom && "),
		"g2 upside down":          altered(t, below, "g2(p.dom, r.dom) && "),
		"dropping g":              altered(t, holdsRole, ""),
		"g without domain":        altered(t, "g = _, _, _", "g = _, _", holdsRole, " && g(r.sub, p.sub)"),
		"g in the node's domain":  altered(t, holdsRole, " && g(r.sub, p.sub, r.dom)"),
		"keyMatch":                altered(t, actionClause, "keyMatch(r.act, p.act) && "),
		"no wildcard":             altered(t, actionClause, "p.act == r.act && "),
		"|| for &&":               altered(t, holdsRole, " || g(r.sub, p.sub, p.dom)"),
		"a root user like ours":   altered(t, "p.dom)\n", "p.dom) || r.sub == \"user:unbound\"\n"),
		"priority effect":         altered(t, effectLine, "priority(p.eft) || deny"),
		"deny-override effect":    altered(t, effectLine, "!some(where (p.eft == deny))"),
		"unsupported effect":      altered(t, effectLine, "some(where (p.eft == maybe))"),
		"three fields":            altered(t, "r = sub, dom, obj, act", "r = sub, dom, act"),
		"empty":                   "",
	}
	for name, model := range tests {
		if err := prove(model, Meaning{}, evaluatorOf(Meaning{})); err == nil {
			t.Errorf("a model %s was proved to have the shipped meaning", name)
		}
	}
}

// Each probe is needed: under the shipped model it is denied, and under a
// model that lacks its condition at least one probe is what notices.
func TestProbesNoticeTheirCondition(t *testing.T) {
	if err := probeAll(shipped(t), Meaning{}); err != nil {
		t.Error(err)
	}
	for model, about := range map[string]string{
		altered(t, notNamedLikeARole, ""): "named like a role",
		altered(t, below, ""):             "not below its scope",
		altered(t, holdsRole, ""):         "without a binding",
		altered(t, "g = _, _, _", "g = _, _", holdsRole, " && g(r.sub, p.sub)"): "in another scope",
		altered(t, typeClause, "keyMatch(r.obj, p.obj) && "):                    "the beginning of a type",
		altered(t, actionClause, "keyMatch(r.act, p.act) && "):                  "the beginning of an action",
		altered(t, "p.dom)\n", "p.dom) || r.sub == \"user:unbound\"\n"):         "without a binding",
	} {
		if err := probeAll(model, Meaning{}); err == nil || !strings.Contains(err.Error(), about) {
			t.Errorf("a probe should have said %q, and said %v", about, err)
		}
	}
}

// The nesting that writes allow is within what Casbin follows, with room.
func TestCasbinFollowsTheDeepestNesting(t *testing.T) {
	w, questions := nestedGroups()
	allowed := 0
	for _, q := range questions {
		if w.decide(evaluatorOf(Meaning{}), 0, q) {
			allowed++
		}
	}
	if allowed == 0 || allowed == len(questions) {
		t.Errorf("%d of %d questions about nested groups are allowed: they show nothing", allowed, len(questions))
	}
	deepest := question{user("allow0"), proofResource, permission("number.read")}
	if ok, rule, err := judgeOf(t).Decide(w.facts(), 0, deepest.subject, deepest.node, deepest.permission); !ok || err != nil {
		t.Errorf("a member of the innermost of %d groups: %t by %q, %v", MaxGroupNesting, ok, rule, err)
	}
}

func BenchmarkNewJudge(b *testing.B) {
	text := shipped(b)
	for b.Loop() {
		if _, err := NewJudge(text); err != nil {
			b.Fatal(err)
		}
	}
}
