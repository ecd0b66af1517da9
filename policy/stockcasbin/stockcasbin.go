// Package stockcasbin is literal Casbin for tests outside of package policy:
// a stock enforcer that reads a model and a printed policy as text. It has
// none of our code and no function of our making, so that what it answers is
// what any user of an exported policy gets. The product does not use it.
package stockcasbin

import (
	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	stringadapter "github.com/casbin/casbin/v2/persist/string-adapter"
)

// Enforcer is a stock Casbin. It is one goroutine's.
type Enforcer struct{ enforcer *casbin.Enforcer }

// Load reads a model, as model.conf has it, and a policy, as policy.Print
// writes it.
func Load(modelConf, policy string) (*Enforcer, error) {
	m, err := model.NewModelFromString(modelConf)
	if err != nil {
		return nil, err
	}
	e, err := casbin.NewEnforcer(m, stringadapter.NewAdapter(policy))
	if err != nil {
		return nil, err
	}
	return &Enforcer{e}, nil
}

// Enforce asks whether a subject may do an action of a type on a node.
func (e *Enforcer) Enforce(subject, node, typ, action string) (bool, error) {
	return e.enforcer.Enforce(subject, node, typ, action)
}
