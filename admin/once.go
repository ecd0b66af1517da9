package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Once is where it is kept what requests make that may be repeated.
type Once interface {
	// ClaimOnce settles what a request makes: the first proposal within a
	// scope is kept for 24 hours, and returned to all that come later with
	// the same fingerprint.
	ClaimOnce(ctx context.Context, scope []string, fingerprint string, proposal []byte) (settled []byte, err error)
	// Made returns what is remembered of a commit that has an Outcome; nil if
	// it was not made. It MUST be remembered for longer than the claim is.
	Made(ctx context.Context, account, identity string) (*authz.Made, error)
}

// once is a creation, and under which ID and in which revision it is made.
// Without an idempotency key both are new each time. With one they are settled
// before anything is decided, and the store remembers the commit: so a request
// that is repeated after a lost reply or a crash, or sent twice at once, makes
// one thing and answers it. A request that was refused leaves nothing but the
// settlement, and its repeat is decided anew.
type once struct {
	account, action string

	uid      hierarchy.UID // of the ID that is made
	identity string        // of the commit; "" for a new one
	repeated bool          // the key was seen before
	made     *authz.Made   // once it is known that the commit was made before
}

// proposal is a once as it is kept.
type proposal struct {
	UID      string `json:"uid"`
	Identity string `json:"identity"`
}

// once settles a creation. The request is all that decides what is made, the
// account and the action apart.
func (s *Service) once(ctx context.Context, who Caller, account, action string, request any) (*once, error) {
	o := &once{account: account, action: action, uid: hierarchy.NewUID(s.now())}
	if who.IdempotencyKey == "" {
		return o, nil
	}
	p := proposal{UID: o.uid.String(), Identity: newIdentity()}
	var err error
	if o.repeated, err = s.claim(ctx, who, account, action, request, &p); err != nil {
		return nil, err
	}
	o.identity = p.Identity
	o.uid, err = hierarchy.ParseUID(p.UID)
	return o, err
}

// claim settles a proposal under the caller's idempotency key: what was
// settled is left in it.
func (s *Service) claim(ctx context.Context, who Caller, account, action string, request, proposed any) (repeated bool, err error) {
	mine := encode(proposed)
	fingerprint := sha256.Sum256(encode(request))
	scope := []string{who.Name, who.actor(), action, account, who.IdempotencyKey}
	settled, err := s.store.ClaimOnce(ctx, scope, hex.EncodeToString(fingerprint[:]), mine)
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(settled, proposed); err != nil {
		return false, fmt.Errorf("what was settled under an idempotency key: %w", err)
	}
	return string(settled) != string(mine), nil
}

// keyed reports whether the creation may be repeated.
func (o *once) keyed() bool { return o.identity != "" }

// mark gives a commit the identity that was settled, and has it remembered.
func (o *once) mark(c *authz.Commit, outcome json.RawMessage) {
	if o.keyed() {
		c.Identity, c.Outcome = o.identity, outcome
	}
}

// readAgain is the outcome of a creation that a repeat reads again.
var readAgain = json.RawMessage("{}")

// before finds out whether the creation was made before, of one that is
// repeated and of one that the account's state refuses: a repeat may have come
// in between. A want of rights remains a refusal: what was made is shown to
// those only who could make it now.
func (o *once) before(ctx context.Context, s *Service, refused error) (bool, error) {
	var known *hierarchy.Error
	stands := errors.As(refused, &known) && known.Kind == hierarchy.KindConflict
	if !o.keyed() || (refused == nil && !o.repeated) || (refused != nil && !stands) {
		return false, nil
	}
	var err error
	o.made, err = s.store.Made(ctx, o.account, o.identity)
	return o.made != nil, err
}

// written is the answer of a creation that was made before.
func (o *once) written() Written {
	return Written{Account: o.account, Revision: authz.Token(o.account, o.made.Revision), Changed: true, At: o.made.At}
}

// same refuses what is no longer the thing that was made.
func (o *once) same(ref hierarchy.Ref, created int64, err error) error {
	if o.made == nil {
		return err
	}
	var known *hierarchy.Error
	gone := errors.As(err, &known) && known.Kind == hierarchy.KindNotFound
	if gone || (err == nil && created != o.made.At) {
		return deletedSince(ref)
	}
	return err
}

func deletedSince(ref hierarchy.Ref) error {
	return hierarchy.Conflict("ID_DELETED", "this Idempotency-Key has made %s, which was deleted since; take another key", ref)
}

// createOnce makes something, and answers it as it then is.
func createOnce[T any](ctx context.Context, s *Service, who Caller, o *once, ref hierarchy.Ref, decide func(*draft) error, read func(*Service, context.Context, Caller, string) (Item[T], error)) (Item[T], error) {
	written, err := s.writeOnce(ctx, who, o, decide)
	if err != nil {
		return Item[T]{}, err
	}
	return readOnce(ctx, s, who, o, ref, written, read)
}

// readOnce answers what was made, now or before, as it then is.
func readOnce[T any](ctx context.Context, s *Service, who Caller, o *once, ref hierarchy.Ref, written Written, read func(*Service, context.Context, Caller, string) (Item[T], error)) (Item[T], error) {
	item, err := read(s, ctx, who.reader(), ref.ID) // its right was checked by the write
	item, err = answered(written, ref, item, err)
	if err := o.same(ref, item.Created, err); err != nil {
		return Item[T]{}, err
	}
	return item, nil
}
