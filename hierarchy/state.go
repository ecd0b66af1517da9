package hierarchy

import "time"

// State is what keeps a node, and with it everything below, from being used
// (M24). The zero State keeps it from nothing. Of a node above or below a
// State says nothing: a node is suspended or deleted, too, if anything above
// it is.
type State struct {
	// Suspended is the customer's flag, and SuspendedByOperator the platform
	// operator's. Either suspends, and each is cleared by who set it.
	Suspended           bool `json:"suspended,omitempty"`
	SuspendedByOperator bool `json:"suspended_by_operator,omitempty"`
	// Deleted nodes can be restored for Retention after the last change of
	// their record, which was their deletion.
	Deleted bool `json:"deleted,omitempty"`
	// Purged nodes were deleted, and what was in them has been collected. Their
	// records stay, so that their IDs are never used again.
	Purged bool `json:"purged,omitempty"`
}

// NodeState is s: what all kinds of node have in common.
func (s *State) NodeState() *State { return s }

// Retention is how long what was deleted can be restored.
const Retention = 30 * 24 * time.Hour

// Verbs that a node's state may leave open.
const (
	verbRead    = "read"
	verbInspect = "inspect" // as Tollgate's own types call reading that not every reader may do
	verbResume  = "resume"
	verbRestore = "restore"
)

// OpenWhileSuspended reports whether a permission can be used on what is
// suspended, by whoever holds it: to read, of any type, and to inspect, resume
// and restore what is Tollgate's own. A product's verb of such a name cannot.
func OpenWhileSuspended(typ, action string) bool {
	return action == verbRead || (IsOwn(typ) && (action == verbInspect || action == verbResume || action == verbRestore))
}

// OpenWhileDeleted reports whether a permission can be used on a node that is
// deleted, while nothing above it is: only to restore it.
func OpenWhileDeleted(typ, action string) bool { return IsOwn(typ) && action == verbRestore }
