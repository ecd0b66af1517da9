package admin

import (
	"context"
	"errors"
	"math"
	"strconv"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Period is one stretch of a node's history: what its parent or its payer was
// from an instant on, and until just before another.
type Period struct {
	Holder string // the parent as "type:id", or the payer's bare ID
	From   int64  // microseconds since 1970
	To     int64  // likewise; 0 if it has not ended
}

// BillingLinks lists who has paid for a project, oldest first. Times without
// an item are those in which nobody paid. It needs project.read; once the
// project is deleted, on the account.
func (s *Service) BillingLinks(ctx context.Context, who Caller, projectID string, span Span) (Page[Period], error) {
	ref := hierarchy.Ref{Type: hierarchy.TypeProject, ID: projectID}
	v, err := s.view(ctx, who, ref)
	if err == nil {
		err = v.mayPast("project.read", ref)
	}
	if err != nil {
		return Page[Period]{}, err
	}
	return periods(span, func(after int64, limit int) (authz.Past, error) {
		return s.store.PayersAfter(ctx, v.snapshot.Account(), ref, after, limit)
	}, nothing)
}

// SubprojectParents lists where a subproject has stood, oldest first. It needs
// subproject.read; once the subproject is deleted, on what it stood in.
func (s *Service) SubprojectParents(ctx context.Context, who Caller, id string, span Span) (Page[Period], error) {
	ref := hierarchy.Ref{Type: hierarchy.TypeSubproject, ID: id}
	v, err := s.view(ctx, who, ref)
	if err == nil {
		err = v.mayPast("subproject.read", ref)
	}
	if err != nil {
		return Page[Period]{}, err
	}
	return periods(span, func(after int64, limit int) (authz.Past, error) {
		return s.store.ParentsAfter(ctx, v.snapshot.Account(), ref, after, limit)
	}, nothing)
}

// ResourceParents lists where a product's resource has stood in an account,
// oldest first; in the account that has it now, if account is "". It needs
// <type>.read on the resource; once that is deleted, resource.read on what it
// stood in last, or on what is left above that.
func (s *Service) ResourceParents(ctx context.Context, who Caller, ref hierarchy.Ref, account string, span Span) (Page[Period], error) {
	of := ref
	if account != "" {
		of = hierarchy.Ref{Type: hierarchy.TypeAccount, ID: account}
	}
	v, err := s.view(ctx, who, of)
	var known *hierarchy.Error
	if errors.As(err, &known) && known.Kind == hierarchy.KindNotFound {
		err = hierarchy.NotFound(ref) // of an account, as of anything in one
	}
	if err == nil {
		err = v.mayReadPast(ctx, ref)
	}
	if err != nil {
		return Page[Period]{}, err
	}
	return periods(span, func(after int64, limit int) (authz.Past, error) {
		return s.store.ParentsAfter(ctx, v.snapshot.Account(), ref, after, limit)
	}, present)
}

// mayReadPast refuses unless the caller may see the history of a resource.
func (v *view) mayReadPast(ctx context.Context, ref hierarchy.Ref) error {
	past, err := v.service.store.ParentAt(ctx, v.snapshot.Account(), ref, math.MaxInt64)
	if errors.Is(err, authz.ErrNoAccount) || (err == nil && past.Record == nil && len(past.Points) == 0) {
		err = hierarchy.NotFound(ref)
	}
	if err != nil {
		return err
	}
	if v.who.operates() {
		return nil
	}
	if past.Record != nil {
		var doc hierarchy.Resource
		if err := unmarshal(*past.Record, &doc); err != nil {
			return err
		}
		return v.who.may(v.snapshot, ref.Type+".read", doc.Parent, ref, v.at)
	}
	last, err := hierarchy.ParseRef(past.Points[0].From)
	if err == nil && v.mayPast("resource.read", last) != nil {
		err = hierarchy.NotFound(ref)
	}
	return err
}

// mayPast is may, for a node that may be deleted by now: then the caller needs
// the permission on what is left above it.
func (v *view) mayPast(permission string, node hierarchy.Ref) error {
	if !v.snapshot.Known(node) {
		return hierarchy.NotFound(node)
	}
	if v.who.operates() {
		return nil
	}
	left := node
	for !left.IsZero() && !v.snapshot.Has(left) {
		left = v.snapshot.Parent(left)
	}
	if left.IsZero() || (left != node && v.may(permission, left) != nil) {
		return hierarchy.NotFound(node)
	}
	return v.may(permission, left)
}

// nothing is for histories that are all in their points.
func nothing(*authz.Past) ([]authz.Transition, error) { return nil, nil }

// present is the point that a living resource's history will begin with, once
// it is written.
func present(past *authz.Past) ([]authz.Transition, error) {
	parent, there, err := livingParent(past)
	if err != nil || !there {
		return nil, err
	}
	return []authz.Transition{{To: parent.String(), At: past.Record.Created}}, nil
}

// periods reads one page of a history. Two periods have at most one point
// between them in which nothing held, so that twice as many points and one are
// enough to know where the last period of the page ends.
func periods(span Span, read func(after int64, limit int) (authz.Past, error), rest func(*authz.Past) ([]authz.Transition, error)) (Page[Period], error) {
	after := int64(-1)
	if span.After != "" {
		var err error
		if after, err = strconv.ParseInt(span.After, 10, 64); err != nil || after < 0 {
			return Page[Period]{}, hierarchy.Invalid("PAGE_TOKEN_INVALID", "page_token", "is not a token of this list")
		}
	}
	want := 2*span.Limit + 1
	past, err := read(after, want)
	if err != nil {
		return Page[Period]{}, err
	}
	points, whole := past.Points, len(past.Points) < want
	if whole {
		more, err := rest(&past)
		if err != nil {
			return Page[Period]{}, err
		}
		for _, p := range more {
			if p.At > after {
				points = append(points, p)
			}
		}
	}
	return pageOfPeriods(points, span.Limit, whole), nil
}

func pageOfPeriods(points []authz.Transition, limit int, whole bool) (page Page[Period]) {
	for i, p := range points {
		if p.To == "" {
			continue
		}
		if len(page.Items) == limit {
			whole = false
			break
		}
		period := Period{Holder: p.To, From: p.At}
		if i+1 < len(points) {
			period.To = points[i+1].At
		}
		page.Items = append(page.Items, Item[Period]{Doc: period})
	}
	if !whole && len(page.Items) > 0 {
		page.Next = strconv.FormatInt(page.Items[len(page.Items)-1].Doc.From, 10)
	}
	return page
}
