package policy

import "hash/maphash"

// Meaning is what model.conf says of a rule, as far as a model may differ
// from the one that Tollgate ships and still be followed. The zero Meaning is
// that of the shipped model.
type Meaning struct {
	IgnoreType   bool // the matcher does not ask for the permission's type
	IgnoreAction bool // the matcher does not ask for the permission's action
	IgnoreDeny   bool // the effect does not ask for the absence of a deny
}

// Decide is the policy effect: what the rules that matched come to.
func (m Meaning) Decide(allow, deny bool) bool {
	return allow && (m.IgnoreDeny || !deny)
}

// Compiled is a role in the form in which checks ask it. It is immutable.
type Compiled struct {
	// Patterns are the role's permissions as they were defined, for reading
	// only.
	Patterns []string

	all     bool
	types   set // of patterns type.*
	actions set // of patterns *.action
	exact   set // of patterns type.action, as text
}

// Compile prepares a role for checks under the meaning of the model. Patterns
// that do not parse, which no write lets in, hold nothing.
func (m Meaning) Compile(permissions []string) *Compiled {
	c := Compiled{Patterns: permissions}
	for _, text := range permissions {
		p, err := ParsePattern(text)
		if err != nil {
			continue
		}
		if m.IgnoreType {
			p.Type = Any
		}
		if m.IgnoreAction {
			p.Action = Any
		}
		switch {
		case p.Type == Any && p.Action == Any:
			c.all = true
		case p.Action == Any:
			c.types.add(p.Type)
		case p.Type == Any:
			c.actions.add(p.Action)
		default:
			c.exact.add(text)
		}
	}
	return &c
}

// Exact are the patterns of the role that name one permission each, for
// reading only.
func (c *Compiled) Exact() []string { return c.exact.words }

// Wild reports whether the role has a pattern with a wildcard.
func (c *Compiled) Wild() bool {
	return c.all || len(c.types.words) > 0 || len(c.actions.words) > 0
}

// Bytes is about how much memory the role takes, the text of its patterns
// included. It is 0 for nil.
func (c *Compiled) Bytes() int {
	if c == nil {
		return 0
	}
	const header, stringHeader, slotSize = 256, 16, 8
	n := header + stringHeader*cap(c.Patterns)
	for _, text := range c.Patterns {
		n += (len(text) + 15) &^ 15
	}
	for _, s := range []*set{&c.types, &c.actions, &c.exact} {
		n += stringHeader*cap(s.words) + slotSize*cap(s.slots)
	}
	return n
}

// Probe is a permission prepared to be asked of many roles.
type Probe struct {
	Permission
	Text string // the permission as it was asked
	hash uint64 // of Text
}

// Probe prepares a permission.
func (p Permission) Probe() Probe { return probeOf(p.String(), p) }

func probeOf(text string, p Permission) Probe {
	return Probe{Permission: p, Text: text, hash: maphash.String(seed, text)}
}

// Holds reports whether the role has a permission. It does not allocate.
func (c *Compiled) Holds(p *Probe) bool {
	return c.all || c.exact.has(p.Text, p.hash) ||
		(len(c.actions.words) > 0 && c.actions.find(p.Action)) ||
		(len(c.types.words) > 0 && c.types.find(p.Type))
}

var seed = maphash.MakeSeed()

// set is a set of strings that is small as a rule and can be large. Up to few
// of them are compared one by one; more are found by their hashes.
type set struct {
	words []string
	slots []slot // a power of two, less than half of them used; nil for few words
}

// slot has a part of a word's hash, never 0, and the word's index.
type slot struct{ tag, word uint32 }

const few = 4

func tagOf(h uint64) uint32 { return uint32(h>>32) | 1 }

func (s *set) add(x string) {
	if s.find(x) {
		return
	}
	s.words = append(s.words, x)
	switch {
	case len(s.words) <= few:
	case 2*len(s.words) > len(s.slots):
		s.slots = make([]slot, max(4*few, 2*len(s.slots)))
		for i := range s.words {
			s.put(i)
		}
	default:
		s.put(len(s.words) - 1)
	}
}

func (s *set) put(word int) {
	h := maphash.String(seed, s.words[word])
	i := int(h) & (len(s.slots) - 1)
	for s.slots[i].tag != 0 {
		i = (i + 1) & (len(s.slots) - 1)
	}
	s.slots[i] = slot{tagOf(h), uint32(word)}
}

func (s *set) find(x string) bool { return s.has(x, maphash.String(seed, x)) }

// has reports whether x, whose hash is h, is in the set.
func (s *set) has(x string, h uint64) bool {
	if s.slots == nil {
		for _, y := range s.words {
			if x == y {
				return true
			}
		}
		return false
	}
	tag := tagOf(h)
	for i := int(h) & (len(s.slots) - 1); s.slots[i].tag != 0; i = (i + 1) & (len(s.slots) - 1) {
		if s.slots[i].tag == tag && s.words[s.slots[i].word] == x {
			return true
		}
	}
	return false
}
