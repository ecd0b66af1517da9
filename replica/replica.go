// Package replica has what the servers on one store know of one another: who
// there is, and what each of them answers from. With it a write's receipt says
// when every server has taken it in.
//
// A replica enrols with the store, for a time that it renews, and says on
// demand whether it answers from a revision or a later one. A receipt asks all
// who are enrolled. Who does not answer is not confirmed, until its enrolment
// ends: by then it asks the store before each answer, whatever it was able to
// compare meanwhile, until it has enrolled again (see authz.Engine.Lease).
package replica

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/authz"
)

// Bus is how replicas find one another. Its methods may be called by many
// goroutines at once.
type Bus interface {
	// Enrol says that a replica is there, for a time.
	Enrol(ctx context.Context, m Member, last time.Duration) error
	// Resign takes that back.
	Resign(ctx context.Context, m Member) error
	// Roster returns who is enrolled.
	Roster(ctx context.Context) ([]Member, error)
	// Say sends a message to all who listen. It may get lost.
	Say(ctx context.Context, m Message) error
	// Listen calls hear with all messages until the context ends, and lost
	// when some may have been missed.
	Listen(ctx context.Context, hear func(Message), lost func(error))
}

// Host is a bus of a replica that takes in others, which may not write to the
// store themselves.
type Host interface {
	Bus
	// Admit is Enrol, unless as many replicas are enrolled as there may be and
	// this is not one of them: then it reports false.
	Admit(ctx context.Context, m Member, last time.Duration, most int) (bool, error)
}

// Member is a replica.
type Member struct {
	ID   string `json:"id"`   // made at random when it starts
	Name string `json:"name"` // for people: where it runs
	// Digest is of what decides there and is not in the store; see
	// authz.Engine.Digest.
	Digest string `json:"digest,omitempty"`
}

// Message is a question of one replica to all, or an answer to it.
type Message struct {
	Question string `json:"question"` // its ID
	Account  string `json:"account,omitempty"`
	Revision string `json:"revision,omitempty"` // a token
	From     string `json:"from"`               // a member's ID
	Answer   bool   `json:"answer,omitempty"`
	Serves   bool   `json:"serves,omitempty"` // of an answer
}

// Receipt says which replicas answer from a revision or a later one, for all
// answers that they give from then on.
type Receipt struct {
	Replicas []Standing
	All      bool   // every one of them does
	Digest   string // of the replica that asked
}

// Standing is where one replica stands.
type Standing struct {
	Member
	Serves bool // or it is silent, or could not tell
}

// Group is one replica among the others. Its methods may be called by many
// goroutines at once.
type Group struct {
	bus    Bus
	engine *authz.Engine
	self   Member
	last   time.Duration // of an enrolment
	log    *zap.Logger

	mu      sync.Mutex
	waiting map[string]chan<- string // who serves, by the question's ID
}

// Bounds of enrolments and of answers.
const (
	leastEnrolment = 15 * time.Second
	enrolAgain     = 5 * time.Second
	askAgain       = 250 * time.Millisecond // messages may get lost
	answerTimeout  = 5 * time.Second
)

// New makes a group of one engine, which answers inside a bound, and of whom
// the bus leads to; nil for none.
func New(bus Bus, engine *authz.Engine, name string, bound time.Duration, log *zap.Logger) *Group {
	return &Group{bus: bus, engine: engine, self: Member{newID(), name, engine.Digest()}, last: max(leastEnrolment, 3*bound), log: log, waiting: map[string]chan<- string{}}
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand.Read
	return hex.EncodeToString(b[:])
}

// Enrol enrols the replica. A server does so before it answers anything:
// a receipt that does not know of it says nothing of it.
func (g *Group) Enrol(ctx context.Context) error {
	if g.bus == nil {
		return nil
	}
	return g.engine.Lease(2*g.last/3, func() error { return g.bus.Enrol(ctx, g.self, g.last) })
}

// Run keeps the replica enrolled, and answers the others, until the context
// ends.
func (g *Group) Run(ctx context.Context) {
	if g.bus == nil {
		return
	}
	var all sync.WaitGroup
	all.Go(func() { g.bus.Listen(ctx, func(m Message) { g.hear(ctx, &all, m) }, func(error) {}) })
	for {
		pause := g.last / 3
		if err := g.Enrol(ctx); err != nil && ctx.Err() == nil {
			g.log.Warn("this replica could not enrol; it asks the store before each answer soon, and receipts of writes leave it out then", zap.Error(err))
			pause = min(g.last/15, enrolAgain)
		}
		select {
		case <-time.After(pause):
			continue
		case <-ctx.Done():
		}
		break
	}
	all.Wait()
	resigning, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTimeout)
	defer cancel()
	if err := g.bus.Resign(resigning, g.self); err != nil {
		g.log.Warn("this replica could not resign; receipts of writes wait for it until its enrolment ends", zap.Error(err))
	}
}

// hear takes an answer to whom it is for, and answers a question.
func (g *Group) hear(ctx context.Context, all *sync.WaitGroup, m Message) {
	if m.Answer {
		g.mu.Lock()
		defer g.mu.Unlock()
		if to := g.waiting[m.Question]; to != nil && m.Serves {
			select {
			case to <- m.From:
			default: // more answers than replicas: some are repeated
			}
		}
		return
	}
	if m.From == g.self.ID {
		return // it asks itself without words
	}
	all.Go(func() { // the account may have to be read
		ctx, cancel := context.WithTimeout(ctx, answerTimeout)
		defer cancel()
		err := g.engine.Serves(ctx, m.Account, m.Revision)
		answer := Message{Question: m.Question, From: g.self.ID, Answer: true, Serves: err == nil}
		if err := g.bus.Say(ctx, answer); err != nil && ctx.Err() == nil {
			g.log.Warn("the question of a receipt could not be answered", zap.Error(err))
		}
	})
}

// Receipt asks who answers from a revision of an account or from a later one,
// and waits until all do, but no longer than it may. The error is the engine's
// of a revision that is lost, too old or none, or the store's.
func (g *Group) Receipt(ctx context.Context, account, revision string, wait time.Duration) (Receipt, error) {
	if _, err := g.engine.Snapshot(ctx, account, revision); err != nil {
		return Receipt{}, err
	}
	if g.bus == nil {
		return Receipt{[]Standing{{g.self, true}}, true, g.self.Digest}, nil
	}
	question, answers := newID(), make(chan string, 64)
	g.mu.Lock()
	g.waiting[question] = answers
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		delete(g.waiting, question)
		g.mu.Unlock()
	}()
	serves := map[string]bool{g.self.ID: true}
	for over := time.After(wait); ; {
		receipt, err := g.ask(ctx, Message{Question: question, Account: account, Revision: revision, From: g.self.ID}, serves)
		if err != nil || receipt.All {
			return receipt, err
		}
		again := time.After(askAgain)
		for waiting := true; waiting; {
			select {
			case from := <-answers:
				serves[from] = true
				if receipt = receipt.with(from); receipt.All {
					return receipt, nil
				}
			case <-again:
				waiting = false
			case <-over:
				return receipt, nil
			case <-ctx.Done():
				return receipt, ctx.Err()
			}
		}
	}
}

// ask asks all who are enrolled, unless all have answered.
func (g *Group) ask(ctx context.Context, m Message, serves map[string]bool) (Receipt, error) {
	roster, err := g.bus.Roster(ctx)
	if err != nil {
		return Receipt{}, err
	}
	receipt := Receipt{All: true, Digest: g.self.Digest}
	found := false
	for _, member := range roster {
		found = found || member == g.self
		receipt.Replicas = append(receipt.Replicas, Standing{member, serves[member.ID]})
	}
	if !found { // it has just started, or could not enrol
		receipt.Replicas = append(receipt.Replicas, Standing{g.self, true})
	}
	if receipt = receipt.with(g.self.ID); receipt.All {
		return receipt, nil
	}
	return receipt, g.bus.Say(ctx, m)
}

// with is the receipt with one more replica that serves.
func (r Receipt) with(id string) Receipt {
	r.All = true
	for i := range r.Replicas {
		r.Replicas[i].Serves = r.Replicas[i].Serves || r.Replicas[i].ID == id
		r.All = r.All && r.Replicas[i].Serves
	}
	return r
}
