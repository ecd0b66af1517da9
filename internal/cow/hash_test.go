package cow

import (
	"bytes"
	"fmt"
	"math/bits"
	"testing"
)

// Every byte of a key, and its length, change its hash, at all lengths that
// any branch of it is taken for.
func TestHashReadsTheWholeKey(t *testing.T) {
	for n := range maxHashed + 20 {
		key := bytes.Repeat([]byte{'a'}, n)
		h := Hash(string(key))
		if Hash(string(append(key, 'a'))) == h {
			t.Errorf("a key of %d bytes and a longer one have one hash", n)
		}
		for i := range key {
			key[i] ^= 1
			if Hash(string(key)) == h {
				t.Errorf("byte %d of %d makes no difference", i, n)
			}
			key[i] ^= 1
		}
	}
}

// Names that differ little are spread like random numbers, over the slots by
// the low bits and over the tags by the high ones. The sums tell: that of the
// pairs which share a slot is about n²/2 divided by the slots.
func TestHashSpreadsNames(t *testing.T) {
	const n, buckets = 1 << 14, 1 << 10
	for _, format := range []string{"user:u%06d", "number:+4670%07d", "subproject:sub_01hf0000000000000000%06d", "%06d@service:a", "project:%06d-in-the-middle-of-it"} {
		for _, shift := range []int{0, 32, 54} {
			var in [buckets]int
			for i := range n {
				in[Hash(fmt.Sprintf(format, i))>>shift%buckets]++
			}
			pairs := 0
			for _, c := range in {
				pairs += c * (c - 1) / 2
			}
			if want := n * n / 2 / buckets; pairs > want*11/10 {
				t.Errorf("%s, bits from %d: %d pairs share a bucket, want about %d", format, shift, pairs, want)
			}
		}
	}
}

// Two processes hash alike by chance only: with other secrets, half of the
// bits are others.
func TestHashIsKeyed(t *testing.T) {
	const key = "subproject:sub_01hf00000000000000000000"
	mine := secrets
	defer func() { secrets = mine }()
	differ := 0
	for range 64 {
		h := Hash(key)
		secrets = drawSecrets()
		differ += bits.OnesCount64(h ^ Hash(key))
	}
	if differ < 64*32*9/10 || differ > 64*32*11/10 {
		t.Errorf("%d of %d bits differ, want about half", differ, 64*64)
	}
}

func BenchmarkHash(b *testing.B) {
	for _, key := range []string{"user:u001", "subproject:sub_11", "subproject:sub_01hf00000000000000000000"} {
		b.Run(fmt.Sprint(len(key)), func(b *testing.B) {
			for b.Loop() {
				Hash(key)
			}
		})
	}
}
