package admin

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// draft is a write while it is decided.
type draft struct {
	ctx      context.Context //nolint:containedctx // lives no longer than the call
	service  *Service
	who      Caller
	snapshot *authz.Snapshot
	at       int64          // the instant that the write is decided at
	seen     authz.Revision // the newest that it was decided on: the snapshot's, or of what was read beside
	commit   authz.Commit
	replaced []authz.Record // what the write replaces; nil while that is not known
}

func newDraft(ctx context.Context, s *Service, who Caller, snapshot *authz.Snapshot, action string) *draft {
	return &draft{
		ctx: ctx, service: s, who: who, snapshot: snapshot, at: s.time(), seen: snapshot.Revision(),
		commit: authz.Commit{
			Account: snapshot.Account(), Identity: newIdentity(), Guarded: true, Basis: snapshot.Head().Basis,
			Actor: who.actor(), Caller: who.Name, Action: action,
		},
	}
}

// newIdentity makes the identity of a revision.
func newIdentity() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand.Read
	return hex.EncodeToString(b[:])
}

func (d *draft) account() hierarchy.Ref {
	return hierarchy.Ref{Type: hierarchy.TypeAccount, ID: d.snapshot.Account()}
}

// may refuses unless the actor has a permission on a live node of the account.
func (d *draft) may(permission string, node hierarchy.Ref) error {
	if !d.snapshot.Has(node) {
		return hierarchy.NotFound(node)
	}
	return d.who.may(d.snapshot, permission, node, hierarchy.Ref{}, d.at)
}

// create adds a record that must not exist yet.
func (d *draft) create(key authz.Key, body any) {
	d.commit.Edits = append(d.commit.Edits, authz.Edit{Key: key, After: encode(body)})
}

// replace gives a record another body.
func (d *draft) replace(was authz.Record, body any) {
	after := encode(body)
	if string(after) != string(was.Body) {
		d.commit.Edits = append(d.commit.Edits, authz.Edit{Key: was.Key, Created: was.Created, Before: was.Body, After: after})
	}
}

// remove takes a record away.
func (d *draft) remove(was authz.Record) {
	d.commit.Edits = append(d.commit.Edits, authz.Edit{Key: was.Key, Created: was.Created, Before: was.Body})
}

// read returns records as of the draft's snapshot. It fails with
// authz.ErrConflict if the account has changed since.
func (d *draft) read(keys ...authz.Key) (map[authz.Key]authz.Record, error) {
	head, records, err := d.service.store.Read(d.ctx, d.snapshot.Account(), keys...)
	if err != nil {
		return nil, err
	}
	if head.Basis != d.snapshot.Head().Basis {
		return nil, authz.ErrConflict
	}
	d.seen = head.Revision
	if d.service.clock == nil {
		d.at = head.Now // as the store itself says
	}
	byKey := make(map[authz.Key]authz.Record, len(records))
	for _, r := range records {
		byKey[r.Key] = r
	}
	return byKey, nil
}

// one reads the record of a thing that the snapshot says exists, and that the
// write replaces.
func (d *draft) one(key authz.Key, body any) (authz.Record, error) {
	records, err := d.read(key)
	if err != nil {
		return authz.Record{}, err
	}
	r, ok := records[key]
	if !ok {
		kind, id := key.Split()
		return r, hierarchy.NotFound(hierarchy.Ref{Type: kind, ID: id})
	}
	d.replaces(r)
	return r, unmarshal(r, body)
}

func unmarshal(r authz.Record, body any) error {
	if err := json.Unmarshal(r.Body, body); err != nil {
		return fmt.Errorf("record %s: %w", r.Key, err)
	}
	return nil
}

// decide makes the decision, and checks what the account would become.
func (d *draft) decide(how func(*draft) error) error {
	if err := how(d); err != nil {
		return err
	}
	if err := d.check(); err != nil {
		return err
	}
	return d.hold()
}

// check applies the rules that hold of an account as a whole to what the
// write would leave behind.
func (d *draft) check() error {
	if !d.commit.Administrative() {
		return nil
	}
	next, err := d.snapshot.Apply(d.snapshot.Head(), d.commit.Edits)
	if err != nil {
		return err
	}
	if err := d.service.limits.check(d.snapshot, next, d.commit.Edits); err != nil {
		return err
	}
	for _, e := range d.commit.Edits {
		if kind, _ := e.Key.Split(); kind == authz.KindMember && e.After != nil {
			if subject, _ := e.Key.Member(); subject.Type == hierarchy.TypeGroup {
				return errorOr(next.CheckNesting(), checkOwner(next))
			}
		}
	}
	return checkOwner(next)
}

func errorOr(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// checkOwner keeps an account from losing its last effective owner. Deleted
// and operator-managed accounts need none.
func checkOwner(after *authz.Snapshot) error {
	account := hierarchy.Ref{Type: hierarchy.TypeAccount, ID: after.Account()}
	if after.HasEffectiveOwner() || after.OperatorManaged() || !after.Has(account) {
		return nil
	}
	return hierarchy.Conflict("LAST_OWNER", "the account would be left without an effective owner: a user bound to owner at the account, without a window, whom no deny binding at the account reaches; bind another owner first")
}

// encode writes a record's body. The types of records always encode.
func encode(body any) json.RawMessage {
	b, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("a record that does not encode: %v", err))
	}
	return b
}
