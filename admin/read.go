package admin

import (
	"context"
	"errors"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Item is a record as it is answered: what was stored, and when.
type Item[T any] struct {
	Ref      hierarchy.Ref
	Account  string // bare ID
	Doc      T
	Created  int64  // microseconds since 1970
	Updated  int64  // likewise
	Version  uint64 // the number of the revision of its last change
	Tag      string // differs whenever anything that is shown does, Revision apart
	Revision string // a token of the account, as of the read or the write
}

// Page is a part of a list, in the order of IDs.
type Page[T any] struct {
	Items []Item[T]
	Next  string // begin after this for the next page; "" at the end
}

// Span says which part of a list is asked for.
type Span struct {
	After string // the Next of the page before
	Limit int    // at least 1
	// Labels narrow a list of nodes or resources to those that carry all of
	// them. Its pages may then be shorter than Limit, even empty, and have a
	// next one.
	Labels []Label
}

// view is an account as one caller sees it, at one instant.
type view struct {
	service  *Service
	who      Caller
	snapshot *authz.Snapshot
	at       int64
}

// view finds the account of a node and opens it to the caller.
func (s *Service) view(ctx context.Context, who Caller, node hierarchy.Ref) (*view, error) {
	account, err := s.accountOf(ctx, node)
	if err != nil {
		return nil, err
	}
	snapshot, err := s.engine.Snapshot(ctx, account, "")
	if err == nil && hierarchy.IsOwn(node.Type) && !snapshot.Has(node) {
		snapshot, err = s.engine.Refresh(ctx, account) // it may have come since
	}
	if errors.Is(err, authz.ErrNoAccount) {
		return nil, hierarchy.NotFound(node)
	}
	if err != nil {
		return nil, err
	}
	return &view{s, who, snapshot, s.time()}, nil
}

// accountOf finds the account of a node or a resource.
func (s *Service) accountOf(ctx context.Context, node hierarchy.Ref) (string, error) {
	if err := node.Check(); err != nil {
		return "", err
	}
	account, err := s.engine.AccountOf(ctx, node)
	if err == nil && account == "" {
		err = hierarchy.NotFound(node)
	}
	return account, err
}

// may refuses unless the caller has a permission on a live node.
func (v *view) may(permission string, node hierarchy.Ref) error {
	if !v.snapshot.Has(node) {
		return hierarchy.NotFound(node)
	}
	return v.who.may(v.snapshot, permission, node, hierarchy.Ref{}, v.at)
}

func (v *view) account() hierarchy.Ref {
	return hierarchy.Ref{Type: hierarchy.TypeAccount, ID: v.snapshot.Account()}
}

// get reads one record.
func get[T any](ctx context.Context, v *view, ref hierarchy.Ref, key authz.Key) (Item[T], error) {
	items, head, err := read[T](ctx, v, []hierarchy.Ref{ref}, []authz.Key{key})
	if err != nil {
		return Item[T]{}, err
	}
	if len(items) == 0 {
		return Item[T]{}, hierarchy.NotFound(ref)
	}
	items[0].Revision = authz.Token(v.snapshot.Account(), head.Revision)
	return items[0], nil
}

// read reads records, in the order asked for; those that are gone are left
// out.
func read[T any](ctx context.Context, v *view, refs []hierarchy.Ref, keys []authz.Key) ([]Item[T], authz.Head, error) {
	head, records, err := v.service.store.Read(ctx, v.snapshot.Account(), keys...)
	if err != nil {
		return nil, head, err
	}
	byKey := make(map[authz.Key]authz.Record, len(records))
	for _, r := range records {
		byKey[r.Key] = r
	}
	items := make([]Item[T], 0, len(records))
	for i, key := range keys {
		r, ok := byKey[key]
		if !ok {
			continue
		}
		item, err := itemOf[T](v.snapshot.Account(), refs[i], r)
		if err != nil {
			return nil, head, err
		}
		items = append(items, item)
	}
	return items, head, nil
}

func itemOf[T any](account string, ref hierarchy.Ref, r authz.Record) (Item[T], error) {
	item := Item[T]{Ref: ref, Account: account, Created: r.Created, Updated: r.Updated, Version: r.Version, Tag: tagOf(r)}
	err := unmarshal(r, &item.Doc)
	return item, err
}

// list reads the records of IDs of one type that come after span.After and
// are sorted.
func list[T any](ctx context.Context, v *view, typ string, ids []string, span Span) (Page[T], error) {
	var page Page[T]
	if len(ids) > span.Limit {
		ids = ids[:span.Limit]
		page.Next = ids[span.Limit-1]
	}
	refs := make([]hierarchy.Ref, len(ids))
	keys := make([]authz.Key, len(ids))
	for i, id := range ids {
		refs[i] = hierarchy.Ref{Type: typ, ID: id}
		keys[i] = authz.KeyOf(typ, id)
	}
	if len(ids) == 0 {
		return page, nil
	}
	items, head, err := read[T](ctx, v, refs, keys)
	for i := range items {
		items[i].Revision = authz.Token(v.snapshot.Account(), head.Revision)
	}
	page.Items = items
	return page, err
}
