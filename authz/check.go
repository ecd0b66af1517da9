package authz

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/tollgate-dev/tollgate/apikey"
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
	// Full asks the store first, so that whatever was committed before is in
	// the answer; as good as the master that is reached. Otherwise a snapshot
	// inside its bound is fresh enough.
	Full bool
	// RequireBilling denies what nobody pays for.
	RequireBilling bool
	// Key is an API key that was presented in place of a Subject: the key, or
	// the service that it stands for, is the subject if it is accepted. Only
	// the account that a customer's key belongs to is looked in.
	Key apikey.Presented
	// Source is where the key was presented from; zero if that is not known.
	Source netip.Addr
}

// question is a request that was read.
type question struct {
	*Request
	asked
	// who asks: the Subject that was named, or whom the Key stands for. It is not
	// copied here, or the Request could not stay on its caller's stack.
	who     *string
	typ     string        // of the resource
	kind    kind          // of the resource; none for a product's
	account string        // bare ID, or "" if not named
	billing bool          // only the payer is asked for
	byKey   bool          // the subject is an API key
	found   bool          // the key was found by somebody, who does not use it
	proved  *Snapshot     // in which the key that was presented is accepted, at the question's instant
	touched byte          // see touch
	looked  time.Duration // the monotonic time that the snapshot's age is looked at; 0 for never
}

// Check answers one request. An error means that nothing was decided, and is
// to be taken as a denial: a *hierarchy.Error of KindInvalid for a request
// that is wrong, of KindUnavailable or KindLost for a state that cannot be
// had.
func (e *Engine) Check(ctx context.Context, req *Request) (a Answer, err error) {
	q := question{Request: req, who: &req.Subject}
	q.clock = &e.clock
	return a, e.ask(ctx, &q, &a)
}

// BillingOwner answers who pays for the request's resource; its subject and
// permission are ignored.
func (e *Engine) BillingOwner(ctx context.Context, req *Request) (a Answer, err error) {
	q := question{Request: req, who: &req.Subject, billing: true}
	return a, e.ask(ctx, &q, &a)
}

// readSubject refuses who cannot act. The name of one who can is checked where
// no table knows it.
func (q *question) readSubject() error {
	if q.billing || strings.HasPrefix(q.Subject, "user:") || strings.HasPrefix(q.Subject, "service:") {
		return nil
	}
	if q.byKey = isKey(q.Subject); q.byKey {
		return nil
	}
	return inField("subject", checkSubject(q.Subject))
}

// read reads all of a request.
func (q *question) read() error {
	if err := q.readSubject(); err != nil {
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
	q.kind = kindOf(q.typ)
	q.account = strings.TrimPrefix(q.Account, hierarchy.TypeAccount+":")
	if q.account == "" && q.Account != "" {
		return inField("account", checkRef(q.Account))
	}
	return nil
}

// check applies the rule of identifiers to all of the question. Names that
// the tables know have passed it before, so it is asked only of others.
func (q *question) check() error {
	if !q.billing {
		if err := checkSubject(*q.who); err != nil {
			return inField("subject", err)
		}
		if _, err := policy.ParsePermission(q.Permission); err != nil {
			return err
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

// checkAll is check, of the token too: no account says whether it is its own.
func (q *question) checkAll() error {
	if err := q.check(); err != nil || q.AtLeast == "" {
		return err
	}
	return checkToken(q.AtLeast)
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

// ask answers one question: from memory if it can, else with the store. With
// an error the answer stays a denial.
func (e *Engine) ask(ctx context.Context, q *question, a *Answer) error {
	// Before all else: the processor goes on with what follows while it waits.
	q.looked = e.clock.Monotonic()
	if !q.Key.IsZero() {
		return e.askWithKey(ctx, q, a)
	}
	if err := q.readSubject(); err != nil {
		return err
	}
	return e.askAs(ctx, q, a)
}

// askAs is ask, where it is known who asks.
func (e *Engine) askAs(ctx context.Context, q *question, a *Answer) error {
	if done, err := e.askByHint(nil, q, a); done {
		return err
	}
	if err := e.askAtLength(ctx, q, a); err != nil {
		return q.refuse(ctx, err)
	}
	return nil
}

// askAtLength is ask where no hint is of use.
func (e *Engine) askAtLength(ctx context.Context, q *question, a *Answer) error {
	if err := q.readResource(); err != nil {
		return err
	}
	home, err := e.home(ctx, q)
	if err != nil {
		return err
	}
	if home == nil {
		a.Code = e.nowhere(q)
		return q.checkAll()
	}
	if err := e.askIn(ctx, home, q, a); err != nil || !a.mayHaveLeft(e, q) {
		return err
	}
	other, err := e.locate(ctx, q)
	if err != nil || other == nil || other.account == home.account {
		return err
	}
	*a = Answer{}
	return e.askIn(ctx, other, q, a)
}

// askByHint answers a question about a node that a hint is left for, from a
// snapshot inside the bound; any other takes the long way. It does so before
// the resource is read: a name that is equal to a node's is good. With a home it
// answers about nodes of that account only.
func (e *Engine) askByHint(home *resident, q *question, a *Answer) (done bool, err error) {
	h := e.hints.of(q.Request)
	if h == nil || q.Full || (home != nil && h.home != home) {
		return false, nil
	}
	s := h.home.freshAt(q.looked)
	if s == nil || s.edition != h.edition || !s.reaches(q.AtLeast) {
		return false, nil
	}
	a.path = h.path
	a.Billing = h.billing
	return true, e.decide(s, q, a)
}

// askIn answers a question in one account.
func (e *Engine) askIn(ctx context.Context, home *resident, q *question, a *Answer) error {
	if q.Full {
		return e.askStore(ctx, home, q, a)
	}
	s, stale, err := home.answering(ctx, q.AtLeast, q.looked)
	if errors.Is(err, ErrNoAccount) {
		a.Code = ResourceNotFound
		return q.check()
	}
	if err != nil {
		return err
	}
	s.touch(q)
	if e.find(home, s, q, a) {
		e.note(a, stale)
		return e.answer(s, q, a)
	}
	return e.askStore(ctx, home, q, a)
}

// askStore answers a question in one account from what the store then says, in
// one conversation with it.
func (e *Engine) askStore(ctx context.Context, home *resident, q *question, a *Answer) error {
	if err := q.check(); err != nil { // nothing malformed reaches the store
		return err
	}
	rd, err := home.fetch(ctx, q)
	if err == nil {
		_, err = home.reach(ctx, rd.snapshot, q.AtLeast)
	} else if errors.Is(err, ErrNoAccount) {
		err = home.absent(q.AtLeast)
	}
	if errors.Is(err, ErrNoAccount) {
		a.Code = ResourceNotFound
		return nil
	}
	if err != nil {
		return err
	}
	if q.product(e) {
		rd.find(q, a)
	} else {
		e.find(home, rd.snapshot, q, a)
	}
	return e.answer(rd.snapshot, q, a)
}

// answer answers a question whose path was found, or a.Code says why not.
func (e *Engine) answer(s *Snapshot, q *question, a *Answer) error {
	if a.Code != NoBinding {
		a.snapshot, a.subject = s, *q.who
		return q.check()
	}
	s.payer(&a.path, &a.Billing)
	return e.decide(s, q, a)
}

// decide is the one place where a decision is made. The path is found and the
// payer known; now come the state of the path's nodes, policy, and, if asked
// for, the payer.
func (e *Engine) decide(s *Snapshot, q *question, a *Answer) error {
	a.snapshot, a.subject = s, *q.who
	if q.billing {
		return nil
	}
	subject, known := s.subjects.Find(*q.who)
	if !known {
		if err := q.check(); err != nil {
			return err
		}
	}
	if err := q.ask(s); err != nil {
		return err
	}
	if q.byKey {
		if code := s.admitsKey(q, subject, known, a); code != NoBinding {
			a.Code = code
			return nil
		}
	}
	if a.path.flags != 0 {
		if a.Code = s.barriers(&a.path, q.Permission).code(); a.Code != NoBinding {
			return nil
		}
	}
	if known {
		s.decide(subject, &q.asked, &a.path, &a.verdict)
	}
	if e.shadow.Samples(q.draw()) {
		e.shadow.Take(func() policy.Case { return s.shadowCase(*a, q.Permission, q.now()) })
	}
	a.Allowed, a.Code = a.verdict.outcome()
	if a.Allowed && q.byKey {
		e.bySponsor(s, subject, q, a)
	}
	if a.Allowed && q.RequireBilling {
		a.Allowed, a.Code = a.Billing.outcome()
	}
	return nil
}

// draw is a number to sample checks by: the time at which the snapshot's age
// was looked at, mixed. It need not be hard to guess, and costs nothing.
func (q *question) draw() uint64 {
	if q.looked == 0 {
		return rand.Uint64()
	}
	return uint64(q.looked) * 0x9E3779B97F4A7C15
}

// ask prepares the permission for the roles of a snapshot.
func (q *question) ask(s *Snapshot) (err error) {
	row, known := s.permissions.Find(q.Permission)
	if q.known = known; known {
		q.held = *s.permissions.At(row)
		return nil
	}
	q.permission, err = policy.ParseProbe(q.Permission)
	return err
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

// outcome is that of a request that is allowed if somebody pays.
func (b *Billing) outcome() (bool, Code) {
	switch {
	case b.Code != Billed:
		return false, Unbilled
	case b.Suspended:
		return false, BillingSuspended
	}
	return true, Allowed
}

// atLeast returns a snapshot that is inside the bound now and of the token's
// revision or of a later one; "" asks for no revision.
func (r *resident) atLeast(ctx context.Context, token string, now time.Duration) (*Snapshot, error) {
	s, err := r.fresh(ctx, now)
	if errors.Is(err, ErrNoAccount) {
		return nil, r.absent(token)
	}
	if err != nil {
		return nil, err
	}
	return r.reach(ctx, s, token)
}

// reach returns a snapshot of the token's revision or of a later one, which is
// s if that is; "" asks for no revision.
func (r *resident) reach(ctx context.Context, s *Snapshot, token string) (*Snapshot, error) {
	if s.reaches(token) {
		return s, nil
	}
	want, err := ParseToken(r.account, token)
	if err != nil {
		return nil, err
	}
	if yes, _ := s.descends(want); yes {
		return s, nil
	}
	// It is behind, or of a history that the store has lost meanwhile, or the
	// revision is no longer remembered.
	rd, err := r.sync(ctx)
	if errors.Is(err, ErrNoAccount) {
		return nil, r.absent(token)
	}
	if err != nil {
		return nil, err
	}
	s = rd.snapshot
	if yes, known := s.descends(want); known {
		if !yes {
			return nil, lost()
		}
		return s, nil
	}
	var identity string
	var inLog bool
	err = r.engine.through(ctx, func(ctx context.Context) error {
		identity, inLog, err = r.engine.source.RevisionAt(ctx, r.account, want.Number)
		return err
	})
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

// absent is the error of an account that does not exist. With a token of it,
// it did, and the store has lost it.
func (r *resident) absent(token string) error {
	if token == "" {
		return ErrNoAccount
	}
	if _, err := ParseToken(r.account, token); err != nil {
		return err
	}
	return lost()
}
