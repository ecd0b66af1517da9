package cow

import "unsafe"

// Bytes is about how much memory the vector takes, without what its rows
// point to. Pages that it shares with other versions are counted in each.
func (v *Vector[T]) Bytes() int {
	if len(v.pages) == 0 {
		return 0
	}
	var row T
	last := len(v.pages) - 1
	rows := last*pageRows + cap(v.pages[last])
	return rows*int(unsafe.Sizeof(row)) + listBytes(cap(v.pages), cap(v.own.page))
}

// Bytes is about how much memory the table takes, the text of its keys
// included, without what its rows point to. Pages that it shares with other
// versions are counted in each.
func (t *Table[T]) Bytes() int {
	slots := int(t.index.mask) + 1
	if len(t.index.pages) == 0 {
		slots = 0
	}
	return t.rows.Bytes() + slots*int(unsafe.Sizeof(slot{})) + listBytes(cap(t.index.pages), cap(t.index.own.page)) + t.text
}

// listBytes are those of a list of pages, and of the list of their owners.
func listBytes(pages, owners int) int {
	const page, owner = int(unsafe.Sizeof([]byte(nil))), int(unsafe.Sizeof((*Edit)(nil)))
	return pages*page + owners*owner
}

// textBytes is about what an allocation of n bytes of text takes.
func textBytes(n int) int { return (n + 15) &^ 15 }
