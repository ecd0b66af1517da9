package admin

import (
	"context"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// CreateSubproject opens a subproject in a project (M7). It needs
// subproject.open on the project.
func (s *Service) CreateSubproject(ctx context.Context, who Caller, projectID string, info hierarchy.Info) (Item[hierarchy.Subproject], error) {
	parent := hierarchy.Ref{Type: hierarchy.TypeProject, ID: projectID}
	if err := info.Check(); err != nil {
		return Item[hierarchy.Subproject]{}, err
	}
	account, err := s.accountOf(ctx, parent)
	if err != nil {
		return Item[hierarchy.Subproject]{}, err
	}
	o, err := s.once(ctx, who, account, "subproject.open", []any{parent, info})
	if err != nil {
		return Item[hierarchy.Subproject]{}, err
	}
	ref := hierarchy.Ref{Type: hierarchy.TypeSubproject, ID: hierarchy.PrefixSubproject + o.uid.String()}
	doc := hierarchy.Subproject{Info: info, Project: projectID}
	written, err := s.writeOnce(ctx, who, o, func(d *draft) error {
		d.create(authz.KeyOf(ref.Type, ref.ID), doc)
		d.commit.Parents = append(d.commit.Parents, authz.Transition{Node: ref.String(), To: parent.String()})
		return d.may("subproject.open", parent)
	})
	switch {
	case err != nil:
		return Item[hierarchy.Subproject]{}, err
	case o.made == nil: // it was made just now
		return made(account, ref, doc, written)
	}
	return readOnce(ctx, s, who, o, ref, written, (*Service).Subproject)
}

// Subproject returns a subproject. It needs subproject.read.
func (s *Service) Subproject(ctx context.Context, who Caller, id string) (Item[hierarchy.Subproject], error) {
	ref := hierarchy.Ref{Type: hierarchy.TypeSubproject, ID: id}
	v, err := s.view(ctx, who, ref)
	if err == nil {
		err = v.may("subproject.read", ref)
	}
	if err != nil {
		return Item[hierarchy.Subproject]{}, err
	}
	return get[hierarchy.Subproject](ctx, v, ref, authz.KeyOf(ref.Type, ref.ID))
}

// Subprojects lists a project's subprojects. It needs project.read; what the
// actor may not read is left out.
func (s *Service) Subprojects(ctx context.Context, who Caller, projectID string, span Span) (Page[hierarchy.Subproject], error) {
	parent := hierarchy.Ref{Type: hierarchy.TypeProject, ID: projectID}
	v, err := s.view(ctx, who, parent)
	if err != nil {
		return Page[hierarchy.Subproject]{}, err
	}
	ids, err := v.visible(hierarchy.TypeSubproject, parent, v.snapshot.Nodes(hierarchy.TypeSubproject, projectID, span.After))
	if err != nil {
		return Page[hierarchy.Subproject]{}, err
	}
	return listLabelled(ctx, v, hierarchy.TypeSubproject, ids, span, func(doc *hierarchy.Subproject) map[string]string { return doc.Labels })
}

// UpdateSubproject changes a subproject's information by change. It needs
// subproject.configure.
func (s *Service) UpdateSubproject(ctx context.Context, who Caller, id string, change func(*hierarchy.Info) error) (Item[hierarchy.Subproject], error) {
	ref := hierarchy.Ref{Type: hierarchy.TypeSubproject, ID: id}
	return update(ctx, s, who, ref, func(d *draft) error {
		if err := errorOr(d.may("subproject.read", ref), d.may("subproject.configure", ref)); err != nil {
			return err
		}
		var doc hierarchy.Subproject
		was, err := d.one(authz.KeyOf(ref.Type, ref.ID), &doc)
		if err != nil {
			return err
		}
		if err := change(&doc.Info); err != nil {
			return err
		}
		d.replace(was, doc)
		return doc.Info.Check()
	}, "subproject.configure", (*Service).Subproject)
}
