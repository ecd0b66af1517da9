package authz

import (
	"context"
	"strings"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// home returns the resident of the account that a question is about, or nil
// if there is none. It asks the store only where nothing else says: neither
// the request, nor the resource, nor memory.
func (e *Engine) home(ctx context.Context, q *question) (*resident, error) {
	if home := e.homeInMemory(q); home != nil {
		return home, nil
	}
	if err := q.check(); err != nil { // nothing malformed reaches the store
		return nil, err
	}
	if named := q.named(e); named != "" {
		return e.resident(named), nil
	}
	return e.locate(ctx, q)
}

// locate asks the store for the account of a question that names none.
func (e *Engine) locate(ctx context.Context, q *question) (*resident, error) {
	asked := q.located(e)
	if asked == "" {
		return nil, nil
	}
	accounts, err := e.accountsOf(ctx, refOf(asked))
	q.looked = e.clock.Monotonic() // that took a while
	if err != nil {
		return nil, unavailable(err)
	}
	if accounts[0] == "" {
		return nil, nil
	}
	return e.resident(accounts[0]), nil
}

// accountsOf asks the store for the accounts of nodes and resources.
func (e *Engine) accountsOf(ctx context.Context, refs ...hierarchy.Ref) (accounts []string, err error) {
	err = e.through(ctx, func(ctx context.Context) error {
		accounts, err = e.source.Locate(ctx, refs...)
		return err
	})
	return accounts, err
}

// homeInMemory is home, without asking the store.
func (e *Engine) homeInMemory(q *question) *resident {
	if named := q.named(e); named != "" {
		return e.residents.get(named)
	}
	p, ok := e.places.GetIfPresent(q.located(e))
	if !ok {
		return nil
	}
	if q.AtLeast != "" && !p.home.hasReached(q.AtLeast) {
		if _, err := ParseToken(p.home.account, q.AtLeast); err != nil {
			return nil // the caller knows it from another account than memory does
		}
	}
	return e.resident(p.home.account)
}

// named is the account that a question names, as such or as its resource.
func (q *question) named(e *Engine) string {
	if q.account != "" {
		return q.account
	}
	if asked := q.located(e); strings.HasPrefix(asked, hierarchy.TypeAccount+":") {
		return bare(asked)
	}
	return ""
}

// mayHaveLeft reports whether a resource is not in the account that memory, or
// a claim, knew it in: it may have been deleted, and registered in another one
// since.
func (a *Answer) mayHaveLeft(e *Engine, q *question) bool {
	return a.Code == ResourceNotFound && q.account == "" && q.product(e)
}

// nowhere is the reason of a question about no known account.
func (e *Engine) nowhere(q *question) Code {
	switch {
	case !e.unregistered[q.typ]:
		return ResourceNotFound
	case q.Parent == "":
		return ParentRequired
	default:
		return ParentNotFound
	}
}

// located is the node whose account is the question's: the resource, or the
// parent named for one that is not registered.
func (q *question) located(e *Engine) string {
	if q.kind == none && e.unregistered[q.typ] {
		return q.Parent
	}
	return q.Resource
}

// find looks for the resource of a question in a snapshot and in memory: it
// sets the answer's path, or the code that says why there is none. It reports
// false if memory does not know, and the store must be asked.
func (e *Engine) find(home *resident, s *Snapshot, q *question, a *Answer) (known bool) {
	switch {
	case q.kind != none:
		e.findNode(home, s, q, a)
		return true
	case e.unregistered[q.typ]:
		s.findUnregistered(q, a)
		return true
	}
	p, ok := e.places.GetIfPresent(q.Resource)
	if !ok || p.home != home || p.lineage != s.lineage || p.number > s.head.Number {
		return false
	}
	s.findResource(q, p.container, a)
	return true
}

func (e *Engine) findNode(home *resident, s *Snapshot, q *question, a *Answer) {
	if !s.pathOfNode(q.Resource, &a.path) {
		a.Code = ResourceNotFound
		return
	}
	if q.Parent == "" {
		e.hints.leave(q.Resource, home, s, &a.path)
	}
	if q.account == "" && q.kind != account {
		if _, ok := e.places.GetIfPresent(q.Resource); !ok {
			e.places.Set(strings.Clone(q.Resource), place{home: home})
		}
	}
	if q.Parent != "" && (a.path.n < 2 || s.nodes.Key(a.path.rows[1]) != q.Parent) {
		a.path, a.Code = path{}, ParentMismatch
	}
}

func (s *Snapshot) findUnregistered(q *question, a *Answer) {
	if q.Parent == "" {
		a.Code = ParentRequired
		return
	}
	row, ok := s.nodes.Find(q.Parent)
	if k := s.kindOfRow(row, ok); k != project && k != subproject {
		a.Code = ParentNotFound
		return
	}
	if q.check() != nil {
		a.Code = ResourceNotFound // answer tells why
		return
	}
	s.pathOfResource(q.Resource, row, &a.path)
}

func (s *Snapshot) kindOfRow(row uint32, ok bool) kind {
	if !ok {
		return none
	}
	return s.nodes.At(row).kind
}

func (s *Snapshot) findResource(q *question, container uint32, a *Answer) {
	if q.Parent != "" && s.nodes.Key(container) != q.Parent {
		a.Code = ParentMismatch
		return
	}
	s.pathOfResource(q.Resource, container, &a.path)
}

// fetch asks the store for the account as it is now, and for the question's
// resource with it.
func (r *resident) fetch(ctx context.Context, q *question) (*round, error) {
	if !q.product(r.engine) {
		return r.sync(ctx)
	}
	return r.sync(ctx, KeyOf(KindResource, q.Resource))
}

// find looks for the resource of a question in what a round read.
func (rd *round) find(q *question, a *Answer) {
	res, ok := rd.resources[KeyOf(KindResource, q.Resource)]
	if !ok {
		a.Code = ResourceNotFound
		return
	}
	container, ok := rd.snapshot.nodes.Find(res.Parent.String())
	if !ok {
		a.Code = ResourceNotFound
		return
	}
	rd.snapshot.findResource(q, container, a)
}
