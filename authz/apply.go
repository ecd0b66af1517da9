package authz

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/cow"
	"github.com/tollgate-dev/tollgate/policy"
)

// Apply returns the snapshot that edits lead to, as of head. The receiver
// stays as it is. The order of the edits does not matter. An edit that cannot
// be read is an error: a snapshot is never built in part.
func (s *Snapshot) Apply(head Head, edits []Edit) (*Snapshot, error) {
	next := *s
	next.head, next.token = head, Token(s.account, head.Revision)
	next.recent = remember(s.recent, known{head.Revision, next.token})
	next.edition = new(edition)
	a := applying{Snapshot: &next, edit: new(cow.Edit)}
	if next.nodes.Len() == 0 {
		a.nodes.Put(a.edit, hierarchy.Ref{Type: hierarchy.TypeAccount, ID: s.account}.String())
	}
	for _, e := range edits {
		if err := a.apply(e); err != nil {
			return nil, fmt.Errorf("account %s, record %s: %w", s.account, e.Key, err)
		}
	}
	a.settle()
	return &next, nil
}

// applying is a snapshot while edits are applied to it.
type applying struct {
	*Snapshot
	edit    *cow.Edit
	grants  map[uint32][]grant  // rows being rewritten, by subject
	groups  map[uint32][]uint32 // likewise
	nesting bool                // a group went into or out of another
	wild    []uint32            // rows of predefined roles and of those with a wildcard, once they are needed
	rebuild bool                // the table of permissions is to be built anew
}

func (a *applying) apply(e Edit) error {
	kind, id := e.Key.Split()
	if e.After == nil {
		a.leaveRecord(kind)
	}
	switch kind {
	case hierarchy.TypeAccount:
		return a.account(e)
	case hierarchy.TypeBillingAccount:
		return a.billingAccount(id, e)
	case hierarchy.TypeProject:
		return a.project(id, e)
	case hierarchy.TypeSubproject:
		return a.subproject(id, e)
	case KindLink:
		return a.link(id, e)
	case hierarchy.TypeGroup:
		row := a.subjects.Put(a.edit, hierarchy.Ref{Type: hierarchy.TypeGroup, ID: id}.String())
		a.subjects.Edit(a.edit, row).exists = e.After != nil
		return nil
	case KindMember:
		a.member(e)
		return nil
	case hierarchy.TypeRole:
		return a.customRole(id, e)
	case hierarchy.TypeBinding:
		return a.binding(id, e)
	case KindRoutes:
		a.pointed += len(e.After) - len(a.routes)
		a.routes = e.After
		return nil
	case hierarchy.TypeKey:
		return a.key(id, e)
	case KindResource:
		return nil // resources are not in the snapshot
	default:
		return fmt.Errorf("of unknown kind %q; written by a newer version?", kind)
	}
}

// node returns the node of a reference for writing, new if need be.
func (a *applying) node(r hierarchy.Ref) *node {
	return a.nodes.Edit(a.edit, a.nodes.Put(a.edit, r.String()))
}

// decode reads a record's body; absent bodies leave into as it is.
func decode[T any](body json.RawMessage, into *T) error {
	if body == nil {
		return nil
	}
	return json.Unmarshal(body, into)
}

// flagsAfter are a node's, once an edit of its record is made. A record that
// is gone is as good as one that says it is deleted.
func flagsAfter(e Edit, s *hierarchy.State) flags {
	if e.After == nil {
		return deleted
	}
	return flagsOf(s)
}

func (a *applying) account(e Edit) error {
	var doc hierarchy.Account
	err := decode(e.After, &doc)
	n := a.nodes.Edit(a.edit, 0)
	n.kind, n.flags = account, flagsAfter(e, &doc.State)
	a.managed = doc.OperatorManaged
	return err
}

func (a *applying) billingAccount(id string, e Edit) error {
	var doc billing.Account
	err := decode(e.After, &doc)
	n := a.node(hierarchy.Ref{Type: hierarchy.TypeBillingAccount, ID: id})
	n.kind, n.flags = billingAccount, flagsAfter(e, &doc.State)
	return err
}

func (a *applying) project(id string, e Edit) error {
	var doc hierarchy.Project
	err := decode(e.After, &doc)
	n := a.node(hierarchy.Ref{Type: hierarchy.TypeProject, ID: id})
	n.kind, n.flags = project, flagsAfter(e, &doc.State)
	return err
}

func (a *applying) subproject(id string, e Edit) error {
	var doc hierarchy.Subproject
	if err := decode(e.After, &doc); err != nil {
		return err
	}
	ref := hierarchy.Ref{Type: hierarchy.TypeSubproject, ID: id}
	before := *a.node(ref)
	if before.kind == subproject && !before.deleted() {
		a.subprojects--
	}
	after := node{kind: subproject, flags: flagsAfter(e, &doc.State), parent: before.parent}
	if e.After != nil && doc.Project == "" {
		return errors.New("it has no project")
	}
	if e.After != nil {
		after.parent = a.nodes.Put(a.edit, hierarchy.Ref{Type: hierarchy.TypeProject, ID: doc.Project}.String())
	}
	if !after.deleted() {
		a.subprojects++
	}
	*a.node(ref) = after
	return nil
}

func (a *applying) link(projectID string, e Edit) error {
	var doc billing.Link
	if err := decode(e.After, &doc); err != nil {
		return err
	}
	payer := uint32(0)
	if e.After != nil && doc.BillingAccount == "" {
		return errors.New("it has no billing account")
	}
	if doc.BillingAccount != "" {
		payer = a.nodes.Put(a.edit, hierarchy.Ref{Type: hierarchy.TypeBillingAccount, ID: doc.BillingAccount}.String())
	}
	a.node(hierarchy.Ref{Type: hierarchy.TypeProject, ID: projectID}).payer = payer
	return nil
}

func (a *applying) member(e Edit) {
	subject, group := e.Key.Member()
	row := a.subjects.Put(a.edit, subject.String())
	outer := a.subjects.Put(a.edit, hierarchy.Ref{Type: hierarchy.TypeGroup, ID: group}.String())
	groups, begun := a.groups[row]
	if !begun {
		groups = slices.Clone(a.subjects.At(row).groups())
	}
	i, found := slices.BinarySearch(groups, outer)
	switch {
	case e.After != nil && !found:
		groups = slices.Insert(groups, i, outer)
		a.subjects.Edit(a.edit, outer).size++
	case e.After == nil && found:
		groups = slices.Delete(groups, i, i+1)
		a.subjects.Edit(a.edit, outer).size--
	}
	if a.groups == nil {
		a.groups = map[uint32][]uint32{}
	}
	a.groups[row] = groups
	a.nesting = a.nesting || subject.Type == hierarchy.TypeGroup
}

func (a *applying) customRole(id string, e Edit) error {
	var doc policy.Role
	if err := decode(e.After, &doc); err != nil {
		return err
	}
	row := a.roles.Put(a.edit, id)
	r := a.roles.Edit(a.edit, row)
	isNew := r.compiled == nil && e.After != nil
	a.pointed -= r.compiled.Bytes()
	r.compiled = nil
	if e.After != nil {
		r.compiled = a.model.meaning.Compile(doc.Permissions)
	}
	a.pointed += r.compiled.Bytes()
	if isNew {
		a.learn(uint32(len(a.model.predefined))+row, r.compiled)
	} else {
		a.rebuild = true
	}
	return nil
}

// rowOf is the row of a role, predefined or the account's own.
func (a *applying) rowOf(role string) uint32 {
	if row, ok := a.model.rows[role]; ok {
		return row
	}
	return uint32(len(a.model.predefined)) + a.roles.Put(a.edit, role)
}

func (a *applying) binding(id string, e Edit) error {
	uid, _, err := hierarchy.ParseBindingID(id)
	if err != nil {
		return err
	}
	if e.Before != nil {
		if err := a.unbind(uid, e.Before); err != nil {
			return err
		}
	}
	if e.After == nil {
		return nil
	}
	var b policy.Binding
	if err := json.Unmarshal(e.After, &b); err != nil {
		return err
	}
	if err := b.Check(); err != nil { // a deny that cannot be read must not be left out
		return err
	}
	g := grant{scope: a.nodes.Put(a.edit, b.Scope.String()), role: a.rowOf(b.Role), id: uid}
	if n := a.nodes.At(g.scope); n.kind == none && kindOf(b.Scope.Type) == none {
		a.nodes.Edit(a.edit, g.scope).kind = resource
	}
	if b.Effect != policy.Allow {
		g.role |= denyBit
	}
	if b.Window != (policy.Window{}) {
		g.window = a.windows.Append(a.edit, b.Window) + 1
	}
	row := a.subjects.Put(a.edit, b.Subject.String())
	a.rewrite(row, append(a.row(row), g))
	a.bindings++
	return nil
}

func (a *applying) unbind(uid hierarchy.UID, body json.RawMessage) error {
	var b policy.Binding
	if err := json.Unmarshal(body, &b); err != nil {
		return err
	}
	row := a.subjects.Put(a.edit, b.Subject.String())
	grants := a.row(row)
	n := len(grants)
	for i := range grants {
		if grants[i].id == uid {
			a.leaveBinding(&grants[i])
		}
	}
	grants = slices.DeleteFunc(grants, func(g grant) bool { return g.id == uid })
	a.bindings -= n - len(grants)
	a.rewrite(row, grants)
	return nil
}

// row is a copy of a subject's grants, to be rewritten.
func (a *applying) row(subject uint32) []grant {
	if grants, ok := a.grants[subject]; ok {
		return grants
	}
	old := a.subjects.At(subject).grants
	return append(make([]grant, 0, len(old)+1), old...)
}

func (a *applying) rewrite(subject uint32, grants []grant) {
	if a.grants == nil {
		a.grants = map[uint32][]grant{}
	}
	a.grants[subject] = grants
}

// settle puts the rewritten rows into their tables, and derives what follows
// from them.
func (a *applying) settle() {
	for row, grants := range a.grants {
		slices.SortFunc(grants, func(x, y grant) int {
			if x.scope != y.scope {
				return int(x.scope) - int(y.scope)
			}
			return slices.Compare(x.id[:], y.id[:])
		})
		p := a.subjects.Edit(a.edit, row)
		a.pointed -= p.bytes()
		p.grants = trim(grants)
		a.pointed += p.bytes()
		a.noteOwner(row, grants)
	}
	for row, groups := range a.groups {
		a.tie(row, trim(groups), a.subjects.At(row).outer())
	}
	if a.nesting {
		a.nest()
	}
	if a.rebuild {
		a.relearn()
	}
}

// trim gives back the room that a slice grew and does not use.
func trim[T any](s []T) []T {
	if cap(s)-len(s) <= len(s)/8 {
		return s
	}
	return append(make([]T, 0, len(s)), s...)
}

// noteOwner keeps the list of subjects that are bound to owner at the account
// directly, always and without a deny.
func (a *applying) noteOwner(row uint32, grants []grant) {
	isOwner := slices.ContainsFunc(grants, func(g grant) bool {
		return g.scope == 0 && g.role == a.model.ownerRole && g.window == 0
	})
	i, was := slices.BinarySearch(a.owners, row)
	switch {
	case isOwner && !was:
		a.owners = slices.Insert(slices.Clone(a.owners), i, row)
	case !isOwner && was:
		a.owners = slices.Delete(slices.Clone(a.owners), i, i+1)
	}
}

// nest recomputes which groups each group is inside of. Nesting changes
// rarely, so all groups are done.
func (a *applying) nest() {
	for row := range a.subjects.Len() {
		p := a.subjects.At(row)
		if !isGroup(a.subjects.Key(row)) || p.ties == nil {
			continue
		}
		var outer []uint32
		for queue := slices.Clone(p.groups()); len(queue) > 0; queue = queue[1:] {
			if !slices.Contains(outer, queue[0]) && queue[0] != row {
				outer = append(outer, queue[0])
				queue = append(queue, a.subjects.At(queue[0]).groups()...)
			}
		}
		if !slices.Equal(outer, p.outer()) {
			a.tie(row, p.groups(), outer)
		}
	}
}

func isGroup(key string) bool {
	return len(key) > len(hierarchy.TypeGroup) && key[:len(hierarchy.TypeGroup)+1] == hierarchy.TypeGroup+":"
}
