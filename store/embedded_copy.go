package store

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// kind is the type of a key, as it stands in a file.
type kind byte

// The kinds of keys. Their parts are what one thing in a key is made of, in
// order.
const (
	kindString kind = 's' // value
	kindList   kind = 'l' // value
	kindSet    kind = 'e' // member
	kindHash   kind = 'h' // field, value
	kindSorted kind = 'z' // member, score in decimal
	kindStream kind = 'x' // ID, then field and value of each of the entry's fields
)

// entry is a key and what it holds. It shares its texts with the server, where
// they never change.
type entry struct {
	key     string
	kind    kind
	expires int64    // milliseconds since 1970; 0 for never
	parts   []string // of everything but streams
	stream  []miniredis.StreamEntry
}

// width is how many parts one thing in a key has; for an entry of a stream it
// varies.
func (k kind) width() int {
	switch k {
	case kindHash, kindSorted:
		return 2
	case kindString, kindList, kindSet:
		return 1
	}
	return 0
}

// each calls f with the parts of each thing in the key, until f returns false.
func (e *entry) each(f func(parts []string) bool) {
	for _, s := range e.stream {
		if !f(append([]string{s.ID}, s.Values...)) {
			return
		}
	}
	if e.kind == kindStream {
		return
	}
	for parts := range slices.Chunk(e.parts, e.kind.width()) {
		if !f(parts) {
			return
		}
	}
}

// copy is all that the server holds as of one moment, in the order of the
// keys, and how many changes there had been by then. The server stands still
// meanwhile. What is copied are references to texts, 16 bytes each, not the
// texts.
func (g *gate) copy() (all []entry, changes uint64, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	all, err = g.walk()
	return all, g.changes, err
}

// walk copies key by key.
func (g *gate) walk() ([]entry, error) {
	db := g.redis.DB(0)
	now := time.Now().Add(-time.Since(g.ticked)) // by the clock as it now is
	keys := db.Keys()
	all := make([]entry, 0, len(keys))
	for _, key := range keys {
		e := entry{key: key}
		if err := e.read(db); err != nil {
			return nil, fmt.Errorf("the key %q: %w", key, err)
		}
		if left := db.TTL(key); left > 0 {
			e.expires = max(now.Add(left).UnixMilli(), 1)
		}
		all = append(all, e)
	}
	return all, nil
}

// read copies what the key holds.
func (e *entry) read(db *miniredis.RedisDB) (err error) {
	switch held := db.Type(e.key); held {
	case "string":
		e.kind, e.parts = kindString, make([]string, 1)
		e.parts[0], err = db.Get(e.key)
	case "hash":
		e.kind = kindHash
		err = e.readHash(db)
	case "zset":
		e.kind = kindSorted
		err = e.readSorted(db)
	case "stream":
		e.kind = kindStream
		e.stream, err = db.Stream(e.key)
		e.stream = slices.Clone(e.stream)
	case "list":
		e.kind = kindList
		e.parts, err = db.List(e.key)
		e.parts = slices.Clone(e.parts)
	case "set":
		e.kind = kindSet
		e.parts, err = db.Members(e.key)
	default:
		err = fmt.Errorf("a %s cannot be saved", held)
	}
	return err
}

func (e *entry) readHash(db *miniredis.RedisDB) error {
	fields, err := db.HKeys(e.key)
	if err != nil {
		return err
	}
	e.parts = make([]string, 0, 2*len(fields))
	for _, field := range fields {
		e.parts = append(e.parts, field, db.HGet(e.key, field))
	}
	return nil
}

func (e *entry) readSorted(db *miniredis.RedisDB) error {
	scores, err := db.SortedSet(e.key)
	if err != nil {
		return err
	}
	e.parts = make([]string, 0, 2*len(scores))
	for member, score := range scores {
		text := "0" // as most are: it costs nothing
		if score != 0 {
			text = strconv.FormatFloat(score, 'g', -1, 64)
		}
		e.parts = append(e.parts, member, text)
	}
	return nil
}

// restore puts what was saved of a key, or of a part of it, behind a gate
// that nobody uses yet.
func (g *gate) restore(e *entry) error {
	db := g.redis.DB(0)
	left := time.Until(time.UnixMilli(e.expires))
	if e.expires != 0 && left <= 0 {
		return nil
	}
	if err := e.write(db); err != nil {
		return err
	}
	if e.expires != 0 {
		db.SetTTL(e.key, left)
	}
	return nil
}

func (e *entry) write(db *miniredis.RedisDB) (err error) {
	switch e.kind {
	case kindString:
		return db.Set(e.key, e.parts[0])
	case kindList:
		_, err = db.Push(e.key, e.parts...)
	case kindSet:
		_, err = db.SetAdd(e.key, e.parts...)
	case kindHash:
		db.HSet(e.key, e.parts...)
	case kindSorted:
		err = e.writeSorted(db)
	case kindStream:
		for _, s := range e.stream {
			if id, err := db.XAdd(e.key, s.ID, s.Values); err != nil || id != s.ID {
				return fmt.Errorf("%q cannot be the next entry", s.ID)
			}
		}
	}
	return err
}

func (e *entry) writeSorted(db *miniredis.RedisDB) error {
	for parts := range slices.Chunk(e.parts, 2) {
		score, err := strconv.ParseFloat(parts[1], 64)
		if err != nil || math.IsNaN(score) {
			return fmt.Errorf("%q is no score", parts[1])
		}
		if _, err := db.ZAdd(e.key, score, parts[0]); err != nil {
			return err
		}
	}
	return nil
}
