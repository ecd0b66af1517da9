package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// Import brings an account to what a bundle says, in one atomic write: it
// creates what is missing and changes what differs, and never deletes. A
// second import of the same bundle changes nothing. It is for the platform's
// operators, who may set IDs.
func (s *Service) Import(ctx context.Context, who Caller, b *Bundle, o ImportOptions) (Imported, error) {
	if !who.operates() {
		return Imported{}, &hierarchy.Error{Kind: hierarchy.KindForbidden, Reason: "PERMISSION_DENIED", Detail: "bundles are imported by the platform's operators only; leave Tollgate-Actor out"}
	}
	if err := o.check(); err != nil {
		return Imported{}, err
	}
	read, err := b.normalise()
	if err != nil {
		return Imported{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, ImportTimeout)
	defer cancel()
	if o.DryRun {
		who.IdempotencyKey = "" // it makes nothing
	}
	settled, err := s.once(ctx, who, read.Account.ID, "account.import", []any{read, o})
	if err != nil {
		return Imported{}, err
	}
	if settled.repeated {
		if done, found, err := s.importedBefore(ctx, settled); err != nil || found {
			return done, err
		}
	}
	for range tries {
		done, err := s.importOnce(ctx, who, settled, read, o)
		if errors.Is(err, authz.ErrConflict) {
			continue
		}
		if settled.keyed() { // a repeat may have come in between
			if before, found, lost := s.importedBefore(ctx, settled); lost != nil || found {
				return before, lost
			}
		}
		return done, err
	}
	return Imported{}, busy()
}

// importedBefore is what came of an import that was made before.
func (s *Service) importedBefore(ctx context.Context, o *once) (done Imported, found bool, err error) {
	made, err := s.store.Made(ctx, o.account, o.identity)
	if err != nil || made == nil {
		return Imported{}, false, err
	}
	if err := json.Unmarshal(made.Outcome, &done); err != nil {
		return Imported{}, false, fmt.Errorf("what came of an import: %w", err)
	}
	done.Revision = authz.Token(o.account, made.Revision)
	return done, true, nil
}

// ImportTimeout bounds a whole import.
const ImportTimeout = 2 * time.Minute

func (o *ImportOptions) check() error {
	if o.Owner.IsZero() {
		return nil
	}
	if err := o.Owner.Check(); err != nil {
		return fieldOf("owner", err)
	}
	if o.Owner.Type != hierarchy.TypeUser {
		return hierarchy.Invalid("SUBJECT_INVALID", "owner", "the owner of an account is a user, such as user:root")
	}
	return nil
}

// importOnce decides the import on the account as it is, and commits it.
func (s *Service) importOnce(ctx context.Context, who Caller, settled *once, b *Bundle, o ImportOptions) (Imported, error) {
	snapshot, err := s.engine.Refresh(ctx, b.Account.ID)
	isNew := errors.Is(err, authz.ErrNoAccount)
	if isNew {
		snapshot, err = authz.NewSnapshot(b.Account.ID, s.engine.Model(), &authz.State{})
	}
	if err != nil {
		return Imported{}, err
	}
	im := importing{draft: newDraft(ctx, s, who, snapshot, "account.import"), bundle: b, isNew: isNew, owner: o.Owner,
		out: Imported{Account: b.Account.ID, Created: map[string]int{}, Updated: map[string]int{}}}
	if err := im.decide(o); err != nil {
		return Imported{}, err
	}
	im.out.OperatorManaged = im.managed
	if !isNew {
		im.out.Revision = authz.Token(b.Account.ID, snapshot.Revision())
	}
	if o.DryRun {
		return im.out, im.free()
	}
	if len(im.commit.Edits) == 0 {
		return im.out, nil
	}
	settled.mark(&im.commit, encode(im.out))
	written, err := s.commit(im.draft)
	im.out.Revision = written.Revision
	return im.out, err
}

// free refuses identifiers that another account has, which a commit would find
// out by itself.
func (im *importing) free() error {
	var refs []hierarchy.Ref
	for _, e := range im.commit.Edits {
		kind, id := e.Key.Split()
		ref := hierarchy.Ref{Type: kind, ID: id}
		if kind == authz.KindResource {
			ref = refOfKey(id)
		}
		if e.Before == nil && slices.Contains([]string{hierarchy.TypeProject, hierarchy.TypeSubproject, hierarchy.TypeBillingAccount, authz.KindResource}, kind) {
			refs = append(refs, ref)
		}
	}
	if len(refs) == 0 {
		return nil
	}
	accounts, err := im.service.store.Locate(im.ctx, refs...)
	if err != nil {
		return err
	}
	for i, account := range accounts {
		if account != "" && account != im.bundle.Account.ID {
			return hierarchy.Conflict("ID_TAKEN", "%s exists already, in another account; identifiers are unique across accounts", refs[i])
		}
	}
	return nil
}

// refOfKey takes apart the "type:id" of a record's key.
func refOfKey(id string) hierarchy.Ref {
	var r hierarchy.Ref
	r.Type, r.ID, _ = strings.Cut(id, ":")
	return r
}

// importing is an import while it is decided.
type importing struct {
	*draft
	bundle  *Bundle
	isNew   bool
	managed bool
	owner   hierarchy.Ref              // whom the import makes owner; may be zero
	records map[authz.Key]authz.Record // what the account has of what the bundle names
	named   map[hierarchy.Ref]bool     // what the bundle names
	bound   map[policy.Binding]bool    // what the import binds
	out     Imported
}

func (im *importing) decide(o ImportOptions) error {
	im.commit.New, im.commit.Guarded = im.isNew, !im.isNew
	if im.isNew && (len(im.bundle.BillingAccounts) == 0 || len(im.bundle.Projects) == 0) {
		return hierarchy.Invalid("BUNDLE_INCOMPLETE", "account", "account:%s does not exist yet: a new account needs at least one billing account and one project", im.bundle.Account.ID)
	}
	if account := im.account(); !im.isNew && !im.snapshot.Has(account) {
		return buried(authz.KeyOf(account.Type, account.ID), true)
	}
	if err := im.load(); err != nil {
		return err
	}
	steps := []func() error{im.roles, im.groups, im.billingAccounts, im.projects, im.subprojects, im.resources, im.bindings}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	if !o.Owner.IsZero() {
		owner := policy.Binding{Subject: o.Owner, Role: policy.Owner, Scope: im.account(), Effect: policy.Allow}
		if err := im.bind(owner); err != nil {
			return err
		}
	}
	return im.settle()
}

// settle writes the account's own record last: only now is it known whether
// it has an owner.
func (im *importing) settle() error {
	next, err := im.snapshot.Apply(im.snapshot.Head(), im.commit.Edits)
	if err != nil {
		return err
	}
	switch owned := next.HasEffectiveOwner(); {
	case im.isNew:
		im.managed = !owned
	case !im.owner.IsZero() && owned: // an owner was given to it: from now on it must keep one
		im.managed = false
	default:
		im.managed = im.snapshot.OperatorManaged()
	}
	key := authz.KeyOf(hierarchy.TypeAccount, im.bundle.Account.ID)
	err = place(im, key, func(doc *hierarchy.Account) error {
		overlay(&doc.Info, im.bundle.Account.Info)
		im.bundle.Account.overlay(&doc.State)
		doc.OperatorManaged = im.managed
		return nil
	})
	if err != nil || len(im.commit.Edits) == 0 {
		return err
	}
	return im.check()
}

// load reads what the account has of what the bundle names.
func (im *importing) load() error {
	im.records = map[authz.Key]authz.Record{}
	im.named, im.bound = im.bundle.names(), map[policy.Binding]bool{}
	if im.isNew {
		return nil
	}
	var err error
	im.records, err = im.read(im.bundle.keys(im.snapshot)...)
	return err
}

// place brings one record to what the bundle says: change is given what it
// is, or a zero document for one that is new.
func place[T any](im *importing, key authz.Key, change func(*T) error) error {
	var doc T
	kind, _ := key.Split()
	was, exists := im.records[key]
	if exists {
		if err := unmarshal(was, &doc); err != nil {
			return err
		}
		was.Body = encode(doc)
	}
	if err := change(&doc); err != nil {
		return err
	}
	before := len(im.commit.Edits)
	if exists {
		im.replace(was, doc)
	} else {
		im.create(key, doc)
	}
	switch {
	case len(im.commit.Edits) == before:
		im.out.Unchanged++
	case exists:
		im.out.Updated[kind]++
	default:
		im.out.Created[kind]++
	}
	return nil
}

// overlay lays what a bundle says over what is there; what it leaves out
// stays.
func overlay(doc *hierarchy.Info, from hierarchy.Info) {
	if from.DisplayName != "" {
		doc.DisplayName = from.DisplayName
	}
	if from.Labels != nil {
		doc.Labels = from.Labels
	}
}

// buried refuses to bring a deleted node back.
func buried(key authz.Key, deleted bool) error {
	if !deleted {
		return nil
	}
	return hierarchy.Conflict("ID_DELETED", "%s was deleted: restore it first; once that is too late its ID is not used again", key)
}
