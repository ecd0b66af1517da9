package admin

import (
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// Caller is who asks: the holder of a credential, the person it acts for, and
// on what terms this once. The zero Caller may do nothing.
type Caller struct {
	// Name is the holder's, for the log: "operator", or the Principal.
	Name string
	// Operator is set for who operates the platform itself, and may do
	// everything.
	Operator bool
	// Principal is the service or the API key whose rights the caller has;
	// zero for the operator.
	Principal hierarchy.Ref
	// Account is the bare ID of the account that the Principal's key belongs to.
	Account string
	// Platform is where the rights stand that a service has on the platform,
	// and so in every account; nil for none.
	Platform *authz.Snapshot
	// Actor is for whom the caller acts; what is done then needs the actor's
	// rights too. Zero: for nobody but itself.
	Actor hierarchy.Ref
	// IdempotencyKey makes a creation that is repeated under it, within 24
	// hours, the same one; "" makes something new each time.
	IdempotencyKey string
	// If is what must hold of what a write replaces; nil for nothing.
	If *Condition
}

// reader reads what a caller has just written, whose right to it was checked.
func (c Caller) reader() Caller { return Caller{Name: c.Name, Operator: true} }

// actor is who is named as acting in the log.
func (c Caller) actor() string {
	if c.Actor.IsZero() {
		return c.Name
	}
	return c.Actor.String()
}

// operates reports whether the caller acts for the platform itself.
func (c Caller) operates() bool { return c.Operator && c.Actor.IsZero() }

// party is one whose rights a caller needs.
type party struct {
	ref      hierarchy.Ref
	platform *authz.Snapshot
}

// parties are all whose rights the caller needs: its own, unless it operates
// the platform, and the actor's. It is one that has none if there is nobody.
func (c Caller) parties() []party {
	var all []party
	if !c.Operator {
		all = append(all, party{c.Principal, c.Platform})
	}
	if !c.Actor.IsZero() {
		all = append(all, party{c.Actor, nil})
	}
	return all
}

// rights is the decision about a permission on a node of the account, or on a
// product resource in it. What a service is bound to on the platform holds in
// every account as if it were bound above it, so that a deny at either wins.
type rights func(s *authz.Snapshot, subject hierarchy.Ref, p policy.Permission, node, resource hierarchy.Ref, at int64) authz.Code

func (p party) decide(how rights, s *authz.Snapshot, permission policy.Permission, node, resource hierarchy.Ref, at int64) bool {
	here := how(s, p.ref, permission, node, resource, at)
	if p.platform == nil || p.ref.Type != hierarchy.TypeService || s.Account() == hierarchy.PlatformID {
		return here == authz.Allowed
	}
	above := p.platform.Rights(p.ref, permission, Platform, hierarchy.Ref{}, at)
	switch {
	case above == authz.DeniedByBinding:
		return false
	case here == authz.NoBinding:
		return above == authz.Allowed
	}
	return here == authz.Allowed
}

// Platform is the node that stands for the platform itself.
var Platform = hierarchy.Ref{Type: hierarchy.TypeAccount, ID: hierarchy.PlatformID}

// all reports whether everybody whose rights are needed has a permission.
func (c Caller) all(how rights, s *authz.Snapshot, p policy.Permission, node, resource hierarchy.Ref, at int64) bool {
	_, lacks := c.lacking(how, s, p, node, resource, at)
	return !lacks
}

// lacking is the first whose rights are needed and who lacks a permission.
func (c Caller) lacking(how rights, s *authz.Snapshot, p policy.Permission, node, resource hierarchy.Ref, at int64) (hierarchy.Ref, bool) {
	for _, party := range c.parties() {
		if !party.decide(how, s, p, node, resource, at) {
			return party.ref, true
		}
	}
	return hierarchy.Ref{}, false
}

func (c Caller) allows(s *authz.Snapshot, p policy.Permission, node, resource hierarchy.Ref, at int64) bool {
	return c.all((*authz.Snapshot).Rights, s, p, node, resource, at)
}

// holds is allows, as if nothing were suspended.
func (c Caller) holds(s *authz.Snapshot, p policy.Permission, node, resource hierarchy.Ref, at int64) bool {
	return c.all((*authz.Snapshot).RightsHeld, s, p, node, resource, at)
}

// OnPlatform refuses who lacks a permission on the platform itself. It is for
// what is in no account, and for the caller's own rights: an actor has none
// there.
func (c Caller) OnPlatform(permission string, at int64) error {
	if c.Operator {
		return nil
	}
	p, err := policy.ParsePermission(permission)
	if err != nil {
		return err
	}
	if c.Platform != nil && c.Platform.Rights(c.Principal, p, Platform, hierarchy.Ref{}, at) == authz.Allowed {
		return nil
	}
	return &hierarchy.Error{Kind: hierarchy.KindForbidden, Reason: "PERMISSION_DENIED", Detail: c.Name + " lacks " + permission + " on the platform"}
}

// may refuses unless all whose rights are needed have a permission on a node
// of the account, or on a product resource in it. Who may not even see the
// node is told that it does not exist; suspension hides nothing.
func (c Caller) may(s *authz.Snapshot, permission string, node, resource hierarchy.Ref, at int64) error {
	p, err := policy.ParsePermission(permission)
	if err != nil {
		return err
	}
	who, lacks := c.lacking((*authz.Snapshot).Rights, s, p, node, resource, at)
	if !lacks {
		return nil
	}
	asked := node
	if !resource.IsZero() {
		asked = resource
	}
	switch {
	case !c.holds(s, sight(asked.Type), node, resource, at):
		return hierarchy.NotFound(asked)
	case c.holds(s, p, node, resource, at):
		return suspended(asked)
	}
	return forbidden(who, permission, asked)
}

func suspended(what hierarchy.Ref) error {
	return &hierarchy.Error{Kind: hierarchy.KindForbidden, Reason: authz.ResourceSuspended.String(), Detail: what.String() + ", or something above it, is suspended; until it is resumed it can only be read, resumed and restored"}
}

// could reports whether the caller may do something to a node, or might were
// it not suspended.
func (c Caller) could(s *authz.Snapshot, permission string, node hierarchy.Ref, at int64) bool {
	p, err := policy.ParsePermission(permission)
	return err == nil && c.holds(s, p, node, hierarchy.Ref{}, at)
}

// maySee refuses, as if there were no such scope, who may neither read it nor
// do anything about the bindings on it.
func (c Caller) maySee(s *authz.Snapshot, at site, scope hierarchy.Ref, now int64) error {
	if c.operates() {
		return nil
	}
	for _, p := range []policy.Permission{sight(scope.Type), {Type: "binding", Action: "inspect"}, {Type: "binding", Action: "grant"}, {Type: "binding", Action: "revoke"}} {
		if c.holds(s, p, at.node, at.resource, now) { // suspension hides nothing
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

// acting is the actor, or else the principal.
func (c Caller) acting() hierarchy.Ref {
	if c.Actor.IsZero() {
		return c.Principal
	}
	return c.Actor
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
	patterns, _ := s.Permissions(role)
	if !c.passesOn((*authz.Snapshot).Rights, s, patterns, site{node, resource}, at) {
		return forbidden(c.acting(), "binding.grant_any, or all that "+role+" holds,", node)
	}
	return nil
}

// MayAsk reports whether the caller has access.check on what an answer is
// about: on the resource, or, of one that is not there, on the account that it
// was looked for in.
func (c Caller) MayAsk(a *authz.Answer, at int64) bool {
	if c.Operator {
		return true
	}
	here := a.Rights(c.Principal, accessCheck, at)
	if c.Platform == nil || c.Principal.Type != hierarchy.TypeService {
		return here == authz.Allowed
	}
	return here == authz.Allowed && c.Platform.Rights(c.Principal, accessCheck, Platform, hierarchy.Ref{}, at) != authz.DeniedByBinding
}

var accessCheck = policy.Permission{Type: "access", Action: "check"}
