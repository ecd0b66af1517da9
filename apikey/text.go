package apikey

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"strings"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// The parts of a key's text.
const (
	scheme      = "tg_"
	idLen       = 26
	secretBytes = 20
	secretLen   = 32
	checksumLen = 7

	// MaxEnvironment is the longest name of an environment, in bytes.
	MaxEnvironment = 16
)

// alphabet is Crockford's in lower case, as in a hierarchy.UID: no character
// looks like another.
var alphabet = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// Hash is what is stored of a key: the SHA-256 of its text. The text has 160
// random bits, so that a hash without salt or delay keeps them.
type Hash [sha256.Size]byte

// Equal compares two hashes in a time that does not depend on them.
func (h Hash) Equal(other Hash) bool { return subtle.ConstantTimeCompare(h[:], other[:]) == 1 }

// Secret is the text of a key that was just made. It shows itself to nobody
// who does not ask for it by Reveal: neither to a log nor to an encoder.
type Secret struct{ text string }

// Reveal is the text itself.
func (s Secret) Reveal() string { return s.text }

// String hides the text.
func (Secret) String() string { return "[secret]" }

// GoString hides the text from %#v.
func (Secret) GoString() string { return "apikey.Secret{}" }

// MarshalText hides the text from encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// Presented is a key as somebody has shown it: which it claims to be, and the
// proof. It does not hold the text.
type Presented struct {
	// Subject is whom the key claims to be, "key:key_…".
	Subject string
	// Environment is the one that the text names.
	Environment string
	hash        Hash
}

// Matches reports whether the presented text is the one that has been hashed,
// in a time that does not depend on either.
func (p *Presented) Matches(stored Hash) bool { return p.hash.Equal(stored) }

// String is whom the key claims to be; the proof is left out.
func (p *Presented) String() string { return p.Subject }

// Mint makes the secret of a key, and its hash.
func Mint(environment string, id hierarchy.UID) (Secret, Hash) {
	var random [secretBytes]byte
	_, _ = rand.Read(random[:]) // never fails: see crypto/rand.Read
	text := scheme + environment + "_" + id.String() + "_" + alphabet.EncodeToString(random[:])
	text += checksum(text)
	return Secret{text}, sha256.Sum256([]byte(text))
}

func checksum(text string) string {
	var sum [4]byte
	binary.BigEndian.PutUint32(sum[:], crc32.ChecksumIEEE([]byte(text)))
	return alphabet.EncodeToString(sum[:])
}

// Parse reads a key's text. The error is a *hierarchy.Error of KindInvalid,
// KEY_INVALID, and says nothing of the text: it may be the secret of something
// else.
func Parse(text string) (*Presented, error) {
	rest, ok := strings.CutPrefix(text, scheme)
	environment, rest, cut := strings.Cut(rest, "_")
	if !ok || !cut || CheckEnvironment(environment) != nil || len(rest) != idLen+1+secretLen+checksumLen || rest[idLen] != '_' {
		return nil, malformed("is not an API key, which has the form tg_<environment>_<id>_<secret>")
	}
	body := len(text) - checksumLen
	if checksum(text[:body]) != text[body:] {
		return nil, malformed("is an API key with a character that is wrong or missing: its checksum does not fit; copy it again")
	}
	id := rest[:idLen]
	if _, err := hierarchy.ParseUID(id); err != nil {
		return nil, malformed("is not an API key: its ID has a wrong form")
	}
	if !canonical(rest[idLen+1 : idLen+1+secretLen]) {
		return nil, malformed("is not an API key: its secret has a wrong form")
	}
	return &Presented{
		Subject:     hierarchy.TypeKey + ":" + hierarchy.PrefixKey + id,
		Environment: strings.Clone(environment), // the text is not to stay in memory with it
		hash:        sha256.Sum256([]byte(text)),
	}, nil
}

// canonical reports whether all of s is of the alphabet.
func canonical(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z' || c == 'i' || c == 'l' || c == 'o' || c == 'u') {
			return false
		}
	}
	return true
}

func malformed(why string) error { return hierarchy.Invalid("KEY_INVALID", "api_key", "%s", why) }

// CheckEnvironment refuses what cannot name an environment: it is 1 to 16
// lower-case letters and digits.
func CheckEnvironment(name string) error {
	ok := name != "" && len(name) <= MaxEnvironment
	for i := range len(name) {
		c := name[i]
		ok = ok && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
	}
	if !ok {
		return hierarchy.Invalid("ENVIRONMENT_INVALID", "", "an environment is named by 1 to %d lower-case letters and digits, such as live", MaxEnvironment)
	}
	return nil
}
