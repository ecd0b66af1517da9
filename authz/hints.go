package authz

import (
	"math/rand/v2"
	"strings"
	"sync/atomic"

	"github.com/tollgate-dev/tollgate/internal/cow"
)

// hints remember where nodes that are asked about stand, and who pays there, so
// that a hot check looks once instead of for the account, for the node in it and
// for all that is above. They are few, of fixed number, and never trusted: a
// hint from another snapshot than the account's own now, or of another account
// than the one named, says nothing. They hold nothing that a subject, a
// permission or the time has a part in.
type hints [1 << 11][2]atomic.Pointer[hint]

type hint struct {
	node    string // as "type:id"
	home    *resident
	edition *edition // of the snapshot that the rest is from
	path    path
	billing Billing
}

func (hs *hints) places(node string) *[2]atomic.Pointer[hint] {
	return &hs[cow.Hash(node)%uint64(len(hs))]
}

// of returns the hint for a request, or nil.
func (hs *hints) of(q *Request) *hint {
	places := hs.places(q.Resource)
	h := places[0].Load()
	if h == nil || h.node != q.Resource {
		if h = places[1].Load(); h == nil || h.node != q.Resource {
			return nil
		}
	}
	if (q.Account != "" && q.Account != h.home.account) || q.Parent != "" {
		return nil
	}
	return h
}

// leave leaves a hint. If others stand in both of its places one is replaced,
// but only now and then, so that many nodes in turn cost nothing.
func (hs *hints) leave(node string, home *resident, s *Snapshot, on *path) {
	places := hs.places(node)
	at := -1
	for i := range places {
		if h := places[i].Load(); h == nil || h.node == node {
			at = i
			break
		}
	}
	if at < 0 {
		if at = rand.N(32); at >= len(places) {
			return
		}
	}
	h := &hint{node: strings.Clone(node), home: home, edition: s.edition, path: *on}
	s.payer(on, &h.billing)
	places[at].Store(h)
}
