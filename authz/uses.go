package authz

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Use is that an API key was used last at an instant, in microseconds since
// 1970.
type Use struct {
	Account string
	Key     hierarchy.Ref
	At      int64
}

// Uses notes in memory when API keys were used, until that is taken to the
// store. Its methods may be called by many goroutines at once; a nil Uses notes
// nothing.
type Uses struct {
	mu   sync.RWMutex
	last map[string]*lastUse // by the key, "key:id"
}

type lastUse struct {
	account string
	at      atomic.Int64
}

// mostUses is how many keys are noted at once. What is beyond is not noted: it
// is a hint for people, and not worth the memory.
const mostUses = 100_000

// NewUses makes a Uses.
func NewUses() *Uses { return &Uses{last: map[string]*lastUse{}} }

// note notes that a key was used.
func (u *Uses) note(account, key string, at int64) {
	if u == nil {
		return
	}
	u.mu.RLock()
	of := u.last[key]
	if of != nil {
		of.forward(at)
	}
	u.mu.RUnlock()
	if of == nil {
		u.add(account, key, at)
	}
}

func (u *Uses) add(account, key string, at int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	of := u.last[key]
	if of == nil {
		if len(u.last) >= mostUses {
			return
		}
		of = &lastUse{account: account}
		u.last[key] = of
	}
	of.forward(at)
}

// forward sets a time, unless that would be back.
func (l *lastUse) forward(at int64) {
	for {
		old := l.at.Load()
		if at <= old || l.at.CompareAndSwap(old, at) {
			return
		}
	}
}

// UseStore is where the uses of keys are kept.
type UseStore interface {
	// Used notes uses, each unless a later one of its key is known.
	Used(ctx context.Context, uses []Use) error
}

// Bounds of taking uses to the store: how often that is done, and how long it may
// take.
const (
	flushEvery   = 30 * time.Second
	flushTimeout = 5 * time.Second
)

// Run takes what is noted to a store every half minute or so, and once more when
// the context has ended.
func (u *Uses) Run(ctx context.Context, to UseStore, log *zap.Logger) {
	for over := false; !over; {
		select {
		case <-ctx.Done():
			over = true
		case <-time.After(flushEvery*3/4 + rand.N(flushEvery/2)): // replicas are not to come all at once
		}
		flushing, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		if err := u.Flush(flushing, to); err != nil {
			log.Warn("the store could not be told when API keys were used", zap.Error(err))
		}
		cancel()
	}
}

// Flush takes what was noted to a store. What cannot be taken there is noted
// still.
func (u *Uses) Flush(ctx context.Context, to UseStore) error {
	u.mu.Lock()
	noted := u.last
	u.last = make(map[string]*lastUse, len(noted))
	u.mu.Unlock()
	all := make([]Use, 0, len(noted))
	for key, of := range noted {
		all = append(all, Use{of.account, refOf(key), of.at.Load()})
	}
	for batch := range slices.Chunk(all, usesAtOnce) {
		if err := to.Used(ctx, batch); err != nil {
			for key, of := range noted { // those that were taken there are forward only
				u.note(of.account, key, of.at.Load())
			}
			return err
		}
	}
	return nil
}

// usesAtOnce is how many uses are taken to the store in one conversation.
const usesAtOnce = 500
