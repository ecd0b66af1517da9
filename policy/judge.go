package policy

import (
	"errors"
	"fmt"
	"slices"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Judge is Casbin with a model that Tollgate's own evaluator was proved equal
// to. It is the second opinion, of explanations and of shadow checks; it is
// never on the way of a check. It is immutable, and safe for concurrent use.
type Judge struct {
	model   string
	meaning Meaning
}

// NewJudge reads a model and proves that the evaluator answers as Casbin does
// under it, on every case that the two can differ in. A model that it does not
// understand whole, or that it cannot prove, is refused: the error says what
// is missing or unknown and how to put it right. Nothing may be decided
// without the Meaning of a judge.
func NewJudge(modelConf string) (*Judge, error) { return newJudge(modelConf, evaluatorOf) }

// newJudge is NewJudge of any evaluator, so that a test can bring a wrong one.
func newJudge(modelConf string, of func(Meaning) evaluator) (*Judge, error) {
	meaning, err := recognise(modelConf)
	if err != nil {
		return nil, fmt.Errorf("model.conf: %w", err)
	}
	if err := prove(modelConf, meaning, of(meaning)); err != nil {
		return nil, fmt.Errorf("model.conf: %w", err)
	}
	return &Judge{modelConf, meaning}, nil
}

// Meaning is what the model says of a rule, for the evaluator.
func (j *Judge) Meaning() Meaning { return j.meaning }

// Model is the text of the model, as a stock Casbin reads it.
func (j *Judge) Model() string { return j.model }

// Decide asks Casbin whether the subject has the permission on the node, by
// the rules that f comes to at an instant, in microseconds since 1970. It
// derives all of them anew, so that f is to be narrow. The rule is the line
// that decided, as Derive wrote it but without its leading p, and nil where
// none matched. The state of nodes is not asked about. With any error the
// answer is no.
func (j *Judge) Decide(f Facts, at int64, subject, node hierarchy.Ref, permission Permission) (allowed bool, rule []string, err error) {
	if subject.Type == "" || subject.ID == "" || node.Type == "" || node.ID == "" || permission.Type == "" || permission.Action == "" {
		return false, nil, errors.New("a request with an empty part has no answer")
	}
	c, err := newCasbin(j.model, func(emit func(line ...string) error) error { return Derive(f, at, emit) })
	if err != nil {
		return false, nil, err
	}
	return c.enforce(subject.String(), node.String(), permission)
}

// stock is a stock Casbin, loaded once. It is one goroutine's.
type stock struct{ *casbin.Enforcer }

// newCasbin loads a plain enforcer. There is none that caches, synchronises
// or evaluates conditions, nothing is added to it later, and it does not log.
func newCasbin(modelConf string, policy lines) (stock, error) {
	m, err := model.NewModelFromString(modelConf)
	if err != nil {
		return stock{}, err
	}
	const log = false
	e, err := casbin.NewEnforcer(m, policy, log)
	return stock{e}, err
}

func (c stock) enforce(subject, node string, p Permission) (bool, []string, error) {
	allowed, rule, err := c.EnforceEx(subject, node, p.Type, p.Action)
	if err != nil {
		return false, nil, err
	}
	if len(rule) == 0 {
		rule = nil
	}
	// Casbin answers a policy without a p line by trying the matcher on empty
	// values. Nothing may be allowed by no rule.
	if allowed && rule == nil {
		return false, nil, errors.New("casbin allowed without a rule")
	}
	return allowed, slices.Clone(rule), nil
}

// lines is a source of policy lines, as a Casbin adapter that only loads.
type lines func(emit func(line ...string) error) error

var errReadOnly = errors.New("policies are derived; they are changed where they are derived from")

// LoadPolicy gives Casbin the lines.
func (l lines) LoadPolicy(m model.Model) error {
	return l(func(line ...string) error { return persist.LoadPolicyArray(line, m) })
}

// SavePolicy is refused.
func (lines) SavePolicy(model.Model) error { return errReadOnly }

// AddPolicy is refused.
func (lines) AddPolicy(string, string, []string) error { return errReadOnly }

// RemovePolicy is refused.
func (lines) RemovePolicy(string, string, []string) error { return errReadOnly }

// RemoveFilteredPolicy is refused.
func (lines) RemoveFilteredPolicy(string, string, int, ...string) error { return errReadOnly }
