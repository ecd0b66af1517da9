package authz

import (
	"strings"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/internal/cow"
)

// residents are the accounts in memory, by ID. Those that were loaded are in
// a table that checks read without a lock; those that are only asked about
// are apart, and are forgotten if the store knows no such account: what
// requests name takes no memory.
//
// Those that were loaded stand in a ring too. If their snapshots take more
// than they may, a hand goes round it, as that of a clock does: an account
// that was used since it passed last is spared once, another is dropped.
type residents struct {
	loaded atomic.Pointer[cow.Table[*resident]] // nil in the row of one that was dropped
	limit  int64                                // of bytes; 0 for none
	log    *zap.Logger

	mu        sync.Mutex // guards what follows, and replacing the table
	arriving  map[string]*resident
	ring      []*resident // in the table, in no order
	hand      int         // the next to be looked at
	bytes     int64       // of the snapshots of those in the ring
	evictions uint64
	warned    bool // of an account that exceeds the limit by itself
}

func newResidents(limit int64, log *zap.Logger) *residents {
	r := &residents{arriving: map[string]*resident{}, limit: limit, log: log}
	r.loaded.Store(new(cow.Table[*resident]))
	return r
}

// get returns the account's resident if it was loaded, or nil.
func (rs *residents) get(account string) *resident {
	t := rs.loaded.Load()
	if row, ok := t.Find(account); ok {
		return *t.At(row)
	}
	return nil
}

// find returns the account's resident, loaded or on its way, or nil.
func (rs *residents) find(account string) *resident {
	if r := rs.get(account); r != nil {
		return r
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r := rs.get(account); r != nil {
		return r
	}
	return rs.arriving[account]
}

// arrive returns the account's resident, new if need be.
func (rs *residents) arrive(account string, e *Engine) *resident {
	if r := rs.get(account); r != nil {
		return r
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.get(account)
	if r == nil {
		r = rs.arriving[account]
	}
	if r == nil {
		own := strings.Clone(account) // a request may then stay on its caller's stack
		r = &resident{engine: e, account: own}
		rs.arriving[own] = r
	}
	return r
}

// weigh takes note that a resident, which is not gone, holds a snapshot of so
// many bytes, and makes room if that is too much. The caller holds r.publish.
func (rs *residents) weigh(r *resident, bytes int) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r.bytes == 0 {
		delete(rs.arriving, r.account)
		r.place = len(rs.ring)
		rs.ring = append(rs.ring, r)
		rs.put(r.account, r)
	}
	rs.bytes += int64(bytes) - r.bytes
	r.bytes = int64(bytes)
	rs.shrink()
	if rs.limit > 0 && r.bytes > rs.limit && !rs.warned {
		rs.warned = true
		rs.log.Warn("an account takes more memory than all accounts together may; it is kept while it is asked about",
			zap.String("account", r.account), zap.Int64("bytes", r.bytes), zap.Int64("limit", rs.limit))
	}
}

// shrink drops residents until the rest take no more than they may. It passes
// by those that a round or a write has in its hands, the one that is weighed
// among them; at worst nothing else is left.
func (rs *residents) shrink() {
	for steps := 2 * len(rs.ring); rs.limit > 0 && rs.bytes > rs.limit && steps > 0; steps-- {
		if rs.hand >= len(rs.ring) {
			rs.hand = 0
		}
		r := rs.ring[rs.hand]
		rs.hand++ // past who takes the place, too: it came last
		if r.marks.And(^markUsed)&markUsed != 0 || !r.publish.TryLock() {
			continue
		}
		rs.drop(r)
		r.publish.Unlock()
		rs.evictions++
	}
}

// forget drops a resident. The caller holds r.publish.
func (rs *residents) forget(r *resident) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.arriving[r.account] == r {
		delete(rs.arriving, r.account)
	}
	rs.drop(r)
}

// drop makes a resident one that is gone: it holds no snapshot, whoever still
// refers to it. Its place in the ring goes to the last.
func (rs *residents) drop(r *resident) {
	r.gone = true
	r.state.Store(nil)
	if r.bytes == 0 {
		return
	}
	last := rs.ring[len(rs.ring)-1]
	rs.ring[r.place], last.place = last, r.place
	rs.ring[len(rs.ring)-1] = nil
	rs.ring = rs.ring[:len(rs.ring)-1]
	rs.bytes -= r.bytes
	r.bytes = 0
	rs.put(r.account, nil)
}

// put gives an account's row another resident. The rows of those that were
// dropped stay, with the text of their IDs: once they are the greater part the
// table is made anew.
func (rs *residents) put(account string, r *resident) {
	t, edit := *rs.loaded.Load(), new(cow.Edit)
	*t.Edit(edit, t.Put(edit, account)) = r
	if t.Len() > 2*uint32(len(rs.ring))+1024 {
		t = cow.Table[*resident]{}
		for _, r := range rs.ring {
			*t.Edit(edit, t.Put(edit, r.account)) = r
		}
	}
	rs.loaded.Store(&t)
}

// counts are how many accounts are in memory, the bytes that they take, and
// how many were evicted.
func (rs *residents) counts() (residents int, bytes int64, evictions uint64) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return len(rs.ring), rs.bytes, rs.evictions
}
