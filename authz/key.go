package authz

import (
	"context"
	"net/netip"
	"slices"

	"github.com/tollgate-dev/tollgate/apikey"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// apiKey is what a snapshot has of an API key. It is immutable.
type apiKey struct {
	parent    uint32 // node that it belongs to, and under which it reaches
	sponsor   uint32 // row of subjects
	sponsored bool   // there is a sponsor
	disabled  bool
	service   string // "service:id" that a service key stands for; "" for a customer's key
	expiresAt int64  // microseconds since 1970; 0 for never
	secrets   []apikey.Stored
	sources   []netip.Prefix
}

// isKey reports whether a subject is an API key.
func isKey(subject string) bool {
	const prefix = hierarchy.TypeKey + ":"
	return len(subject) > len(prefix) && subject[:len(prefix)] == prefix
}

// key is the key of a subject's row, or nil.
func (p *principal) key() *apiKey {
	if p.ties == nil {
		return nil
	}
	return p.ties.key
}

// key takes in the record of an API key.
func (a *applying) key(id string, e Edit) error {
	var doc apikey.Key
	if err := decode(e.After, &doc); err != nil {
		return err
	}
	row := a.subjects.Put(a.edit, hierarchy.Ref{Type: hierarchy.TypeKey, ID: id}.String())
	var k *apiKey
	if e.After != nil {
		k = &apiKey{
			parent: a.nodes.Put(a.edit, doc.Parent.String()), disabled: doc.Disabled,
			expiresAt: doc.ExpiresAt, secrets: doc.Secrets, sources: doc.Sources,
		}
		if !doc.Service.IsZero() {
			k.service = doc.Service.String()
		}
		if !doc.Sponsor.IsZero() {
			k.sponsor, k.sponsored = a.subjects.Put(a.edit, doc.Sponsor.String()), true
		}
	}
	p := a.subjects.Edit(a.edit, row)
	a.pointed -= p.bytes()
	p.tie(p.groups(), p.outer(), k)
	a.pointed += p.bytes()
	return nil
}

// keyOf is the key of a subject, or nil if there is none.
func (s *Snapshot) keyOf(subject string) *apiKey {
	if row, ok := s.subjects.Find(subject); ok {
		return s.subjects.At(row).key()
	}
	return nil
}

// authenticate says what keeps a key that was presented from being taken for
// the one that it claims to be, k, or nil if there is none; NoBinding for
// nothing. Whether there is such a key is told only to who has its secret: else
// there is none, and to find that out takes as long.
func (k *apiKey) authenticate(q *question) Code {
	if k == nil {
		apikey.Accepts(nobodys, q.Key, q.now())
		return KeyNotFound
	}
	if !apikey.Accepts(k.secrets, q.Key, q.now()) {
		return KeyNotFound
	}
	if code := k.state(q.now()); code != NoBinding {
		return code
	}
	if !apikey.From(k.sources, q.Source) {
		return AddressBlocked
	}
	return NoBinding
}

// nobodys is compared with where there is no key.
var nobodys = []apikey.Stored{{}}

// state says what keeps a key from being used; NoBinding for nothing.
func (k *apiKey) state(at int64) Code {
	switch {
	case k.disabled:
		return KeyDisabled
	case k.ended(at):
		return KeyExpired
	}
	return NoBinding
}

// ended reports whether a key has expired, disabled or not.
func (k *apiKey) ended(at int64) bool { return k.expiresAt != 0 && at >= k.expiresAt }

// admits says what keeps a key from having rights on a path, whatever it is
// bound to; NoBinding for nothing.
func (s *Snapshot) admits(k *apiKey, on *path, at int64) Code {
	if k == nil {
		return KeyNotFound
	}
	code := k.state(at)
	switch {
	case code != NoBinding:
	case k.service != "" || !on.has(k.parent):
		return KeyOutOfReach
	case !k.sponsored:
		return SponsorMissing
	}
	return code
}

// admitsKey is admits, of a question by the key in a row of subjects, if it is
// known, and with its secret if that was presented: it is compared in the
// snapshot that decides, unless that is the one that it was compared in. If it
// is not accepted there any more, the answer says nothing else.
func (s *Snapshot) admitsKey(q *question, row uint32, known bool, a *Answer) Code {
	var k *apiKey
	if known {
		k = s.subjects.At(row).key()
	}
	if !q.Key.IsZero() && q.proved != s {
		if code := k.authenticate(q); code != NoBinding {
			*a = Answer{}
			return code
		}
	}
	return s.admits(k, &a.path, q.now())
}

// bySponsor takes into an answer, which the key's own bindings allow, what its
// sponsor may do: at the same instant, on the same path. The key is in a row of
// subjects.
func (e *Engine) bySponsor(s *Snapshot, row uint32, q *question, a *Answer) {
	a.sponsor = sponsorship{asked: true, row: s.subjects.At(row).key().sponsor}
	s.decide(a.sponsor.row, &q.asked, &a.path, &a.sponsor.verdict)
	if e.shadow.Samples(q.draw()) {
		e.shadow.Take(func() policy.Case { return s.shadowCase(a.forSponsor(), q.Permission, q.now()) })
	}
	if !a.sponsor.verdict.allowed {
		a.Allowed, a.Code = false, SponsorLacks
	}
}

// sponsorship is what a key's sponsor may do, if he was asked.
type sponsorship struct {
	asked   bool
	row     uint32 // of subjects
	verdict verdict
}

// forSponsor is the answer that the sponsor would have got.
func (a *Answer) forSponsor() Answer {
	of := *a
	of.subject, of.verdict = a.Sponsor(), a.sponsor.verdict
	return of
}

// Sponsor is the sponsor of the key that asked, as "type:id"; "" for anybody
// but a key, and where it was not asked for.
func (a *Answer) Sponsor() string {
	if !a.sponsor.asked {
		return ""
	}
	return a.snapshot.subjects.Key(a.sponsor.row)
}

// Principal is who asked, as "type:id": the subject that was named, or whom
// the key that was presented stands for; "" for a key that was not accepted.
func (a *Answer) Principal() string { return a.subject }

// askWithKey answers a question by whoever holds a key. Nothing is told to one
// whose key is not accepted.
func (e *Engine) askWithKey(ctx context.Context, q *question, a *Answer) error {
	home, k, code, err := e.present(ctx, q)
	if err != nil || code != NoBinding {
		a.Code = code
		return err
	}
	if k.service != "" {
		q.who = &k.service
		return e.askAs(ctx, q, a)
	}
	q.byKey = true
	if done, err := e.askByHint(home, q, a); done {
		return err
	}
	if err := q.readResource(); err != nil {
		return err
	}
	if q.account != "" && q.account != home.account {
		a.subject, a.Code = *q.who, ResourceNotFound // whatever is there, it is not the key's
		return q.check()
	}
	return e.askIn(ctx, home, q, a)
}

// present finds the key that a question presents, and says why it is refused;
// NoBinding for an accepted one. Whether there is no such key, or the secret is
// wrong, the store was asked once: how long it takes does not tell the two
// apart. With an error the key counts as not found.
func (e *Engine) present(ctx context.Context, q *question) (home *resident, k *apiKey, code Code, err error) {
	if home, k = e.presentByHint(q); k != nil {
		return home, k, NoBinding, nil
	}
	subject := q.Key.Subject()
	q.who = &subject
	p, remembered := e.places.GetIfPresent(*q.who)
	if home = p.home; remembered {
		home = e.resident(home.account)
	} else if home, err = e.locateKey(ctx, q); err != nil {
		return nil, nil, KeyNotFound, err
	}
	if home == nil {
		apikey.Accepts(nobodys, q.Key, q.now())
		return nil, nil, KeyNotFound, nil
	}
	s, err := home.withKey(ctx, q)
	if err != nil {
		return nil, nil, KeyNotFound, err
	}
	k = s.keyOf(*q.who)
	switch code = k.authenticate(q); {
	case code == KeyNotFound && k == nil:
		e.places.Invalidate(*q.who) // it was revoked
	case code == KeyNotFound && remembered:
		_, err = e.locateKey(ctx, q)
	case code == NoBinding:
		e.keyHints.leave(&keyHint{q.Key.UID(), *q.who, home})
		e.accepted(home, s, q)
	}
	return home, k, code, err
}

// presentByHint is present of a key that a hint is left for, in a snapshot
// inside the bound that accepts it; nil for any other, which takes the long way:
// so does a wrong secret, and it takes as long as if there were no hint.
func (e *Engine) presentByHint(q *question) (home *resident, k *apiKey) {
	h := e.keyHints.of(q.Key.UID())
	if h == nil || q.Full {
		return nil, nil
	}
	s := h.home.freshAt(q.looked)
	if s == nil || !s.reaches(q.AtLeast) {
		return nil, nil
	}
	if k = s.keyOf(h.subject); k == nil || k.authenticate(q) != NoBinding {
		return nil, nil
	}
	q.who = &h.subject
	e.accepted(h.home, s, q)
	return h.home, k
}

// accepted takes note that a snapshot accepts the key that a question presents.
func (e *Engine) accepted(home *resident, s *Snapshot, q *question) {
	q.proved = s
	if !q.found {
		e.opts.Uses.note(home.account, *q.who, q.now())
	}
}

// locateKey asks the store for the account that a key belongs to; nil if there
// is none.
func (e *Engine) locateKey(ctx context.Context, q *question) (*resident, error) {
	ctx, cancel := context.WithTimeout(ctx, e.opts.Timeout)
	defer cancel()
	if err := e.strangers.enter(ctx); err != nil {
		return nil, unavailable(err)
	}
	defer e.strangers.leave()
	accounts, err := e.source.Locate(ctx, q.Key.Key())
	q.looked = e.clock.Monotonic()
	if err != nil {
		return nil, unavailable(err)
	}
	if accounts[0] == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	home := e.resident(accounts[0])
	e.places.Set(*q.who, place{home: home})
	return home, nil
}

// withKey is a snapshot that a key can be looked for in: one that is fresh
// enough for the question, and not older than the key.
func (r *resident) withKey(ctx context.Context, q *question) (*Snapshot, error) {
	token := q.AtLeast
	if token != "" {
		if _, err := ParseToken(r.account, token); err != nil {
			token = "" // of the resource's account; whoever is asked there says so
		}
	}
	s, err := r.atLeast(ctx, token, q.looked)
	if err == nil && (q.Full || s.keyOf(*q.who) == nil) {
		var rd *round
		if rd, err = r.sync(ctx); err == nil {
			s = rd.snapshot
		}
	}
	return s, err
}

// Authenticate says whom a key that is presented stands for: the key itself,
// or the service that it was made for, both as "type:id"; and in which account
// it is. A code other than Allowed says why it is refused. An error means that
// nothing was decided.
func (e *Engine) Authenticate(ctx context.Context, presented apikey.Presented, from netip.Addr) (principal, account string, code Code, err error) {
	return e.authenticate(ctx, &question{Request: &Request{Key: presented, Source: from}})
}

// AuthenticateFound is Authenticate of a key that somebody has found, and does
// not use.
func (e *Engine) AuthenticateFound(ctx context.Context, presented apikey.Presented) (principal, account string, code Code, err error) {
	return e.authenticate(ctx, &question{Request: &Request{Key: presented}, found: true})
}

func (e *Engine) authenticate(ctx context.Context, q *question) (principal, account string, code Code, err error) {
	q.clock, q.looked = &e.clock, e.clock.Monotonic()
	home, k, code, err := e.present(ctx, q)
	if err != nil || code != NoBinding {
		return "", "", code, err
	}
	principal = *q.who
	if k.service != "" {
		principal = k.service
	}
	return principal, home.account, Allowed, nil
}

// keyObstacles are what denies a key whatever its bindings say, and its sponsor.
func (s *Snapshot) keyObstacles(a *Answer, q *question) []Obstacle {
	code := s.admits(s.keyOf(*q.who), &a.path, q.now())
	if code == NoBinding && a.sponsor.asked && !a.sponsor.verdict.allowed {
		code = SponsorLacks
	}
	if code == NoBinding {
		return nil
	}
	node := *q.who
	if code == SponsorLacks {
		node = a.Sponsor()
	}
	return []Obstacle{{Code: code, Node: node, Detail: code.Sentence()}}
}

// KeyParent is the node that an API key belongs to; ok is false if there is no
// such key.
func (s *Snapshot) KeyParent(key hierarchy.Ref) (parent hierarchy.Ref, ok bool) {
	k := s.keyOf(key.String())
	if k == nil {
		return hierarchy.Ref{}, false
	}
	return refOf(s.nodes.Key(k.parent)), true
}

// Keys are the bare IDs, in order, of the API keys that belong to a node, after
// the ID after. With an instant, those that have ended by then are left out.
func (s *Snapshot) Keys(parent hierarchy.Ref, after string, at int64) []string {
	of, ok := s.nodes.Find(parent.String())
	if !ok {
		return nil
	}
	var ids []string
	for row := range s.subjects.Len() {
		k := s.subjects.At(row).key()
		if k == nil || k.parent != of || (at != 0 && k.ended(at)) {
			continue
		}
		if id := bare(s.subjects.Key(row)); id > after {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// HoldsAll reports whether a subject holds all that patterns stand for, on a
// node of the account or a product resource in it, whatever the state of nodes.
// A binding that denies any of it is as good as none that allows.
func (s *Snapshot) HoldsAll(subject hierarchy.Ref, patterns []string, node, res hierarchy.Ref, at int64) bool {
	var p path
	if !s.pathOf(node, res, &p) {
		return false
	}
	wanted := make([]policy.Pattern, len(patterns))
	for i, text := range patterns {
		var err error
		if wanted[i], err = policy.ParsePattern(text); err != nil {
			return false
		}
	}
	held, denied := make([]bool, len(wanted)), false
	s.eachGrant(subject.String(), func(_ uint32, g *grant) {
		r := s.role(g.role)
		if r == nil || !p.has(g.scope) || !s.window(g).Holds(at) {
			return
		}
		for _, text := range r.Patterns {
			has, err := policy.ParsePattern(text)
			for i := range wanted {
				switch {
				case err != nil:
				case g.denies():
					denied = denied || policy.Meets(has, wanted[i])
				default:
					held[i] = held[i] || policy.Covers(has, wanted[i])
				}
			}
		}
	})
	return !denied && !slices.Contains(held, false)
}
