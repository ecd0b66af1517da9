package leak_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/apikey"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/leak"
)

const operator = "tg_operator_0123456789abcdefghjkmnpqrstvwxyz"

// ways are the ways in which a secret may come to stand somewhere.
func ways(secret string) map[string]string {
	quoted, _ := json.Marshal(map[string]string{"key": secret})
	return map[string]string{
		"plain":             "a line with " + secret + ", and more",
		"in a word":         "x" + secret + "y",
		"JSON":              string(quoted),
		"JSON, escaped":     strings.ReplaceAll(secret, "_", `\u005f`),
		"Redis's MONITOR":   strings.ReplaceAll(secret, "_", `\x5f`),
		"a URL":             "/x?key=" + url.QueryEscape(secret),
		"a URL, escaped":    strings.ReplaceAll(secret, "t", "%74"),
		"bytes":             fmt.Sprintf("%v", []byte(secret)),
		"hexadecimal":       "0x" + hex.EncodeToString([]byte(secret)),
		"Basic":             "Basic " + base64.StdEncoding.EncodeToString([]byte("me:"+secret)),
		"base64, after 1":   base64.RawURLEncoding.EncodeToString([]byte("1" + secret)),
		"base64, after 2":   base64.RawStdEncoding.EncodeToString([]byte("22" + secret)),
		"base64, run on":    "ab" + base64.StdEncoding.EncodeToString([]byte(secret)),
		"JSON in base64":    base64.StdEncoding.EncodeToString(quoted),
		"long after itself": strings.Repeat("tg_", 40) + secret,
	}
}

// Whatever way a secret is written in, it is found, and is not shown. What is
// not a whole secret, and its hash, is none.
func TestFind(t *testing.T) {
	minted, hash := apikey.Mint("test", hierarchy.NewUID(time.Now()))
	key := minted.Reveal()
	for name, secret := range map[string]string{"key": key, "operator's": operator} {
		for way, text := range ways(secret) {
			found := leak.Find([]byte(text))
			if len(found) == 0 {
				t.Errorf("%s, %s: not found in %s", name, way, text)
			}
			if strings.Contains(strings.Join(found, " "), secret) {
				t.Errorf("%s, %s: is shown", name, way)
			}
		}
	}
	other := byte('0')
	if key[len(key)-1] == other {
		other = '1'
	}
	for _, text := range []string{
		key[:len(key)-1], key[1:], key[:len(key)-1] + string(other), hex.EncodeToString(hash[:]), base64.StdEncoding.EncodeToString(hash[:]),
		operator[:len(operator)-1], "tg_operator_…", "key:key_" + key[8:34],
	} {
		if found := leak.Find([]byte(text)); len(found) != 0 {
			t.Errorf("in %s: %v", text, found)
		}
	}
	if found := leak.Find([]byte("user:hunter2"), "hunter2"); len(found) != 1 {
		t.Errorf("a known one: %v", found)
	}
}

// A secret is found in a stream wherever it is cut, and though much comes before
// and after it.
func TestStream(t *testing.T) {
	key, _ := apikey.Mint("test", hierarchy.NewUID(time.Now()))
	filling := []byte(strings.Repeat("nothing to be found here; ", 1000))
	for cut := range len(key.Reveal()) {
		var s leak.Stream
		for range 10 {
			_, _ = s.Write(filling)
		}
		if found := s.Found(); len(found) != 0 {
			t.Fatal(found)
		}
		_, _ = s.Write([]byte(key.Reveal()[:cut]))
		if found := s.Found(); len(found) != 0 {
			t.Fatal(found)
		}
		_, _ = s.Write([]byte(key.Reveal()[cut:]))
		for range 10 {
			_, _ = s.Write(filling)
		}
		if found := s.Found(); len(found) != 1 {
			t.Fatalf("cut at %d: %v", cut, found)
		}
	}
}
