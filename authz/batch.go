package authz

import (
	"context"
	"errors"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Result is the answer to one request of a batch, or the error in its place.
type Result struct {
	Answer Answer
	Err    error
}

// CheckBatch answers requests in their order. All items of one account are
// answered from one snapshot, at one instant; a bad item is an error in its
// own place.
func (e *Engine) CheckBatch(ctx context.Context, reqs []Request) []Result {
	b := batch{engine: e, items: make([]item, len(reqs)), results: make([]Result, len(reqs)), homes: map[string]*resident{}}
	for i := range reqs {
		b.items[i].Request, b.items[i].who = &reqs[i], &reqs[i].Subject
		b.results[i].Err = b.items[i].readItem()
	}
	limited, cancel := e.limit(ctx)
	defer cancel()
	b.answerAll(limited, b.sort(limited))
	b.answerAll(limited, b.follow(limited))
	for i := range b.results {
		if b.results[i].Err != nil {
			b.results[i].Err = b.items[i].refuse(ctx, b.results[i].Err)
		}
	}
	return b.results
}

// readItem is read, of an item of a batch: that is answered for a subject, whom
// a key would have to be verified for first.
func (it *item) readItem() error {
	if !it.Key.IsZero() {
		return hierarchy.Invalid("KEY_IN_BATCH", "api_key", "is not possible in a batch; ask about each key alone")
	}
	return it.read()
}

// batch is a batch under way.
type batch struct {
	engine  *Engine
	items   []item
	results []Result
	homes   map[string]*resident // by account: one, whatever is dropped meanwhile
	decided sync.Once
	at      int64 // the instant that all items are decided at
}

// abreast is how many accounts of a batch are answered at once.
const abreast = 16

// answerAll answers the items of several accounts. No two accounts share an
// item.
func (b *batch) answerAll(ctx context.Context, homes []*resident) {
	if len(homes) == 1 {
		b.answer(ctx, homes[0])
		return
	}
	var g errgroup.Group
	g.SetLimit(abreast)
	for _, home := range homes {
		g.Go(func() error {
			b.answer(ctx, home)
			return nil
		})
	}
	_ = g.Wait()
}

type item struct {
	question
	home *resident
}

// sort finds the account of every item, the unknown ones in one look-up, and
// returns them in the order of their first item.
func (b *batch) sort(ctx context.Context) []*resident {
	e := b.engine
	var askers []int
	for i := range b.items {
		it := &b.items[i]
		if b.results[i].Err != nil {
			continue
		}
		if home := e.homeInMemory(&it.question); home != nil {
			it.home = b.home(home)
		} else if b.results[i].Err = it.check(); b.results[i].Err == nil {
			if named := it.named(e); named != "" {
				it.home = b.home(e.resident(named))
			} else if it.located(e) != "" {
				askers = append(askers, i)
			}
		}
	}
	b.locate(ctx, askers)
	var homes []*resident
	seen := map[*resident]bool{}
	for i := range b.items {
		switch home := b.items[i].home; {
		case b.results[i].Err != nil:
		case home == nil:
			q := &b.items[i].question
			b.results[i].Answer.Code = e.nowhere(q)
			b.results[i].Err = q.checkAll()
		case !seen[home]:
			seen[home] = true
			homes = append(homes, home)
		}
	}
	return homes
}

// home is the resident that the whole batch asks for an account. Two of its
// items may find two, if the account was evicted between them.
func (b *batch) home(r *resident) *resident {
	if first, ok := b.homes[r.account]; ok {
		return first
	}
	b.homes[r.account] = r
	return r
}

// follow finds the accounts of resources that are no longer in those that
// memory knows them from, and returns the accounts to answer again.
func (b *batch) follow(ctx context.Context) []*resident {
	var askers []int
	left := map[int]*resident{}
	for i := range b.items {
		if it := &b.items[i]; it.home != nil && b.results[i].Err == nil && b.results[i].Answer.mayHaveLeft(b.engine, &it.question) {
			askers, left[i] = append(askers, i), it.home
		}
	}
	b.locate(ctx, askers)
	var homes []*resident
	for _, i := range askers {
		if home := b.items[i].home; home.account != left[i].account && !slices.Contains(homes, home) {
			homes = append(homes, home)
		}
	}
	return homes
}

// locate finds the accounts of items in one look-up.
func (b *batch) locate(ctx context.Context, askers []int) {
	if len(askers) == 0 {
		return
	}
	asked := make([]hierarchy.Ref, len(askers))
	for n, i := range askers {
		asked[n] = refOf(b.items[i].located(b.engine))
	}
	accounts, err := b.engine.accountsOf(ctx, asked...)
	for n, i := range askers {
		if err != nil {
			b.results[i].Err = unavailable(err)
		} else if accounts[n] != "" {
			b.items[i].home = b.home(b.engine.resident(accounts[n]))
		}
	}
}

// answer answers all items of one account.
func (b *batch) answer(ctx context.Context, home *resident) {
	var mine []int
	for i := range b.items {
		if b.items[i].home == home && b.results[i].Err == nil {
			mine = append(mine, i)
		}
	}
	now := b.engine.clock.Monotonic()
	s, stale, err := home.answering(ctx, "", now)
	if errors.Is(err, ErrNoAccount) {
		for _, i := range mine {
			b.fail(home.absent(b.items[i].AtLeast), i)
		}
		return
	}
	if err != nil {
		b.fail(err, mine...)
		return
	}
	if stale {
		b.answerStale(home, s, now, mine)
		return
	}
	for _, i := range mine {
		if token := b.items[i].AtLeast; token != "" {
			if newer, err := home.atLeast(ctx, token, b.engine.clock.Monotonic()); err != nil {
				b.fail(err, i)
			} else {
				s = newer
			}
		}
	}
	if s, err = b.find(ctx, home, s, mine); err != nil {
		b.fail(err, mine...)
		return
	}
	// Only now: the store may just have told its time.
	b.decided.Do(func() { b.at = b.engine.clock.Now() })
	for _, i := range mine {
		b.items[i].at = b.at
		if b.results[i].Err == nil {
			b.results[i].Err = b.engine.answer(s, &b.items[i].question, &b.results[i].Answer)
		}
	}
}

// fail puts an error into items' places; an account that does not exist is an
// answer.
func (b *batch) fail(err error, items ...int) {
	for _, i := range items {
		switch {
		case errors.Is(err, ErrNoAccount):
			b.results[i].Answer.Code = ResourceNotFound
			b.results[i].Err = b.items[i].check()
		case b.results[i].Err == nil:
			b.results[i].Err = err
		}
	}
}

// find looks for the items' resources in memory. If any is not there, all
// product resources among them are read from the store, so that they and the
// snapshot, which it returns, are of one revision.
func (b *batch) find(ctx context.Context, home *resident, s *Snapshot, mine []int) (*Snapshot, error) {
	missing := false // or to be asked for all the same
	for _, i := range mine {
		b.results[i].Answer = Answer{}
		missing = missing || b.items[i].Full
		missing = !b.engine.find(home, s, &b.items[i].question, &b.results[i].Answer) || missing
	}
	if !missing {
		return s, nil
	}
	var keys []Key
	for _, i := range mine {
		if it := &b.items[i]; it.product(b.engine) && it.check() == nil {
			keys = append(keys, KeyOf(KindResource, it.Resource))
		}
	}
	rd, err := home.sync(ctx, keys...)
	if err != nil {
		return nil, err
	}
	for _, i := range mine {
		q, a := &b.items[i].question, &b.results[i].Answer
		*a = Answer{}
		if q.product(b.engine) {
			rd.find(q, a)
		} else {
			b.engine.find(home, rd.snapshot, q, a)
		}
	}
	return rd.snapshot, nil
}

// product reports whether a question is about a registered product resource.
func (q *question) product(e *Engine) bool { return q.kind == none && !e.unregistered[q.typ] }
