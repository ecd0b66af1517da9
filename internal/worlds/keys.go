package worlds

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"github.com/tollgate-dev/tollgate/apikey"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/oracle"
	"github.com/tollgate-dev/tollgate/policy"
)

// sources are networks that keys may be used from, each with an address in it.
var sources = []struct{ network, address string }{
	{"192.0.2.0/24", "192.0.2.77"}, {"192.0.2.1/32", "192.0.2.1"}, {"2001:db8::/32", "2001:db8:5::1"}, {"198.51.100.0/25", "::ffff:198.51.100.3"},
}

// nowhere is an address in none of them.
const nowhere = "203.0.113.9"

// AddKey makes an API key, and binds it to a few roles, most of them of its
// sponsor's.
func (w *World) AddKey(r *rand.Rand) {
	w.serial++
	k := oracle.Key{ID: hierarchy.PrefixKey + uid(r).String(), Parent: w.container(r), Disabled: r.IntN(15) == 0}
	k.Secrets = []oracle.Secret{{Text: secret(r, k.ID)}}
	w.retire(r, &k)
	w.sponsor(r, &k)
	if r.IntN(4) == 0 {
		k.Sources = someSources(r)
	}
	if r.IntN(3) == 0 {
		w.rotate(r, &k)
	}
	w.Keys = append(w.Keys, k)
	for range 1 + r.IntN(3) {
		w.bindKey(r, &k)
	}
}

// retire says when a key ends: mostly never, else about the instant.
func (w *World) retire(r *rand.Rand, k *oracle.Key) {
	k.Until = 0
	if r.IntN(4) == 0 {
		k.Until = w.Instant + int64(r.IntN(4)-1)
	}
}

// rotate gives a key another secret, and ends the one before about the instant.
func (w *World) rotate(r *rand.Rand, k *oracle.Key) {
	old := k.Secrets[0]
	old.Until = w.Instant + int64(r.IntN(4)-1)
	k.Secrets = []oracle.Secret{{Text: secret(r, k.ID)}, old}
}

// sponsor finds a sponsor, one who may do something if that is easily found.
func (w *World) sponsor(r *rand.Rand, k *oracle.Key) {
	k.Sponsor = pick(r, w.subjects)
	for range 8 {
		if len(w.Bindings) == 0 {
			break
		}
		b := pick(r, w.Bindings)
		if b.Effect == string(policy.Allow) && !strings.HasPrefix(b.Subject, "key:") && strings.HasPrefix(b.Scope, "account:") {
			k.Sponsor = w.someMember(r, b.Subject, 0)
		}
	}
	if r.IntN(15) == 0 {
		k.Sponsor = ""
	}
}

func someSources(r *rand.Rand) (networks []string) {
	for _, s := range sources {
		if r.IntN(2) == 0 {
			networks = append(networks, s.network)
		}
	}
	return networks
}

// bindKey binds some role to a key, in its reach as a rule.
func (w *World) bindKey(r *rand.Rand, k *oracle.Key) {
	w.serial++
	b := oracle.Binding{
		ID: hierarchy.BindingID(uid(r), w.Account), Subject: "key:" + k.ID, Role: pick(r, w.Roles).ID,
		Scope: k.Parent, Effect: string(policy.Allow),
	}
	if r.IntN(8) > 0 {
		b.Role = w.roleOf(r, k.Sponsor, b.Role)
	}
	switch r.IntN(8) {
	case 0:
		b.Scope = w.scope(r) // no write lets that in, and it must be of no use
	case 1:
		b.Scope = w.somethingBelow(r, k.Parent)
		if strings.HasPrefix(b.Scope, unregistered[0]+":") {
			b.Scope = k.Parent
		}
	}
	if r.IntN(15) == 0 {
		b.Effect = string(policy.Deny)
	}
	b.From, b.Until = w.window(r)
	w.Bindings = append(w.Bindings, b)
}

// roleOf is some role that a subject is allowed directly or by a group, else
// the other one.
func (w *World) roleOf(r *rand.Rand, subject, other string) string {
	groups := map[string]bool{subject: true}
	for _, g := range w.Groups { // each may be in those after it
		for _, m := range g.Members {
			if groups[m] {
				groups["group:"+g.ID] = true
			}
		}
	}
	var roles []string
	for _, b := range w.Bindings {
		if b.Effect == string(policy.Allow) && groups[b.Subject] {
			roles = append(roles, b.Role)
		}
	}
	if len(roles) == 0 {
		return other
	}
	return pick(r, roles)
}

// revokeKey removes a key with what is bound to it.
func (w *World) revokeKey(r *rand.Rand) {
	if len(w.Keys) == 0 {
		return
	}
	i := r.IntN(len(w.Keys))
	gone := "key:" + w.Keys[i].ID
	w.Keys = slices.Delete(w.Keys, i, i+1)
	w.Bindings = slices.DeleteFunc(w.Bindings, func(b oracle.Binding) bool { return b.Subject == gone })
}

// changeKey disables or enables a key, or gives it another end, secret, sponsor
// or list of sources.
func (w *World) changeKey(r *rand.Rand) {
	if len(w.Keys) == 0 {
		return
	}
	k := &w.Keys[r.IntN(len(w.Keys))]
	switch r.IntN(5) {
	case 0:
		k.Disabled = r.IntN(4) == 0
	case 1:
		w.retire(r, k)
	case 2:
		w.rotate(r, k)
	case 3:
		w.sponsor(r, k)
	case 4:
		k.Sources = someSources(r)
	}
}

// present makes a question that names a key one by who shows a secret: the
// right one as a rule, from an address that it may be used from.
func (w *World) present(r *rand.Rand, q *oracle.Question) {
	if !strings.HasPrefix(q.Subject, "key:") || r.IntN(3) == 0 {
		return
	}
	q.Secret = secret(r, q.Subject[len("key:"):])
	for _, k := range w.Keys {
		if "key:"+k.ID != q.Subject {
			continue
		}
		switch r.IntN(20) {
		case 0: // another, which is no key's
		case 1, 2, 3, 4:
			q.Secret = k.Secrets[len(k.Secrets)-1].Text
		default:
			q.Secret = k.Secrets[0].Text
		}
		if len(k.Sources) > 0 {
			q.Source = addressIn(pick(r, k.Sources))
		}
	}
	switch r.IntN(20) {
	case 0:
		q.Source = nowhere
	case 1:
		q.Source = ""
	}
}

func addressIn(network string) string {
	for _, s := range sources {
		if s.network == network {
			return s.address
		}
	}
	return nowhere
}

// keyOf is the record of a key.
func keyOf(k oracle.Key) apikey.Key {
	doc := apikey.Key{Parent: ref(k.Parent), ExpiresAt: k.Until, Disabled: k.Disabled}
	if k.Sponsor != "" {
		doc.Sponsor = ref(k.Sponsor)
	}
	for _, s := range k.Secrets {
		doc.Secrets = append(doc.Secrets, apikey.Stored{Hash: sha256.Sum256([]byte(s.Text)), ExpiresAt: s.Until})
	}
	for _, network := range k.Sources {
		doc.Sources = append(doc.Sources, netip.MustParsePrefix(network))
	}
	return doc
}

func uid(r *rand.Rand) (u hierarchy.UID) {
	for i := range u {
		u[i] = byte(r.Uint32())
	}
	return u
}

var secretText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// secret makes the text of a secret of a key, as apikey.Mint does, but for the
// seed to decide it.
func secret(r *rand.Rand, id string) string {
	var random [20]byte
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	text := "tg_test_" + strings.TrimPrefix(id, hierarchy.PrefixKey) + "_" + secretText.EncodeToString(random[:])
	var sum [4]byte
	binary.BigEndian.PutUint32(sum[:], crc32.ChecksumIEEE([]byte(text)))
	return text + secretText.EncodeToString(sum[:])
}
