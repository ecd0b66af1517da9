package policy

import (
	"strings"
	"testing"
)

const (
	notNamedLikeARole = `r.sub != p.sub && `
	typeClause        = `(p.obj == "*" || p.obj == r.obj) && `
	actionClause      = `(p.act == "*" || p.act == r.act) && `
	below             = `g2(r.dom, p.dom) && `
	holdsRole         = ` && g(r.sub, p.sub, p.dom)`
	denyHalf          = ` && !some(where (p.eft == deny))`
	effectLine        = `some(where (p.eft == allow)) && !some(where (p.eft == deny))`
)

// altered is the shipped model with each old text replaced by the new one
// after it.
func altered(t *testing.T, oldNew ...string) string {
	t.Helper()
	text := shipped(t)
	for i := 0; i < len(oldNew); i += 2 {
		if !strings.Contains(text, oldNew[i]) {
			t.Fatalf("the shipped model does not have %q", oldNew[i])
		}
		text = strings.ReplaceAll(text, oldNew[i], oldNew[i+1])
	}
	return text
}

// A changed model is followed, or refused with an error that names what is
// wrong. It never keeps the old meaning in silence.
func TestAlteredModels(t *testing.T) {
	matcher := shipped(t)[strings.Index(shipped(t), "m = "):]
	tests := []struct {
		name    string
		model   string
		want    Meaning
		refused string // a part of the error, if it is refused
	}{
		{"as shipped", shipped(t), Meaning{}, ""},
		{"without the deny half", altered(t, denyHalf, ""), Meaning{IgnoreDeny: true}, ""},
		{"ignoring the action", altered(t, actionClause, ""), Meaning{IgnoreAction: true}, ""},
		{"ignoring the type", altered(t, typeClause, ""), Meaning{IgnoreType: true}, ""},
		{"ignoring all three", altered(t, denyHalf, "", typeClause, "", actionClause, ""), Meaning{true, true, true}, ""},
		{"Windows line endings", altered(t, "\n", "\r\n"), Meaning{}, ""},
		{"comments", altered(t, "p.dom)\n", "p.dom) # holds here\n", "[matchers]", "; of rules\n\n[matchers]"), Meaning{}, ""},
		{"another layout", altered(t, matcher,
			"m=g( r.sub ,p.sub,  p.dom)&&((('*'==p.obj)||r.obj==p.obj))&& \\\n (r.act == p.act || p.act == \"*\") && \\\n (g2(r.dom,p.dom) && p.sub != r.sub)\n"), Meaning{}, ""},
		{"a condition twice", altered(t, holdsRole, holdsRole+holdsRole), Meaning{}, ""},

		{"dropping r.sub != p.sub", altered(t, notNamedLikeARole, ""), Meaning{}, "lacks the condition r.sub != p.sub"},
		{"dropping g2", altered(t, below, ""), Meaning{}, "lacks the condition g2(r.dom, p.dom)"},
		{"dropping g", altered(t, holdsRole, ""), Meaning{}, "lacks the condition g(r.sub, p.sub, p.dom)"},
		{"g without domain", altered(t, "g = _, _, _", "g = _, _", holdsRole, " && g(r.sub, p.sub)"), Meaning{}, `must say "g = _, _, _"`},
		{"g called without domain", altered(t, holdsRole, " && g(r.sub, p.sub)"), Meaning{}, "does not know: g(r.sub, p.sub)"},
		{"g in the node's domain", altered(t, holdsRole, " && g(r.sub, p.sub, r.dom)"), Meaning{}, "g(r.sub, p.sub, r.dom)"},
		{"g2 upside down", altered(t, below, "g2(p.dom, r.dom) && "), Meaning{}, "g2(p.dom, r.dom)"},
		{"equal nodes", altered(t, below, "r.dom == p.dom && "), Meaning{}, "p.dom == r.dom"},
		{"keyMatch of the action", altered(t, actionClause, "keyMatch(r.act, p.act) && "), Meaning{}, "keyMatch(r.act, p.act)"},
		{"keyMatch of the node", altered(t, below, below+"keyMatch(r.dom, p.dom) && "), Meaning{}, "keyMatch(r.dom, p.dom)"},
		{"no wildcard", altered(t, actionClause, "p.act == r.act && "), Meaning{}, "p.act == r.act"},
		{"|| for &&", altered(t, holdsRole, " || g(r.sub, p.sub, p.dom)"), Meaning{}, "lacks the condition"},
		{"|| for && inside", altered(t, actionClause, `(p.act == "*" && p.act == r.act) && `), Meaning{}, "does not know"},
		{"a root user", altered(t, "p.dom)\n", "p.dom) || r.sub == \"user:root\"\n"), Meaning{}, `"user:root" == r.sub`},
		{"a root user inside", altered(t, actionClause, `(p.act == "*" || p.act == r.act || r.sub == "user:root") && `), Meaning{}, `"user:root" == r.sub`},
		{"a never", altered(t, holdsRole, holdsRole+` && r.act != "read"`), Meaning{}, `"read" != r.act`},
		{"eval", altered(t, holdsRole, holdsRole+` && eval(p.obj)`), Meaning{}, "eval(p.obj)"},
		{"a number", altered(t, holdsRole, holdsRole+` && 1 == 1`), Meaning{}, `not understood from "1 == 1"`},
		{"a negation", altered(t, notNamedLikeARole, "!(r.sub == p.sub) && "), Meaning{}, "not understood from"},
		{"an attribute", altered(t, notNamedLikeARole, notNamedLikeARole+"r.sub.Age == p.sub && "), Meaning{}, "not understood from"},
		{"a list", altered(t, holdsRole, holdsRole+` && r.act in ("read", "list")`), Meaning{}, "not understood from"},
		{"an open parenthesis", altered(t, "p.dom)\n", "p.dom\n"), Meaning{}, "not understood"},
		{"a dangling &&", altered(t, "p.dom)\n", "p.dom) &&\n"), Meaning{}, "not understood"},

		{"priority effect", altered(t, effectLine, "priority(p.eft) || deny"), Meaning{}, "[policy_effect] is unknown"},
		{"deny-override effect", altered(t, effectLine, "!some(where (p.eft == deny))"), Meaning{}, "[policy_effect] is unknown"},
		{"an effect that Casbin does not know", altered(t, effectLine, "some(where (p.eft == allow))&&!some(where (p.eft == deny))"), Meaning{}, "write exactly"},
		{"a mistyped effect", altered(t, effectLine, "some(where (p.eft == Allow)) && !some(where (p.eft == deny))"), Meaning{}, "[policy_effect] is unknown"},
		{"requests of three fields", altered(t, "r = sub, dom, obj, act", "r = sub, dom, act"), Meaning{}, `must say "r = sub, dom, obj, act", and says "r = sub, dom, act"`},
		{"fields in another order", altered(t, "p = sub, dom, obj, act, eft", "p = sub, dom, act, obj, eft"), Meaning{}, "[policy_definition] must say"},
		{"without eft", altered(t, "p = sub, dom, obj, act, eft", "p = sub, dom, obj, act"), Meaning{}, "[policy_definition] must say"},
		{"priorities", altered(t, "p = sub, dom, obj, act, eft", "p = priority, sub, dom, obj, act, eft"), Meaning{}, "[policy_definition] must say"},
		{"conditional roles", altered(t, "g = _, _, _", "g = _, _, _, (_, _)"), Meaning{}, "[role_definition] must say"},
		{"without g2's definition", altered(t, "g2 = _, _\n", ""), Meaning{}, `lacks "g2 = _, _"`},
		{"another matcher beside", altered(t, "[matchers]", "[matchers]\nm2 = true"), Meaning{}, `"matchers.m2" is not a definition`},
		{"two matchers", altered(t, "[matchers]\n", "[matchers]\nm = true\n"), Meaning{}, "defined twice"},
		{"an unknown section", shipped(t) + "[constraint_definition]\nc = sod(\"a\", \"b\")\n", Meaning{}, `"constraint_definition.c" is not a definition`},
		{"a long line", altered(t, "# What", "# "+strings.Repeat("x", 5000)), Meaning{}, "line 1: is longer"},
		{"no section", "r = sub, dom, obj, act", Meaning{}, `".r" is not a definition`},
		{"garbage", "\x00\xff", Meaning{}, "is not a definition"},
		{"an empty file", "", Meaning{}, "missing required sections"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j, err := NewJudge(tt.model)
			switch {
			case tt.refused == "" && err != nil:
				t.Fatalf("refused, and should be followed: %v", err)
			case tt.refused == "" && (j.Meaning() != tt.want || j.Model() != tt.model):
				t.Errorf("means %+v, and not %+v", j.Meaning(), tt.want)
			case tt.refused != "" && err == nil:
				t.Fatalf("followed as %+v, and should be refused", j.Meaning())
			case tt.refused != "" && !strings.Contains(err.Error(), tt.refused):
				t.Errorf("the error does not say %q:\n%v", tt.refused, err)
			}
		})
	}
}

// Everything that is wrong is said at once.
func TestAModelsFaultsAreNamedTogether(t *testing.T) {
	_, err := NewJudge(altered(t, notNamedLikeARole, "", "g = _, _, _", "g = _, _", effectLine, "priority(p.eft) || deny"))
	for _, part := range []string{"model.conf: ", "r.sub != p.sub", "g = _, _, _", "policy_effect"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not name %s: %v", part, err)
		}
	}
}
