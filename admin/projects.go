package admin

import (
	"context"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Project is a project, and the billing account that pays for it.
type Project struct {
	hierarchy.Project
	BillingAccount string `json:"-"` // bare ID; "" if nobody pays
}

// CreateProject opens a project, paid for by a billing account of the same
// account, or by nobody yet if payer is "". It needs project.open on the
// account, and the rights of SetLink if a payer is named.
func (s *Service) CreateProject(ctx context.Context, who Caller, account string, doc hierarchy.Project, payer string) (Item[Project], error) {
	if err := doc.Info.Check(); err != nil {
		return Item[Project]{}, err
	}
	o, err := s.once(ctx, who, account, "project.open", []any{doc, payer})
	if err != nil {
		return Item[Project]{}, err
	}
	ref := hierarchy.Ref{Type: hierarchy.TypeProject, ID: hierarchy.PrefixProject + o.uid.String()}
	return createOnce(ctx, s, who, o, ref, func(d *draft) error {
		if err := d.may("project.open", d.account()); err != nil {
			return err
		}
		d.create(authz.KeyOf(ref.Type, ref.ID), doc)
		if payer == "" {
			return nil
		}
		if err := d.may("project.link", d.account()); err != nil {
			return err
		}
		if err := d.may("billing_account.link", hierarchy.Ref{Type: hierarchy.TypeBillingAccount, ID: payer}); err != nil {
			return fieldOf("billing_account", err)
		}
		return d.link(ref.ID, payer)
	}, (*Service).Project)
}

// Project returns a project. It needs project.read.
func (s *Service) Project(ctx context.Context, who Caller, id string) (Item[Project], error) {
	ref := hierarchy.Ref{Type: hierarchy.TypeProject, ID: id}
	v, err := s.view(ctx, who, ref)
	if err == nil {
		err = v.may("project.read", ref)
	}
	if err != nil {
		return Item[Project]{}, err
	}
	return v.project(ctx, id)
}

// project reads a project, and the payer beside it.
func (v *view) project(ctx context.Context, id string) (Item[Project], error) {
	page, err := v.projects(ctx, []string{id}, Span{Limit: 1})
	if err != nil {
		return Item[Project]{}, err
	}
	if len(page.Items) == 0 {
		return Item[Project]{}, hierarchy.NotFound(hierarchy.Ref{Type: hierarchy.TypeProject, ID: id})
	}
	return page.Items[0], nil
}

// projects reads projects and their links together, so that a payer is of the
// revision that is answered.
func (v *view) projects(ctx context.Context, ids []string, span Span) (Page[Project], error) {
	var page Page[Project]
	if len(ids) > span.Limit {
		ids = ids[:span.Limit]
		page.Next = ids[span.Limit-1]
	}
	keys := make([]authz.Key, 0, 2*len(ids))
	for _, id := range ids {
		keys = append(keys, authz.KeyOf(hierarchy.TypeProject, id), authz.KeyOf(authz.KindLink, id))
	}
	head, records, err := v.service.store.Read(ctx, v.snapshot.Account(), keys...)
	if err != nil {
		return page, err
	}
	byKey := make(map[authz.Key]authz.Record, len(records))
	for _, r := range records {
		byKey[r.Key] = r
	}
	for _, id := range ids {
		r, ok := byKey[authz.KeyOf(hierarchy.TypeProject, id)]
		if !ok {
			continue
		}
		item, err := itemOf[Project](v.snapshot.Account(), hierarchy.Ref{Type: hierarchy.TypeProject, ID: id}, r)
		if err != nil {
			return page, err
		}
		if l, ok := byKey[authz.KeyOf(authz.KindLink, id)]; ok {
			var link billing.Link
			if err := unmarshal(l, &link); err != nil {
				return page, err
			}
			item.Doc.BillingAccount, item.Tag = link.BillingAccount, tagOf(r, l)
		}
		item.Revision = authz.Token(v.snapshot.Account(), head.Revision)
		page.Items = append(page.Items, item)
	}
	return page, nil
}

// Projects lists an account's projects. It needs account.read; what the
// actor may not read is left out.
func (s *Service) Projects(ctx context.Context, who Caller, account string, span Span) (Page[Project], error) {
	v, err := s.view(ctx, who, hierarchy.Ref{Type: hierarchy.TypeAccount, ID: account})
	if err != nil {
		return Page[Project]{}, err
	}
	ids, err := v.visible(hierarchy.TypeProject, v.account(), v.snapshot.Nodes(hierarchy.TypeProject, "", span.After))
	if err != nil {
		return Page[Project]{}, err
	}
	if len(span.Labels) == 0 {
		return v.projects(ctx, ids, span)
	}
	return find(span, ids, func(ids []string) ([]Item[Project], error) {
		page, err := v.projects(ctx, ids, Span{Limit: len(ids)})
		return page.Items, err
	}, func(doc *Project) map[string]string { return doc.Labels })
}

// visible leaves of a list what the caller may read. Someone who may read
// neither the node that the list is of nor anything in it is told that the
// node does not exist.
func (v *view) visible(typ string, of hierarchy.Ref, ids []string) ([]string, error) {
	err := v.may(of.Type+".read", of)
	if v.who.operates() {
		return ids, err
	}
	var seen []string
	for _, id := range ids {
		if v.may(typ+".read", hierarchy.Ref{Type: typ, ID: id}) == nil {
			seen = append(seen, id)
		}
	}
	if len(seen) > 0 {
		return seen, nil
	}
	return nil, err // nil for one who may read the node
}

// UpdateProject changes a project's record by change. It needs
// project.configure.
func (s *Service) UpdateProject(ctx context.Context, who Caller, id string, change func(*hierarchy.Project) error) (Item[Project], error) {
	ref := hierarchy.Ref{Type: hierarchy.TypeProject, ID: id}
	return update(ctx, s, who, ref, func(d *draft) error {
		if err := errorOr(d.may("project.read", ref), d.may("project.configure", ref)); err != nil {
			return err
		}
		var doc hierarchy.Project
		was, err := d.one(authz.KeyOf(ref.Type, ref.ID), &doc)
		if err != nil {
			return err
		}
		if err := change(&doc); err != nil {
			return err
		}
		d.replace(was, doc)
		return doc.Info.Check()
	}, "project.configure", (*Service).Project)
}
