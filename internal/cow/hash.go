package cow

import (
	"crypto/rand"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// A check hashes three keys. Of hash/maphash that is three calls deep each, with
// branches on the length, which no processor foresees when lengths vary. This
// one is for keys of 8 to 256 bytes, as identifiers and permissions are. It adds
// up products of pairs of words, each word with a random number of its own added
// to it (NH, of UMAC and VMAC), and folds the sum. The numbers are drawn for each
// process: whoever chooses keys cannot choose which of them collide.

const (
	minHashed = 8
	maxHashed = 256
)

// secrets are added to words, the last one but to the length.
var secrets = drawSecrets()

func drawSecrets() (s [maxHashed/8 + 1]uint64) {
	var b [8]byte
	for i := range s {
		_, _ = rand.Read(b[:]) // never fails
		s[i] = binary.LittleEndian.Uint64(b[:])
	}
	return s
}

// Hash is a key's hash in this process.
func Hash(key string) uint64 {
	last := len(key) - 8 // where the last word begins
	if last < 0 || len(key) > maxHashed {
		return maphash.String(seed, key)
	}
	// The first two words and the last two, which are all of a key of up to 32
	// bytes: in a shorter one they overlap. Then what lies between them.
	s := sum{}.plus(word(key, 0)+secrets[0], word(key, min(8, last))+secrets[1]).
		plus(word(key, max(last-8, 0))+secrets[2], word(key, last)+secrets[3])
	for i := 16; i < last-8; i += 16 {
		s = s.plus(word(key, i)+secrets[i/8+2], word(key, min(i+8, last))+secrets[i/8+3])
	}
	hi, lo := bits.Mul64(s.hi^s.lo, uint64(len(key))+secrets[len(secrets)-1])
	return hi ^ lo
}

// sum is a number of 128 bits.
type sum struct{ hi, lo uint64 }

// plus adds a product.
func (s sum) plus(a, b uint64) sum {
	hi, lo := bits.Mul64(a, b)
	lo, carry := bits.Add64(s.lo, lo, 0)
	hi, _ = bits.Add64(s.hi, hi, carry)
	return sum{hi, lo}
}

// word is the word at byte i; the compiler makes one load of it.
func word(s string, i int) uint64 {
	s = s[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
