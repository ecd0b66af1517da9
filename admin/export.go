package admin

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// Export writes an account as a bundle, in a fixed order. It needs
// policy.export, group.inspect and billing_account.inspect on the account, and
// that no deny takes the last away from one of its billing accounts.
// Deleted nodes are left out. Records are as of one revision; resources are
// read after them, page by page.
func (s *Service) Export(ctx context.Context, who Caller, account string) (*Bundle, error) {
	ref := hierarchy.Ref{Type: hierarchy.TypeAccount, ID: account}
	v, err := s.view(ctx, who, ref)
	if err != nil {
		return nil, err
	}
	for _, permission := range []string{"policy.export", "group.inspect", "billing_account.inspect"} {
		if err := v.may(permission, ref); err != nil {
			return nil, err
		}
	}
	payers := v.snapshot.Nodes(hierarchy.TypeBillingAccount, "", "")
	if slices.ContainsFunc(payers, func(id string) bool { return !v.showsPayer(id) }) {
		return nil, forbidden(who.acting(), "billing_account.inspect, on all billing accounts,", ref)
	}
	state, err := s.store.Load(ctx, account)
	if errors.Is(err, authz.ErrNoAccount) {
		return nil, hierarchy.NotFound(ref)
	}
	if err != nil {
		return nil, err
	}
	x := exporting{bundle: &Bundle{Account: BundleAccount{ID: account}}, records: map[string][]authz.Record{}}
	for _, r := range state.Records {
		kind, _ := r.Key.Split()
		x.records[kind] = append(x.records[kind], r)
	}
	for _, records := range x.records {
		slices.SortFunc(records, func(a, b authz.Record) int { return cmp.Compare(a.Key, b.Key) })
	}
	if err := x.nodes(); err != nil {
		return nil, err
	}
	if err := x.policy(); err != nil {
		return nil, err
	}
	if err := s.exportResources(ctx, account, x.bundle); err != nil {
		return nil, err
	}
	x.dropStrayBindings()
	sortBindings(x.bundle.Bindings)
	return x.bundle, nil
}

// dropStrayBindings leaves out bindings on resources that are not exported,
// because they stand in something deleted.
func (x *exporting) dropStrayBindings() {
	exported := map[hierarchy.Ref]bool{}
	for _, r := range x.bundle.Resources {
		exported[hierarchy.Ref{Type: r.Type, ID: r.ID}] = true
	}
	x.bundle.Bindings = slices.DeleteFunc(x.bundle.Bindings, func(b BundleBinding) bool {
		return !hierarchy.IsOwn(b.Scope.Type) && !exported[b.Scope]
	})
}

// exporting is a bundle under way, from records sorted by kind and ID.
type exporting struct {
	bundle  *Bundle
	records map[string][]authz.Record
	gone    map[hierarchy.Ref]bool // deleted nodes
}

// each decodes the records of one kind.
func each[T any](x *exporting, kind string, visit func(id string, doc T)) error {
	for _, r := range x.records[kind] {
		var doc T
		if err := unmarshal(r, &doc); err != nil {
			return err
		}
		_, id := r.Key.Split()
		visit(id, doc)
	}
	return nil
}

func (x *exporting) nodes() error {
	b := x.bundle
	x.gone = map[hierarchy.Ref]bool{}
	payers := map[string]string{}
	return errors.Join(
		each(x, hierarchy.TypeAccount, func(_ string, doc hierarchy.Account) {
			b.Account.Info, b.Account.BundleState = doc.Info, bundleState(doc.State)
		}),
		each(x, hierarchy.TypeBillingAccount, func(id string, doc billing.Account) {
			if x.gone[hierarchy.Ref{Type: hierarchy.TypeBillingAccount, ID: id}] = doc.Deleted; !doc.Deleted {
				b.BillingAccounts = append(b.BillingAccounts, BundleBillingAccount{ID: id, Info: doc.Info, BundleState: bundleState(doc.State), Mode: doc.Mode, Currency: doc.Currency, Name: doc.Name, PostalAddress: doc.PostalAddress, TaxID: doc.TaxID})
			}
		}),
		each(x, authz.KindLink, func(id string, doc billing.Link) { payers[id] = doc.BillingAccount }),
		each(x, hierarchy.TypeProject, func(id string, doc hierarchy.Project) {
			if x.gone[hierarchy.Ref{Type: hierarchy.TypeProject, ID: id}] = doc.Deleted; !doc.Deleted {
				b.Projects = append(b.Projects, BundleProject{ID: id, Info: doc.Info, BundleState: bundleState(doc.State), BillingAccount: payers[id]})
			}
		}),
		each(x, hierarchy.TypeSubproject, func(id string, doc hierarchy.Subproject) {
			deleted := doc.Deleted || x.gone[hierarchy.Ref{Type: hierarchy.TypeProject, ID: doc.Project}]
			if x.gone[hierarchy.Ref{Type: hierarchy.TypeSubproject, ID: id}] = deleted; !deleted {
				b.Subprojects = append(b.Subprojects, BundleSubproject{ID: id, Project: doc.Project, Info: doc.Info, BundleState: bundleState(doc.State)})
			}
		}),
	)
}

func (x *exporting) policy() error {
	b := x.bundle
	members := map[string][]hierarchy.Ref{}
	for _, r := range x.records[authz.KindMember] {
		m, group := r.Key.Member()
		members[group] = append(members[group], m)
	}
	return errors.Join(
		each(x, hierarchy.TypeRole, func(id string, doc policy.Role) { b.Roles = append(b.Roles, BundleRole{id, doc}) }),
		each(x, hierarchy.TypeGroup, func(id string, doc policy.Group) {
			b.Groups = append(b.Groups, BundleGroup{ID: id, Group: doc, Members: append([]hierarchy.Ref{}, members[id]...)})
		}),
		each(x, hierarchy.TypeBinding, func(_ string, doc policy.Binding) {
			if x.gone[doc.Scope] || doc.Subject.Type == hierarchy.TypeKey { // keys stay where they were made
				return
			}
			out := BundleBinding{Subject: doc.Subject, Role: doc.Role, Scope: doc.Scope, NotBefore: timeOf(doc.NotBefore), ExpiresAt: timeOf(doc.ExpiresAt)}
			if doc.Effect != policy.Allow {
				out.Effect = doc.Effect
			}
			b.Bindings = append(b.Bindings, out)
		}),
	)
}

// sortBindings orders bindings by content: the IDs in whose order they were
// read are made anew by each import.
func sortBindings(bindings []BundleBinding) {
	slices.SortFunc(bindings, func(a, b BundleBinding) int {
		return cmp.Or(
			cmp.Compare(a.Scope.String(), b.Scope.String()), cmp.Compare(a.Subject.String(), b.Subject.String()),
			cmp.Compare(a.Role, b.Role), cmp.Compare(a.Effect, b.Effect),
			cmp.Compare(micros(a.NotBefore), micros(b.NotBefore)), cmp.Compare(micros(a.ExpiresAt), micros(b.ExpiresAt)),
		)
	})
}

// exportPage is how many resources are read at once.
const exportPage = 1000

func (s *Service) exportResources(ctx context.Context, account string, b *Bundle) error {
	var containers []hierarchy.Ref
	for _, p := range b.Projects {
		containers = append(containers, hierarchy.Ref{Type: hierarchy.TypeProject, ID: p.ID})
	}
	for _, p := range b.Subprojects {
		containers = append(containers, hierarchy.Ref{Type: hierarchy.TypeSubproject, ID: p.ID})
	}
	for _, c := range containers {
		for after := ""; ; {
			records, err := s.store.Resources(ctx, account, c, after, exportPage)
			if err != nil {
				return err
			}
			for _, r := range records {
				_, after = r.Key.Split()
				ref, err := hierarchy.ParseRef(after)
				if err != nil {
					return err
				}
				item, err := itemOf[hierarchy.Resource](account, ref, r)
				if err != nil {
					return err
				}
				b.Resources = append(b.Resources, BundleResource{Type: ref.Type, ID: ref.ID, Parent: item.Doc.Parent, Properties: item.Doc.Properties, Labels: item.Doc.Labels})
			}
			if len(records) < exportPage {
				break
			}
		}
	}
	return nil
}
