package authz

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// A token is a revision on the wire: opaque to whoever holds it, and bound to
// its account. Its bytes are a version, a digest of the account's ID, the
// revision's number and its identity, in URL-safe base64.
const (
	tokenVersion  = 1
	tokenDigest   = 6
	identityBytes = 8
	tokenBytes    = 24 // of the text, as long as there are few revisions
)

// Token writes a revision of an account as a token.
func Token(account string, r Revision) string {
	digest := sha256.Sum256([]byte(account))
	b := append(make([]byte, 0, 32), tokenVersion)
	b = append(b, digest[:tokenDigest]...)
	b = binary.AppendUvarint(b, r.Number)
	identity, _ := hex.DecodeString(r.Identity)
	b = append(b, identity...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseToken reads a token of an account. The error is a *hierarchy.Error of
// KindInvalid, also for another account's token.
func ParseToken(account, token string) (Revision, error) {
	of, r, err := splitToken(token)
	if err != nil {
		return Revision{}, err
	}
	digest := sha256.Sum256([]byte(account))
	if of != string(digest[:tokenDigest]) {
		return Revision{}, hierarchy.Invalid("REVISION_OF_ANOTHER_ACCOUNT", "at_least", "is a revision of another account than the one asked about")
	}
	if Token(account, r) != token { // base64 and varints have more than one spelling
		return Revision{}, malformed()
	}
	return r, nil
}

// checkToken refuses what is a revision of no account.
func checkToken(token string) error {
	_, _, err := splitToken(token)
	return err
}

// splitToken takes a token apart: the digest of its account, and the revision.
func splitToken(token string) (digest string, r Revision, err error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < 1+tokenDigest+1+identityBytes || b[0] != tokenVersion {
		return "", r, malformed()
	}
	digest, b = string(b[1:1+tokenDigest]), b[1+tokenDigest:]
	number, n := binary.Uvarint(b)
	if n <= 0 || len(b)-n != identityBytes {
		return "", r, malformed()
	}
	return digest, Revision{Number: number, Identity: hex.EncodeToString(b[n:])}, nil
}

func malformed() error {
	return hierarchy.Invalid("REVISION_INVALID", "at_least", "is not a revision; pass one on as a write or a check answered it")
}

// remembered is how many of its last revisions a snapshot knows by identity,
// so that a fresh token is recognised without asking the store.
const remembered = 32

// known is a revision that led to a snapshot, and its token.
type known struct {
	Revision
	token string
}

func remember(recent []known, k known) []known {
	if len(recent) >= remembered {
		recent = recent[len(recent)-remembered+1:]
	}
	return append(append(make([]known, 0, len(recent)+1), recent...), k)
}

// descends says whether the snapshot is of a revision or of one after it.
// It is not known of a revision that is no longer remembered.
func (s *Snapshot) descends(from Revision) (yes, known bool) {
	if from.Number > s.head.Number {
		return false, true
	}
	for _, r := range s.recent {
		if r.Number == from.Number {
			return r.Revision == from, true
		}
	}
	return false, false
}

// reaches reports whether the snapshot is known to be of a token's revision or
// of one after it; "" asks for none. The token need not be read: a revision
// has one only.
func (s *Snapshot) reaches(token string) bool {
	if token == "" || token == s.token {
		return true
	}
	for i := len(s.recent) - 1; i >= 0; i-- {
		if s.recent[i].token == token {
			return true
		}
	}
	return false
}
