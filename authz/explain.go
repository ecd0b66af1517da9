package authz

import (
	"context"
	"fmt"
	"strings"

	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// Explanation says why an answer is what it is: for an allow the binding that
// gave it, for a denial everything that stood in the way, and what came
// nearest to allowing it.
type Explanation struct {
	Allow       *Cause     // for an allow
	Obstacles   []Obstacle // for a denial, in the order in which they would have to go
	NearestMiss *Miss      // for a denial that no binding allows
	// Casbin is what Casbin decided over the rules of the roles held; it is
	// nil where policy was not asked, because there is no such resource.
	Casbin *CasbinVerdict
	// Sponsor says the same of the sponsor, whose rights bound those of the API
	// key that asked; nil for anybody but a key, and for one that lacks the
	// right itself.
	Sponsor *Explanation
}

// Obstacle is one reason of a denial.
type Obstacle struct {
	Code   Code
	Node   string // that it is about, as "type:id"; may be ""
	Cause  *Cause // the binding, of a denial by one
	Detail string // a sentence
}

// CasbinVerdict is Casbin's own decision of the same question.
type CasbinVerdict struct {
	Allowed bool
	Rule    []string // that decided; empty if none did
}

// Explain answers a request and says why. Its decision is re-derived by
// Casbin; should the two ever differ, it denies, EVALUATOR_MISMATCH.
func (e *Engine) Explain(ctx context.Context, req *Request) (Answer, *Explanation, error) {
	q := question{Request: req, who: &req.Subject}
	q.clock = &e.clock
	var a Answer
	if err := e.ask(ctx, &q, &a); err != nil {
		return Answer{}, nil, err
	}
	x := &Explanation{}
	if a.snapshot == nil || a.path.n == 0 {
		x.Obstacles = []Obstacle{{Code: a.Code, Node: req.Resource, Detail: a.Code.Sentence()}}
		return a, x, nil
	}
	q.now() // one instant for all that follows, Casbin's decision too
	if err := e.rejudge(&a, x, &q); err != nil {
		return Answer{}, nil, err
	}
	if a.sponsor.asked {
		if err := e.explainSponsor(&a, x, &q); err != nil {
			return Answer{}, nil, err
		}
	}
	a.snapshot.because(&a, x, &q)
	return a, x, nil
}

// because gives the reasons of a decision.
func (s *Snapshot) because(a *Answer, x *Explanation, q *question) {
	if a.Allowed {
		cause, _ := a.Cause()
		x.Allow = &cause
		return
	}
	x.Obstacles = s.obstacles(a, q)
	if !s.allowsSomewhere(a, &q.asked) {
		x.NearestMiss = s.nearestMiss(a, q)
	}
}

// explainSponsor explains what a key's sponsor may do.
func (e *Engine) explainSponsor(a *Answer, x *Explanation, q *question) error {
	of := a.forSponsor()
	of.Allowed, of.Code = of.verdict.outcome()
	x.Sponsor = &Explanation{}
	by := *q
	by.byKey = false
	if err := e.rejudge(&of, x.Sponsor, &by); err != nil {
		return err
	}
	a.snapshot.because(&of, x.Sponsor, &by)
	if of.Code == EvaluatorMismatch {
		a.Allowed, a.Code = false, EvaluatorMismatch
	}
	return nil
}

// rejudge has Casbin decide the question again.
func (e *Engine) rejudge(a *Answer, x *Explanation, q *question) error {
	p, err := policy.ParsePermission(q.Permission)
	if err != nil {
		return err
	}
	s := a.snapshot
	var ours verdict
	if row, ok := s.subjects.Find(a.subject); ok {
		s.decide(row, &q.asked, &a.path, &ours)
	}
	allowed, rule, err := e.judge.Decide(s.narrowed(a.subject, a), q.at, refOf(a.subject), refOf(a.Path()[0]), p)
	if err != nil {
		return fmt.Errorf("casbin: %w", err)
	}
	x.Casbin = &CasbinVerdict{allowed, rule}
	if allowed != ours.allowed {
		e.mismatches.Add(1)
		e.opts.Logger.Error("Casbin decided otherwise than the evaluator: a bug, please report it",
			zap.String("subject", a.subject), zap.String("permission", q.Permission), zap.Strings("path", a.Path()), zap.Bool("evaluator", ours.allowed))
		a.Allowed, a.Code = false, EvaluatorMismatch
	}
	return nil
}

// obstacles are all reasons of a denial, each of which would deny alone.
func (s *Snapshot) obstacles(a *Answer, q *question) []Obstacle {
	var all []Obstacle
	if a.Code == EvaluatorMismatch {
		all = append(all, Obstacle{Code: EvaluatorMismatch, Detail: EvaluatorMismatch.Sentence()})
	}
	if q.byKey {
		all = append(all, s.keyObstacles(a, q)...)
	}
	barriers := s.barriers(&a.path, q.Permission)
	for _, row := range a.path.rows[:a.path.n] {
		for f, what := range flagNames {
			if s.nodes.At(row).flags&barriers&(1<<f) != 0 {
				all = append(all, Obstacle{Code: flags(1 << f).code(), Node: s.nodes.Key(row), Detail: s.nodes.Key(row) + what})
			}
		}
	}
	for _, c := range s.denials(a, &q.asked) {
		all = append(all, Obstacle{Code: DeniedByBinding, Node: c.Scope.String(), Cause: &c,
			Detail: fmt.Sprintf("%s is denied %s on %s, and a deny wins", c.Subject, c.Role, c.Scope)})
	}
	if !s.allowsSomewhere(a, &q.asked) {
		all = append(all, Obstacle{Code: NoBinding, Detail: fmt.Sprintf("no binding of %s, or of a group that it is in, on %s gives a role with %s", a.subject, strings.Join(a.Path(), ", "), q.Permission)})
	}
	if q.RequireBilling {
		switch _, code := a.Billing.outcome(); code {
		case Unbilled:
			all = append(all, Obstacle{Code: code, Detail: "nobody pays for it, " + a.Billing.Code.String() + ", and the request requires that somebody does"})
		case BillingSuspended:
			payer := hierarchy.TypeBillingAccount + ":" + a.Billing.BillingAccount
			all = append(all, Obstacle{Code: code, Node: payer, Detail: payer + " pays for it and is suspended, and the request requires that somebody pays"})
		}
	}
	return all
}

// flagNames say what the bits of flags are, the first bit first.
var flagNames = [...]string{" is suspended", " is suspended by the platform's operator", " is deleted", " is gone for good"}

// denials are all bindings that deny the question at the instant.
func (s *Snapshot) denials(a *Answer, q *asked) []Cause {
	var all []Cause
	if s.model.meaning.IgnoreDeny {
		return nil
	}
	s.eachGrant(a.subject, func(who uint32, g *grant) {
		if g.denies() && a.path.has(g.scope) && s.grants(g, q) {
			all = append(all, s.cause(a.subject, who, g))
		}
	})
	return all
}

// allowsSomewhere reports whether any binding allows the question, were it
// not for what denies it.
func (s *Snapshot) allowsSomewhere(a *Answer, q *asked) (yes bool) {
	s.eachGrant(a.subject, func(_ uint32, g *grant) {
		yes = yes || (!g.denies() && a.path.has(g.scope) && s.grants(g, q))
	})
	return yes
}

// eachGrant walks the bindings of a subject and of the groups that it is in.
func (s *Snapshot) eachGrant(subject string, visit func(who uint32, g *grant)) {
	for _, who := range s.principals(subject) {
		grants := s.subjects.At(who).grants
		for i := range grants {
			visit(who, &grants[i])
		}
	}
}

// Miss is a binding that would have allowed the question, had one thing been
// different.
type Miss struct {
	Cause
	Kind   MissKind
	Window policy.Window // of the binding
	Detail string        // a sentence: what it is, and what to ask for
}

// MissKind is the one thing that was different, the nearest first.
type MissKind string

// The kinds of miss.
const (
	MissNotYet     MissKind = "NOT_YET"     // the window has not begun
	MissExpired    MissKind = "EXPIRED"     // the window is over
	MissPermission MissKind = "PERMISSION"  // the role lacks the permission
	MissOtherScope MissKind = "OTHER_SCOPE" // it holds on another node
)

var nearness = map[MissKind]int{MissNotYet: 0, MissExpired: 1, MissPermission: 2, MissOtherScope: 3}

// nearestMiss finds the binding that came nearest to allowing the question.
func (s *Snapshot) nearestMiss(a *Answer, q *question) *Miss {
	var best *grant
	var of uint32
	var kind MissKind
	s.eachGrant(a.subject, func(who uint32, g *grant) {
		k := s.missKind(a, g, q)
		if k != "" && (best == nil || nearness[k] < nearness[kind]) {
			best, of, kind = g, who, k
		}
	})
	if best == nil {
		return nil
	}
	m := &Miss{Cause: s.cause(a.subject, of, best), Kind: kind, Window: s.window(best)}
	m.Detail = m.sentence(q.Permission, a.Path())
	return m
}

func (s *Snapshot) missKind(a *Answer, g *grant, q *question) MissKind {
	on, holds, w := a.path.has(g.scope), s.holds(g, &q.asked), s.window(g)
	switch {
	case g.denies():
		return ""
	case on && holds && q.at < w.NotBefore:
		return MissNotYet
	case on && holds:
		return MissExpired
	case on && w.Holds(q.at):
		return MissPermission
	case holds && w.Holds(q.at):
		return MissOtherScope
	}
	return ""
}

func (m *Miss) sentence(permission string, path []string) string {
	whose := m.Subject.String()
	switch m.Kind {
	case MissNotYet, MissExpired:
		return fmt.Sprintf("%s has %s on %s, but its window is not open; ask for a binding that holds now", whose, m.Role, m.Scope)
	case MissPermission:
		return fmt.Sprintf("%s has %s on %s, which lacks %s; ask for a role that has it, on %s", whose, m.Role, m.Scope, permission, path[0])
	}
	return fmt.Sprintf("%s has %s on %s, which is not on the path; ask for it on %s", whose, m.Role, m.Scope, path[0])
}
