package authz

// Past is what the store has of one node's history, read at one moment: some
// of its points, and beside them the node's own record as it now is.
type Past struct {
	Head
	Record *Record      // nil if the node has none, or none any more
	Points []Transition // in the order of their times
}

// Settled is the last instant of which the account's history can no longer
// change: whatever is committed after the head was read is dated later. It
// holds as long as the store's clock does not step back.
func (h *Head) Settled() int64 { return max(h.Now-1, h.At) }
