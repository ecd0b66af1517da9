package cow

import (
	"hash/maphash"
	"slices"
)

// Table is a vector of rows that are found by a string. Rows are numbered in
// the order in which their keys came, and keep their numbers: a table never
// forgets a key. The zero Table is empty.
type Table[T any] struct {
	rows  Vector[keyed[T]]
	index index
	text  int // bytes of the keys
}

type keyed[T any] struct {
	key string
	row T
}

var seed = maphash.MakeSeed()

// Len is the number of rows.
func (t *Table[T]) Len() uint32 { return t.rows.Len() }

// Find returns the number of the row of a key.
func (t *Table[T]) Find(key string) (uint32, bool) {
	if len(t.index.pages) == 0 {
		return 0, false
	}
	h := Hash(key)
	tag := tagOf(h)
	for slot := uint32(h) & t.index.mask; ; slot = (slot + 1) & t.index.mask {
		s := t.index.at(slot)
		if s.tag == 0 {
			return 0, false
		}
		if s.tag == tag && t.rows.At(s.row).key == key {
			return s.row, true
		}
	}
}

// Key is the key of row i.
func (t *Table[T]) Key(i uint32) string { return t.rows.At(i).key }

// At is row i, for reading only.
func (t *Table[T]) At(i uint32) *T { return &t.rows.At(i).row }

// Edit is row i, for writing under e.
func (t *Table[T]) Edit(e *Edit, i uint32) *T { return &t.rows.Edit(e, i).row }

// Put returns the number of the row of a key, which is new and zero if the
// key is.
func (t *Table[T]) Put(e *Edit, key string) uint32 {
	if i, ok := t.Find(key); ok {
		return i
	}
	i := t.rows.Append(e, keyed[T]{key: key})
	t.text += textBytes(len(key))
	if t.rows.Len() > t.index.capacity() {
		t.index = makeIndex(e, 2*t.rows.Len())
		for j := range t.rows.Len() {
			t.index.put(e, Hash(t.rows.At(j).key), j)
		}
		return i
	}
	t.index.put(e, Hash(key), i)
	return i
}

// index is a hash table with open addressing, in pages.
type index struct {
	pages [][]slot
	own   owners
	mask  uint32 // number of slots - 1
}

// A page of 4 KiB, or less if the whole index is smaller.
const pageSlots = 512

// slot has a part of the key's hash, never 0, and the row.
type slot struct{ tag, row uint32 }

func tagOf(h uint64) uint32 { return uint32(h>>32) | 1 }

// makeIndex makes an index of at least n slots, a power of two.
func makeIndex(e *Edit, n uint32) index {
	size := uint32(8)
	for size < n {
		size *= 2
	}
	ix := index{own: owners{list: e}, mask: size - 1}
	for left := size; left > 0; left -= min(left, pageSlots) {
		ix.pages, ix.own.page = append(ix.pages, make([]slot, min(left, pageSlots))), append(ix.own.page, e)
	}
	return ix
}

// capacity is how many keys the index takes before it grows: three quarters
// of its slots.
func (ix *index) capacity() uint32 {
	if len(ix.pages) == 0 {
		return 0
	}
	return (ix.mask + 1) / 4 * 3
}

func (ix *index) at(i uint32) slot { return ix.pages[i/pageSlots][i%pageSlots] }

func (ix *index) put(e *Edit, h uint64, row uint32) {
	i := uint32(h) & ix.mask
	for ix.at(i).tag != 0 {
		i = (i + 1) & ix.mask
	}
	if ix.own.list != e {
		ix.pages, ix.own = slices.Clone(ix.pages), owners{e, slices.Clone(ix.own.page)}
	}
	p := i / pageSlots
	if ix.own.page[p] != e {
		ix.pages[p], ix.own.page[p] = slices.Clone(ix.pages[p]), e
	}
	ix.pages[p][i%pageSlots] = slot{tagOf(h), row}
}
