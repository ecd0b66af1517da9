package admin

import (
	"slices"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// normalise returns the bundle with every ID bare where its field says the
// type, or an error for what is wrong with the bundle whatever the account
// is: a malformed ID, a role that cannot be, something named twice.
func (b *Bundle) normalise() (*Bundle, error) {
	n := &Bundle{
		Account: b.Account, Roles: slices.Clone(b.Roles), Groups: slices.Clone(b.Groups), BillingAccounts: slices.Clone(b.BillingAccounts),
		Projects: slices.Clone(b.Projects), Subprojects: slices.Clone(b.Subprojects), Resources: b.Resources, Bindings: slices.Clone(b.Bindings),
	}
	r := renaming{seen: map[hierarchy.Ref]bool{}}
	r.define("account.id", hierarchy.TypeAccount, &n.Account.ID)
	if n.Account.ID == hierarchy.PlatformID {
		r.note(hierarchy.Invalid("ID_RESERVED", "account.id", "%q is the platform's own account, which no bundle describes", n.Account.ID))
	}
	r.note(n.Account.Info.Check())
	for i := range n.Roles {
		r.define("roles.id", hierarchy.TypeRole, &n.Roles[i].ID)
		r.note(fieldOf("roles."+n.Roles[i].ID, checkRole(n.Roles[i].ID, &n.Roles[i].Role)))
	}
	for i := range n.Groups {
		r.define("groups.id", hierarchy.TypeGroup, &n.Groups[i].ID)
		r.group(&n.Groups[i])
	}
	for i := range n.BillingAccounts {
		r.define("billing_accounts.id", hierarchy.TypeBillingAccount, &n.BillingAccounts[i].ID)
	}
	for i := range n.Projects {
		r.define("projects.id", hierarchy.TypeProject, &n.Projects[i].ID)
		r.note(n.Projects[i].Info.Check())
		if n.Projects[i].BillingAccount != "" {
			r.bare("projects.billing_account", hierarchy.TypeBillingAccount, &n.Projects[i].BillingAccount)
		}
	}
	for i := range n.Subprojects {
		r.define("subprojects.id", hierarchy.TypeSubproject, &n.Subprojects[i].ID)
		r.note(n.Subprojects[i].Info.Check())
		r.bare("subprojects.project", hierarchy.TypeProject, &n.Subprojects[i].Project)
	}
	for _, res := range n.Resources {
		r.once("resources", hierarchy.Ref{Type: res.Type, ID: res.ID})
	}
	for i := range n.Bindings {
		r.bare("bindings.role", hierarchy.TypeRole, &n.Bindings[i].Role)
		r.bound("bindings.not_before", n.Bindings[i].NotBefore)
		r.bound("bindings.expires_at", n.Bindings[i].ExpiresAt)
	}
	return n, r.err
}

// renaming makes IDs bare, and keeps the first error.
type renaming struct {
	seen map[hierarchy.Ref]bool
	err  error
}

func (r *renaming) note(err error) {
	if r.err == nil {
		r.err = err
	}
}

// bare makes an ID bare whose type is known.
func (r *renaming) bare(field, typ string, id *string) {
	ref, err := hierarchy.ParseAs(typ, *id)
	r.note(fieldOf(field, err))
	*id = ref.ID
}

// define is bare, for the ID of something that may be named only once.
func (r *renaming) define(field, typ string, id *string) {
	r.bare(field, typ, id)
	r.once(field, hierarchy.Ref{Type: typ, ID: *id})
}

func (r *renaming) once(field string, ref hierarchy.Ref) {
	if r.seen[ref] {
		r.note(hierarchy.Invalid("BUNDLE_DUPLICATE", field, "%s is in the bundle twice", ref))
	}
	r.seen[ref] = true
}

// bound refuses an instant that would be kept as none: what is to end then
// would never end.
func (r *renaming) bound(field string, at *time.Time) {
	if at != nil && micros(at) == 0 {
		r.note(hierarchy.Invalid("WINDOW_INVALID", field, "is the first instant of 1970; leave it out if there is no bound"))
	}
}

// group checks a group and its members, and names each member once.
func (r *renaming) group(g *BundleGroup) {
	r.note(fieldOf("groups."+g.ID, g.Check()))
	members := make([]hierarchy.Ref, 0, len(g.Members))
	seen := make(map[hierarchy.Ref]bool, len(g.Members))
	for _, m := range g.Members {
		r.note(fieldOf("groups."+g.ID+".members", policy.CheckMember(m)))
		if !seen[m] {
			members = append(members, m)
		}
		seen[m] = true
	}
	g.Members = members
}

// names is everything that the bundle defines.
func (b *Bundle) names() map[hierarchy.Ref]bool {
	named := map[hierarchy.Ref]bool{}
	add := func(typ, id string) { named[hierarchy.Ref{Type: typ, ID: id}] = true }
	for _, r := range b.Roles {
		add(hierarchy.TypeRole, r.ID)
	}
	for _, g := range b.Groups {
		add(hierarchy.TypeGroup, g.ID)
	}
	for _, a := range b.BillingAccounts {
		add(hierarchy.TypeBillingAccount, a.ID)
	}
	for _, p := range b.Projects {
		add(hierarchy.TypeProject, p.ID)
	}
	for _, p := range b.Subprojects {
		add(hierarchy.TypeSubproject, p.ID)
	}
	for _, r := range b.Resources {
		add(r.Type, r.ID)
	}
	return named
}

// keys are the records that an import of the bundle may touch, bindings
// apart: those have no IDs in it, and are compared by content.
func (b *Bundle) keys(s *authz.Snapshot) []authz.Key {
	keys := []authz.Key{authz.KeyOf(hierarchy.TypeAccount, b.Account.ID)}
	for ref := range b.names() {
		switch {
		case ref.Type == hierarchy.TypeProject:
			keys = append(keys, authz.KeyOf(ref.Type, ref.ID), authz.KeyOf(authz.KindLink, ref.ID))
		case hierarchy.IsOwn(ref.Type):
			keys = append(keys, authz.KeyOf(ref.Type, ref.ID))
		default:
			keys = append(keys, authz.ResourceKey(ref))
		}
	}
	for _, g := range b.Groups {
		for _, m := range g.Members {
			keys = append(keys, authz.MemberKey(m, g.ID))
		}
	}
	named := b.names()
	for _, p := range b.Projects { // billing accounts that only the account has
		ref := hierarchy.Ref{Type: hierarchy.TypeBillingAccount, ID: p.BillingAccount}
		if !named[ref] && s.Has(ref) {
			named[ref] = true
			keys = append(keys, authz.KeyOf(ref.Type, ref.ID))
		}
	}
	for _, x := range b.Bindings { // resources likewise
		if !hierarchy.IsOwn(x.Scope.Type) && !named[x.Scope] {
			named[x.Scope] = true
			keys = append(keys, authz.ResourceKey(x.Scope))
		}
	}
	return keys
}

// binding is the binding that an entry of a bundle stands for.
func (b BundleBinding) binding() policy.Binding {
	out := policy.Binding{Subject: b.Subject, Role: b.Role, Scope: b.Scope, Effect: b.Effect}
	if out.Effect == "" {
		out.Effect = policy.Allow
	}
	out.NotBefore, out.ExpiresAt = micros(b.NotBefore), micros(b.ExpiresAt)
	return out
}

func micros(t *time.Time) int64 {
	if t == nil {
		return 0
	}
	return t.UnixMicro()
}

func timeOf(us int64) *time.Time {
	if us == 0 {
		return nil
	}
	t := time.UnixMicro(us).UTC()
	return &t
}
