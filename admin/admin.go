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
package admin

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
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
	// reply was lost MUST NOT be reported as failed if it was written.
	Commit(ctx context.Context, c *authz.Commit) (head authz.Head, previous string, err error)
	// Resources returns the resources of a container in the order of their
	// "type:id", at most limit of them, after one.
	Resources(ctx context.Context, account string, container hierarchy.Ref, after string, limit int) ([]authz.Record, error)
	// ClaimSignUp settles what a sign-up under an idempotency key makes: the
	// first proposal for the key is kept, and returned to all that come
	// later with the same fingerprint.
	ClaimSignUp(ctx context.Context, caller, key, fingerprint string, proposal []byte) (settled []byte, err error)
}

// Service administers accounts. Its methods may be called by many goroutines
// at once; writes to one account are queued.
type Service struct {
	engine *authz.Engine
	store  Store
	now    func() time.Time
	queues [256]sync.Mutex // by account
}

// New makes a service that decides on the engine's snapshots.
func New(engine *authz.Engine, store Store) *Service {
	return &Service{engine: engine, store: store, now: time.Now}
}

// Engine is the engine whose snapshots the service decides on.
func (s *Service) Engine() *authz.Engine { return s.engine }

// Written is what every write answers.
type Written struct {
	Revision string // a token; pass it as at_least to see the write
	Changed  bool   // false if everything was so already
}

var queueSeed = maphash.MakeSeed()

// tries is how often a write is decided again when others came between.
const tries = 32

// write decides a write and commits it. The decision may be made several
// times, each on a newer snapshot, and must not change anything but its
// draft.
func (s *Service) write(ctx context.Context, who Caller, account, action string, decide func(*draft) error) (Written, error) {
	queue := &s.queues[maphash.String(queueSeed, account)%uint64(len(s.queues))]
	queue.Lock()
	defer queue.Unlock()
	snapshot, err := s.engine.Snapshot(ctx, account, "")
	for try := 0; err == nil; try++ {
		written, refused := s.try(newDraft(ctx, s, who, snapshot, action), decide)
		if refused == nil {
			return written, nil
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

// try decides once, checks what the account would become, and commits.
func (s *Service) try(d *draft, decide func(*draft) error) (Written, error) {
	if err := decide(d); err != nil {
		return Written{}, err
	}
	if len(d.commit.Edits) == 0 {
		return Written{Revision: authz.Token(d.commit.Account, d.snapshot.Revision())}, nil
	}
	if err := d.check(); err != nil {
		return Written{}, err
	}
	return s.commit(d.ctx, d)
}

func (s *Service) commit(ctx context.Context, d *draft) (Written, error) {
	head, previous, err := s.store.Commit(ctx, &d.commit)
	if err != nil {
		return Written{}, err
	}
	s.engine.Committed(&d.commit, head, previous)
	return Written{Revision: authz.Token(d.commit.Account, head.Revision), Changed: true}, nil
}
