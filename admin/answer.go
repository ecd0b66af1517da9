package admin

import (
	"errors"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// answered is what a write answers: the record as it was read after it. What
// others have removed by then was written all the same: it is answered as the
// write left it.
func answered[T any](w Written, ref hierarchy.Ref, read Item[T], err error) (Item[T], error) {
	var known *hierarchy.Error
	if errors.As(err, &known) && known.Kind == hierarchy.KindNotFound && w.Changed {
		read, err = left[T](w, ref, err)
	}
	read.Revision = w.Revision
	return read, err
}

// left is the record of a node, or of a project's link, as a write left it; or
// the error that it could not be read by.
func left[T any](w Written, ref hierarchy.Ref, unread error) (Item[T], error) {
	edit := w.edit(authz.KeyOf(ref.Type, ref.ID), authz.KeyOf(authz.KindLink, ref.ID), authz.ResourceKey(ref))
	if edit == nil {
		return Item[T]{}, unread
	}
	r := authz.Record{Key: edit.Key, Created: edit.Created, Updated: w.At, Version: w.number, Body: edit.After}
	if edit.Before == nil {
		r.Created = w.At
	}
	item, err := itemOf[T](w.draft.commit.Account, ref, r)
	if p, ok := any(&item.Doc).(*Project); ok && err == nil {
		p.BillingAccount, err = w.payer(ref.ID)
	}
	return item, err
}

// edit is what the write made of the first of the keys that it wrote.
func (w *Written) edit(keys ...authz.Key) *authz.Edit {
	if w.draft == nil {
		return nil
	}
	for _, key := range keys {
		for i, e := range w.draft.commit.Edits {
			if e.Key == key && e.After != nil {
				return &w.draft.commit.Edits[i]
			}
		}
	}
	return nil
}

// payer is who paid for a project once the write was made.
func (w *Written) payer(projectID string) (string, error) {
	edit := w.edit(authz.KeyOf(authz.KindLink, projectID))
	if edit == nil {
		return w.draft.snapshot.Payer(projectID), nil
	}
	var link billing.Link
	err := unmarshal(authz.Record{Key: edit.Key, Body: edit.After}, &link)
	return link.BillingAccount, err
}
