package apikey

import (
	"encoding/hex"
	"net/netip"
	"slices"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Limits of one key, and of one project or subproject.
const (
	MaxKeys    = 10 // that are live, of one project or subproject (M22)
	MaxSources = 64 // entries of one key's allow-list
)

// Key is the record of a key: what is known of it, but not its secret.
//
// A key of a customer belongs to a project, and reaches what is under it, or to
// a subproject, and reaches nothing else (M22). What it may do is what bindings
// give it and its sponsor may do too. A service key belongs to the platform: it
// stands for a service, and has neither rights nor a sponsor of its own.
type Key struct {
	hierarchy.Info
	Parent hierarchy.Ref `json:"parent"`
	// Sponsor is the user or service whose rights bound the key's; zero: none,
	// and the key may do nothing.
	Sponsor hierarchy.Ref `json:"sponsor,omitzero"`
	// Service is whom a service key stands for; zero for a customer's key.
	Service hierarchy.Ref `json:"service,omitzero"`
	// Secrets are those that are accepted, the newest first.
	Secrets []Stored `json:"secrets"`
	// ExpiresAt is when the key ends, in microseconds since 1970; 0 for never.
	ExpiresAt int64 `json:"expires_at,omitempty"`
	// Disabled keys are refused until they are enabled again.
	Disabled bool `json:"disabled,omitempty"`
	// Leaked says that it was disabled because somebody found its secret.
	Leaked bool `json:"leaked,omitempty"`
	// Sources are the addresses that the key may be used from; none for all.
	Sources []netip.Prefix `json:"sources,omitempty"`
}

// Stored is a secret as it is kept.
type Stored struct {
	Hash Hash `json:"hash"`
	// ExpiresAt is when a secret that was rotated out ends, in microseconds
	// since 1970; 0 for as long as the key itself.
	ExpiresAt int64 `json:"expires_at,omitempty"`
}

// MarshalText writes a hash in hexadecimal.
func (h Hash) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h[:])), nil }

// UnmarshalText reads what MarshalText wrote.
func (h *Hash) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	if err != nil || len(raw) != len(h) {
		return hierarchy.Invalid("HASH_INVALID", "", "a hash is %d hexadecimal digits", 2*len(h))
	}
	copy(h[:], raw)
	return nil
}

// Check applies the rules of keys that need no account to be known, or returns
// a *hierarchy.Error of KindInvalid.
func (k *Key) Check() error {
	if err := k.Info.Check(); err != nil {
		return err
	}
	if len(k.Sources) > MaxSources {
		return hierarchy.Invalid("TOO_MANY_SOURCES", "sources", "has %d entries; a key has at most %d", len(k.Sources), MaxSources)
	}
	for _, p := range k.Sources {
		if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() {
			return hierarchy.Invalid("SOURCE_INVALID", "sources", "%q is not a network such as 192.0.2.0/24 or 2001:db8::/32, with no bit set behind its length", p)
		}
	}
	if !k.Sponsor.IsZero() && k.Sponsor.Type != hierarchy.TypeUser && k.Sponsor.Type != hierarchy.TypeService {
		return hierarchy.Invalid("SPONSOR_INVALID", "sponsor", "%q cannot sponsor a key; a user or a service can", k.Sponsor)
	}
	return nil
}

// Live reports whether the key has not ended at an instant: a live one counts
// toward MaxKeys, whether or not it is disabled.
func (k *Key) Live(at int64) bool { return k.ExpiresAt == 0 || at < k.ExpiresAt }

// Accepts reports whether a key that is presented at an instant is this one. It
// compares with every secret, whichever fits.
func Accepts(secrets []Stored, p Presented, at int64) bool {
	found := false
	for i := range secrets {
		inTime := secrets[i].ExpiresAt == 0 || at < secrets[i].ExpiresAt
		found = (p.Matches(secrets[i].Hash) && inTime) || found
	}
	return found
}

// From reports whether an allow-list admits an address. An address that is not
// known is admitted by an empty list only.
func From(sources []netip.Prefix, addr netip.Addr) bool {
	if len(sources) == 0 {
		return true
	}
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(sources, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// Rotate puts a new secret before the one that is accepted now, which ends
// when the overlap does, and no later than the key itself would have.
func (k *Key) Rotate(next Hash, until int64) {
	old := k.Secrets[0]
	old.ExpiresAt = until
	if k.ExpiresAt != 0 && k.ExpiresAt < until {
		old.ExpiresAt = k.ExpiresAt
	}
	k.Secrets = []Stored{{Hash: next}, old}
}
