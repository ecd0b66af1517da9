package admin

import (
	"strings"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// Caller is who asks: the holder of a credential, the person it acts for, and
// on what terms this once.
type Caller struct {
	// Name is the holder's, for the log: "operator".
	Name string
	// Actor is for whom the caller acts; what is done then needs the actor's
	// rights too. Zero: for nobody but itself.
	Actor hierarchy.Ref
	// IdempotencyKey makes a creation that is repeated under it, within 24
	// hours, the same one; "" makes something new each time.
	IdempotencyKey string
	// If is what must hold of what a write replaces; nil for nothing.
	If *Condition
}

// actor is who is named as acting in the log.
func (c Caller) actor() string {
	if c.Actor.IsZero() {
		return c.Name
	}
	return c.Actor.String()
}

// operates reports whether the caller acts for the platform itself.
func (c Caller) operates() bool { return c.Actor.IsZero() }

// may refuses unless the actor has a permission on a node of the account, or
// on a product resource in it. Who may not even see the node is told that it
// does not exist; suspension hides nothing.
func (c Caller) may(s *authz.Snapshot, permission string, node, resource hierarchy.Ref, at int64) error {
	if c.operates() {
		return nil
	}
	p, err := policy.ParsePermission(permission)
	if err != nil {
		return err
	}
	if s.Allows(c.Actor, p, node, resource, at) {
		return nil
	}
	asked := node
	if !resource.IsZero() {
		asked = resource
	}
	switch {
	case !s.Holds(c.Actor, sight(asked.Type), node, resource, at):
		return hierarchy.NotFound(asked)
	case s.Holds(c.Actor, p, node, resource, at):
		return suspended(asked)
	}
	return forbidden(c.Actor, permission, asked)
}

func suspended(what hierarchy.Ref) error {
	return &hierarchy.Error{Kind: hierarchy.KindForbidden, Reason: authz.ResourceSuspended.String(), Detail: what.String() + ", or something above it, is suspended; until it is resumed it can only be read, resumed and restored"}
}

// could reports whether the caller may do something to a node, or might were
// it not suspended.
func (c Caller) could(s *authz.Snapshot, permission string, node hierarchy.Ref, at int64) bool {
	p, err := policy.ParsePermission(permission)
	return err == nil && (c.operates() || s.Holds(c.Actor, p, node, hierarchy.Ref{}, at))
}

// maySee refuses, as if there were no such scope, who may neither read it nor
// do anything about the bindings on it.
func (c Caller) maySee(s *authz.Snapshot, at site, scope hierarchy.Ref, now int64) error {
	if c.operates() {
		return nil
	}
	for _, p := range []policy.Permission{sight(scope.Type), {Type: "binding", Action: "inspect"}, {Type: "binding", Action: "grant"}, {Type: "binding", Action: "revoke"}} {
		if s.Holds(c.Actor, p, at.node, at.resource, now) { // suspension hides nothing
			return nil
		}
	}
	return fieldOf("scope", hierarchy.NotFound(scope))
}

// sight is the permission without which a node is not even shown.
func sight(typ string) policy.Permission {
	if typ == hierarchy.TypeBillingAccount {
		return policy.Permission{Type: typ, Action: "inspect"}
	}
	return policy.Permission{Type: typ, Action: "read"}
}

func forbidden(actor hierarchy.Ref, permission string, on hierarchy.Ref) error {
	return &hierarchy.Error{Kind: hierarchy.KindForbidden, Reason: "PERMISSION_DENIED", Detail: actor.String() + " lacks " + permission + " on " + on.String()}
}

// mayGrant refuses unless the actor may bind a role at a node: granting needs
// binding.grant there, and either binding.grant_any or all that is granted. A
// wildcard can be granted only with binding.grant_any.
func (c Caller) mayGrant(s *authz.Snapshot, role string, node, resource hierarchy.Ref, at int64) error {
	if err := c.may(s, "binding.grant", node, resource, at); err != nil || c.operates() {
		return err
	}
	if s.Allows(c.Actor, policy.Permission{Type: "binding", Action: "grant_any"}, node, resource, at) {
		return nil
	}
	patterns, _ := s.Permissions(role)
	for _, text := range patterns {
		p, err := policy.ParsePattern(text)
		if err != nil || strings.Contains(text, policy.Any) || !s.Allows(c.Actor, p, node, resource, at) {
			return forbidden(c.Actor, "binding.grant_any, or all that "+role+" holds,", node)
		}
	}
	return nil
}
