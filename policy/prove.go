package policy

import "fmt"

// evaluator is what is proved: the parts of the inner loop that give rules
// their meaning. It is a struct of functions so that a test can break one.
type evaluator struct {
	holds  func(patterns []string, p Permission) bool
	decide func(allow, deny bool) bool
}

func evaluatorOf(m Meaning) evaluator {
	return evaluator{
		holds: func(patterns []string, p Permission) bool {
			probe := p.Probe()
			return m.Compile(patterns).Holds(&probe)
		},
		decide: m.Decide,
	}
}

// prove compares the evaluator with Casbin's own answers under the model, and
// returns an error that describes the first difference. It tries each form of
// pattern on each class of permission; each effect, over one and several
// roles, on the same and on different levels; and each condition of the
// matcher with a request that only that condition decides.
func prove(modelConf string, m Meaning, e evaluator) error {
	for _, part := range []func() (world, []question){formsOfPatterns, effectsAndScopes, severalRoles, nestedGroups} {
		w, questions := part()
		if err := compare(modelConf, e, &w, questions); err != nil {
			return err
		}
	}
	return probeAll(modelConf, m)
}

func compare(modelConf string, e evaluator, w *world, questions []question) error {
	c, err := newCasbin(modelConf, func(emit func(line ...string) error) error { return Derive(w.facts(), 0, emit) })
	if err != nil {
		return fmt.Errorf("casbin cannot load a policy: %w", err)
	}
	for _, q := range questions {
		theirs, rule, err := c.enforce(q.subject.String(), q.node.String(), q.permission)
		if err != nil {
			return fmt.Errorf("casbin cannot decide: %w", err)
		}
		if ours := w.decide(e, 0, q); ours != theirs {
			return fmt.Errorf("the evaluator is not equal to Casbin: may %s %s on %s? the evaluator says %t, Casbin %t by the rule %q; restore the model.conf that Tollgate ships",
				q.subject, q.permission, q.node, ours, theirs, rule)
		}
	}
	return nil
}
