package authz

import (
	"encoding/json"
	"strings"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Key names one record of an account: its kind, a colon, and its ID. A key
// whose ID has two parts joins them with a comma, which no identifier has.
type Key string

// The kinds of record. Those of accounts, billing accounts, projects,
// subprojects, groups and roles are the types of package hierarchy.
const (
	KindLink     = "link"     // billing.Link, by its project
	KindMember   = "member"   // Membership in a group, by "subject,group"
	KindResource = "resource" // hierarchy.Resource, by "type:id"
	KindRoutes   = "routes"   // the platform's route map; see RoutesKey
)

// RoutesKey is the key of the route map, of which the platform's account has
// one and no other has any.
const RoutesKey = Key(KindRoutes + ":" + hierarchy.PlatformID)

// KeyOf is the key of the record of a kind and an ID.
func KeyOf(kind, id string) Key { return Key(kind + ":" + id) }

// MemberKey is the key of a subject's membership in a group.
func MemberKey(subject hierarchy.Ref, group string) Key {
	return KeyOf(KindMember, subject.String()+","+group)
}

// ResourceKey is the key of a product resource.
func ResourceKey(r hierarchy.Ref) Key { return KeyOf(KindResource, r.String()) }

// Split takes a key apart.
func (k Key) Split() (kind, id string) {
	kind, id, _ = strings.Cut(string(k), ":")
	return kind, id
}

// Member takes the ID of a membership's key apart.
func (k Key) Member() (subject hierarchy.Ref, group string) {
	_, id := k.Split()
	s, group, _ := strings.Cut(id, ",")
	subject.Type, subject.ID, _ = strings.Cut(s, ":")
	return subject, group
}

// Record is one record of an account as the store keeps it.
type Record struct {
	Key     Key
	Created int64  // microseconds since 1970, by the store's clock
	Updated int64  // likewise, of its last change
	Version uint64 // the number of the revision of its last change
	Body    json.RawMessage
}

// Revision is one state of one account: how many writes led to it, and an
// identity that the last writer made at random. Two states of equal number
// and different identity are different histories: one of them was lost.
type Revision struct {
	Number   uint64
	Identity string // 16 hexadecimal digits
}

// Head is the newest revision of an account, and what else its writers and
// readers need to know of it.
type Head struct {
	Revision
	// Basis is the number of the last revision that changed a record other
	// than a resource: what a snapshot is made of. Writes are guarded by it.
	Basis uint64
	At    int64 // when the revision was committed, in microseconds
	Now   int64 // the store's clock when it answered, in microseconds
}

// Edit is the change of one record.
type Edit struct {
	Key     Key             `json:"key"`
	Created int64           `json:"created,omitempty"` // of a record that was there before
	Before  json.RawMessage `json:"before,omitempty"`  // absent: the record is new
	After   json.RawMessage `json:"after,omitempty"`   // absent: the record is gone
}

// Change is one committed write of one account, as its log has it.
type Change struct {
	Revision
	Previous string // the identity of the revision before
	At       int64  // microseconds since 1970, strictly increasing in an account
	Actor    string // who acted: "user:ann", or the caller if nobody else
	Caller   string // who held the credential
	Action   string // what was asked, such as project.open
	Edits    []Edit
}

// Commit is a write that was decided and is to be committed, whole or not
// at all.
type Commit struct {
	Account  string
	Identity string // of the revision that it makes; random, made by the writer

	// What must still be so, or nothing is written (ErrConflict).

	New     bool   // the account does not exist yet
	Guarded bool   // the account's basis is Basis
	Basis   uint64 // the basis that the write was decided on
	Present []Key  // records that exist (of a kind that a basis does not cover)
	// Versions that resources must have: 0 for one that must not exist.
	Versions map[Key]uint64

	// What is written.

	Edits   []Edit
	Payers  []Transition // of projects
	Parents []Transition // of resources and subprojects

	// Outcome makes the store remember for a day that the commit was made, and
	// this with it, so that a repeat of the same request can be answered; nil
	// for nothing. Never empty otherwise.
	Outcome json.RawMessage

	Actor, Caller, Action string

	// Terse keeps out of the log what records were before, except for
	// bindings, which snapshots need.
	Terse bool
	// Forget drops what the log had before this commit.
	Forget bool
}

// Made is what is remembered of a commit.
type Made struct {
	Revision Revision
	At       int64           // when it was committed, in microseconds
	Outcome  json.RawMessage // as the commit had it
}

// Transition is a point in the history of a node's parent or payer: at the
// commit's time it went From one To another; either is empty where there was
// or is none.
type Transition struct {
	Node, From, To string // node and parent as "type:id", payer as a bare ID
	// At is when, in microseconds; 0 for the commit's own time.
	At int64
}

// Due is something that is to be collected once an instant has come.
type Due struct {
	Account string        // bare ID
	Node    hierarchy.Ref // that was deleted
	At      int64         // microseconds since 1970
}

// Administrative reports whether the commit changes what snapshots are made
// of, rather than resources alone.
func (c *Commit) Administrative() bool { return administrative(c.Edits) }

func administrative(edits []Edit) bool {
	for _, e := range edits {
		if kind, _ := e.Key.Split(); kind != KindResource {
			return true
		}
	}
	return false
}

// Change is the change that the log has of c, once it was committed as head.
func (c *Commit) Change(head Head, previous string) Change {
	return Change{Revision: head.Revision, Previous: previous, At: head.At, Actor: c.Actor, Caller: c.Caller, Action: c.Action, Edits: c.Edits}
}
