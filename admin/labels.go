package admin

import (
	"context"
	"slices"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Label is a label that the items of a list must carry.
type Label struct {
	Name, Value string
	Any         bool // whatever its value is
}

// Labels are in no snapshot. A list that is narrowed by them reads the records
// of all its items, in chunks, and of so many at most for one page: then the
// page ends early, and the next one goes on.
const (
	labelChunk = 500
	MaxScanned = 5_000
)

// carries reports whether labels have all that the items of a span must carry.
func (s *Span) carries(labels map[string]string) bool {
	return !slices.ContainsFunc(s.Labels, func(l Label) bool {
		value, there := labels[l.Name]
		return !there || (!l.Any && value != l.Value)
	})
}

// find is a page of the things, of IDs in order, that carry the labels of a
// span.
func find[T any](span Span, ids []string, read func(ids []string) ([]Item[T], error), labels func(*T) map[string]string) (Page[T], error) {
	var page Page[T]
	for left := ids; len(left) > 0; {
		if len(ids)-len(left) >= MaxScanned {
			page.Next = ids[len(ids)-len(left)-1]
			return page, nil
		}
		n := min(labelChunk, len(left))
		items, err := read(left[:n])
		if err != nil {
			return Page[T]{}, err
		}
		for i := range items {
			if !span.carries(labels(&items[i].Doc)) {
				continue
			}
			page.Items = append(page.Items, items[i])
			if len(page.Items) == span.Limit {
				if last := items[i].Ref.ID; last != ids[len(ids)-1] {
					page.Next = last
				}
				return page, nil
			}
		}
		left = left[n:]
	}
	return page, nil
}

// listLabelled is list, of what carries labels.
func listLabelled[T any](ctx context.Context, v *view, typ string, ids []string, span Span, labels func(*T) map[string]string) (Page[T], error) {
	if len(span.Labels) == 0 {
		return list[T](ctx, v, typ, ids, span)
	}
	return find(span, ids, func(ids []string) ([]Item[T], error) {
		page, err := list[T](ctx, v, typ, ids, Span{Limit: len(ids)})
		return page.Items, err
	}, labels)
}

// scan calls take with the resources of a container, in order, until it has
// enough. It returns after which the next page begins; "" if there are no more.
func (v *view) scan(ctx context.Context, container hierarchy.Ref, span Span, take func(authz.Record) (enough bool, err error)) (next string, err error) {
	chunk, most, seen := span.Limit, span.Limit, 0
	if len(span.Labels) > 0 {
		chunk, most = labelChunk, MaxScanned
	}
	for next = span.After; ; {
		records, err := v.service.store.Resources(ctx, v.snapshot.Account(), container, next, chunk+1)
		if err != nil {
			return "", err
		}
		for i, r := range records[:min(chunk, len(records))] {
			_, next = r.Key.Split()
			seen++
			enough, err := take(r)
			if err != nil {
				return "", err
			}
			if i+1 == len(records) {
				return "", nil
			}
			if enough || seen == most {
				return next, nil
			}
		}
		if len(records) == 0 {
			return "", nil
		}
	}
}
