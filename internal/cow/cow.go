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
	pages [][]T
	own   owners
	n     uint32
}

// owners are the edits that made the pages of a table, and may still write
// them. They stand apart from the pages: who reads does not need them.
type owners struct {
	list *Edit   // of the lists themselves
	page []*Edit // of each page
}

// Len is the number of rows.
func (v *Vector[T]) Len() uint32 { return v.n }

// At is the row i, for reading only.
func (v *Vector[T]) At(i uint32) *T { return &v.pages[i/pageRows][i%pageRows] }

// Edit is the row i, for writing under e.
func (v *Vector[T]) Edit(e *Edit, i uint32) *T {
	p := i / pageRows
	v.take(e, p)
	return &v.pages[p][i%pageRows]
}

// Append adds a row and returns its number.
func (v *Vector[T]) Append(e *Edit, row T) uint32 {
	i := v.n
	p := i / pageRows
	if i%pageRows == 0 {
		v.takeLists(e)
		v.pages, v.own.page = append(v.pages, nil), append(v.own.page, e)
	}
	v.take(e, p)
	v.pages[p] = append(v.pages[p], row)
	v.n++
	return i
}

func (v *Vector[T]) takeLists(e *Edit) {
	if v.own.list != e {
		v.pages = append(make([][]T, 0, len(v.pages)+1), v.pages...)
		v.own = owners{e, append(make([]*Edit, 0, len(v.pages)+1), v.own.page...)}
	}
}

// take makes page p one that e may write.
func (v *Vector[T]) take(e *Edit, p uint32) {
	if v.own.page[p] == e {
		return
	}
	v.takeLists(e)
	old := v.pages[p]
	v.pages[p] = append(make([]T, 0, min(len(old)+len(old)/4+1, pageRows)), old...)
	v.own.page[p] = e
}
