package cow

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// A table and all its earlier versions agree with plain maps, whatever is
// done to later ones.
func TestVersionsKeepTheirRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type version struct {
			table Table[int]
			want  map[string]int
		}
		versions := []version{{want: map[string]int{}}}
		for range rapid.IntRange(1, 12).Draw(t, "versions") {
			last := versions[len(versions)-1]
			next := version{table: last.table, want: map[string]int{}}
			for k, v := range last.want {
				next.want[k] = v
			}
			e := new(Edit)
			for range rapid.IntRange(0, 300).Draw(t, "changes") {
				key := fmt.Sprint(rapid.IntRange(0, 2000).Draw(t, "key"))
				value := rapid.Int().Draw(t, "value")
				*next.table.Edit(e, next.table.Put(e, key)) = value
				next.want[key] = value
			}
			versions = append(versions, next)
		}
		for n, v := range versions {
			if int(v.table.Len()) != len(v.want) {
				t.Fatalf("version %d has %d rows, want %d", n, v.table.Len(), len(v.want))
			}
			for key, want := range v.want {
				i, ok := v.table.Find(key)
				if !ok || v.table.Key(i) != key || *v.table.At(i) != want {
					t.Fatalf("version %d, key %s: row %d, %v, want %d", n, key, i, ok, want)
				}
			}
			if _, ok := v.table.Find("absent"); ok {
				t.Fatalf("version %d finds what was never put", n)
			}
		}
	})
}

// A row of a shared page that is written without the edit would be seen by
// the older version: this is what Edit prevents.
func TestEditCopiesSharedPages(t *testing.T) {
	var old Vector[int]
	e := new(Edit)
	for i := range 3 * pageRows {
		old.Append(e, i)
	}
	next := old
	*next.Edit(new(Edit), 5) = -1
	if *old.At(5) != 5 || *next.At(5) != -1 {
		t.Fatalf("old version has %d, new one %d", *old.At(5), *next.At(5))
	}
	if &old.pages[1][0] != &next.pages[1][0] {
		t.Fatal("a page that did not change was copied")
	}
}

// Near is the row of a key where no other key is in its way, and some row or
// none where one is; to touch any number is harmless.
func TestNearIsMostlyTheRow(t *testing.T) {
	var table, empty Table[int]
	e := new(Edit)
	near := 0
	const keys = 1000
	for i := range keys {
		table.Put(e, fmt.Sprint("key-", i))
	}
	for i := range uint32(keys) {
		if table.Near(table.Key(i)) == i {
			near++
		}
	}
	if near < keys/2 {
		t.Errorf("%d of %d keys are near", near, keys)
	}
	if table.Near("absent") >= table.Len() || table.Touch(table.Len()) != 0 || table.Touch(1) != 'k'^'1' {
		t.Error("a row that is not there was touched")
	}
	if empty.Touch(empty.Near("absent")) != 0 {
		t.Error("an empty table has something to touch")
	}
}
