package admin

import (
	"slices"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// The steps of an import, one for each list of a bundle.

func (im *importing) roles() error {
	for _, r := range im.bundle.Roles {
		err := place(im, authz.KeyOf(hierarchy.TypeRole, r.ID), func(doc *policy.Role) error {
			*doc = r.Role
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (im *importing) groups() error {
	for _, g := range im.bundle.Groups {
		err := place(im, authz.KeyOf(hierarchy.TypeGroup, g.ID), func(doc *policy.Group) error {
			if g.DisplayName != "" || g.Description != "" {
				*doc = g.Group
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, m := range g.Members {
			if m.Type == hierarchy.TypeGroup && !im.hasGroup(m.ID) {
				return missing("groups."+g.ID+".members", m)
			}
			if err := place(im, authz.MemberKey(m, g.ID), func(*struct{}) error { return nil }); err != nil {
				return err
			}
		}
	}
	return nil
}

func (im *importing) hasGroup(id string) bool {
	return im.named[groupRef(id)] || im.snapshot.HasGroup(id)
}

func missing(field string, r hierarchy.Ref) error {
	return &hierarchy.Error{Kind: hierarchy.KindInvalid, Reason: "REFERENCE_UNKNOWN", Field: field, Detail: r.String() + " is neither in the bundle nor in the account"}
}

func (im *importing) billingAccounts() error {
	linked := map[string]bool{}
	for _, p := range im.bundle.Projects {
		linked[p.BillingAccount] = true
	}
	for _, a := range im.bundle.BillingAccounts {
		key := authz.KeyOf(hierarchy.TypeBillingAccount, a.ID)
		err := place(im, key, func(doc *billing.Account) error {
			currency := doc.Currency
			overlay(&doc.Info, a.Info)
			a.overlay(&doc.State)
			doc.Mode, doc.Currency = a.Mode, a.Currency
			doc.Name, doc.TaxID = or(a.Name, doc.Name), or(a.TaxID, doc.TaxID)
			if a.PostalAddress != nil {
				doc.PostalAddress = a.PostalAddress
			}
			if err := checkCurrency(doc, currency, hierarchy.Ref{Type: hierarchy.TypeBillingAccount, ID: a.ID}); err != nil {
				return err
			}
			doc.Linked = doc.Linked || linked[a.ID]
			return errorOr(buried(key, doc.Deleted), fieldOf("billing_accounts."+a.ID, doc.Check()))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (im *importing) projects() error {
	for _, p := range im.bundle.Projects {
		key := authz.KeyOf(hierarchy.TypeProject, p.ID)
		err := place(im, key, func(doc *hierarchy.Project) error {
			overlay(&doc.Info, p.Info)
			p.overlay(&doc.State)
			return buried(key, doc.Deleted)
		})
		if err != nil {
			return err
		}
		if err := im.pay(p.ID, p.BillingAccount); err != nil {
			return fieldOf("projects."+p.ID, err)
		}
	}
	return nil
}

// pay links a project of the bundle to its billing account.
func (im *importing) pay(projectID, payer string) error {
	from := im.snapshot.Payer(projectID)
	if payer == "" {
		return nil
	}
	ref := hierarchy.Ref{Type: hierarchy.TypeBillingAccount, ID: payer}
	if !im.hasNode(ref) {
		return missing("billing_account", ref)
	}
	if !im.named[ref] && from != payer {
		if err := im.markLinked(payer); err != nil {
			return err
		}
	}
	if from != payer {
		im.paid(projectID, from, payer)
	}
	return place(im, authz.KeyOf(authz.KindLink, projectID), func(doc *billing.Link) error {
		doc.BillingAccount = payer
		return nil
	})
}

// markLinked fixes the currency of a billing account that the account has and
// the bundle does not name.
func (im *importing) markLinked(payer string) error {
	key := authz.KeyOf(hierarchy.TypeBillingAccount, payer)
	if slices.ContainsFunc(im.commit.Edits, func(e authz.Edit) bool { return e.Key == key }) {
		return nil
	}
	return place(im, key, func(doc *billing.Account) error {
		doc.Linked = true
		return nil
	})
}

func (im *importing) subprojects() error {
	for _, sub := range im.bundle.Subprojects {
		parent := hierarchy.Ref{Type: hierarchy.TypeProject, ID: sub.Project}
		if !im.hasNode(parent) {
			return missing("subprojects."+sub.ID+".project", parent)
		}
		key := authz.KeyOf(hierarchy.TypeSubproject, sub.ID)
		_, exists := im.records[key]
		err := place(im, key, func(doc *hierarchy.Subproject) error {
			overlay(&doc.Info, sub.Info)
			sub.overlay(&doc.State)
			if exists && doc.Project != sub.Project {
				return moves(key, hierarchy.Ref{Type: hierarchy.TypeProject, ID: doc.Project}, parent)
			}
			doc.Project = sub.Project
			return buried(key, doc.Deleted)
		})
		if err != nil {
			return err
		}
		if !exists {
			im.commit.Parents = append(im.commit.Parents, authz.Transition{Node: string(key), To: parent.String()})
		}
	}
	return nil
}

func moves(key authz.Key, from, to hierarchy.Ref) error {
	return hierarchy.Conflict("IMPORT_WOULD_MOVE", "%s stands in %s, not in %s; an import moves nothing", key, from, to)
}

// hasNode reports whether a container will be there once the import is done.
func (im *importing) hasNode(r hierarchy.Ref) bool {
	return im.named[r] || im.snapshot.Has(r) || r == im.account()
}

func (im *importing) resources() error {
	for _, r := range im.bundle.Resources {
		ref := hierarchy.Ref{Type: r.Type, ID: r.ID}
		key := authz.ResourceKey(ref)
		was, exists := im.records[key]
		desired := hierarchy.Resource{Parent: r.Parent, Labels: r.Labels, Properties: r.Properties}
		if err := im.service.checkResource(ref, &desired); err != nil {
			return fieldOf("resources."+ref.String(), err)
		}
		if !im.hasNode(r.Parent) {
			return missing("resources."+ref.String()+".parent", r.Parent)
		}
		err := place(im, key, func(doc *hierarchy.Resource) error {
			if exists && doc.Parent != r.Parent {
				return moves(key, doc.Parent, r.Parent)
			}
			desired.Moved = doc.Moved
			*doc = desired
			return nil
		})
		if err != nil {
			return err
		}
		if im.commit.Versions == nil {
			im.commit.Versions = map[authz.Key]uint64{}
		}
		im.commit.Versions[key] = was.Version
	}
	return nil
}

func (im *importing) bindings() error {
	for _, b := range im.bundle.Bindings {
		if err := im.bind(b.binding()); err != nil {
			return err
		}
	}
	return nil
}

// bind adds a binding unless the account has it, or the import has added it,
// already.
func (im *importing) bind(b policy.Binding) error {
	if err := im.checkBinding(&b); err != nil {
		return fieldOf("bindings", err)
	}
	if im.bound[b] || im.snapshot.HasBinding(b) {
		im.out.Unchanged++
		return nil
	}
	im.bound[b] = true
	id := hierarchy.BindingID(hierarchy.NewUID(im.service.now()), im.bundle.Account.ID)
	im.create(authz.KeyOf(hierarchy.TypeBinding, id), b)
	im.out.Created[hierarchy.TypeBinding]++
	return nil
}

func (im *importing) checkBinding(b *policy.Binding) error {
	if b.Subject.Type == hierarchy.TypeKey {
		return hierarchy.Invalid("SUBJECT_INVALID", "bindings.subject", "%q is an API key; keys are not in bundles, nor is what is bound to them", b.Subject)
	}
	if err := b.Check(); err != nil {
		return err
	}
	if !im.named[roleRef(b.Role)] && !im.snapshot.HasRole(b.Role) {
		return missing("role", roleRef(b.Role))
	}
	if b.Subject.Type == hierarchy.TypeGroup && !im.hasGroup(b.Subject.ID) {
		return missing("subject", b.Subject)
	}
	if hierarchy.IsOwn(b.Scope.Type) {
		if !im.hasNode(b.Scope) {
			return missing("scope", b.Scope)
		}
		return nil
	}
	key := authz.ResourceKey(b.Scope)
	if im.named[b.Scope] {
		return nil
	}
	if _, exists := im.records[key]; !exists {
		return missing("scope", b.Scope)
	}
	im.commit.Present = append(im.commit.Present, key)
	return nil
}
