package store

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

var equateEmpty = cmpopts.EquateEmpty()

// anyEntry draws a key.
func anyEntry(t *rapid.T) entry {
	text := rapid.Custom(func(t *rapid.T) string {
		s := string(rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(t, "bytes"))
		if rapid.IntRange(0, 20).Draw(t, "large") == 0 {
			s = strings.Repeat(s, recordBytes/8)
		}
		return s
	})
	e := entry{
		key:     text.Draw(t, "key"),
		kind:    rapid.SampledFrom([]kind{kindString, kindList, kindSet, kindHash, kindSorted, kindStream}).Draw(t, "kind"),
		expires: rapid.Int64Min(0).Draw(t, "expires"),
	}
	things := rapid.IntRange(1, 30).Draw(t, "things")
	if e.kind == kindString {
		things = 1
	}
	for i := range things {
		if e.kind == kindStream {
			pairs := rapid.IntRange(0, 3).Draw(t, "fields")
			e.stream = append(e.stream, miniredis.StreamEntry{ID: fmt.Sprint(i+1) + "-0", Values: rapid.SliceOfN(text, 2*pairs, 2*pairs).Draw(t, "values")})
			continue
		}
		for range e.kind.width() {
			e.parts = append(e.parts, text.Draw(t, "part"))
		}
	}
	return e
}

func sortEntries(all []entry) {
	slices.SortFunc(all, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
}

// names says what there is, without when it ends: that may be now.
func names(all []entry) (s string) {
	for _, e := range all {
		things := []string{}
		e.each(func(parts []string) bool {
			things = append(things, fmt.Sprintf("%q", parts))
			return true
		})
		if e.kind == kindSorted || e.kind == kindSet {
			slices.Sort(things)
		}
		s += fmt.Sprintf("%c %q %v\n", e.kind, e.key, things)
	}
	return s
}
