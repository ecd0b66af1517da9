// Package admin is the write side: signing up, and creating, changing and
// removing what an account consists of.
//
// Every write takes the same way. It is decided in Go on a snapshot of the
// account: is the actor allowed to, does the hierarchy permit it, is the
// account left with an owner. What comes out is one authz.Commit, which the
// store commits whole or not at all if the account is still as it was decided
// on; if it is not, the write is decided again.
//
//	caller → authorise → decide on the snapshot → commit, guarded → apply → revision
//
// It also reads what is in no snapshot, from the store: records, the histories
// of parents and payers, and the log.
package admin

import (
	"context"
	"errors"
	"hash/maphash"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Store is where writes go. Its methods may be called by many goroutines at
// once.
type Store interface {
	authz.Source
	// Commit MUST write all of a commit or nothing, and nothing unless all
	// its guards hold: then its error is authz.ErrConflict. A commit whose
	// reply was lost MUST NOT be reported as failed if it was written. A head
	// with an error is a commit that was made, and may be lost.
	Commit(ctx context.Context, c *authz.Commit) (head authz.Head, previous string, err error)
	// Resources returns the resources of a container in the order of their
	// "type:id", at most limit of them, after one.
	Resources(ctx context.Context, account string, container hierarchy.Ref, after string, limit int) ([]authz.Record, error)
	Once
	History
	Log
	Collection
	Uses
}

// Uses is what a store knows of when API keys were used.
type Uses interface {
	// LastUse returns when a key was used last, in microseconds since 1970,
	// as far as it is known; 0 for never.
	LastUse(ctx context.Context, account string, key hierarchy.Ref) (int64, error)
	authz.UseStore
}

// History is what a store keeps of the payers of projects and of the parents
// of subprojects and resources. Each call MUST read the points and the node's
// record atomically. authz.ErrNoAccount if there is no such account.
type History interface {
	// PayerAt and ParentAt return the last point at or before an instant, in
	// microseconds since 1970, or none.
	PayerAt(ctx context.Context, account string, project hierarchy.Ref, at int64) (authz.Past, error)
	ParentAt(ctx context.Context, account string, node hierarchy.Ref, at int64) (authz.Past, error)
	// PayersAfter and ParentsAfter return the first points after an instant,
	// oldest first, at most limit of them.
	PayersAfter(ctx context.Context, account string, project hierarchy.Ref, after int64, limit int) (authz.Past, error)
	ParentsAfter(ctx context.Context, account string, node hierarchy.Ref, after int64, limit int) (authz.Past, error)
}

// Log is what a store keeps of an account's changes. Those that were trimmed
// are left out.
type Log interface {
	// Log returns the changes after a number, oldest first.
	Log(ctx context.Context, account string, after uint64, limit int) ([]authz.Change, error)
	// LogBefore returns the changes before a number, newest first; before 0
	// it begins with the newest.
	LogBefore(ctx context.Context, account string, before uint64, limit int) ([]authz.Change, error)
}

// Collection is what a store knows of what is to be collected, and who does
// it.
type Collection interface {
	// Schedule notes what is to be collected, and when; a note that is there
	// already gets the new time.
	Schedule(ctx context.Context, d authz.Due) error
	// Due returns what was to be collected up to an instant, the earliest
	// first. With an error it returns those that it could read.
	Due(ctx context.Context, until int64, limit int) ([]authz.Due, error)
	// Settled takes a note back, unless it has got another time since.
	Settled(ctx context.Context, d authz.Due) error
	// Lease takes or renews a lease, and reports whether the holder has it;
	// no time at all gives it back.
	Lease(ctx context.Context, name, holder string, last time.Duration) (bool, error)
}

// Service administers accounts. Its methods may be called by many goroutines
// at once; writes to one account are queued.
type Service struct {
	engine *authz.Engine
	store  Store
	now    func() time.Time // for IDs
	clock  func() int64     // of tests; nil for the store's
	name   string           // of this replica, as a holder of leases; random
	limits limits
	queues [256]queue // by account
}

// New makes a service that decides on the engine's snapshots.
func New(engine *authz.Engine, store Store) *Service {
	s := &Service{engine: engine, store: store, now: time.Now, name: newIdentity(), limits: limits{MaxBindings, MaxSubprojects, MaxMembers}}
	for i := range s.queues {
		s.queues[i].turn = make(chan struct{}, 1)
	}
	return s
}

// time is the store's, in microseconds, as well as this machine knows it.
func (s *Service) time() int64 {
	if s.clock != nil {
		return s.clock()
	}
	return s.engine.Now()
}

// Engine is the engine whose snapshots the service decides on.
func (s *Service) Engine() *authz.Engine { return s.engine }

// Written is what every write answers.
type Written struct {
	Account  string // bare ID
	Revision string // a token; pass it as at_least to see the write
	Changed  bool   // false if everything was so already
	At       int64  // when it was committed, in microseconds; 0 if nothing was

	draft  *draft // that was committed; nil if nothing was
	number uint64 // of the revision
}

var queueSeed = maphash.MakeSeed()

// tries is how often a write is decided again when others came between.
const tries = 32

// WriteTimeout bounds a whole write, its wait for earlier ones included.
const WriteTimeout = 15 * time.Second

// write decides a write and commits it. The decision may be made several
// times, each on a newer snapshot, and must not change anything but its
// draft.
func (s *Service) write(ctx context.Context, who Caller, account, action string, decide func(*draft) error) (Written, error) {
	return s.writeOnce(ctx, who, &once{account: account, action: action}, decide)
}

// writeOnce is write, of a creation that may have been made before.
func (s *Service) writeOnce(ctx context.Context, who Caller, o *once, decide func(*draft) error) (Written, error) {
	account := o.account
	ctx, cancel := context.WithTimeout(ctx, WriteTimeout)
	defer cancel()
	queue := &s.queues[maphash.String(queueSeed, account)%uint64(len(s.queues))]
	if err := queue.enter(ctx); err != nil {
		return Written{}, err
	}
	defer queue.leave()
	snapshot, err := s.engine.Snapshot(ctx, account, "")
	for try := 0; err == nil; try++ {
		d := newDraft(ctx, s, who, snapshot, o.action)
		o.mark(&d.commit, readAgain)
		refused := d.decide(decide)
		if made, err := o.before(ctx, s, refused); err != nil {
			return Written{}, err
		} else if made {
			return o.written(), nil
		}
		if refused == nil {
			var written Written
			if written, err = s.commit(d); !errors.Is(err, authz.ErrConflict) {
				return written, err
			}
			refused = err
		}
		conflict := errors.Is(refused, authz.ErrConflict)
		if !conflict && try > 0 {
			return Written{}, refused
		}
		if try == tries {
			return Written{}, busy()
		}
		// A conflict, or a refusal that may be due to the snapshot's age.
		was := snapshot.Revision()
		if snapshot, err = s.engine.Refresh(ctx, account); err == nil && !conflict && snapshot.Revision() == was {
			return Written{}, refused
		}
	}
	if errors.Is(err, authz.ErrNoAccount) {
		return Written{}, hierarchy.NotFound(hierarchy.Ref{Type: hierarchy.TypeAccount, ID: account})
	}
	return Written{}, err
}

func busy() error {
	return hierarchy.Conflict("ACCOUNT_BUSY", "too many others are changing the account at once; try again")
}

// commit commits what was decided. A draft without edits is done already: its
// revision is the newest that it was decided on, so that whoever passes it on
// sees what was acknowledged before, by others too.
func (s *Service) commit(d *draft) (Written, error) {
	if len(d.commit.Edits) == 0 {
		return Written{Account: d.commit.Account, Revision: authz.Token(d.commit.Account, d.seen)}, nil
	}
	head, previous, err := s.store.Commit(d.ctx, &d.commit)
	if head.Number == 0 {
		return Written{}, err
	}
	s.engine.Committed(&d.commit, head, previous)
	return Written{Account: d.commit.Account, Revision: authz.Token(d.commit.Account, head.Revision), Changed: true, At: head.At, draft: d, number: head.Number}, err
}

func isAbsent(err error) bool   { return errors.Is(err, authz.ErrNoAccount) }
func isConflict(err error) bool { return errors.Is(err, authz.ErrConflict) }
