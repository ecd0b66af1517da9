package worlds

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/oracle"
	"github.com/tollgate-dev/tollgate/policy"
)

// Bundle is the live part of a world in the form in which accounts are
// imported. A bundle has no deleted nodes; with them goes what is in them and
// what is bound to it. It has no API keys either.
func Bundle(w *oracle.World) admin.Bundle {
	b := admin.Bundle{Account: admin.BundleAccount{ID: full(hierarchy.TypeAccount, w.Account), BundleState: bundleState(w.State)}}
	for _, r := range w.Roles {
		if !policy.IsPredefined(r.ID) {
			b.Roles = append(b.Roles, admin.BundleRole{ID: full(hierarchy.TypeRole, r.ID), Role: policy.Role{Permissions: r.Permissions}})
		}
	}
	for _, g := range w.Groups {
		b.Groups = append(b.Groups, admin.BundleGroup{ID: full(hierarchy.TypeGroup, g.ID), Members: refs(g.Members)})
	}
	bundleNodes(w, &b)
	for _, x := range w.Bindings {
		if live(w, x.Scope) && ref(x.Subject).Type != hierarchy.TypeKey {
			b.Bindings = append(b.Bindings, bundleBinding(x))
		}
	}
	return b
}

func bundleNodes(w *oracle.World, b *admin.Bundle) {
	for _, x := range w.BillingAccounts {
		if !x.Deleted {
			b.BillingAccounts = append(b.BillingAccounts, admin.BundleBillingAccount{ID: full(hierarchy.TypeBillingAccount, x.ID), BundleState: bundleState(x.State), Mode: billing.Postpaid, Currency: "EUR"})
		}
	}
	for _, p := range w.Projects {
		if p.Deleted {
			continue
		}
		x := admin.BundleProject{ID: full(hierarchy.TypeProject, p.ID), BundleState: bundleState(p.State)}
		if p.Payer != "" && live(w, "billing_account:"+p.Payer) {
			x.BillingAccount = full(hierarchy.TypeBillingAccount, p.Payer)
		}
		b.Projects = append(b.Projects, x)
	}
	for _, s := range w.Subprojects {
		if live(w, "subproject:"+s.ID) {
			b.Subprojects = append(b.Subprojects, admin.BundleSubproject{ID: full(hierarchy.TypeSubproject, s.ID), Project: full(hierarchy.TypeProject, s.Project), BundleState: bundleState(s.State)})
		}
	}
	for _, res := range w.Resources {
		if id := ref(res.ID); live(w, res.Parent) {
			b.Resources = append(b.Resources, admin.BundleResource{Type: id.Type, ID: id.ID, Parent: ref(res.Parent)})
		}
	}
}

func bundleState(s oracle.State) admin.BundleState {
	return admin.BundleState{Suspended: s.Suspended, SuspendedByOperator: s.SuspendedByOperator}
}

func fromBundleState(s admin.BundleState) oracle.State {
	return oracle.State{Suspended: s.Suspended, SuspendedByOperator: s.SuspendedByOperator}
}

func bundleBinding(x oracle.Binding) admin.BundleBinding {
	return admin.BundleBinding{
		Subject: ref(x.Subject), Role: full(hierarchy.TypeRole, x.Role), Scope: ref(x.Scope), Effect: policy.Effect(x.Effect),
		NotBefore: instant(x.From), ExpiresAt: instant(x.Until),
	}
}

// live reports whether a node, and all that is above it but the account, is
// not deleted.
func live(w *oracle.World, node string) bool {
	id := ref(node)
	switch id.Type {
	case hierarchy.TypeAccount:
		return true
	case hierarchy.TypeBillingAccount:
		return slices.ContainsFunc(w.BillingAccounts, func(b oracle.BillingAccount) bool { return b.ID == id.ID && !b.Deleted })
	case hierarchy.TypeProject:
		return slices.ContainsFunc(w.Projects, func(p oracle.Project) bool { return p.ID == id.ID && !p.Deleted })
	case hierarchy.TypeSubproject:
		return slices.ContainsFunc(w.Subprojects, func(s oracle.Subproject) bool {
			return s.ID == id.ID && !s.Deleted && live(w, "project:"+s.Project)
		})
	}
	return slices.ContainsFunc(w.Resources, func(res oracle.Resource) bool { return res.ID == node && live(w, res.Parent) })
}

// full is an ID as a field that knows the type takes it: bare, unless it
// itself begins with the type.
func full(typ, id string) string {
	if strings.HasPrefix(id, typ+":") {
		return typ + ":" + id
	}
	return id
}

func refs(all []string) []hierarchy.Ref {
	parsed := []hierarchy.Ref{}
	for _, s := range all {
		parsed = append(parsed, ref(s))
	}
	return parsed
}

func instant(us int64) *time.Time {
	if us == 0 {
		return nil
	}
	t := time.UnixMicro(us).UTC()
	return &t
}

// FromBundle reads a bundle as plain data, without asking whether it keeps
// the rules of an import. Its bindings get IDs in their order.
func FromBundle(b *admin.Bundle) *oracle.World {
	w := &oracle.World{Account: bare(hierarchy.TypeAccount, b.Account.ID), State: fromBundleState(b.Account.BundleState)}
	for _, p := range policy.Predefined {
		w.Roles = append(w.Roles, oracle.Role{ID: p.ID, Permissions: p.Permissions})
	}
	for _, r := range b.Roles {
		w.Roles = append(w.Roles, oracle.Role{ID: bare(hierarchy.TypeRole, r.ID), Permissions: r.Permissions})
	}
	for _, g := range b.Groups {
		group := oracle.Group{ID: bare(hierarchy.TypeGroup, g.ID)}
		for _, m := range g.Members {
			group.Members = append(group.Members, m.String())
		}
		w.Groups = append(w.Groups, group)
	}
	for _, x := range b.BillingAccounts {
		w.BillingAccounts = append(w.BillingAccounts, oracle.BillingAccount{ID: bare(hierarchy.TypeBillingAccount, x.ID), State: fromBundleState(x.BundleState)})
	}
	for _, p := range b.Projects {
		w.Projects = append(w.Projects, oracle.Project{ID: bare(hierarchy.TypeProject, p.ID), Payer: bare(hierarchy.TypeBillingAccount, p.BillingAccount), State: fromBundleState(p.BundleState)})
	}
	for _, s := range b.Subprojects {
		w.Subprojects = append(w.Subprojects, oracle.Subproject{ID: bare(hierarchy.TypeSubproject, s.ID), Project: bare(hierarchy.TypeProject, s.Project), State: fromBundleState(s.BundleState)})
	}
	for _, res := range b.Resources {
		w.Resources = append(w.Resources, oracle.Resource{ID: res.Type + ":" + res.ID, Parent: res.Parent.String()})
	}
	for i, x := range b.Bindings {
		w.Bindings = append(w.Bindings, fromBundleBinding(w.Account, i, x))
	}
	return w
}

func fromBundleBinding(account string, i int, x admin.BundleBinding) oracle.Binding {
	var uid hierarchy.UID
	copy(uid[:], fmt.Sprintf("%016d", i))
	b := oracle.Binding{
		ID: hierarchy.BindingID(uid, account), Subject: x.Subject.String(), Role: bare(hierarchy.TypeRole, x.Role),
		Scope: x.Scope.String(), Effect: string(x.Effect),
	}
	if b.Effect == "" {
		b.Effect = string(policy.Allow)
	}
	if x.NotBefore != nil {
		b.From = x.NotBefore.UnixMicro()
	}
	if x.ExpiresAt != nil {
		b.Until = x.ExpiresAt.UnixMicro()
	}
	return b
}

func bare(typ, id string) string { return strings.TrimPrefix(id, typ+":") }
