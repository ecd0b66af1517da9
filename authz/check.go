package authz

import (
	"context"
	"errors"
	"strings"

	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// Request asks whether a subject may do something to a resource, and who
// pays.
type Request struct {
	Subject    string // "user:ann" or "service:billing-run"
	Permission string // "number.update"
	Resource   string // "type:id"
	Account    string // of the resource, if the caller knows; saves a look-up
	Parent     string // the container of a resource of a type that is not registered
	AtLeast    string // a revision that the answer must not be older than
	// RequireBilling denies what nobody pays for.
	RequireBilling bool
}

// question is a request that was read.
type question struct {
	*Request
	typ        string // of the resource
	kind       kind   // of the resource; none for a product's
	account    string // bare ID, or "" if not named
	permission policy.Permission
	billing    bool // only the payer is asked for
}

// Check answers one request. An error means that nothing was decided, and is
// to be taken as a denial: a *hierarchy.Error of KindInvalid for a request
// that is wrong, of KindUnavailable or KindLost for a state that cannot be
// had.
func (e *Engine) Check(ctx context.Context, req *Request) (Answer, error) {
	q := question{Request: req}
	if err := q.read(); err != nil {
		return Answer{}, err
	}
	return e.ask(ctx, &q)
}

// BillingOwner answers who pays for the request's resource; its subject and
// permission are ignored.
func (e *Engine) BillingOwner(ctx context.Context, req *Request) (Answer, error) {
	q := question{Request: req, billing: true}
	if err := q.readResource(); err != nil {
		return Answer{}, err
	}
	return e.ask(ctx, &q)
}

func (q *question) read() error {
	var err error
	if !strings.HasPrefix(q.Subject, "user:") && !strings.HasPrefix(q.Subject, "service:") {
		return inField("subject", checkSubject(q.Subject))
	}
	if q.permission, err = policy.ParsePermission(q.Permission); err != nil {
		return err
	}
	return q.readResource()
}

func (q *question) readResource() error {
	colon := strings.IndexByte(q.Resource, ':')
	if colon < 0 {
		return inField("resource", checkRef(q.Resource))
	}
	q.typ = q.Resource[:colon]
	q.kind = kinds[q.typ]
	q.account = strings.TrimPrefix(q.Account, hierarchy.TypeAccount+":")
	return nil
}

// check applies the rule of identifiers to all of the question. Names that
// the tables know have passed it before, so it is asked only of others.
func (q *question) check() error {
	if !q.billing {
		if err := checkSubject(q.Subject); err != nil {
			return inField("subject", err)
		}
	}
	if err := checkRef(q.Resource); err != nil {
		return inField("resource", err)
	}
	if q.Account != "" {
		if _, err := hierarchy.ParseAs(hierarchy.TypeAccount, q.Account); err != nil {
			return inField("account", err)
		}
	}
	if q.Parent != "" {
		return inField("parent", checkRef(q.Parent))
	}
	return nil
}

func checkRef(s string) error {
	_, err := hierarchy.ParseRef(s)
	return err
}

func checkSubject(s string) error {
	r, err := hierarchy.ParseRef(s)
	if err != nil {
		return err
	}
	return policy.CheckActor(r)
}

// inField says which field of the request an error is about.
func inField(field string, err error) error {
	var known *hierarchy.Error
	if errors.As(err, &known) {
		return known.In(field)
	}
	return err
}

// ask answers one question: from memory if it can, else with the store.
func (e *Engine) ask(ctx context.Context, q *question) (Answer, error) {
	home, err := e.home(ctx, q)
	if err != nil {
		return Answer{}, err
	}
	if home == nil {
		return e.answer(nil, q, e.nowhere(q), 0)
	}
	s, err := home.atLeast(ctx, q.AtLeast)
	if errors.Is(err, ErrNoAccount) {
		return e.answer(nil, q, &found{code: ResourceNotFound}, 0)
	}
	if err != nil {
		return Answer{}, err
	}
	f := e.find(home, s, q)
	if f.unread {
		if s, f, err = home.fetch(ctx, q); err != nil {
			return Answer{}, err
		}
	}
	return e.answer(s, q, &f, e.clock.Now())
}

// answer is the one place where a decision is made: the path was found or was
// not; the state of its nodes comes first, then policy, then, if asked for,
// the payer.
func (e *Engine) answer(s *Snapshot, q *question, f *found, at int64) (Answer, error) {
	a := Answer{Code: f.code, snapshot: s, path: f.path, subject: q.Subject, at: at}
	if f.code != NoBinding {
		return a, q.check()
	}
	a.Billing = s.payer(&a.path)
	if q.billing {
		return a, nil
	}
	subject, known := s.subjects.Find(q.Subject)
	if !known {
		if err := q.check(); err != nil {
			return Answer{}, err
		}
	}
	if s.deleted(&a.path) {
		a.Code = ResourceDeleted
		return a, nil
	}
	if known {
		a.verdict = s.decide(subject, q.Permission, q.permission, &a.path, at)
	}
	e.shadow.Offer(func() policy.Case { return s.shadowCase(a, q.permission) })
	a.Allowed, a.Code = a.verdict.outcome()
	if a.Allowed && q.RequireBilling && a.Billing.Code != Billed {
		a.Allowed, a.Code = false, Unbilled
	}
	return a, nil
}

func (v *verdict) outcome() (bool, Code) {
	switch {
	case v.allowed:
		return true, Allowed
	case v.found:
		return false, DeniedByBinding
	default:
		return false, NoBinding
	}
}

// atLeast returns a snapshot inside the bound that is of the token's revision
// or of a later one; "" asks for no revision.
func (r *resident) atLeast(ctx context.Context, token string) (*Snapshot, error) {
	s, err := r.fresh(ctx)
	if err != nil || token == "" {
		return s, err
	}
	want, err := ParseToken(r.account, token)
	if err != nil {
		return nil, err
	}
	if s.head.Number < want.Number {
		rd, err := r.sync(ctx)
		if err != nil {
			return nil, err
		}
		s = rd.snapshot
	}
	if yes, known := s.descends(want); known {
		if !yes {
			return nil, lost()
		}
		return s, nil
	}
	identity, inLog, err := r.engine.source.RevisionAt(ctx, r.account, want.Number)
	switch {
	case err != nil:
		return nil, unavailable(err)
	case !inLog:
		return nil, tooOld()
	case identity != want.Identity:
		return nil, lost()
	}
	return s, nil
}
