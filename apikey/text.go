package apikey

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"unsafe"

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
// proof. It does not hold the text. The zero Presented is none.
type Presented struct {
	uid         hierarchy.UID
	environment [MaxEnvironment]byte // and zeros behind it
	hash        Hash
}

// IsZero reports whether no key was presented: one that was has an environment.
func (p *Presented) IsZero() bool { return p.environment[0] == 0 }

// UID is what the ID of the key is made of that this one claims to be.
func (p Presented) UID() hierarchy.UID { return p.uid }

// Key is the key that this one claims to be.
func (p Presented) Key() hierarchy.Ref {
	return hierarchy.Ref{Type: hierarchy.TypeKey, ID: hierarchy.PrefixKey + p.uid.String()}
}

// Subject is whom the key claims to be, "key:key_…".
func (p Presented) Subject() string { return p.Key().String() }

// Environment is the one that the text names.
func (p Presented) Environment() string {
	return string(bytes.TrimRight(p.environment[:], "\x00"))
}

// Matches reports whether the presented text is the one that has been hashed,
// in a time that does not depend on either.
func (p Presented) Matches(stored Hash) bool { return p.hash.Equal(stored) }

// String is whom the key claims to be; the proof is left out.
func (p Presented) String() string { return p.Subject() }

// Mint makes the secret of a key, and its hash.
func Mint(environment string, id hierarchy.UID) (Secret, Hash) {
	var random [secretBytes]byte
	_, _ = rand.Read(random[:]) // never fails: see crypto/rand.Read
	text := scheme + environment + "_" + id.String() + "_" + alphabet.EncodeToString(random[:])
	sum := checksum(text)
	text += string(sum[:])
	return Secret{text}, sha256.Sum256(bytesOf(text))
}

func checksum(text string) (digits [checksumLen]byte) {
	var sum [4]byte
	binary.BigEndian.PutUint32(sum[:], crc32.ChecksumIEEE(bytesOf(text)))
	alphabet.Encode(digits[:], sum[:])
	return digits
}

// bytesOf are the bytes of a text, which must not be changed: they are not
// copied. What reads a secret would leave a copy of it in memory else.
func bytesOf(text string) []byte {
	return unsafe.Slice(unsafe.StringData(text), len(text)) //nolint:gosec // it is hashed, and nothing else
}

// Parse reads a key's text. The error is a *hierarchy.Error of KindInvalid,
// KEY_INVALID, and says nothing of the text: it may be the secret of something
// else.
func Parse(text string) (Presented, error) {
	rest, ok := strings.CutPrefix(text, scheme)
	environment, rest, cut := strings.Cut(rest, "_")
	if !ok || !cut || CheckEnvironment(environment) != nil || len(rest) != idLen+1+secretLen+checksumLen || rest[idLen] != '_' {
		return Presented{}, malformed("is not an API key, which has the form tg_<environment>_<id>_<secret>")
	}
	body := len(text) - checksumLen
	if sum := checksum(text[:body]); string(sum[:]) != text[body:] {
		return Presented{}, malformed("is an API key with a character that is wrong or missing: its checksum does not fit; copy it again")
	}
	uid, err := hierarchy.ParseUID(rest[:idLen])
	if err != nil {
		return Presented{}, malformed("is not an API key: its ID has a wrong form")
	}
	if !canonical(rest[idLen+1 : idLen+1+secretLen]) {
		return Presented{}, malformed("is not an API key: its secret has a wrong form")
	}
	p := Presented{uid: uid, hash: sha256.Sum256(bytesOf(text))}
	copy(p.environment[:], environment)
	return p, nil
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
