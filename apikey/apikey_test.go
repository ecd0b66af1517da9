package apikey

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

func mint(t testing.TB) (Secret, Hash, Presented) {
	t.Helper()
	s, h := Mint("live", hierarchy.NewUID(time.Now()))
	p, err := Parse(s.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	return s, h, p
}

func TestMintAndParse(t *testing.T) {
	id := hierarchy.NewUID(time.Now())
	s, h := Mint("test", id)
	p, err := Parse(s.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if want := "key:key_" + id.String(); p.Subject() != want || p.Environment() != "test" {
		t.Errorf("claims to be %s of %s, not %s of test", p.Subject(), p.Environment(), want)
	}
	if !p.Matches(h) {
		t.Error("a key does not match its own hash")
	}
	if _, other, _ := mint(t); p.Matches(other) {
		t.Error("a key matches the hash of another")
	}
}

// The bits that nobody can guess: of many keys of one ID no two characters'
// places are ever constant.
func TestSecretsAreRandom(t *testing.T) {
	id := hierarchy.NewUID(time.Now())
	first, _ := Mint("live", id)
	text := first.Reveal()
	from := len(text) - checksumLen - secretLen
	varied := make([]bool, secretLen)
	for range 200 {
		s, _ := Mint("live", id)
		for i := range varied {
			varied[i] = varied[i] || s.Reveal()[from+i] != text[from+i]
		}
	}
	for i, v := range varied {
		if !v {
			t.Errorf("character %d of the secret never varies", i)
		}
	}
}

// Any one character that is wrong, missing or too many is found without asking
// anybody, and so is a pair that changed places.
func TestTyposAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, _ := Mint("live", hierarchy.NewUID(time.Now()))
		text := []byte(s.Reveal())
		at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		switch rapid.IntRange(0, 3).Draw(t, "typo") {
		case 0:
			text[at] = rapid.Byte().Filter(func(b byte) bool { return b != text[at] }).Draw(t, "instead")
		case 1:
			text = append(text[:at:at], text[at+1:]...)
		case 2:
			text = append(text[:at:at], append([]byte{rapid.Byte().Draw(t, "more")}, text[at:]...)...)
		case 3:
			if at+1 == len(text) || text[at] == text[at+1] {
				t.Skip("nothing changes")
			}
			text[at], text[at+1] = text[at+1], text[at]
		}
		if _, err := Parse(string(text)); err == nil {
			t.Fatalf("a typo was not found")
		}
	})
}

// What refuses a text says nothing of it.
func TestErrorsKeepTheText(t *testing.T) {
	s, _, _ := mint(t)
	for _, text := range []string{s.Reveal()[:60], s.Reveal() + "x", "ghp_" + s.Reveal()[3:], strings.ToUpper(s.Reveal())} {
		_, err := Parse(text)
		var known *hierarchy.Error
		if !errors.As(err, &known) || known.Reason != "KEY_INVALID" {
			t.Fatalf("%v", err)
		}
		for i := 0; i+8 <= len(text); i++ {
			if part := text[i : i+8]; strings.Contains(err.Error(), part) {
				t.Fatalf("the error has %q of the text", part)
			}
		}
	}
}

func TestNothingShowsTheSecret(t *testing.T) {
	s, _, p := mint(t)
	holder := struct {
		S Secret
		P Presented
	}{s, p}
	var shown bytes.Buffer
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		fmt.Fprintf(&shown, format, holder)
		fmt.Fprintf(&shown, format, s)
		fmt.Fprintf(&shown, format, p)
	}
	if err := json.NewEncoder(&shown).Encode(holder); err != nil {
		t.Fatal(err)
	}
	text := s.Reveal()
	if secret := text[len(text)-checksumLen-secretLen:][:secretLen]; strings.Contains(shown.String(), secret[:12]) {
		t.Error("the secret is shown")
	}
}

func TestRotation(t *testing.T) {
	_, first, old := mint(t)
	_, second, next := mint(t)
	_, third, newest := mint(t)
	k := Key{Secrets: []Stored{{Hash: first}}, ExpiresAt: 1000}
	k.Rotate(second, 500)
	for at, want := range map[int64][2]bool{499: {true, true}, 500: {false, true}} {
		if got := [2]bool{Accepts(k.Secrets, old, at), Accepts(k.Secrets, next, at)}; got != want {
			t.Errorf("at %d the old and the new secret are accepted: %v, want %v", at, got, want)
		}
	}
	k.Rotate(third, 5000)
	if Accepts(k.Secrets, old, 1) {
		t.Error("a secret survives two rotations")
	}
	if Accepts(k.Secrets, next, 1000) {
		t.Error("a secret that was rotated out outlives its key")
	}
	if !Accepts(k.Secrets, next, 999) || !Accepts(k.Secrets, newest, 999) {
		t.Error("a secret within its overlap is refused")
	}
}

func TestSources(t *testing.T) {
	list := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	for addr, want := range map[string]bool{
		"192.0.2.7": true, "192.0.3.7": false, "2001:db8::1": true, "2001:db9::1": false,
		"::ffff:192.0.2.7": true, "2001:db8::1%eth0": true, "::1": false,
	} {
		if got := From(list, netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v, want %v", addr, got, want)
		}
	}
	if From(list, netip.Addr{}) || !From(nil, netip.Addr{}) {
		t.Error("an address that is not known is admitted by a list, or not without one")
	}
}

func TestCheck(t *testing.T) {
	for name, k := range map[string]Key{
		"SPONSOR_INVALID":  {Sponsor: hierarchy.Ref{Type: hierarchy.TypeKey, ID: "key_1"}},
		"SOURCE_INVALID":   {Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}},
		"TOO_MANY_SOURCES": {Sources: make([]netip.Prefix, MaxSources+1)},
	} {
		var known *hierarchy.Error
		if err := k.Check(); !errors.As(err, &known) || known.Reason != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is parsed is either refused or names a key by the rule of identifiers.
func FuzzParse(f *testing.F) {
	s, _ := Mint("live", hierarchy.UID{1})
	f.Add(s.Reveal())
	f.Add("tg_live__")
	f.Add("tg__" + strings.Repeat("0", 66))
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		if ref, err := hierarchy.ParseRef(p.Subject()); err != nil || ref.Type != hierarchy.TypeKey {
			t.Errorf("%q claims to be %q: %v", text, p.Subject(), err)
		}
		if !strings.HasPrefix(text, "tg_"+p.Environment()+"_"+strings.TrimPrefix(p.Subject(), "key:key_")+"_") {
			t.Errorf("%q claims to be %q", text, p.Subject())
		}
	})
}

func BenchmarkParse(b *testing.B) {
	s, _ := Mint("live", hierarchy.UID{1})
	for b.Loop() {
		if _, err := Parse(s.Reveal()); err != nil {
			b.Fatal(err)
		}
	}
}
