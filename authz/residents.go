package authz

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tollgate-dev/tollgate/internal/cow"
)

// residents are the accounts in memory, by ID. Those that were loaded are in
// a table that checks read without a lock; those that are only asked about
// are apart, and are forgotten if the store knows no such account: what
// requests name takes no memory.
type residents struct {
	loaded atomic.Pointer[cow.Table[*resident]]

	mu       sync.Mutex // guards what follows, and replacing the table
	arriving map[string]*resident
	n        int // in the table
}

func newResidents() *residents {
	r := &residents{arriving: map[string]*resident{}}
	r.loaded.Store(new(cow.Table[*resident]))
	return r
}

// get returns the account's resident, or nil.
func (rs *residents) get(account string) *resident {
	t := rs.loaded.Load()
	if row, ok := t.Find(account); ok {
		return *t.At(row)
	}
	return nil
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

// settle moves a resident that was loaded into the table.
func (rs *residents) settle(r *resident) {
	if rs.get(r.account) == r {
		return
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	delete(rs.arriving, r.account)
	rs.put(r.account, r)
}

// forget drops a resident.
func (rs *residents) forget(r *resident) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.arriving[r.account] == r {
		delete(rs.arriving, r.account)
	}
	if rs.get(r.account) == r {
		rs.put(r.account, nil)
	}
}

func (rs *residents) put(account string, r *resident) {
	if rs.get(account) != nil {
		rs.n--
	}
	if r != nil {
		rs.n++
	}
	t, edit := *rs.loaded.Load(), new(cow.Edit)
	*t.Edit(edit, t.Put(edit, account)) = r
	rs.loaded.Store(&t)
}

// count is how many accounts are in memory.
func (rs *residents) count() int {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.n
}
