package authz

import (
	"encoding/json"

	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/cow"
	"github.com/tollgate-dev/tollgate/policy"
)

// Snapshot is one account as of one revision: everything that a decision
// needs but product resources, in tables that share their pages with the
// snapshot before. It is immutable and may be read by any number of
// goroutines.
type Snapshot struct {
	account string
	head    Head
	token   string  // of the revision, on the wire
	recent  []known // that led here, oldest first; see tokens
	model   *Model
	lineage *lineage
	edition *edition

	nodes    cow.Table[node]      // by "type:id"; row 0 is the account
	subjects cow.Table[principal] // users, services and groups, by "type:id"
	roles    cow.Table[role]      // the account's own, by bare ID
	windows  cow.Vector[policy.Window]
	// permissions are those that custom roles name exactly, each with all
	// roles that hold it.
	permissions cow.Table[holders]
	owners      []uint32 // subjects with a plain binding to owner at the account

	routes json.RawMessage // the route map as it is stored; nil for none

	bindings    int // how many there are
	subprojects int // live ones
	managed     bool

	pointed int // bytes that rows point to; see Bytes
	left    int // rows that may be of no use any more; see worn
}

// lineage is shared by the snapshots that follow from one load by applying
// changes. Rows keep their numbers within it.
type lineage struct{ _ byte }

// edition is one snapshot, and no other. Whoever remembers something of a
// snapshot keeps its edition, and does not keep its tables in memory.
type edition struct{ _ byte }

// Model is the meaning of model.conf with the predefined roles compiled under
// it: what snapshots of all accounts share.
type Model struct {
	meaning    policy.Meaning
	predefined []*policy.Compiled // as in policy.Predefined
	rows       map[string]uint32  // of predefined roles, by ID
	ownerRole  uint32
}

// NewModel compiles the predefined roles under a meaning.
func NewModel(meaning policy.Meaning) *Model {
	m := &Model{meaning: meaning, rows: make(map[string]uint32, len(policy.Predefined))}
	for i, r := range policy.Predefined {
		m.predefined = append(m.predefined, meaning.Compile(r.Permissions))
		m.rows[r.ID] = uint32(i)
	}
	m.ownerRole = m.rows[policy.Owner]
	return m
}

// kind is what a node is.
type kind uint8

const (
	none kind = iota // named by something, but not there
	account
	billingAccount
	project
	subproject
	resource // a product resource that carries a binding
)

// kindOf is the kind of a type of Tollgate's own that can be asked about;
// none for a product's type.
func kindOf(typ string) kind {
	switch typ {
	case hierarchy.TypeAccount:
		return account
	case hierarchy.TypeBillingAccount:
		return billingAccount
	case hierarchy.TypeProject:
		return project
	case hierarchy.TypeSubproject:
		return subproject
	}
	return none
}

// node is a row of the hierarchy. It has no pointers.
type node struct {
	kind   kind
	flags  flags
	parent uint32 // of a subproject; that of other nodes is the account, row 0
	payer  uint32 // of a project: the row of its billing account; 0 for none
}

// flags are what of a hierarchy.State matters to decisions, a bit each.
type flags uint8

const (
	suspended flags = 1 << iota
	suspendedByOperator
	deleted
	purged
)

func flagsOf(s *hierarchy.State) (f flags) {
	if s.Suspended {
		f |= suspended
	}
	if s.SuspendedByOperator {
		f |= suspendedByOperator
	}
	if s.Deleted {
		f |= deleted
	}
	if s.Purged {
		f |= deleted | purged
	}
	return f
}

func (n *node) deleted() bool   { return n.flags&deleted != 0 }
func (n *node) purged() bool    { return n.flags&purged != 0 }
func (n *node) suspended() bool { return n.flags&(suspended|suspendedByOperator) != 0 }

// principal is a subject's row: what is bound to it, and where it belongs.
type principal struct {
	grants []grant // sorted by scope
	ties   *ties   // immutable; nil for none, so that rows are small
	exists bool    // of a group: it is defined
	size   uint32  // of a group: how many direct members it has
}

// ties are what few subjects have: the groups that it belongs to, and of an API
// key what is known of it.
type ties struct {
	groups []uint32 // that it is a direct member of, sorted
	outer  []uint32 // of a group: all groups that it is inside of, at any depth
	key    *apiKey  // of an API key
}

func (p *principal) groups() []uint32 {
	if p.ties == nil {
		return nil
	}
	return p.ties.groups
}

func (p *principal) outer() []uint32 {
	if p.ties == nil {
		return nil
	}
	return p.ties.outer
}

func (p *principal) tie(groups, outer []uint32, key *apiKey) {
	p.ties = nil
	if len(groups)+len(outer) > 0 || key != nil {
		p.ties = &ties{groups, outer, key}
	}
}

// grant is a binding in its subject's row. It has no pointers.
type grant struct {
	scope  uint32 // node
	role   uint32 // row of a role, with denyBit for a deny
	window uint32 // row of windows, plus one; 0 for always
	id     hierarchy.UID
}

const denyBit = 1 << 31

func (g *grant) denies() bool { return g.role&denyBit != 0 }

// role is a custom role; its compiled form is nil once it was deleted.
type role struct{ compiled *policy.Compiled }

// NewSnapshot builds the snapshot of a whole account.
func NewSnapshot(account string, m *Model, s *State) (*Snapshot, error) {
	empty := &Snapshot{account: account, model: m, lineage: new(lineage)}
	edits := make([]Edit, len(s.Records))
	for i, r := range s.Records {
		edits[i] = Edit{Key: r.Key, After: r.Body}
	}
	return empty.Apply(s.Head, edits)
}

// Account is the account's ID.
func (s *Snapshot) Account() string { return s.account }

// Revision is the revision that the snapshot is of.
func (s *Snapshot) Revision() Revision { return s.head.Revision }

// Head is the head that the snapshot is of.
func (s *Snapshot) Head() Head { return s.head }

// role returns the compiled role of a row, or nil.
func (s *Snapshot) role(row uint32) *policy.Compiled {
	row &^= denyBit
	if row < uint32(len(s.model.predefined)) {
		return s.model.predefined[row]
	}
	return s.roles.At(row - uint32(len(s.model.predefined))).compiled
}

// roleID is the ID of the role of a row.
func (s *Snapshot) roleID(row uint32) string {
	row &^= denyBit
	if row < uint32(len(policy.Predefined)) {
		return policy.Predefined[row].ID
	}
	return s.roles.Key(row - uint32(len(policy.Predefined)))
}

func (s *Snapshot) window(g *grant) policy.Window {
	if g.window == 0 {
		return policy.Window{}
	}
	return *s.windows.At(g.window - 1)
}
