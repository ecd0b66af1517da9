package admin

import (
	"context"
	"errors"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// CreateBinding binds a role to a subject at a scope (M19). An allow needs
// binding.grant at the scope, and that the actor could pass the role on; a
// deny needs binding.deny at the scope's parent, so that nobody locks out
// those above him: at the account only the platform's operators can deny.
func (s *Service) CreateBinding(ctx context.Context, who Caller, b policy.Binding) (Item[policy.Binding], error) {
	if b.Effect == "" {
		b.Effect = policy.Allow
	}
	if err := b.Check(); err != nil {
		return Item[policy.Binding]{}, err
	}
	account, err := s.accountOf(ctx, b.Scope)
	if err != nil {
		return Item[policy.Binding]{}, fieldOf("scope", err)
	}
	o, err := s.once(ctx, who, account, "binding.grant", b)
	if err != nil {
		return Item[policy.Binding]{}, err
	}
	ref := hierarchy.Ref{Type: hierarchy.TypeBinding, ID: hierarchy.BindingID(o.uid, account)}
	item, err := createOnce(ctx, s, who, o, ref, func(d *draft) error {
		if err := d.mayBind(&b); err != nil {
			return err
		}
		if err := d.checkNames(&b); err != nil {
			return err
		}
		if d.snapshot.HasBinding(b) {
			same := d.snapshot.FindBindings(b.Subject.String(), "", func(x policy.Binding) bool { return x == b })
			return hierarchy.Conflict("ALREADY_EXISTS", "the same binding exists already: %s", same[0].ID)
		}
		d.create(authz.KeyOf(hierarchy.TypeBinding, ref.ID), b)
		return nil
	}, (*Service).Binding)
	if notFound := hierarchy.NotFound(b.Scope); err != nil && err.Error() == notFound.Error() {
		err = fieldOf("scope", notFound) // of an account, as of anything in one
	}
	return item, err
}

// site is where a binding's scope stands: a node of the account, and the
// product resource in it if the scope is one.
type site struct{ node, resource hierarchy.Ref }

// site finds the scope of a binding.
func (d *draft) site(scope hierarchy.Ref) (site, error) {
	if hierarchy.IsOwn(scope.Type) { // a node of our own
		if !d.snapshot.Has(scope) {
			return site{}, fieldOf("scope", hierarchy.NotFound(scope))
		}
		return site{node: scope}, nil
	}
	key := authz.ResourceKey(scope)
	records, err := d.read(key)
	if err != nil {
		return site{}, err
	}
	var doc hierarchy.Resource
	if r, ok := records[key]; !ok {
		return site{}, fieldOf("scope", hierarchy.NotFound(scope))
	} else if err := unmarshal(r, &doc); err != nil {
		return site{}, err
	}
	if !d.snapshot.Has(doc.Parent) {
		return site{}, fieldOf("scope", hierarchy.NotFound(scope))
	}
	d.commit.Present = append(d.commit.Present, key)
	return site{node: doc.Parent, resource: scope}, nil
}

// mayBind refuses who may not make or unmake a binding.
func (d *draft) mayBind(b *policy.Binding) error {
	at, err := d.site(b.Scope)
	if err != nil {
		return err
	}
	if err := d.who.maySee(d.snapshot, at, b.Scope, d.at); err != nil {
		return err
	}
	if b.Effect == policy.Allow {
		return d.who.mayGrant(d.snapshot, b.Role, at.node, at.resource, d.at)
	}
	return d.mayDeny(b.Scope, at)
}

// mayDeny asks for binding.deny at the parent of a deny's scope.
func (d *draft) mayDeny(scope hierarchy.Ref, at site) error {
	parent := at.node
	if at.resource.IsZero() {
		parent = d.snapshot.Parent(scope)
	}
	for !parent.IsZero() && !d.snapshot.Has(parent) { // of what is deleted, what is left above
		parent = d.snapshot.Parent(parent)
	}
	if parent.IsZero() && !d.who.operates() {
		return forbidden(d.who.acting(), "the platform operator's right to deny", scope)
	}
	if parent.IsZero() || d.who.operates() {
		return nil
	}
	if d.snapshot.Has(at.node) && d.snapshot.Suspended(at.node) {
		return suspended(scope)
	}
	// Who asks sees the scope. Its parent he need not see, nor hear of.
	if !d.who.allows(d.snapshot, policy.Permission{Type: "binding", Action: "deny"}, parent, hierarchy.Ref{}, d.at) {
		return forbidden(d.who.acting(), "binding.deny, at what is above it,", scope)
	}
	return nil
}

// checkNames refuses a role and a group that the account does not have.
func (d *draft) checkNames(b *policy.Binding) error {
	if !d.snapshot.HasRole(b.Role) {
		return fieldOf("role", hierarchy.NotFound(roleRef(b.Role)))
	}
	if b.Subject.Type == hierarchy.TypeGroup && !d.snapshot.HasGroup(b.Subject.ID) {
		return fieldOf("subject", hierarchy.NotFound(b.Subject))
	}
	if b.Subject.Type == hierarchy.TypeKey {
		return fieldOf("subject", d.mayReach(b))
	}
	return nil
}

// mayReach refuses to bind an API key beyond what it belongs to, where it has
// no rights whatever it is bound to.
func (d *draft) mayReach(b *policy.Binding) error {
	parent, ok := d.snapshot.KeyParent(b.Subject)
	if !ok || parent == Platform {
		return hierarchy.NotFound(b.Subject)
	}
	at, err := d.site(b.Scope)
	if err != nil {
		return err
	}
	if !d.upwards(at.node)[parent] {
		return hierarchy.Conflict("KEY_OUT_OF_REACH", "%s belongs to %s, and reaches nothing but what is in it", b.Subject, parent)
	}
	return nil
}

// Binding returns a binding. It needs binding.inspect at its scope.
func (s *Service) Binding(ctx context.Context, who Caller, id string) (Item[policy.Binding], error) {
	ref := hierarchy.Ref{Type: hierarchy.TypeBinding, ID: id}
	_, account, err := hierarchy.ParseBindingID(id)
	if err != nil {
		return Item[policy.Binding]{}, err
	}
	v, err := s.view(ctx, who, hierarchy.Ref{Type: hierarchy.TypeAccount, ID: account})
	if err != nil {
		return Item[policy.Binding]{}, hierarchy.NotFound(ref)
	}
	item, err := get[policy.Binding](ctx, v, ref, authz.KeyOf(ref.Type, id))
	if err != nil {
		return item, err
	}
	if err := v.mayInspect(ctx, item.Doc.Scope); err != nil {
		return Item[policy.Binding]{}, hierarchy.NotFound(ref)
	}
	return item, nil
}

// mayInspect asks for binding.inspect at a scope.
func (v *view) mayInspect(ctx context.Context, scope hierarchy.Ref) error {
	if v.who.operates() {
		return nil
	}
	if hierarchy.IsOwn(scope.Type) {
		return v.may("binding.inspect", scope)
	}
	item, err := v.service.resource(ctx, v.snapshot.Account(), scope)
	if err != nil {
		return err
	}
	return v.who.may(v.snapshot, "binding.inspect", item.Doc.Parent, scope, v.at)
}

// BindingFilter says which bindings are listed; zero fields accept any. One
// of Account, Scope and both says whose they are.
type BindingFilter struct {
	Account string
	Scope   hierarchy.Ref
	Subject hierarchy.Ref
}

// Bindings lists bindings. It needs binding.inspect at the scope, or at the
// account if no scope is given; then what a deny hides is left out.
func (s *Service) Bindings(ctx context.Context, who Caller, f BindingFilter, span Span) (Page[policy.Binding], error) {
	at := f.Scope
	if at.IsZero() {
		at = hierarchy.Ref{Type: hierarchy.TypeAccount, ID: f.Account}
	}
	v, err := s.view(ctx, who, at)
	if err != nil {
		return Page[policy.Binding]{}, err
	}
	if err := v.mayInspect(ctx, at); err != nil {
		return Page[policy.Binding]{}, err
	}
	subject := ""
	if !f.Subject.IsZero() {
		subject = f.Subject.String()
	}
	found := v.snapshot.FindBindings(subject, span.After, func(b policy.Binding) bool { return f.Scope.IsZero() || b.Scope == f.Scope })
	if f.Scope.IsZero() {
		if found, err = v.inspectable(ctx, found, span.Limit); err != nil {
			return Page[policy.Binding]{}, err
		}
	}
	ids := make([]string, len(found))
	for i, b := range found {
		ids[i] = b.ID
	}
	return list[policy.Binding](ctx, v, hierarchy.TypeBinding, ids, span)
}

// inspectable are the first of some bindings that the caller may inspect, one
// more than fill a page. Only a deny keeps some from who may inspect those of
// the account, so that without any there is nothing to ask.
func (v *view) inspectable(ctx context.Context, all []authz.BoundBinding, limit int) ([]authz.BoundBinding, error) {
	denies := v.snapshot.FindBindings("", "", func(b policy.Binding) bool { return b.Effect == policy.Deny })
	if v.who.operates() || len(denies) == 0 {
		return all, nil
	}
	hidden := map[hierarchy.Ref]bool{}
	var shown []authz.BoundBinding
	for _, b := range all {
		if _, asked := hidden[b.Scope]; !asked {
			hides, err := v.hides(ctx, b.Scope)
			if err != nil {
				return nil, err
			}
			hidden[b.Scope] = hides
		}
		if !hidden[b.Scope] {
			shown = append(shown, b)
		}
		if len(shown) > limit {
			break
		}
	}
	return shown, nil
}

// hides reports whether a deny keeps the caller from inspecting what is bound
// at a scope. One that is gone hides nothing.
func (v *view) hides(ctx context.Context, scope hierarchy.Ref) (bool, error) {
	if hierarchy.IsOwn(scope.Type) {
		return v.snapshot.Has(scope) && v.may("binding.inspect", scope) != nil, nil
	}
	item, err := v.service.resource(ctx, v.snapshot.Account(), scope)
	var known *hierarchy.Error
	if errors.As(err, &known) && known.Kind == hierarchy.KindNotFound {
		return false, nil
	}
	if err != nil || !v.snapshot.Has(item.Doc.Parent) {
		return false, err
	}
	return v.who.may(v.snapshot, "binding.inspect", item.Doc.Parent, scope, v.at) != nil, nil
}

// DeleteBinding removes a binding. An allow needs binding.revoke at its
// scope, a deny binding.deny at the scope's parent.
func (s *Service) DeleteBinding(ctx context.Context, who Caller, id string) (Written, error) {
	_, account, err := hierarchy.ParseBindingID(id)
	if err != nil {
		return Written{}, err
	}
	ref := hierarchy.Ref{Type: hierarchy.TypeBinding, ID: id}
	written, err := s.write(ctx, who, account, "binding.revoke", func(d *draft) error {
		var b policy.Binding
		was, err := d.one(authz.KeyOf(ref.Type, id), &b)
		if err != nil {
			return err
		}
		d.remove(was)
		return d.mayUnbind(&b)
	})
	return written, hideAccount(err, ref)
}

// mayUnbind refuses who may not end a binding. One whose scope is deleted is
// the account's to clear away; a deny of such, which would hold again once the
// scope is restored, takes the right to end it all the same.
func (d *draft) mayUnbind(b *policy.Binding) error {
	if hierarchy.IsOwn(b.Scope.Type) && !d.snapshot.Has(b.Scope) {
		if err := d.may("binding.revoke", d.account()); err != nil || b.Effect == policy.Allow {
			return err
		}
		return d.mayDeny(b.Scope, site{node: b.Scope})
	}
	at, err := d.site(b.Scope)
	if err != nil {
		return err
	}
	if err := d.who.maySee(d.snapshot, at, b.Scope, d.at); err != nil {
		return err
	}
	if b.Effect == policy.Deny {
		return d.mayDeny(b.Scope, at)
	}
	return d.who.may(d.snapshot, "binding.revoke", at.node, at.resource, d.at)
}

// hideAccount says of a binding in an account that does not exist that the
// binding does not.
func hideAccount(err error, ref hierarchy.Ref) error {
	if known, ok := err.(*hierarchy.Error); ok && known.Kind == hierarchy.KindNotFound { //nolint:errorlint // made just above
		return hierarchy.NotFound(ref)
	}
	return err
}
