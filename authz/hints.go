package authz

import (
	"hash/maphash"
	"math/rand/v2"
	"strings"
	"sync/atomic"
)

// hints remember where nodes that are asked about stand, so that a hot check
// looks once instead of for the account and then for the node in it. They are
// few, of fixed number, and never trusted: a hint of another lineage than the
// snapshot's, or of another account than the one named, says nothing.
type hints [1 << 12]atomic.Pointer[hint]

type hint struct {
	node    string // as "type:id"
	home    *resident
	lineage *lineage // in which row is the node's
	row     uint32
}

var hintSeed = maphash.MakeSeed()

func (hs *hints) slot(node string) *atomic.Pointer[hint] {
	return &hs[maphash.String(hintSeed, node)%uint64(len(hs))]
}

// of returns the hint for a request, or nil.
func (hs *hints) of(q *Request) *hint {
	h := hs.slot(q.Resource).Load()
	if h == nil || h.node != q.Resource || (q.Account != "" && q.Account != h.home.account) || q.Parent != "" {
		return nil
	}
	return h
}

// leave leaves a hint. One that stands there for another node is replaced
// only now and then, so that many nodes in turn cost nothing.
func (hs *hints) leave(node string, home *resident, s *Snapshot, row uint32) {
	slot := hs.slot(node)
	if old := slot.Load(); old != nil && old.node != node && rand.N(16) != 0 {
		return
	}
	slot.Store(&hint{strings.Clone(node), home, s.lineage, row})
}
