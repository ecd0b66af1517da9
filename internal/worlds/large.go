package worlds

import (
	"encoding/binary"
	"fmt"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// Large is an account of a chosen size. All that it consists of follows from
// its number and its sizes, so that an account of any size is made, and a
// question about it is answered by hand, without keeping it. Its names are as
// long as those of real accounts.
type Large struct {
	Number                                 int // of the account, among others
	Bindings, Users, Projects, Subprojects int
}

// LargeOf is an account of so many bindings, in the proportions of a provider
// that has customers of its own: a user for five bindings, and a subproject.
func LargeOf(number, bindings int) Large {
	return Large{Number: number, Bindings: bindings, Users: max(bindings/5, 1), Projects: 4, Subprojects: max(bindings/5, 1)}
}

// The roles of a large account's own: role r holds action a of type t if
// (a+t) % largeRoles is r.
const (
	largeRoles   = 5
	largeTypes   = 8
	largeActions = 8
)

// Account is the account's ID.
func (l Large) Account() string { return hierarchy.PrefixAccount + l.uid(0, 0) }

// uid is the random part of an ID.
func (l Large) uid(kind, i int) string { return l.bindingUID(kind, i).String() }

func (l Large) bindingUID(kind, i int) (u hierarchy.UID) {
	binary.BigEndian.PutUint64(u[:], uint64(Epoch/1000)<<16|uint64(kind))
	binary.BigEndian.PutUint32(u[8:], uint32(l.Number))
	binary.BigEndian.PutUint32(u[12:], uint32(i))
	return u
}

// User is the user i.
func (l Large) User(i int) hierarchy.Ref {
	return hierarchy.Ref{Type: hierarchy.TypeUser, ID: fmt.Sprintf("u%06d@c%05d.example", i, l.Number)}
}

// Project is the project i.
func (l Large) Project(i int) hierarchy.Ref {
	return hierarchy.Ref{Type: hierarchy.TypeProject, ID: hierarchy.PrefixProject + l.uid(1, i)}
}

// Subproject is the subproject i, which is in project i modulo Projects.
func (l Large) Subproject(i int) hierarchy.Ref {
	return hierarchy.Ref{Type: hierarchy.TypeSubproject, ID: hierarchy.PrefixSubproject + l.uid(2, i)}
}

// BindingID is the ID of binding i.
func (l Large) BindingID(i int) string { return hierarchy.BindingID(l.bindingUID(3, i), l.Account()) }

// Permission is a permission that some of the account's own roles hold.
func (l Large) Permission(i int) string {
	return fmt.Sprintf("product%d.action%d", i%largeTypes, i/largeTypes%largeActions)
}

func (l Large) role(r int) policy.Role {
	var role policy.Role
	for i := range largeTypes * largeActions {
		if (i%largeTypes+i/largeTypes)%largeRoles == r {
			role.Permissions = append(role.Permissions, l.Permission(i))
		}
	}
	return role
}

// bound is binding i in numbers: who is bound to what, and where: at the
// account, at a project, or at a subproject.
type bound struct {
	user, role          int
	project, subproject int // -1 for none
	denies              bool
}

func (l Large) bound(i int) bound {
	h := mix(uint64(l.Number)<<32 | uint64(i))
	b := bound{user: i % l.Users, role: int(h % largeRoles), project: -1, subproject: -1, denies: h>>8%20 == 0}
	switch h >> 16 % 10 {
	case 0:
	case 1:
		b.project = int(h >> 32 % uint64(l.Projects))
	default:
		b.subproject = int(h >> 32 % uint64(l.Subprojects))
	}
	return b
}

// mix makes a number look random (SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// Binding is binding i.
func (l Large) Binding(i int) policy.Binding {
	n := l.bound(i)
	b := policy.Binding{Subject: l.User(n.user), Role: fmt.Sprint("role-", n.role), Effect: policy.Allow}
	switch {
	case n.subproject >= 0:
		b.Scope = l.Subproject(n.subproject)
	case n.project >= 0:
		b.Scope = l.Project(n.project)
	default:
		b.Scope = hierarchy.Ref{Type: hierarchy.TypeAccount, ID: l.Account()}
	}
	if n.denies {
		b.Effect = policy.Deny
	}
	return b
}

// Records are the account's records.
func (l Large) Records() []authz.Record {
	records := make([]authz.Record, 0, l.Bindings+l.Subprojects+2*l.Projects+largeRoles+2)
	add := func(kind, id string, body any) {
		records = append(records, authz.Record{Key: authz.KeyOf(kind, id), Version: 1, Body: encode(body)})
	}
	add(hierarchy.TypeAccount, l.Account(), hierarchy.Account{OperatorManaged: true})
	payer := hierarchy.PrefixBillingAccount + l.uid(4, 0)
	add(hierarchy.TypeBillingAccount, payer, billing.Account{Mode: billing.Postpaid, Currency: "EUR"})
	for i := range l.Projects {
		add(hierarchy.TypeProject, l.Project(i).ID, hierarchy.Project{})
		add(authz.KindLink, l.Project(i).ID, billing.Link{BillingAccount: payer})
	}
	for i := range l.Subprojects {
		add(hierarchy.TypeSubproject, l.Subproject(i).ID, hierarchy.Subproject{Project: l.Project(i % l.Projects).ID})
	}
	for r := range largeRoles {
		add(hierarchy.TypeRole, fmt.Sprint("role-", r), l.role(r))
	}
	for i := range l.Bindings {
		add(hierarchy.TypeBinding, l.BindingID(i), l.Binding(i))
	}
	return records
}

// LargeQuestion asks whether a user may do something to a subproject, or to a
// resource in it, all in numbers.
type LargeQuestion struct{ User, Permission, Subproject int }

// Question is question i of many; every other one is near a binding.
func (l Large) Question(i int) LargeQuestion {
	h := mix(uint64(l.Number)<<32 ^ uint64(i)<<1 ^ 0xA5A5A5A5)
	q := LargeQuestion{User: int(h % uint64(l.Users)), Permission: int(h >> 20 % (largeTypes * largeActions)), Subproject: int(h >> 32 % uint64(l.Subprojects))}
	if i%2 == 0 && q.User < l.Bindings {
		if near := l.bound(q.User).subproject; near >= 0 {
			q.Subproject = near
		}
	}
	return q
}

// Request is a question as an engine takes it.
func (l Large) Request(q LargeQuestion) authz.Request {
	return authz.Request{Subject: l.User(q.User).String(), Permission: l.Permission(q.Permission), Resource: l.Subproject(q.Subproject).String(), Account: l.Account()}
}

// Allowed answers a question by hand, from the numbers alone.
func (l Large) Allowed(q LargeQuestion) bool {
	allowed := false
	role := (q.Permission%largeTypes + q.Permission/largeTypes) % largeRoles
	for i := q.User; i < l.Bindings; i += l.Users {
		b := l.bound(i)
		onPath := b.subproject == q.Subproject || b.subproject < 0 && (b.project < 0 || b.project == q.Subproject%l.Projects)
		if onPath && b.role == role {
			if b.denies {
				return false
			}
			allowed = true
		}
	}
	return allowed
}
