package authz

import (
	"context"
	"strings"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// found is where the resource of a question stands, or why that is not
// known.
type found struct {
	path   path
	code   Code // NoBinding if the path was found
	unread bool // memory does not know; the store must be asked
}

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
	asked := q.located(e)
	if asked == "" {
		return nil, nil
	}
	accounts, err := e.source.Locate(ctx, refOf(asked))
	if err != nil {
		return nil, unavailable(err)
	}
	if accounts[0] == "" {
		return nil, nil
	}
	return e.resident(accounts[0]), nil
}

// homeInMemory is home, without asking the store.
func (e *Engine) homeInMemory(q *question) *resident {
	if q.account != "" {
		return e.resident(q.account)
	}
	asked := q.located(e)
	if strings.HasPrefix(asked, hierarchy.TypeAccount+":") {
		return e.resident(bare(asked))
	}
	if p, ok := e.places.GetIfPresent(asked); ok {
		return p.home
	}
	return nil
}

// nowhere is what a question about no known account comes to.
func (e *Engine) nowhere(q *question) *found {
	switch {
	case !e.unregistered[q.typ]:
		return &found{code: ResourceNotFound}
	case q.Parent == "":
		return &found{code: ParentRequired}
	default:
		return &found{code: ParentNotFound}
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

// find looks for the resource of a question in a snapshot and in memory.
func (e *Engine) find(home *resident, s *Snapshot, q *question) found {
	switch {
	case q.kind != none:
		return e.findNode(home, s, q)
	case e.unregistered[q.typ]:
		return s.findUnregistered(q)
	}
	p, ok := e.places.GetIfPresent(q.Resource)
	if !ok || (p.home == home && (p.lineage != s.lineage || p.number > s.head.Number)) {
		return found{unread: true}
	}
	if p.home != home {
		return found{code: ResourceNotFound} // it is another account's
	}
	return s.findResource(q, p.container)
}

func (e *Engine) findNode(home *resident, s *Snapshot, q *question) found {
	p, ok := s.pathOfNode(q.Resource)
	if !ok {
		return found{code: ResourceNotFound}
	}
	if q.account == "" && q.kind != account {
		if _, ok := e.places.GetIfPresent(q.Resource); !ok {
			e.places.Set(strings.Clone(q.Resource), place{home: home})
		}
	}
	if q.Parent != "" && (p.n < 2 || s.nodes.Key(p.rows[1]) != q.Parent) {
		return found{code: ParentMismatch}
	}
	return found{path: p}
}

func (s *Snapshot) findUnregistered(q *question) found {
	if q.Parent == "" {
		return found{code: ParentRequired}
	}
	row, ok := s.nodes.Find(q.Parent)
	if !ok {
		return found{code: ParentNotFound}
	}
	if k := s.nodes.At(row).kind; k != project && k != subproject {
		return found{code: ParentNotFound}
	}
	if q.check() != nil {
		return found{code: ResourceNotFound} // answer tells why
	}
	return found{path: s.pathOfResource(q.Resource, row)}
}

func (s *Snapshot) findResource(q *question, container uint32) found {
	if q.Parent != "" && s.nodes.Key(container) != q.Parent {
		return found{code: ParentMismatch}
	}
	return found{path: s.pathOfResource(q.Resource, container)}
}

// fetch reads the question's resource from the store, together with the
// snapshot that it belongs to.
func (r *resident) fetch(ctx context.Context, q *question) (*Snapshot, found, error) {
	if err := q.check(); err != nil {
		return nil, found{}, err
	}
	key := KeyOf(KindResource, q.Resource)
	rd, err := r.sync(ctx, key)
	if err != nil {
		return nil, found{}, err
	}
	return rd.snapshot, rd.find(q, key), nil
}

// find looks for the resource of a question in what a round read.
func (rd *round) find(q *question, key Key) found {
	res, ok := rd.resources[key]
	if !ok {
		return found{code: ResourceNotFound}
	}
	container, ok := rd.snapshot.nodes.Find(res.Parent.String())
	if !ok {
		return found{code: ResourceNotFound}
	}
	return rd.snapshot.findResource(q, container)
}
