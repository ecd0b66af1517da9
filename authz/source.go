package authz

import (
	"context"
	"errors"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Errors of a Source. Any other is that of a store that cannot be reached.
var (
	ErrNoAccount = errors.New("no such account")
	// ErrGap says that the log does not lead from the revision asked about to
	// the newest: it was trimmed, or the revision is not of this history.
	ErrGap = errors.New("the log does not lead there")
	// ErrConflict says that a guard of a Commit did not hold.
	ErrConflict = errors.New("the account has changed")
)

// Source is where snapshots come from. Its methods may be called by many
// goroutines at once.
type Source interface {
	// Load returns all records of an account except resources, as of one
	// revision. It MUST read them and the head atomically. It also returns
	// the resources asked for by key, as of the same revision, those that
	// exist. ErrNoAccount if there is no such account.
	Load(ctx context.Context, account string, resources ...Key) (*State, error)
	// Since returns the changes after a revision, oldest first, and the head
	// that they lead to. It MUST return ErrGap rather than a chain that does
	// not begin at exactly that number and identity.
	Since(ctx context.Context, account string, after Revision) (Head, []Change, error)
	// Read returns the records of the keys that exist, and the head, read
	// atomically. ErrNoAccount if there is no such account.
	Read(ctx context.Context, account string, keys ...Key) (Head, []Record, error)
	// Heads returns the newest revisions of accounts, in order, in one round
	// trip: each as of a moment after the call began, and all of moments of
	// their own. It is zero of an account that does not exist, or cannot be
	// read. With an error those that could be had are returned all the same.
	Heads(ctx context.Context, accounts []string) ([]Revision, error)
	// RevisionAt returns the identity of an account's revision of that
	// number; found is false if the log no longer has it.
	RevisionAt(ctx context.Context, account string, number uint64) (identity string, found bool, err error)
	// Locate returns the accounts of nodes and resources, in order; "" for
	// one that nothing was ever claimed for. A claim is not proof: the
	// account's own record is.
	Locate(ctx context.Context, refs ...hierarchy.Ref) ([]string, error)
}

// State is all of an account, as of one revision.
type State struct {
	Head
	Records   []Record // in no order
	Resources []Record
}
