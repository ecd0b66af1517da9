package api

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var texts = []string{
	`{}`, `[]`, `0`, `-0.5e+10`, `"a"`, ` { "a" : [ 1 , true , null , { } ] } `, `"\u00e5\ud83d\ude00\n\/"`, `"å😀"`,
	``, ` `, `{`, `}`, `[`, `{"a"}`, `{"a":}`, `{"a":1,}`, `[1,]`, `{a:1}`, `'a'`, `01`, `+1`, `1.`, `.5`, `1e`, `-`, `NaN`, `tru`, `nulll`,
	`"\x"`, `"\u12"`, `"\ud800"`, `"\ud800\u0041"`, `"\udc00"`, "\"\x01\"", "\"\xff\"", `"\`, `"`, `{} {}`, `{}x`, "{}\x00", `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`,
	`{"subject":"user:ann","permission":"number.update","resource":"number:1"}`,
	`{"subject":"user:ann","permission":"number.update","resource":"number:1","account":"a","parent":"p:1","at_least":"x","require_billing":true,"explain":false}`,
	`{"subject":null,"permission":1,"resource":{"a":[]}}`, `{"subject":"","permission":"a.b","resource":"a:b"}`, `{"Subject":"user:ann","permission":"a.b","resource":"a:b"}`,
	`{"subject":"a","subject":"b","permission":"a.b","resource":"a:b"}`, `{"subject":"\u0075ser:\u00e5","permission":"a.b","resource":"a:b","explain":"true"}`,
	strings.Repeat("[", 60) + strings.Repeat("]", 60), strings.Repeat("[", 100) + strings.Repeat("]", 100),
}

// The scanner takes what encoding/json takes, less what two readers could
// understand differently: names that stand twice, and text that is no text.
func FuzzJSON(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		ours := checkJSON(text) == nil
		theirs := json.Valid(text)
		if ours && !theirs {
			t.Errorf("taken, though it is not JSON: %q", text)
		}
		if theirs && !ours && utf8.Valid(text) && !ambiguous(text) && !bytes.Contains(bytes.ToLower(text), []byte(`\ud`)) {
			t.Errorf("not taken, though it is JSON: %q", text)
		}
	})
}

// ambiguous reports whether a name stands twice in an object of valid JSON, or
// nesting is deep. It is written on encoding/json, the other way round.
func ambiguous(text []byte) bool {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	type level struct {
		names map[string]bool // nil in an array
		name  bool            // a name comes next
	}
	var levels []level
	for {
		token, err := d.Token()
		if err != nil {
			return err != io.EOF
		}
		top := len(levels) - 1
		if delim, ok := token.(json.Delim); ok && (delim == '}' || delim == ']') {
			levels = levels[:top]
			continue
		}
		if top >= 0 && levels[top].names != nil {
			if levels[top].name {
				name := token.(string)
				if levels[top].names[name] {
					return true
				}
				levels[top].names[name], levels[top].name = true, false
				continue
			}
			levels[top].name = true
		}
		switch token {
		case json.Delim('{'):
			levels = append(levels, level{map[string]bool{}, true})
		case json.Delim('['):
			levels = append(levels, level{})
		}
		if len(levels) > MaxDepth {
			return true
		}
	}
}

// A check that is read by hand is what encoding/json reads.
func FuzzQuestion(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var q question
		if readQuestion(text, &q, &checkShape) != nil {
			return // what is refused, TestHotBodiesFollowTheDocument compares
		}
		var theirs Check
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&theirs); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		ours := Check{Subject: q.Subject, Permission: q.Permission, Resource: q.Resource, Account: q.Account, Parent: q.Parent, AtLeast: q.AtLeast, RequireBilling: q.RequireBilling, Explain: q.explain}
		if diff := cmp.Diff(theirs, ours); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	})
}

// What is appended by hand is what encoding/json reads back.
func FuzzString(f *testing.F) {
	for _, text := range []string{"", "a", "\"\\/\b\f\n\r\t\x00\x1f\x7f", "å😀\u2028", "a\xffb\xc3", "\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var back string
		if err := json.Unmarshal(appendString(nil, text), &back); err != nil {
			t.Fatal(err)
		}
		theirs, err := json.Marshal(text)
		must(t, err)
		var want string
		must(t, json.Unmarshal(theirs, &want))
		if back != want {
			t.Errorf("%q became %q, by encoding/json %q", text, back, want)
		}
	})
}
