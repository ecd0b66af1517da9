package policy

import (
	"bytes"
	"log"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

func TestTheJudgeNamesTheRule(t *testing.T) {
	j, w := judgeOf(t), example()
	tests := []struct {
		subject, node, permission string
		allowed                   bool
		rule                      string
	}{
		{"user:root", "account:acme", "account.close", true, "role:owner account:acme * * allow"},
		{"user:ann", "project:web", "number.update", true, "role:editor project:web number * allow"},
		{"user:ann", "subproject:client-1", "compute.instances.get", true, "role:editor project:web compute.instances get allow"},
		{"user:ann", "project:app", "number.update", false, ""},
		{"user:bob", "number:+49 30 1234", "number.read", true, "role:editor subproject:client-1 * read allow"},
		{"user:bob", "project:app", "number.read", true, "role:viewer account:acme * read allow"},
		{"user:eve", "project:web", "number.read", true, "role:viewer account:acme * read allow"},
		{"user:eve", "project:app", "number.read", false, "deny:viewer project:app * read deny"},
		{"user:eve", "number:unknown", "number.read", false, ""},
		{"role:owner", "account:acme", "number.read", false, ""},
		{"user:nobody", "account:acme", "number.read", false, ""},
	}
	for _, tt := range tests {
		allowed, rule, err := j.Decide(w.facts(), 250, ref(tt.subject), ref(tt.node), permission(tt.permission))
		if got := strings.Join(rule, " "); err != nil || allowed != tt.allowed || got != tt.rule {
			t.Errorf("%s %s on %s: %t by %q, %v; want %t by %q", tt.subject, tt.permission, tt.node, allowed, got, err, tt.allowed, tt.rule)
		}
	}
}

func TestTheJudgeFailsClosed(t *testing.T) {
	j, all := judgeOf(t), example().facts()
	read := permission("number.read")
	none := Facts{Permissions: all.Permissions}
	root, account := ref("user:root"), ref("account:acme")

	if allowed, rule, err := j.Decide(none, 0, root, account, read); allowed || rule != nil || err != nil {
		t.Errorf("no facts: %t by %q, %v", allowed, rule, err)
	}
	for name, q := range map[string]question{
		"subject": {hierarchy.Ref{}, account, read}, "subject's ID": {hierarchy.Ref{Type: "user"}, account, read},
		"node": {root, hierarchy.Ref{}, read}, "permission": {root, account, Permission{}},
		"type": {root, account, Permission{Action: "read"}}, "everything": {},
	} {
		for _, f := range []Facts{none, all} {
			if allowed, _, err := j.Decide(f, 0, q.subject, q.node, q.permission); allowed || err == nil {
				t.Errorf("an empty %s: %t, %v", name, allowed, err)
			}
		}
	}
	broken := &Judge{model: "[broken", meaning: j.meaning}
	if allowed, _, err := broken.Decide(all, 0, root, account, read); allowed || err == nil {
		t.Errorf("a model that does not load: %t, %v", allowed, err)
	}
	odd := &Judge{model: altered(t, "p = sub, dom, obj, act, eft", "p = sub, dom, obj, act")}
	if allowed, _, err := odd.Decide(all, 0, root, account, read); allowed || err == nil {
		t.Errorf("a policy that does not load: %t, %v", allowed, err)
	}
	silent := &Judge{model: altered(t, "m = r.sub", "m = r.dom == r.dom || r.sub")}
	if allowed, _, err := silent.Decide(none, 0, root, account, read); allowed || err == nil {
		t.Errorf("an allow by no rule: %t, %v", allowed, err)
	}
}

func TestTheJudgeIsSafeForConcurrentUse(t *testing.T) {
	j, w := judgeOf(t), example()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				if allowed, _, err := j.Decide(w.facts(), 0, ref("user:ann"), ref("project:web"), permission("number.update")); !allowed || err != nil {
					t.Errorf("%t, %v", allowed, err)
				}
			}
		})
	}
	wg.Wait()
}

// The rule is the caller's: changing it changes nothing.
func TestTheRuleIsACopy(t *testing.T) {
	j, w := judgeOf(t), example()
	ask := func() []string {
		_, rule, _ := j.Decide(w.facts(), 0, ref("user:ann"), ref("project:web"), permission("number.update"))
		return rule
	}
	rule := ask()
	rule[4] = "deny"
	if again := ask(); slices.Equal(again, rule) {
		t.Error("the second answer has the change")
	}
}

func TestCasbinDoesNotLog(t *testing.T) {
	var out bytes.Buffer
	defer log.SetOutput(log.Writer())
	log.SetOutput(&out)
	_, _, _ = judgeOf(t).Decide(example().facts(), 0, ref("user:ann"), ref("project:web"), permission("number.update"))
	if out.Len() > 0 {
		t.Errorf("logged %q", out.String())
	}
}

func TestAdaptersOnlyLoad(t *testing.T) {
	var l lines
	for _, err := range []error{l.SavePolicy(nil), l.AddPolicy("", "", nil), l.RemovePolicy("", "", nil), l.RemoveFilteredPolicy("", "", 0)} {
		if err == nil {
			t.Error("a derived policy was changed")
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	j, w := judgeOf(b), example()
	subject, node := ref("user:bob"), ref("number:+49 30 1234")
	f := w.facts().NarrowedTo(w.path(node), w.principals(subject))
	b.ReportAllocs()
	for b.Loop() {
		if allowed, _, err := j.Decide(f, 0, subject, node, permission("number.read")); !allowed || err != nil {
			b.Fatal(err)
		}
	}
}
