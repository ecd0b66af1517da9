package cow

// Near is the row that a key has if the first slot of its hash is its own, as
// it mostly is; any row if not. Together with Touch it brings what Find is
// going to read into the processor's cache: where several tables are asked,
// all of them at once rather than one after another.
func (t *Table[T]) Near(key string) uint32 {
	if len(t.index.pages) == 0 {
		return 0
	}
	return t.index.at(uint32(Hash(key)) & t.index.mask).row
}

// Touch reads from row i and from its key. What it returns means nothing, but
// has to be used, or nothing is read.
func (t *Table[T]) Touch(i uint32) byte {
	if i >= t.rows.Len() {
		return 0
	}
	key := t.rows.At(i).key
	return key[0] ^ key[len(key)-1]
}
