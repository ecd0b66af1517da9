package hierarchy

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// Prefixes of the IDs that Tollgate makes.
const (
	PrefixAccount        = "acc_"
	PrefixBillingAccount = "bil_"
	PrefixProject        = "prj_"
	PrefixSubproject     = "sub_"
	PrefixBinding        = "bnd_"
	PrefixKey            = "key_"
)

// PlatformID is the ID of the account that stands for the platform itself: it
// has the platform's service keys, and what is bound there holds in every
// account.
const PlatformID = "platform"

// UID is the part of a made ID behind its prefix: 48 bits of milliseconds
// since 1970, then 80 random bits, so that IDs sort by the time they were
// made and are never made twice.
type UID [16]byte

// Crockford's alphabet in lower case: it sorts as its values do.
const uidAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

var uidText = base32.NewEncoding(uidAlphabet).WithPadding(base32.NoPadding)

// NewUID makes a UID from the time now and the system's randomness.
func NewUID(now time.Time) UID {
	var u UID
	binary.BigEndian.PutUint64(u[:], uint64(now.UnixMilli())<<16)
	_, _ = rand.Read(u[6:]) // never fails: see crypto/rand.Read
	return u
}

func (u UID) String() string { return uidText.EncodeToString(u[:]) }

// ParseUID reads what String wrote.
func ParseUID(s string) (UID, error) {
	var u UID
	const bits, spare = 5, 2 // of a character, and of the last one beyond the UID
	if len(s) != uidLen {
		return u, fmt.Errorf("%q is not %d characters", s, uidLen)
	}
	var hi, lo uint64
	var all byte
	for i := range uidLen - 1 {
		digit := uidDigits[s[i]]
		all |= digit
		hi, lo = hi<<bits|lo>>(64-bits), lo<<bits|uint64(digit)
	}
	last := uidDigits[s[uidLen-1]]
	if all|last == noDigit || last&(1<<spare-1) != 0 {
		return u, fmt.Errorf("%q is not in canonical form", s)
	}
	hi, lo = hi<<(bits-spare)|lo>>(64-bits+spare), lo<<(bits-spare)|uint64(last>>spare)
	binary.BigEndian.PutUint64(u[:8], hi)
	binary.BigEndian.PutUint64(u[8:], lo)
	return u, nil
}

// uidLen is how many characters a UID's text has.
const uidLen = 26

// uidDigits are the values of the alphabet's characters.
var uidDigits = makeUIDDigits()

// noDigit is the value of whatever is not of the alphabet.
const noDigit = 0xff

func makeUIDDigits() (digits [256]byte) {
	for c := range digits {
		digits[c] = noDigit
	}
	for value, c := range []byte(uidAlphabet) {
		digits[c] = byte(value)
	}
	return digits
}

// BindingID is the ID of a binding, "bnd_<uid>@<account>". It names its
// account, so that a binding is found without a locator of its own; whoever
// may see a binding knows its account.
func BindingID(u UID, account string) string {
	return PrefixBinding + u.String() + "@" + account
}

// ParseBindingID splits what BindingID made.
func ParseBindingID(s string) (u UID, account string, err error) {
	uid, account, found := strings.Cut(strings.TrimPrefix(s, PrefixBinding), "@")
	if found && strings.HasPrefix(s, PrefixBinding) {
		if u, err = ParseUID(uid); err == nil {
			return u, account, Ref{TypeAccount, account}.Check()
		}
	}
	return UID{}, "", Invalid("IDENTIFIER_INVALID", "", "%s is not the ID of a binding, which has the form bnd_…@account", quote(s))
}
