// Package cow has tables that are cheap to change a little and keep whole: a
// changed table shares all pages that did not change with the one before it,
// so that a snapshot of many thousand rows is replaced by copying a few.
//
// Tables are values. A copy of a table is a new version that shares
// everything with the old one. Changes are made under an Edit; a page that
// the edit has not copied yet is copied first. Once the edit is over nobody
// holds its token, and every page is immutable: versions may then be read by
// any number of goroutines at once.
package cow

// Edit is the token of one round of changes to new versions. Its identity is
// all there is to it. An edit belongs to one goroutine.
type Edit struct{ _ byte }

// pageRows is how many rows share a page. A change copies one page and the
// list of pages, so it balances the two for tables of about 10⁵ rows.
const pageRows = 128

// Vector is a sequence of rows.
type Vector[T any] struct {
	pages []*page[T]
	owner *Edit // of the slice of pages
	n     uint32
}

type page[T any] struct {
	owner *Edit
	rows  []T
}

// Len is the number of rows.
func (v *Vector[T]) Len() uint32 { return v.n }

// At is the row i, for reading only.
func (v *Vector[T]) At(i uint32) *T { return &v.pages[i/pageRows].rows[i%pageRows] }

// Edit is the row i, for writing under e.
func (v *Vector[T]) Edit(e *Edit, i uint32) *T { return &v.own(e, i/pageRows).rows[i%pageRows] }

// Append adds a row and returns its number.
func (v *Vector[T]) Append(e *Edit, row T) uint32 {
	i := v.n
	if i%pageRows == 0 {
		v.ownPages(e)
		v.pages = append(v.pages, &page[T]{owner: e})
	}
	p := v.own(e, i/pageRows)
	p.rows = append(p.rows, row)
	v.n++
	return i
}

func (v *Vector[T]) ownPages(e *Edit) {
	if v.owner != e {
		v.pages, v.owner = append(make([]*page[T], 0, len(v.pages)+1), v.pages...), e
	}
}

func (v *Vector[T]) own(e *Edit, i uint32) *page[T] {
	p := v.pages[i]
	if p.owner != e {
		v.ownPages(e)
		rows := append(make([]T, 0, min(len(p.rows)+len(p.rows)/4+1, pageRows)), p.rows...)
		p = &page[T]{owner: e, rows: rows}
		v.pages[i] = p
	}
	return p
}
