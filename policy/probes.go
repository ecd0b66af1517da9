package policy

import "fmt"

// probe is a policy of which one condition of the matcher, and no other, keeps
// a request from being allowed. The policy is one that Derive would not write,
// or the request one that is never asked, so that nothing but the model is in
// the way.
type probe struct {
	allowed    string // what it means that the request is allowed
	policy     [][]string
	subject    string
	node       string
	permission Permission
	moot       func(m Meaning) bool // the model does not have that condition; nil if it must
}

var probes = []probe{
	{
		"a subject that is named like a role has that role (the condition r.sub != p.sub)",
		[][]string{{"p", "role:x", "account:a", "*", "*", "allow"}},
		"role:x", "account:a", numberRead, nil,
	},
	{
		"a subject without a binding has a role (the condition g(r.sub, p.sub, p.dom))",
		[][]string{
			{"p", "role:x", "project:p", "*", "*", "allow"},
			{"g", "user:u", "role:x", "project:p"},
		},
		"user:unbound", "project:p", numberRead, nil,
	},
	{
		"a membership holds in another scope than its own (the condition g(r.sub, p.sub, p.dom))",
		[][]string{
			{"p", "role:x", "project:p", "*", "*", "allow"},
			{"g", "group:x", "role:x", "project:p"},
			{"g", "user:u", "group:x", "project:beside"},
		},
		"user:u", "project:p", numberRead, nil,
	},
	{
		"a binding holds in another scope than its own (the condition g(r.sub, p.sub, p.dom))",
		[][]string{
			{"p", "role:x", "project:p", "*", "*", "allow"},
			{"g", "user:u", "role:x", "project:beside"},
		},
		"user:u", "project:p", numberRead, nil,
	},
	{
		"a binding holds on a node that is not below its scope (the condition g2(r.dom, p.dom))",
		[][]string{
			{"p", "role:x", "project:p", "*", "*", "allow"},
			{"g", "user:u", "role:x", "project:p"},
		},
		"user:u", "project:beside", numberRead, nil,
	},
	{
		"the beginning of a type is a pattern (keyMatch)",
		[][]string{
			{"p", "role:x", "project:p", "num*", "*", "allow"},
			{"g", "user:u", "role:x", "project:p"},
		},
		"user:u", "project:p", numberRead, func(m Meaning) bool { return m.IgnoreType },
	},
	{
		"the beginning of an action is a pattern (keyMatch)",
		[][]string{
			{"p", "role:x", "project:p", "*", "re*", "allow"},
			{"g", "user:u", "role:x", "project:p"},
		},
		"user:u", "project:p", numberRead, func(m Meaning) bool { return m.IgnoreAction },
	},
	{
		"an effect that is neither allow nor deny allows (the policy effect)",
		[][]string{
			{"p", "role:x", "project:p", "*", "*", "Allow"},
			{"g", "user:u", "role:x", "project:p"},
		},
		"user:u", "project:p", numberRead, nil,
	},
	{
		"an empty policy allows (the condition g(r.sub, p.sub, p.dom))",
		nil, "user:u", "project:p", numberRead, nil,
	},
	{
		"an empty policy allows an empty request (the condition r.sub != p.sub)",
		nil, "", "", Permission{}, nil,
	},
}

// probeAll asks Casbin what it must deny.
func probeAll(modelConf string, m Meaning) error {
	for _, p := range probes {
		if p.moot != nil && p.moot(m) {
			continue
		}
		allowed, err := p.ask(modelConf)
		if err != nil {
			return err
		}
		if allowed {
			return fmt.Errorf("under this model %s; restore the model.conf that Tollgate ships", p.allowed)
		}
	}
	return nil
}

func (p *probe) ask(modelConf string) (bool, error) {
	c, err := newCasbin(modelConf, func(emit func(line ...string) error) error {
		for _, line := range p.policy {
			if err := emit(line...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("casbin cannot load a policy: %w", err)
	}
	allowed, err := c.Enforce(p.subject, p.node, p.permission.Type, p.permission.Action)
	if err != nil {
		return false, fmt.Errorf("casbin cannot decide: %w", err)
	}
	return allowed, nil
}
