package admin

import (
	"context"
	"net/netip"
	"time"

	"github.com/tollgate-dev/tollgate/apikey"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// NewKey is an API key that is to be made.
type NewKey struct {
	hierarchy.Info
	// Parent is the project or subproject that it belongs to, or Platform.
	Parent hierarchy.Ref
	// Sponsor is who bounds its rights: whoever makes it, if that is left out.
	// Only the platform's operators name somebody else.
	Sponsor hierarchy.Ref
	// Service is whom a key of the platform stands for.
	Service   hierarchy.Ref
	ExpiresAt int64          // microseconds since 1970; 0 for never
	Sources   []netip.Prefix // that it may be used from; none for all
	// Environment is the one that its text names.
	Environment string
}

// Minted is a key with a secret that is shown this once.
type Minted struct {
	Item[apikey.Key]
	Secret apikey.Secret
	// Shown says that the secret was shown before, to a request of which this
	// one is a repeat, and is not known any more.
	Shown bool
}

// MaxOverlap is how long at most a secret that was rotated out is accepted.
const MaxOverlap = 30 * 24 * time.Hour

// CreateKey makes an API key (M22). It needs key.mint on what the key is to
// belong to. A service key stands for all that its service may do: it needs
// binding.grant_any on the platform too.
func (s *Service) CreateKey(ctx context.Context, who Caller, in NewKey) (Minted, error) {
	account, err := s.checkNewKey(ctx, &in)
	if err != nil {
		return Minted{}, err
	}
	o, err := s.once(ctx, who, account, "key.mint", in)
	if err != nil {
		return Minted{}, err
	}
	ref := hierarchy.Ref{Type: hierarchy.TypeKey, ID: hierarchy.PrefixKey + o.uid.String()}
	out := Minted{}
	var hash apikey.Hash
	out.Secret, hash = apikey.Mint(in.Environment, o.uid)
	doc := apikey.Key{
		Info: in.Info, Parent: in.Parent, Sponsor: in.Sponsor, Service: in.Service,
		Secrets: []apikey.Stored{{Hash: hash}}, ExpiresAt: in.ExpiresAt, Sources: in.Sources,
	}
	out.Item, err = createOnce(ctx, s, who, o, ref, func(d *draft) error {
		if err := d.may("key.mint", in.Parent); err != nil {
			return fieldOf("parent", err)
		}
		if err := errorOr(d.mayBeService(&doc), who.sponsors(&doc)); err != nil {
			return err
		}
		if in.ExpiresAt != 0 && in.ExpiresAt <= d.at {
			return hierarchy.Invalid("EXPIRY_INVALID", "expires_at", "is in the past")
		}
		if in.Parent != Platform && len(d.snapshot.Keys(in.Parent, "", d.at)) >= apikey.MaxKeys {
			return hierarchy.Conflict("TOO_MANY_KEYS", "%s has %d live keys already; revoke one first", in.Parent, apikey.MaxKeys)
		}
		d.create(authz.KeyOf(ref.Type, ref.ID), doc)
		return nil
	}, (*Service).Key)
	if out.Shown = o.made != nil; out.Shown || err != nil {
		out.Secret = apikey.Secret{}
	}
	return out, err
}

// checkNewKey applies the rules that need no account to be known, and finds
// the account.
func (s *Service) checkNewKey(ctx context.Context, in *NewKey) (account string, err error) {
	if err := apikey.CheckEnvironment(in.Environment); err != nil {
		return "", err
	}
	doc := apikey.Key{Info: in.Info, Sponsor: in.Sponsor, Sources: in.Sources}
	if err := doc.Check(); err != nil {
		return "", err
	}
	switch {
	case in.Parent == Platform && (in.Service.Type != hierarchy.TypeService || !in.Sponsor.IsZero()):
		return "", hierarchy.Invalid("SERVICE_REQUIRED", "service", "a key of the platform stands for a service, such as service:gateway, and has no sponsor")
	case in.Parent == Platform:
		return hierarchy.PlatformID, in.Service.Check()
	case !isContainer(in.Parent):
		return "", hierarchy.Invalid("PARENT_INVALID", "parent", "a key belongs to a project, to a subproject or to the platform")
	case !in.Service.IsZero():
		return "", hierarchy.Invalid("SERVICE_INVALID", "service", "only a key of the platform stands for a service; bind a role to this one")
	}
	account, err = s.accountOf(ctx, in.Parent)
	return account, fieldOf("parent", err)
}

// sponsors makes whoever makes a customer's key its sponsor.
func (c Caller) sponsors(in *apikey.Key) error {
	maker := c.acting()
	switch {
	case in.Parent == Platform:
		return nil
	case c.operates() && in.Sponsor.IsZero():
		return hierarchy.Invalid("SPONSOR_REQUIRED", "sponsor", "name the user or service whose rights bound the key's")
	case c.operates() || in.Sponsor == maker:
		return nil
	case !in.Sponsor.IsZero():
		return hierarchy.Invalid("SPONSOR_INVALID", "sponsor", "whoever makes a key is its sponsor; leave this out, and transfer the key afterwards")
	case maker.Type == hierarchy.TypeKey:
		return hierarchy.Invalid("SPONSOR_INVALID", "sponsor", "an API key cannot sponsor another; act for a user, in Tollgate-Actor")
	}
	in.Sponsor = maker
	return nil
}

// mayBeService refuses to give a secret of a service key to who could not give
// its service every right.
func (d *draft) mayBeService(k *apikey.Key) error {
	if k.Service.IsZero() {
		return nil
	}
	return d.may("binding.grant_any", Platform)
}

// mayOpen refuses to give a key's secret, or its sponsorship, to who could not
// give all that the key is bound to.
func (d *draft) mayOpen(ref hierarchy.Ref, k *apikey.Key) error {
	if err := d.mayBeService(k); err != nil {
		return err
	}
	return d.eachBound(d.boundTo(ref), func(b *policy.Binding, at site) error {
		patterns, _ := d.snapshot.Permissions(b.Role)
		if !d.who.couldGive(d.snapshot, patterns, at, d.at) {
			return forbidden(d.who.acting(), "the right to give all that the key is bound to,", ref)
		}
		return nil
	})
}

// boundTo are the bindings that allow a key something.
func (d *draft) boundTo(key hierarchy.Ref) []authz.BoundBinding {
	return d.snapshot.FindBindings(key.String(), "", func(b policy.Binding) bool { return b.Effect == policy.Allow })
}

// key reads a key that a write changes, for who has a permission on what it
// belongs to.
func (d *draft) key(ref hierarchy.Ref, permission string) (was authz.Record, doc apikey.Key, err error) {
	parent, ok := d.snapshot.KeyParent(ref)
	if !ok || d.may("key.inspect", parent) != nil {
		return was, doc, hierarchy.NotFound(ref)
	}
	if err := d.may(permission, parent); err != nil {
		return was, doc, err
	}
	was, err = d.one(authz.KeyOf(ref.Type, ref.ID), &doc)
	return was, doc, err
}

// changeKey writes a key's record as change leaves it.
func (s *Service) changeKey(ctx context.Context, who Caller, id, permission string, change func(*draft, *apikey.Key) error) (Item[apikey.Key], error) {
	ref := hierarchy.Ref{Type: hierarchy.TypeKey, ID: id}
	return update(ctx, s, who, ref, func(d *draft) error {
		was, doc, err := d.key(ref, permission)
		if err != nil {
			return err
		}
		if err := change(d, &doc); err != nil {
			return err
		}
		d.replace(was, doc)
		return doc.Check()
	}, permission, (*Service).Key)
}

// Key returns an API key. It needs key.inspect on what the key belongs to.
func (s *Service) Key(ctx context.Context, who Caller, id string) (Item[apikey.Key], error) {
	ref := hierarchy.Ref{Type: hierarchy.TypeKey, ID: id}
	v, err := s.view(ctx, who, ref)
	if err != nil {
		return Item[apikey.Key]{}, err
	}
	parent, ok := v.snapshot.KeyParent(ref)
	if !ok {
		if v.snapshot, err = s.engine.Refresh(ctx, v.snapshot.Account()); err != nil { // it may have come since
			return Item[apikey.Key]{}, err
		}
		parent, ok = v.snapshot.KeyParent(ref)
	}
	if !ok || v.may("key.inspect", parent) != nil {
		return Item[apikey.Key]{}, hierarchy.NotFound(ref)
	}
	return get[apikey.Key](ctx, v, ref, authz.KeyOf(ref.Type, ref.ID))
}

// LastUse is when an API key that was read was used last, in microseconds since
// 1970; 0 for never. It is known half a minute late or so, and not for ever.
func (s *Service) LastUse(ctx context.Context, key *Item[apikey.Key]) (int64, error) {
	return s.store.LastUse(ctx, key.Account, key.Ref)
}

// Keys lists the API keys of a project, of a subproject or of the platform. It
// needs key.inspect there.
func (s *Service) Keys(ctx context.Context, who Caller, parent hierarchy.Ref, span Span) (Page[apikey.Key], error) {
	v, err := s.view(ctx, who, parent)
	if err == nil {
		err = v.may("key.inspect", parent)
	}
	if err != nil {
		return Page[apikey.Key]{}, err
	}
	return listLabelled(ctx, v, hierarchy.TypeKey, v.snapshot.Keys(parent, span.After, 0), span, func(doc *apikey.Key) map[string]string { return doc.Labels })
}

// UpdateKey changes a key's name, labels, end and addresses by change. It needs
// key.configure.
func (s *Service) UpdateKey(ctx context.Context, who Caller, id string, change func(*apikey.Key) error) (Item[apikey.Key], error) {
	return s.changeKey(ctx, who, id, "key.configure", func(d *draft, k *apikey.Key) error {
		before := k.ExpiresAt
		if err := change(k); err != nil {
			return err
		}
		if k.ExpiresAt != before && k.ExpiresAt != 0 && k.ExpiresAt <= d.at {
			return hierarchy.Invalid("EXPIRY_INVALID", "expires_at", "is in the past; revoke the key, or disable it")
		}
		return d.checkLive(k, before)
	})
}

// checkLive refuses to bring back a key that has ended where there is no more
// room for a live one.
func (d *draft) checkLive(k *apikey.Key, before int64) error {
	ended := before != 0 && before <= d.at
	if ended && k.Live(d.at) && k.Parent != Platform && len(d.snapshot.Keys(k.Parent, "", d.at)) >= apikey.MaxKeys {
		return hierarchy.Conflict("TOO_MANY_KEYS", "%s has %d live keys already; revoke one first", k.Parent, apikey.MaxKeys)
	}
	return nil
}

// DisableKey keeps a key from being used until it is enabled (M24). It needs
// key.suspend.
func (s *Service) DisableKey(ctx context.Context, who Caller, id string) (Item[apikey.Key], error) {
	return s.changeKey(ctx, who, id, "key.suspend", func(_ *draft, k *apikey.Key) error {
		k.Disabled = true
		return nil
	})
}

// EnableKey takes back what DisableKey did. It needs key.resume. A key whose
// secret was found somewhere has to be rotated instead.
func (s *Service) EnableKey(ctx context.Context, who Caller, id string) (Item[apikey.Key], error) {
	return s.changeKey(ctx, who, id, "key.resume", func(_ *draft, k *apikey.Key) error {
		if k.Leaked {
			return hierarchy.Conflict("KEY_LEAKED", "the key was disabled because its secret was found by somebody; rotate it, which enables it with a new one")
		}
		k.Disabled = false
		return nil
	})
}

// RevokeKey ends a key for good, with all that is bound to it. It needs
// key.revoke.
func (s *Service) RevokeKey(ctx context.Context, who Caller, id string) (Written, error) {
	ref := hierarchy.Ref{Type: hierarchy.TypeKey, ID: id}
	account, err := s.accountOf(ctx, ref)
	if err != nil {
		return Written{}, err
	}
	return s.write(ctx, who, account, "key.revoke", func(d *draft) error {
		was, _, err := d.key(ref, "key.revoke")
		if err != nil {
			return err
		}
		return d.removeKey(was, ref)
	})
}

// removeKey removes a key and what is bound to it.
func (d *draft) removeKey(was authz.Record, ref hierarchy.Ref) error {
	var keys []authz.Key
	for _, b := range d.snapshot.FindBindings(ref.String(), "", func(policy.Binding) bool { return true }) {
		keys = append(keys, authz.KeyOf(hierarchy.TypeBinding, b.ID))
	}
	d.remove(was)
	if len(keys) == 0 {
		return nil
	}
	records, err := d.read(keys...)
	for _, key := range keys {
		if r, ok := records[key]; ok {
			d.remove(r)
		}
	}
	return err
}

// RotateKey gives a key a new secret. The one before is accepted until the
// overlap is over, and no longer than it would have been; one that has leaked
// ends at once. It needs key.rotate, and that the caller could give all that
// the key is bound to.
func (s *Service) RotateKey(ctx context.Context, who Caller, id, environment string, overlap time.Duration) (Minted, error) {
	if overlap < 0 || overlap > MaxOverlap {
		return Minted{}, hierarchy.Invalid("OVERLAP_INVALID", "overlap", "is from 0 to %d hours", int(MaxOverlap.Hours()))
	}
	if err := apikey.CheckEnvironment(environment); err != nil {
		return Minted{}, err
	}
	var out Minted
	var err error
	out.Item, err = s.changeKey(ctx, who, id, "key.rotate", func(d *draft, k *apikey.Key) error {
		ref := hierarchy.Ref{Type: hierarchy.TypeKey, ID: id}
		if err := d.mayOpen(ref, k); err != nil {
			return err
		}
		uid, err := hierarchy.ParseUID(id[len(hierarchy.PrefixKey):])
		if err != nil {
			return err
		}
		secret, hash := apikey.Mint(environment, uid)
		until := d.at + overlap.Microseconds()
		if k.Leaked {
			until, k.Leaked, k.Disabled = d.at, false, false
		}
		k.Rotate(hash, until)
		out.Secret = secret
		return nil
	})
	if err != nil {
		out.Secret = apikey.Secret{}
	}
	return out, err
}

// TransferKey gives a key another sponsor, who must hold all that the key is
// bound to. It needs key.transfer, and that the caller could give all that.
func (s *Service) TransferKey(ctx context.Context, who Caller, id string, to hierarchy.Ref) (Item[apikey.Key], error) {
	if err := (&apikey.Key{Sponsor: to}).Check(); err != nil {
		return Item[apikey.Key]{}, err
	}
	return s.changeKey(ctx, who, id, "key.transfer", func(d *draft, k *apikey.Key) error {
		ref := hierarchy.Ref{Type: hierarchy.TypeKey, ID: id}
		if !k.Service.IsZero() {
			return hierarchy.Invalid("SPONSOR_INVALID", "sponsor", "a service key has no sponsor")
		}
		if err := d.mayOpen(ref, k); err != nil {
			return err
		}
		k.Sponsor = to
		return d.eachBound(d.boundTo(ref), func(b *policy.Binding, at site) error {
			patterns, _ := d.snapshot.Permissions(b.Role)
			if !d.snapshot.HoldsAll(to, patterns, at.node, at.resource, d.at) {
				return hierarchy.Conflict("SPONSOR_LACKS_PERMISSION", "%s does not hold all that the key has as %s on %s; a sponsor holds at least as much as the key", to, b.Role, b.Scope)
			}
			return nil
		})
	})
}

// ReportLeak disables a key whose secret somebody has found: to have it is
// enough. It does nothing, and says nothing, if there is no such key.
func (s *Service) ReportLeak(ctx context.Context, found apikey.Presented) error {
	_, account, code, err := s.engine.AuthenticateFound(ctx, found)
	if err != nil || code == authz.KeyNotFound {
		return err
	}
	ref := found.Key()
	if account == "" {
		if account, err = s.accountOf(ctx, ref); err != nil {
			return err
		}
	}
	_, err = s.write(ctx, leakReport, account, "key.leak", func(d *draft) error {
		key := authz.KeyOf(ref.Type, ref.ID)
		records, err := d.read(key) // wherever it stands: what is deleted may be restored
		was, there := records[key]
		if err != nil || !there { // it was revoked meanwhile
			return err
		}
		var doc apikey.Key
		if err := unmarshal(was, &doc); err != nil {
			return err
		}
		if !apikey.Accepts(doc.Secrets, found, d.at) { // it was rotated meanwhile
			return nil
		}
		doc.Disabled, doc.Leaked = true, true
		d.replace(was, doc)
		return nil
	})
	return err
}

// leakReport is who disables keys that were found.
var leakReport = Caller{Name: "leak-report", Operator: true}

// EnsurePlatform makes the platform's account, if this is the first server on
// the store.
func (s *Service) EnsurePlatform(ctx context.Context) error {
	if _, err := s.engine.Snapshot(ctx, hierarchy.PlatformID, ""); !isAbsent(err) {
		return err
	}
	head, _, err := s.store.Commit(ctx, &authz.Commit{
		Account: hierarchy.PlatformID, Identity: newIdentity(), New: true,
		Edits: []authz.Edit{{
			Key:   authz.KeyOf(hierarchy.TypeAccount, hierarchy.PlatformID),
			After: encode(hierarchy.Account{Info: hierarchy.Info{DisplayName: "The platform"}, OperatorManaged: true}),
		}},
		Actor: "tollgate", Caller: "tollgate", Action: "account.open",
	})
	if isConflict(err) || head.Number != 0 {
		return nil // another server was first; or it is made, if not on every replica of the store yet
	}
	return err
}
