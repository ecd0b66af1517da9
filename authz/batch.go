package authz

import (
	"context"
	"errors"

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
	b := batch{engine: e, items: make([]item, len(reqs)), results: make([]Result, len(reqs))}
	for i := range reqs {
		b.items[i].Request = &reqs[i]
		b.results[i].Err = b.items[i].read()
	}
	homes := b.sort(ctx)
	at := e.clock.Now()
	for _, home := range homes {
		b.answer(ctx, home, at)
	}
	return b.results
}

// batch is a batch under way.
type batch struct {
	engine  *Engine
	items   []item
	results []Result
}

type item struct {
	question
	home *resident
}

// sort finds the account of every item, the unknown ones in one look-up, and
// returns them in the order of their first item.
func (b *batch) sort(ctx context.Context) []*resident {
	e := b.engine
	var asked []hierarchy.Ref
	var askers []int
	for i := range b.items {
		it := &b.items[i]
		if b.results[i].Err != nil {
			continue
		}
		if home := e.homeInMemory(&it.question); home != nil {
			it.home = home
		} else if b.results[i].Err = it.check(); b.results[i].Err == nil {
			if at := it.located(e); at != "" {
				asked, askers = append(asked, refOf(at)), append(askers, i)
			}
		}
	}
	b.locate(ctx, asked, askers)
	var homes []*resident
	seen := map[*resident]bool{}
	for i := range b.items {
		switch home := b.items[i].home; {
		case b.results[i].Err != nil:
		case home == nil:
			q := &b.items[i].question
			b.results[i].Answer, b.results[i].Err = e.answer(nil, q, e.nowhere(q), 0)
		case !seen[home]:
			seen[home] = true
			homes = append(homes, home)
		}
	}
	return homes
}

func (b *batch) locate(ctx context.Context, asked []hierarchy.Ref, askers []int) {
	if len(asked) == 0 {
		return
	}
	accounts, err := b.engine.source.Locate(ctx, asked...)
	for n, i := range askers {
		if err != nil {
			b.results[i].Err = unavailable(err)
		} else if accounts[n] != "" {
			b.items[i].home = b.engine.resident(accounts[n])
		}
	}
}

// answer answers all items of one account.
func (b *batch) answer(ctx context.Context, home *resident, at int64) {
	var mine []int
	for i := range b.items {
		if b.items[i].home == home && b.results[i].Err == nil {
			mine = append(mine, i)
		}
	}
	s, err := home.fresh(ctx)
	if err != nil {
		b.fail(err, mine...)
		return
	}
	for _, i := range mine {
		if token := b.items[i].AtLeast; token != "" {
			if newer, err := home.atLeast(ctx, token); err != nil {
				b.fail(err, i)
			} else {
				s = newer
			}
		}
	}
	s, places, err := b.find(ctx, home, s, mine)
	if err != nil {
		b.fail(err, mine...)
		return
	}
	for n, i := range mine {
		if b.results[i].Err == nil {
			b.results[i].Answer, b.results[i].Err = b.engine.answer(s, &b.items[i].question, &places[n], at)
		}
	}
}

// fail puts an error into items' places; an account that does not exist is an
// answer.
func (b *batch) fail(err error, items ...int) {
	for _, i := range items {
		if errors.Is(err, ErrNoAccount) {
			b.results[i].Answer, b.results[i].Err = b.engine.answer(nil, &b.items[i].question, &found{code: ResourceNotFound}, 0)
		} else if b.results[i].Err == nil {
			b.results[i].Err = err
		}
	}
}

// find looks for the items' resources in memory. If any is not there, all
// product resources among them are read from the store, so that they and the
// snapshot, which it returns, are of one revision.
func (b *batch) find(ctx context.Context, home *resident, s *Snapshot, mine []int) (*Snapshot, []found, error) {
	places := make([]found, len(mine))
	missing := false
	for n, i := range mine {
		places[n] = b.engine.find(home, s, &b.items[i].question)
		missing = missing || places[n].unread
	}
	if !missing {
		return s, places, nil
	}
	var keys []Key
	for _, i := range mine {
		if it := &b.items[i]; it.product(b.engine) && it.check() == nil {
			keys = append(keys, KeyOf(KindResource, it.Resource))
		}
	}
	rd, err := home.sync(ctx, keys...)
	if err != nil {
		return nil, nil, err
	}
	for n, i := range mine {
		if q := &b.items[i].question; q.product(b.engine) {
			places[n] = rd.find(q, KeyOf(KindResource, q.Resource))
		} else {
			places[n] = b.engine.find(home, rd.snapshot, q)
		}
	}
	return rd.snapshot, places, nil
}

// product reports whether a question is about a registered product resource.
func (q *question) product(e *Engine) bool { return q.kind == none && !e.unregistered[q.typ] }
