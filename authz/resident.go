package authz

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// resident is an account that is in memory, or on its way there. All that
// goes between it and the store goes in rounds, one at a time; whoever needs
// one while another is under way shares the next. One that was dropped from
// memory is gone for good: whoever still has it in hand is led on to the one
// that the account has now.
type resident struct {
	engine  *Engine
	account string
	state   atomic.Pointer[held] // nil until it is loaded, and once it is gone
	marks   atomic.Uint32        // that questions leave
	missed  atomic.Bool          // the last comparison failed, or is taking too long

	mu      sync.Mutex // guards the two below
	next    *round
	running bool

	outrun   atomic.Bool // a change was heard of while publish was held; see Heard
	publish  sync.Mutex  // held by whoever replaces the snapshot; guards the two below
	gone     bool        // it was dropped: the account has another resident, or none
	renewing bool

	place int   // in the ring; guarded by residents.mu, as is
	bytes int64 // of the snapshot, about; 0 if it is not in the ring
}

// The marks that a question leaves on its account. One that was asked about a
// moment ago costs a look at what lies beside its snapshot, and no write.
const (
	markUsed  uint32 = 1 << iota // since the hand passed by; see residents
	markAsked                    // since active accounts were compared; see compareAsked
)

// held is a snapshot and how fresh it is. The two are replaced together: a
// snapshot never passes for fresh by a comparison of the one after it.
type held struct {
	*Snapshot
	compared time.Duration // monotonic time at which the last good comparison was sent
}

// never is a comparison so long ago that it is out of any bound.
const never = time.Duration(-1 << 62)

// current is the snapshot held, or nil.
func (r *resident) current() *Snapshot {
	if h := r.state.Load(); h != nil {
		return h.Snapshot
	}
	return nil
}

// hasReached reports whether the snapshot held is known to be of a token's
// revision or of one after it.
func (r *resident) hasReached(token string) bool {
	s := r.current()
	return s != nil && s.reaches(token)
}

// round is one conversation with the store, for everyone who waits for it.
type round struct {
	keys      []Key
	done      chan struct{}
	snapshot  *Snapshot
	resources map[Key]hierarchy.Resource // of keys, those that exist, as of snapshot
	err       error
}

// resident returns the account's resident, new if need be.
func (e *Engine) resident(account string) *resident { return e.residents.arrive(account, e) }

// fresh returns a snapshot that is inside the bound now, comparing it with the
// store first if it is not.
func (r *resident) fresh(ctx context.Context, now time.Duration) (*Snapshot, error) {
	if s := r.freshAt(now); s != nil {
		return s, nil
	}
	rd, err := r.sync(ctx)
	if err != nil {
		return nil, err
	}
	return rd.snapshot, nil
}

// freshAt is the snapshot held, if its last comparison is inside the bound at
// a time, and the engine's lease holds; or nil.
func (r *resident) freshAt(now time.Duration) *Snapshot {
	h := r.state.Load()
	if h == nil || now-h.compared > r.engine.opts.Bound || !r.engine.leased(now) {
		return nil
	}
	r.mark()
	return h.Snapshot
}

// mark leaves the marks of a question.
func (r *resident) mark() {
	if r.marks.Load() != markUsed|markAsked {
		r.marks.Store(markUsed | markAsked)
	}
}

// keep makes a snapshot the one held. The caller holds r.publish, and r is not
// gone.
func (r *resident) keep(s *Snapshot, compared time.Duration) {
	before := r.current()
	r.state.Store(&held{s, compared})
	if s == before {
		return
	}
	r.engine.residents.weigh(r, s.Bytes())
	if s.worn() && !r.renewing {
		select {
		case r.engine.worn <- r:
			r.renewing = true
		default: // the next change asks again
		}
	}
}

// sync waits for a round that begins after it was called and reads the
// resources of the keys beside.
func (r *resident) sync(ctx context.Context, keys ...Key) (*round, error) {
	if err := r.engine.gate.look(); err != nil {
		return nil, unavailable(err)
	}
	r.mu.Lock()
	if r.next == nil {
		r.next = &round{done: make(chan struct{})}
	}
	rd := r.next
	rd.keys = append(rd.keys, keys...)
	if !r.running {
		r.running = true
		go r.run() //nolint:contextcheck // a round serves everyone who waits, and outlives each
	}
	r.mu.Unlock()
	select {
	case <-rd.done:
		return rd, rd.err
	case <-ctx.Done():
		return nil, unavailable(ctx.Err())
	}
}

// run does rounds until nobody waits for one.
func (r *resident) run() {
	for {
		r.mu.Lock()
		rd := r.next
		r.next = nil
		r.running = rd != nil
		r.mu.Unlock()
		if rd == nil {
			return
		}
		r.converse(rd)
		close(rd.done)
	}
}

func (r *resident) converse(rd *round) {
	ctx, cancel := context.WithTimeout(context.Background(), r.engine.opts.Timeout)
	defer cancel()
	p, err := r.engine.gate.enter(ctx)
	if err != nil {
		r.publish.Lock()
		defer r.settle()
		r.fail(rd, err)
		return
	}
	gone, err := r.do(ctx, rd)
	r.engine.gate.leave(p, err)
	if gone {
		rd.pass(ctx, r.engine.resident(r.account))
	}
}

// do has a round with the store, unless the resident is gone.
func (r *resident) do(ctx context.Context, rd *round) (gone bool, err error) {
	r.publish.Lock()
	defer r.settle()
	if r.gone {
		return true, nil
	}
	records, err := r.advance(ctx, rd.keys)
	if err == nil {
		err = rd.take(records)
	}
	r.missed.Store(unreached(err))
	if err != nil {
		r.fail(rd, err)
		return false, err
	}
	rd.snapshot = r.current()
	for key, res := range rd.resources {
		r.remember(rd.snapshot, key, res)
	}
	return false, nil
}

// fail ends a round with an error. The caller holds publish.
func (r *resident) fail(rd *round, err error) {
	if !r.gone && (errors.Is(err, ErrNoAccount) || r.current() == nil) {
		r.engine.residents.forget(r)
	}
	if !errors.Is(err, ErrNoAccount) && !errors.Is(err, errAway) {
		r.engine.opts.Logger.Warn("an account cannot be read", zap.String("account", r.account), zap.Error(err))
	}
	rd.err = unavailable(err)
}

// pass leaves a round to the resident that the account has now.
func (rd *round) pass(ctx context.Context, to *resident) {
	other, err := to.sync(ctx, rd.keys...)
	if rd.err = err; err == nil {
		rd.snapshot, rd.resources = other.snapshot, other.resources
	}
}

func (rd *round) take(records []Record) error {
	rd.resources = make(map[Key]hierarchy.Resource, len(records))
	for _, rec := range records {
		var res hierarchy.Resource
		if err := decode(rec.Body, &res); err != nil {
			return fmt.Errorf("record %s: %w", rec.Key, err)
		}
		rd.resources[rec.Key] = res
	}
	return nil
}

// remember keeps the place of a resource.
func (r *resident) remember(s *Snapshot, key Key, res hierarchy.Resource) {
	if container, ok := s.nodes.Find(res.Parent.String()); ok {
		_, id := key.Split()
		r.engine.places.Set(id, place{r, s.lineage, container, s.head.Number})
	}
}

// advance brings the snapshot to a revision of the store's that is no older
// than the call, and returns the records of keys as of that very revision.
func (r *resident) advance(ctx context.Context, keys []Key) ([]Record, error) {
	clock := &r.engine.clock
	mono, wall := clock.Monotonic(), clock.Wall()
	s := r.current()
	if s == nil {
		return r.load(ctx, keys)
	}
	head, records, err := r.engine.source.Read(ctx, r.account, keys...)
	if err != nil {
		return nil, err
	}
	clock.learn(wall, head.Now, clock.Wall())
	if head.Revision != s.head.Revision {
		var changes []Change
		was := head.Number
		head, changes, err = r.engine.source.Since(ctx, r.account, s.head.Revision)
		if errors.Is(err, ErrGap) {
			return r.load(ctx, keys)
		}
		if err != nil {
			return nil, err
		}
		if s, err = r.replay(s, head, changes); err != nil {
			return nil, err
		}
		records = overtake(records, keys, changes, was)
	}
	r.keep(s, mono)
	return records, nil
}

// replay applies the log's changes to a snapshot.
func (r *resident) replay(s *Snapshot, head Head, changes []Change) (*Snapshot, error) {
	var err error
	for _, c := range changes {
		r.forget(c.Edits)
		at := Head{Revision: c.Revision, Basis: s.head.Basis, At: c.At}
		if administrative(c.Edits) {
			at.Basis = c.Number
		}
		if s, err = s.Apply(at, c.Edits); err != nil {
			return nil, err
		}
	}
	if s.head.Revision != head.Revision {
		return nil, fmt.Errorf("the log of account %s leads to revision %d, not %d", r.account, s.head.Number, head.Number)
	}
	return s, nil
}

// forget drops the remembered places of resources that a change touches. It
// comes before the change's snapshot is seen by anyone.
func (r *resident) forget(edits []Edit) {
	for _, e := range edits {
		if kind, id := e.Key.Split(); kind == KindResource {
			r.engine.places.Invalidate(id)
		}
	}
}

// overtake brings records that were read at revision number was to the end of
// the changes.
func overtake(records []Record, keys []Key, changes []Change, was uint64) []Record {
	newest := make(map[Key]Record, len(records))
	for _, rec := range records {
		newest[rec.Key] = rec
	}
	for _, c := range changes {
		if c.Number <= was {
			continue
		}
		for _, e := range c.Edits {
			delete(newest, e.Key)
			if e.After != nil {
				newest[e.Key] = Record{Key: e.Key, Body: e.After}
			}
		}
	}
	records = records[:0:0]
	for _, key := range keys {
		if rec, ok := newest[key]; ok {
			records = append(records, rec)
		}
	}
	return records
}

// load replaces the snapshot by one made from all of the account, in a
// lineage of its own: what was remembered of the old one is forgotten with it.
func (r *resident) load(ctx context.Context, keys []Key) ([]Record, error) {
	s, sent, resources, err := r.build(ctx, keys)
	if err == nil {
		r.keep(s, sent)
	}
	return resources, err
}

// build makes a snapshot from all of the account, and says when it was asked
// for. It returns the resources of the keys beside.
func (r *resident) build(ctx context.Context, keys []Key) (s *Snapshot, sent time.Duration, resources []Record, err error) {
	clock := &r.engine.clock
	sent, wall := clock.Monotonic(), clock.Wall()
	state, err := r.engine.source.Load(ctx, r.account, keys...)
	if err != nil {
		return nil, 0, nil, err
	}
	clock.learn(wall, state.Now, clock.Wall())
	if s, err = NewSnapshot(r.account, r.engine.model, state); err != nil {
		return nil, 0, nil, err
	}
	if s.nodes.At(0).kind != account {
		return nil, 0, nil, fmt.Errorf("account %s has a revision and lacks its own record", r.account)
	}
	return s, sent, state.Resources, nil
}

// renewWorn renews accounts that are worn, one after another.
func (e *Engine) renewWorn(ctx context.Context) {
	for {
		select {
		case r := <-e.worn:
			r.renew(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// renew loads the account anew, in a lineage that has no rows of what was
// removed. It is done beside the rounds: nobody waits for it, and what changes
// meanwhile is applied at the end. A snapshot that is held to be out of bound,
// because of a write here, stays so.
func (r *resident) renew(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, r.engine.opts.Timeout)
	defer cancel()
	s, sent, _, err := r.build(ctx, nil)
	r.publish.Lock()
	defer r.settle()
	r.renewing = false
	h := r.state.Load()
	if h == nil || !h.worn() { // it was dropped, or loaded for another reason
		return
	}
	if err == nil {
		s, sent, err = r.catchUp(ctx, s, min(sent, h.compared))
	}
	if err != nil {
		r.engine.opts.Logger.Warn("an account cannot be read", zap.String("account", r.account), zap.Error(err))
		return
	}
	r.engine.renewals.Add(1)
	r.keep(s, sent)
}

// catchUp brings a snapshot that was made beside the rounds to a revision that
// is no older than the one held.
func (r *resident) catchUp(ctx context.Context, s *Snapshot, sent time.Duration) (*Snapshot, time.Duration, error) {
	if s.head.Number >= r.current().head.Number {
		return s, sent, nil
	}
	sent = r.engine.clock.Monotonic()
	head, changes, err := r.engine.source.Since(ctx, r.account, s.head.Revision)
	if err != nil {
		return nil, 0, err
	}
	s, err = r.replay(s, head, changes)
	return s, sent, err
}
