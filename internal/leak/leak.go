// Package leak finds secrets where there are to be none: in what a program
// logs, answers, stores and leaves behind when it ends. Tests look through all
// of that with it.
//
// It knows a secret by its form, and so finds those that a test has made without
// being told of them: an API key has a checksum, which nothing else has by
// chance, and an operator's key that Tollgate has made has a prefix and a length.
// The hash of a key is none, nor is a part of a key.
package leak

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tollgate-dev/tollgate/apikey"
)

// Find returns what secrets there are in text, without the secrets themselves:
// plain, escaped as in JSON and in URLs, in hexadecimal, in base64 however it
// begins, and as the numbers that Go prints of bytes; and one in the other. Known
// are secrets of no form, such as a password that a test has chosen.
func Find(text []byte, known ...string) (found []string) {
	found = plain(text, known)
	for _, of := range encodings {
		for run := range of.runs(text) {
			for _, inner := range of.decode(run) {
				for _, f := range plain(inner, known) {
					found = append(found, f+" in "+of.name)
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

var (
	apiKeys      = regexp.MustCompile(`tg_[a-z0-9]{1,16}_[0-9a-z]{26}_[0-9a-z]{39}`)
	operatorKeys = regexp.MustCompile(`tg_operator_[0-9a-z]{32}`)
)

// plain finds secrets as they are, and where a few characters of them are
// escaped.
func plain(text []byte, known []string) (found []string) {
	if bytes.ContainsAny(text, `%\`) {
		text = unescape(text)
	}
	for _, key := range apiKeys.FindAll(text, -1) {
		if p, err := apikey.Parse(string(key)); err == nil {
			found = append(found, "the secret of "+p.Subject())
		}
	}
	if operatorKeys.Match(text) {
		found = append(found, "an operator's key")
	}
	for i, secret := range known {
		if bytes.Contains(text, []byte(secret)) {
			found = append(found, fmt.Sprint("known secret ", i))
		}
	}
	return found
}

var escapes = regexp.MustCompile(`(?:%|\\x|\\u00)[2-7][0-9a-fA-F]`)

// unescape takes the escapes of ASCII out: %5f, \x5f and \u005f.
func unescape(text []byte) []byte {
	return escapes.ReplaceAllFunc(text, func(escape []byte) []byte {
		c, _ := strconv.ParseUint(string(escape[len(escape)-2:]), 16, 8) // it is two digits
		return []byte{byte(c)}
	})
}

// encoding is a way to write bytes in other characters. A run of those is read
// from wherever it may begin.
type encoding struct {
	name   string
	of     [256]bool
	least  int // a secret of a form is longer
	decode func(run []byte) [][]byte
}

const digits = "0123456789"

var encodings = []encoding{
	{"hexadecimal", set(digits + "abcdefABCDEF"), 48, fromHex},
	{"base64", set(digits + "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/-_"), 24, fromBase64},
	{"numbers", set(digits + " ,"), 80, fromNumbers},
}

func set(of string) (has [256]bool) {
	for i := range len(of) {
		has[of[i]] = true
	}
	return has
}

// runs are the runs in a text of an encoding's characters.
func (e *encoding) runs(text []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		from := 0
		for i := 0; i <= len(text); i++ {
			if i < len(text) && e.of[text[i]] {
				continue
			}
			if i-from >= e.least && !yield(text[from:i]) {
				return
			}
			from = i + 1
		}
	}
}

func fromHex(run []byte) (read [][]byte) {
	for from := range 2 {
		whole := run[from : len(run)-(len(run)-from)%2]
		raw := make([]byte, hex.DecodedLen(len(whole)))
		if _, err := hex.Decode(raw, whole); err == nil {
			read = append(read, raw)
		}
	}
	return read
}

// fromBase64 reads both alphabets, from each of the characters that a group of
// four may begin with.
func fromBase64(run []byte) (read [][]byte) {
	standard := []byte(strings.NewReplacer("-", "+", "_", "/").Replace(string(run)))
	for from := range 4 {
		whole := standard[from:]
		if len(whole)%4 == 1 { // no bytes are encoded like that
			whole = whole[:len(whole)-1]
		}
		raw := make([]byte, base64.RawStdEncoding.DecodedLen(len(whole)))
		n, _ := base64.RawStdEncoding.Decode(raw, whole) // as far as it goes
		read = append(read, raw[:n])
	}
	return read
}

func fromNumbers(run []byte) [][]byte {
	var raw []byte
	for number := range strings.FieldsFuncSeq(string(run), func(r rune) bool { return r == ' ' || r == ',' }) {
		n, _ := strconv.Atoi(number) // it is three digits at most
		raw = append(raw, byte(min(n, 255)))
	}
	return [][]byte{raw}
}
