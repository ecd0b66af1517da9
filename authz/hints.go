package authz

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"sync/atomic"

	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/cow"
)

// hints remember where nodes that are asked about stand, and who pays there, so
// that a hot check looks once instead of for the account, for the node in it and
// for all that is above. They are few, of fixed number, and never trusted: a
// hint from another snapshot than the account's own now, or of another account
// than the one named, says nothing. They hold nothing that a subject, a
// permission or the time has a part in.
type hints [1 << 11][2]hintPlace

// hintPlace is where a hint may stand. Of another node's it says by the hash
// that it is not for this one, and nobody has to go and see.
type hintPlace struct {
	hash atomic.Uint64
	atomic.Pointer[hint]
}

// of returns the place's hint, if it is for a node.
func (p *hintPlace) of(node string, hash uint64) *hint {
	if p.hash.Load() != hash {
		return nil
	}
	if h := p.Load(); h != nil && h.node == node {
		return h
	}
	return nil
}

type hint struct {
	node    string // as "type:id"
	home    *resident
	edition *edition // of the snapshot that the rest is from
	path    path
	billing Billing
}

// of returns the hint for a request, or nil.
func (hs *hints) of(q *Request) *hint {
	hash := cow.Hash(q.Resource)
	places := &hs[hash%uint64(len(hs))]
	h := places[0].of(q.Resource, hash)
	if h == nil {
		if h = places[1].of(q.Resource, hash); h == nil {
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
	hash := cow.Hash(node)
	places := &hs[hash%uint64(len(hs))]
	at := -1
	for i := range places {
		if places[i].Load() == nil || places[i].of(node, hash) != nil {
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
	places[at].hash.Store(hash)
}

// keyHints remember to which accounts API keys belong that were accepted lately,
// and are trusted as little: such a key is still looked for, and its secret
// compared, in the account's own snapshot now.
type keyHints [1 << 12]atomic.Pointer[keyHint]

type keyHint struct {
	uid     hierarchy.UID
	subject string // "key:key_…"
	home    *resident
}

// at is where the hint for a key may stand: the end of a UID is random.
func (hs *keyHints) at(uid hierarchy.UID) *atomic.Pointer[keyHint] {
	return &hs[binary.BigEndian.Uint16(uid[len(uid)-2:])%uint16(len(hs))]
}

// of returns the hint for a key, or nil.
func (hs *keyHints) of(uid hierarchy.UID) *keyHint {
	if h := hs.at(uid).Load(); h != nil && h.uid == uid {
		return h
	}
	return nil
}

// leave leaves a hint. Another key's is replaced now and then only.
func (hs *keyHints) leave(h *keyHint) {
	at := hs.at(h.uid)
	if old := at.Load(); old == nil || old.uid == h.uid || rand.N(32) == 0 {
		at.Store(h)
	}
}
