package authz

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// What administration asks a snapshot, to decide writes on it and to list
// what is in it. Records themselves are read from the store.

// Has reports whether an account, billing account, project or subproject
// exists and is not deleted; nor, then, is anything above it.
func (s *Snapshot) Has(r hierarchy.Ref) bool {
	var p path
	return s.pathOfNode(r.String(), &p) && p.flags&deleted == 0
}

// Suspended reports whether a node is suspended, itself or by what is above it.
func (s *Snapshot) Suspended(r hierarchy.Ref) bool {
	var p path
	return s.pathOfNode(r.String(), &p) && p.flags&(suspended|suspendedByOperator) != 0
}

// Known reports whether such a node was ever made, deleted or not.
func (s *Snapshot) Known(r hierarchy.Ref) bool {
	return s.pathOfNode(r.String(), new(path))
}

// Routes is the platform's route map, as it is stored; nil if there is none.
// The caller does not change it.
func (s *Snapshot) Routes() json.RawMessage { return s.routes }

// Parent is the node above an account's own node; zero for the account
// itself and for what is not known.
func (s *Snapshot) Parent(r hierarchy.Ref) hierarchy.Ref {
	var p path
	if !s.pathOfNode(r.String(), &p) || p.n < 2 {
		return hierarchy.Ref{}
	}
	return refOf(s.nodes.Key(p.rows[1]))
}

// Payer is the bare ID of the billing account that a project is linked to.
func (s *Snapshot) Payer(projectID string) string {
	row, ok := s.nodes.Find(hierarchy.Ref{Type: hierarchy.TypeProject, ID: projectID}.String())
	if !ok || s.nodes.At(row).payer == 0 {
		return ""
	}
	return bare(s.nodes.Key(s.nodes.At(row).payer))
}

// BillingOf is who pays for what is in a container.
func (s *Snapshot) BillingOf(container hierarchy.Ref) (b Billing) {
	var p path
	if s.pathOfNode(container.String(), &p) {
		s.payer(&p, &b)
	}
	return b
}

// Allows decides a permission on a node of the account, or on a product
// resource in one; the resource may be zero. It applies the state of nodes.
func (s *Snapshot) Allows(subject hierarchy.Ref, permission policy.Permission, node, res hierarchy.Ref, at int64) bool {
	return s.Rights(subject, permission, node, res, at) == Allowed
}

// Holds is Allows, as if nothing were suspended.
func (s *Snapshot) Holds(subject hierarchy.Ref, permission policy.Permission, node, res hierarchy.Ref, at int64) bool {
	return s.RightsHeld(subject, permission, node, res, at) == Allowed
}

// Rights is Allows, and why not.
func (s *Snapshot) Rights(subject hierarchy.Ref, permission policy.Permission, node, res hierarchy.Ref, at int64) Code {
	return s.rights(subject, permission, node, res, at, 0)
}

// RightsHeld is Holds, and why not.
func (s *Snapshot) RightsHeld(subject hierarchy.Ref, permission policy.Permission, node, res hierarchy.Ref, at int64) Code {
	return s.rights(subject, permission, node, res, at, suspended|suspendedByOperator)
}

// RightsGiven is Rights, as if nothing were suspended or deleted: what the
// subject has once all is resumed and restored.
func (s *Snapshot) RightsGiven(subject hierarchy.Ref, permission policy.Permission, node, res hierarchy.Ref, at int64) Code {
	return s.rights(subject, permission, node, res, at, suspended|suspendedByOperator|deleted|purged)
}

// rights decides as if nothing had the flags that are to be disregarded.
func (s *Snapshot) rights(subject hierarchy.Ref, permission policy.Permission, node, res hierarchy.Ref, at int64, disregard flags) Code {
	var p path
	if !s.pathOf(node, res, &p) {
		return ResourceNotFound
	}
	if p.flags != 0 {
		if code := (s.barriers(&p, permission.String()) &^ disregard).code(); code != NoBinding {
			return code
		}
	}
	return s.judges(subject.String(), askedAt(permission, at), &p)
}

// pathOf is the path of a node, or of a product resource in it.
func (s *Snapshot) pathOf(node, res hierarchy.Ref, p *path) bool {
	if !s.pathOfNode(node.String(), p) {
		return false
	}
	if !res.IsZero() {
		container := p.rows[0]
		*p = path{}
		s.pathOfResource(res.String(), container, p)
	}
	return true
}

// judges is the decision about a subject on a path, the state of nodes apart.
func (s *Snapshot) judges(subject string, q *asked, p *path) Code {
	row, ok := s.subjects.Find(subject)
	if !ok {
		return NoBinding
	}
	var v verdict
	if !isKey(subject) {
		s.decide(row, q, p, &v)
		_, code := v.outcome()
		return code
	}
	k := s.subjects.At(row).key()
	if code := s.admits(k, p, q.at); code != NoBinding {
		return code
	}
	if s.decide(row, q, p, &v); v.allowed {
		v = verdict{}
		s.decide(k.sponsor, q, p, &v)
	}
	_, code := v.outcome()
	return code
}

// Nodes are the bare IDs, in order, of live nodes of one of the account's own
// types; of subprojects, those of one project. They begin after the ID after.
func (s *Snapshot) Nodes(typ, projectID, after string) []string {
	want := kindOf(typ)
	parent, _ := s.nodes.Find(hierarchy.Ref{Type: hierarchy.TypeProject, ID: projectID}.String())
	var ids []string
	for row := range s.nodes.Len() {
		n := s.nodes.At(row)
		if n.kind != want || n.deleted() || (want == subproject && projectID != "" && n.parent != parent) {
			continue
		}
		if id := bare(s.nodes.Key(row)); id > after {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Uncollected are the nodes below a node that have not been purged, whether
// deleted or not, the lowest first.
func (s *Snapshot) Uncollected(below hierarchy.Ref) (subprojects, others []hierarchy.Ref) {
	top, ok := s.nodes.Find(below.String())
	if !ok {
		return nil, nil
	}
	for row := range s.nodes.Len() {
		n := s.nodes.At(row)
		switch under := top == 0 || (n.kind == subproject && n.parent == top); {
		case row == top || !under || n.purged():
		case n.kind == subproject:
			subprojects = append(subprojects, refOf(s.nodes.Key(row)))
		case n.kind == project || n.kind == billingAccount:
			others = append(others, refOf(s.nodes.Key(row)))
		}
	}
	return subprojects, others
}

// BoundAt are the IDs of the bindings on nodes of the account's own at a node or
// below it, and on product resources wherever they stand, by their scopes.
func (s *Snapshot) BoundAt(below hierarchy.Ref) map[hierarchy.Ref][]string {
	top, ok := s.nodes.Find(below.String())
	if !ok {
		return nil
	}
	under := make([]bool, s.nodes.Len())
	for row := range s.nodes.Len() {
		n := s.nodes.At(row)
		under[row] = top == 0 || row == top || n.kind == resource || (n.kind == subproject && n.parent == top)
	}
	bound := map[hierarchy.Ref][]string{}
	for row := range s.subjects.Len() {
		for _, g := range s.subjects.At(row).grants {
			if under[g.scope] {
				scope := refOf(s.nodes.Key(g.scope))
				bound[scope] = append(bound[scope], hierarchy.BindingID(g.id, s.account))
			}
		}
	}
	return bound
}

// PaidBy are the bare IDs of the live projects that a billing account pays
// for.
func (s *Snapshot) PaidBy(billingAccountID string) []string {
	payer, ok := s.nodes.Find(hierarchy.Ref{Type: hierarchy.TypeBillingAccount, ID: billingAccountID}.String())
	if !ok {
		return nil
	}
	var ids []string
	for row := range s.nodes.Len() {
		if n := s.nodes.At(row); n.kind == project && !n.deleted() && n.payer == payer {
			ids = append(ids, bare(s.nodes.Key(row)))
		}
	}
	return ids
}

// HasGroup reports whether a group is defined.
func (s *Snapshot) HasGroup(id string) bool {
	row, ok := s.subjects.Find(hierarchy.Ref{Type: hierarchy.TypeGroup, ID: id}.String())
	return ok && s.subjects.At(row).exists
}

// Groups are the bare IDs, in order, of the groups after the ID after.
func (s *Snapshot) Groups(after string) []string {
	var ids []string
	for row := range s.subjects.Len() {
		key := s.subjects.Key(row)
		if isGroup(key) && s.subjects.At(row).exists && bare(key) > after {
			ids = append(ids, bare(key))
		}
	}
	slices.Sort(ids)
	return ids
}

// MembersOf are the direct members of a group, as "type:id" in order, after
// the one after.
func (s *Snapshot) MembersOf(group, after string) []string {
	row, ok := s.subjects.Find(hierarchy.Ref{Type: hierarchy.TypeGroup, ID: group}.String())
	if !ok {
		return nil
	}
	var members []string
	for m := range s.subjects.Len() {
		if key := s.subjects.Key(m); key > after && slices.Contains(s.subjects.At(m).groups(), row) {
			members = append(members, key)
		}
	}
	slices.Sort(members)
	return members
}

// Size is how many direct members a group has.
func (s *Snapshot) Size(group string) int {
	row, ok := s.subjects.Find(hierarchy.Ref{Type: hierarchy.TypeGroup, ID: group}.String())
	if !ok {
		return 0
	}
	return int(s.subjects.At(row).size)
}

// GroupsOf are the bare IDs of the groups that a subject is directly in.
func (s *Snapshot) GroupsOf(subject hierarchy.Ref) []string {
	row, ok := s.subjects.Find(subject.String())
	if !ok {
		return nil
	}
	var ids []string
	for _, g := range s.subjects.At(row).groups() {
		ids = append(ids, bare(s.subjects.Key(g)))
	}
	slices.Sort(ids)
	return ids
}

// CheckNesting refuses groups that contain themselves, and groups nested more
// than policy.MaxGroupNesting deep. It is asked of the snapshot that a write
// would lead to.
func (s *Snapshot) CheckNesting() error {
	depth := make(map[uint32]int, 16) // of groups that are done; -1 while under way
	for row := range s.subjects.Len() {
		if isGroup(s.subjects.Key(row)) && len(s.subjects.At(row).groups()) > 0 {
			if _, err := s.depth(row, depth); err != nil {
				return err
			}
		}
	}
	return nil
}

// depth is how many groups a member of the group is inside of, along the
// longest way outwards.
func (s *Snapshot) depth(row uint32, depths map[uint32]int) (int, error) {
	if d, done := depths[row]; done {
		if d < 0 {
			return 0, hierarchy.Conflict("GROUP_CYCLE", "%s would contain itself", s.subjects.Key(row))
		}
		return d, nil
	}
	depths[row] = -1
	deepest := 0
	for _, g := range s.subjects.At(row).groups() {
		d, err := s.depth(g, depths)
		if err != nil {
			return 0, err
		}
		deepest = max(deepest, d)
	}
	depths[row] = deepest + 1
	if deepest+1 > policy.MaxGroupNesting {
		return 0, hierarchy.Conflict("GROUP_TOO_DEEP", "%s would be nested %d deep; groups nest at most %d deep", s.subjects.Key(row), deepest+1, policy.MaxGroupNesting)
	}
	return deepest + 1, nil
}

// HasRole reports whether a role exists, predefined or the account's own.
func (s *Snapshot) HasRole(id string) bool {
	_, ok := s.Permissions(id)
	return ok
}

// CustomRoles are the bare IDs, in order, of the account's own roles after
// the ID after.
func (s *Snapshot) CustomRoles(after string) []string {
	var ids []string
	for row := range s.roles.Len() {
		if id := s.roles.Key(row); s.roles.At(row).compiled != nil && id > after {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// BoundBinding is a binding with its ID.
type BoundBinding struct {
	ID string
	policy.Binding
}

// FindBindings are the bindings that keep accepts, in the order of their IDs,
// after the ID after. If a subject is given, only its own are walked.
func (s *Snapshot) FindBindings(subject, after string, keep func(policy.Binding) bool) []BoundBinding {
	var found []BoundBinding
	walk := func(row uint32) {
		grants := s.subjects.At(row).grants
		for i := range grants {
			b := s.binding(row, &grants[i])
			if !keep(b) {
				continue
			}
			if id := hierarchy.BindingID(grants[i].id, s.account); id > after {
				found = append(found, BoundBinding{id, b})
			}
		}
	}
	if subject != "" {
		if row, ok := s.subjects.Find(subject); ok {
			walk(row)
		}
	} else {
		for row := range s.subjects.Len() {
			walk(row)
		}
	}
	slices.SortFunc(found, func(x, y BoundBinding) int { return strings.Compare(x.ID, y.ID) })
	return found
}

// HasBinding reports whether the account has a binding of just this content.
func (s *Snapshot) HasBinding(b policy.Binding) bool {
	subject, known := s.subjects.Find(b.Subject.String())
	scope, bound := s.nodes.Find(b.Scope.String())
	if !known || !bound {
		return false
	}
	for _, g := range ofScope(s.subjects.At(subject).grants, scope) {
		if s.binding(subject, &g) == b {
			return true
		}
	}
	return false
}

// HasBindingsOn reports whether anything is bound at exactly this scope.
func (s *Snapshot) HasBindingsOn(scope hierarchy.Ref) bool {
	if _, ok := s.nodes.Find(scope.String()); !ok {
		return false
	}
	for range s.Bindings(func(b policy.Binding) bool { return b.Scope == scope }) {
		return true
	}
	return false
}

// Counts are how many bindings and live subprojects the account has.
func (s *Snapshot) Counts() (bindings, subprojects int) { return s.bindings, s.subprojects }

// OperatorManaged reports whether the account needs no owner.
func (s *Snapshot) OperatorManaged() bool { return s.managed }

// HasEffectiveOwner reports whether the account has one: a user who is bound
// to owner at the account directly, always, and whom no deny binding at the
// account reaches, now or at any other time.
func (s *Snapshot) HasEffectiveOwner() bool {
	return slices.ContainsFunc(s.owners, func(row uint32) bool {
		key := s.subjects.Key(row)
		if !strings.HasPrefix(key, hierarchy.TypeUser+":") {
			return false
		}
		denied := false
		s.eachGrant(key, func(_ uint32, g *grant) { denied = denied || (g.denies() && g.scope == 0) })
		return !denied
	})
}

// BoundResources are the product resources that carry bindings, or once did,
// as "type:id".
func (s *Snapshot) BoundResources() []string {
	var ids []string
	for row := range s.nodes.Len() {
		if s.nodes.At(row).kind == resource {
			ids = append(ids, s.nodes.Key(row))
		}
	}
	return ids
}
