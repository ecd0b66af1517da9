package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"pgregory.net/rapid"
)

// sealed is a file with these records, and with the right checksum.
func sealed(body []byte) []byte {
	file := append([]byte(dataHeader), body...)
	sum := sha256.Sum256(file)
	return append(file, sum[:]...)
}

// records are records of a file, each with its length.
func records(bodies ...string) (b []byte) {
	for _, body := range bodies {
		b = append(binary.AppendUvarint(b, uint64(len(body))), body...)
	}
	return b
}

func decodeBytes(file []byte, take func(*entry) error) error {
	_, err := decodeData(bytes.NewReader(file), int64(len(file)), take)
	return err
}

func restoreBytes(t testing.TB, file []byte) (*gate, error) {
	t.Helper()
	g, err := newGate()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.redis.Close)
	return g, decodeBytes(file, g.restore)
}

// hostile are files with a right checksum that are refused all the same.
var hostile = map[string][]byte{
	"nothing":               nil,
	"no end":                records("s\x00\x01k\x01v"),
	"only an end, wrong":    records(".\x01"),
	"an end without number": records("."),
	"after the end":         append(records(".\x00"), 'x'),
	"an empty record":       records("", ".\x01"),
	"an endless length":     bytes.Repeat([]byte{0xff}, 20),
	"a length past the end": binary.AppendUvarint(nil, 1<<40),
	"an unknown kind":       records("?\x00\x01k\x01v", ".\x01"),
	"no key":                records("s", ".\x01"),
	"no value":              records("s\x00\x01k", ".\x01"),
	"two values":            records("s\x00\x01k\x01v\x01v", ".\x01"),
	"a long text":           records("s\x00\x01k\xff\xff\xff\xff\xff\xff\xff\xff\x7fv", ".\x01"),
	"half a pair":           records("h\x00\x01k\x01f", ".\x01"),
	"no score":              records("z\x00\x01k\x01m\x01s", ".\x01"),
	"a score that is none":  records("z\x00\x01k\x01m\x03NaN", ".\x01"),
	"a stream of halves":    records("x\x00\x01k\x02\x031-0\x01f", ".\x01"),
	"many parts":            records("x\x00\x01k\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x031-0", ".\x01"),
	"an entry without ID":   records("x\x00\x01k\x01\x00", ".\x01"),
	"an entry of any ID":    records("x\x00\x01k\x03\x01*\x01f\x01v", ".\x01"),
	"entries out of order":  records("x\x00\x01k\x03\x032-0\x01f\x01v\x03\x031-0\x01f\x01v", ".\x01"),
	"keys out of order":     records("s\x00\x01k\x01v", "s\x00\x01j\x01v", ".\x02"),
	"a string twice":        records("s\x00\x01k\x01v", "s\x00\x01k\x01v", ".\x02"),
	"a key of two kinds":    records("h\x00\x01k\x01f\x01v", "e\x00\x01k\x01v", ".\x02"),
	"a time before time":    records("s\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01k\x01v", ".\x01"),
	"a short hash":          records("oshort", ".\x01"),
	"two hashes":            records("o"+strings.Repeat("h", 32), "o"+strings.Repeat("h", 32), ".\x02"),
}

func TestHostileFiles(t *testing.T) {
	for name, body := range hostile {
		if _, err := restoreBytes(t, sealed(body)); !errors.Is(err, errDamaged) && !errors.Is(err, errTruncated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, tc := range map[string]struct {
		file string
		want error
	}{
		"empty":         {"", errTruncated},
		"a beginning":   {"toll", errTruncated},
		"only a header": {dataHeader, errTruncated},
		"text":          {"Dear reader, this is no file of Tollgate's.", errNotData},
		"JSON":          {"{}", errNotData},
		"a version":     {strings.Replace(string(sealed(records(".\x00"))), "data 1", "data 2", 1), errVersion},
		"a checksum":    {dataHeader + string(records(".\x00")) + strings.Repeat("x", 32), errChecksum},
	} {
		if _, err := restoreBytes(t, []byte(tc.file)); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := restoreBytes(t, sealed(records(".\x00"))); err != nil {
		t.Errorf("the smallest file: %v", err)
	}
}

// TestDamage cuts a file short and spoils it everywhere: it is never opened,
// and never written to.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	k := openKept(t, path)
	k.must(signUp("a"))
	k.close()
	whole := contents(t, path)
	refused := func(what string, at int, file []byte) {
		if _, err := restoreBytes(t, file); err == nil {
			t.Fatalf("%s at %d of %d is accepted", what, at, len(file))
		}
	}
	for i := range whole {
		refused("an end", i, whole[:i])
		spoilt := bytes.Clone(whole)
		spoilt[i] ^= 1 << (i % 8)
		refused("a wrong bit", i, spoilt)
	}
	refused("more", len(whole), append(bytes.Clone(whole), 0))

	for name, file := range map[string][]byte{"truncated": whole[:len(whole)-1], "empty": nil, "damaged": append(bytes.Clone(whole), 0)} {
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := OpenData(path, Options{}, zap.NewNop())
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "move it away") || !bytes.Equal(contents(t, path), file) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil { // as the error says
		t.Fatal(err)
	}
	openKept(t, path).close()
}

func TestNoFileThere(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		dir:                           "it is not a file",
		filepath.Join(dir, "no", "x"): "does not exist: make it first",
	} {
		if _, _, err := OpenData(path, Options{}, zap.NewNop()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestEncodeDecode saves and restores keys of any shape.
func TestEncodeDecode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfNDistinct(rapid.Custom(anyEntry), 0, 20, func(e entry) string { return e.key }).Draw(t, "keys")
		want := append([]entry(nil), all...)
		var operator *[sha256.Size]byte
		if rapid.Bool().Draw(t, "a key was made") {
			operator = &[sha256.Size]byte{1, 2, 3}
		}
		sortEntries(all)
		sortEntries(want)
		var file bytes.Buffer
		if err := encodeData(&file, operator, all); err != nil {
			t.Fatal(err)
		}
		var got []entry
		hash, err := decodeData(&file, int64(file.Len()), func(e *entry) error {
			if n := len(got); n > 0 && got[n-1].key == e.key {
				got[n-1].parts, got[n-1].stream = append(got[n-1].parts, e.parts...), append(got[n-1].stream, e.stream...)
				return nil
			}
			got = append(got, *e)
			return nil
		})
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(entry{}), equateEmpty); err != nil || diff != "" || (hash == nil) != (operator == nil) {
			t.Fatalf("%v, %s", err, diff)
		}
	})
}

// TestNoLargeAllocation shows that a small file cannot ask for much memory.
func TestNoLargeAllocation(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, body := range hostile {
		_ = decodeBytes(sealed(body), func(*entry) error { return nil })
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / uint64(len(hostile)); each > 4*recordBytes {
		t.Errorf("%d bytes for a file of some dozen", each)
	}
}

// FuzzData reads files whose checksum is right: nothing panics, and what is
// accepted is saved and read again as the same.
func FuzzData(f *testing.F) {
	for _, body := range hostile {
		f.Add(body)
	}
	f.Add(records(".\x00"))
	f.Add(records("o"+strings.Repeat("h", 32), "s\x00\x01k\x01v", ".\x02"))
	f.Add(records("e\x00\x01e\x01v", "h\x00\x01h\x01f\x01v", "h\x00\x01h\x01g\x00", "l\x00\x01l\x01v\x01v", "x\x00\x01x\x03\x031-0\x01f\x01v", "z\x00\x01z\x01m\x040.25", ".\x06"))
	f.Fuzz(func(t *testing.T, body []byte) {
		_ = decodeBytes(body, func(*entry) error { return nil })
		g, err := restoreBytes(t, sealed(body))
		if err != nil {
			return
		}
		all, _, err := g.copy()
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprint(len(all), names(all))
		var file bytes.Buffer
		if err := encodeData(&file, nil, all); err != nil {
			t.Fatal(err)
		}
		again, err := restoreBytes(t, file.Bytes())
		if err != nil {
			t.Fatalf("what was saved of it is refused: %v", err)
		}
		all, _, err = again.copy()
		if got := fmt.Sprint(len(all), names(all)); err != nil || got != want {
			t.Fatalf("%v: %s after %s", err, got, want)
		}
	})
}

// narrow takes so many bytes, and then no more: a disk that is full.
type narrow struct{ left int }

func (w *narrow) Write(p []byte) (int, error) {
	if len(p) > w.left {
		n := w.left
		w.left = 0
		return n, errors.New("no space left on device")
	}
	w.left -= len(p)
	return len(p), nil
}

// TestFullDisk shows that a file that could not be written whole is no
// success, wherever the room ends.
func TestFullDisk(t *testing.T) {
	entries := func() []entry {
		large := strings.Repeat("v", recordBytes)
		return []entry{{key: "a", kind: kindString, parts: []string{large}}, {key: "b", kind: kindHash, parts: []string{"f", large, "g", "h"}}}
	}
	var whole bytes.Buffer
	if err := encodeData(&whole, nil, entries()); err != nil {
		t.Fatal(err)
	}
	for room := 0; room < whole.Len(); room += 97 {
		if err := encodeData(&narrow{room}, nil, entries()); err == nil {
			t.Fatalf("%d of %d bytes were enough", room, whole.Len())
		}
	}
	if err := encodeData(&narrow{whole.Len()}, nil, entries()); err != nil {
		t.Error(err)
	}
}
