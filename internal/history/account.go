package history

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// account is what is known of one account.
type account struct {
	base     uint64            // the first revision of the log
	chain    map[uint64]string // its revisions' identities, by number
	facts    map[string][]step // each fact's values, in the order of the log
	changes  []*Entry          // the log
	lost     map[Revision]*Entry
	settled  map[Revision][]*Entry // writes that were acknowledged
	open     map[effect][]*Entry   // writes that were not, and may have been made
	seen     map[Revision]*Entry   // by what it was first acknowledged or answered
	branches []*branch             // of what was lost, one for each failover

	acknowledged, confirmed since
}

// step is what a fact becomes at a revision.
type step struct {
	number uint64
	value  bool
}

// effect is what a write does.
type effect struct {
	fact  string
	value bool
}

// of is the account of an entry.
func (v *verifier) of(e *Entry) *account {
	a := v.accounts[e.Account]
	if a == nil {
		a = &account{
			base: math.MaxUint64, chain: map[uint64]string{}, facts: map[string][]step{}, lost: map[Revision]*Entry{},
			settled: map[Revision][]*Entry{}, open: map[effect][]*Entry{}, seen: map[Revision]*Entry{},
		}
		v.accounts[e.Account] = a
	}
	return a
}

// read sorts what a history says.
func (v *verifier) read(entries []Entry) {
	for i := range entries {
		e := &entries[i]
		switch e.Kind {
		case Failover:
			v.failovers = append(v.failovers, e)
		case Away:
			v.aways = append(v.aways, e)
		case Change:
			v.of(e).change(e)
		case Lost:
			v.of(e).lost[*e.Revision] = e
		case Write:
			v.of(e).write(e)
		case Check, Receipt, Phase:
		}
	}
	slices.SortFunc(v.failovers, func(a, b *Entry) int { return cmp.Compare(a.Start, b.Start) })
	for i := range entries {
		if e := &entries[i]; e.Revision != nil && e.Kind != Change && e.Kind != Lost {
			v.of(e).see(e)
		}
	}
	for _, a := range v.accounts {
		a.acknowledged.settle()
		a.confirmed.settle()
		v.grow(a)
	}
}

func (a *account) change(e *Entry) {
	a.base = min(a.base, e.Revision.Number)
	a.chain[e.Revision.Number] = e.Revision.Identity
	a.facts[e.Fact] = append(a.facts[e.Fact], step{e.Revision.Number, e.Value})
	a.changes = append(a.changes, e)
}

func (a *account) write(e *Entry) {
	if e.Revision == nil {
		a.open[e.effect()] = append(a.open[e.effect()], e)
	} else {
		a.settled[*e.Revision] = append(a.settled[*e.Revision], e)
	}
}

func (e *Entry) effect() effect { return effect{e.Fact, e.Value} }

// begun is when the write of a change of the log was begun at the earliest, and
// whether it was acknowledged; not ok if nobody wrote it. A write that was not
// acknowledged may be it, and so may one that found it done by such a write.
func (a *account) begun(change *Entry) (at time.Duration, acknowledged, ok bool) {
	at = math.MaxInt64
	for _, e := range a.settled[*change.Revision] {
		if e.effect() == change.effect() {
			at, acknowledged = min(at, e.Start), true
		}
	}
	for _, e := range a.open[change.effect()] {
		at = min(at, e.Start)
	}
	return at, acknowledged, at < math.MaxInt64
}

// see notes since when a revision is known to be there.
func (a *account) see(e *Entry) {
	r := *e.Revision
	if e.Kind == Receipt {
		if a.survived(r) {
			a.confirmed.note(r.Number, e.End)
		}
		return
	}
	if first := a.seen[r]; first == nil || e.End < first.End {
		a.seen[r] = e
	}
	if a.survived(r) {
		a.acknowledged.note(r.Number, e.End)
	}
}

// survived reports whether a revision is in the log.
func (a *account) survived(r Revision) bool {
	id, ok := a.chain[r.Number]
	return ok && id == r.Identity
}

// value is what a fact is at a revision, if that is known.
func (a *account) value(r Revision, fact string) (value, known bool) {
	for !a.survived(r) {
		change := a.lost[r]
		if change == nil {
			for _, e := range a.settled[r] {
				if e.Fact == fact {
					return e.Value, true
				}
			}
			return false, false
		}
		if change.Fact == fact {
			return change.Value, true
		}
		r = *change.Previous
	}
	steps := a.facts[fact]
	i, found := slices.BinarySearchFunc(steps, r.Number, func(s step, n uint64) int { return cmp.Compare(s.number, n) })
	if !found {
		i--
	}
	if i < 0 {
		return false, false
	}
	return steps[i].value, true
}

// includes reports whether a revision is another one or came after it, if that
// is known.
func (a *account) includes(r, other Revision) (yes, known bool) {
	for {
		switch {
		case r == other:
			return true, true
		case other.Number >= r.Number:
			return false, true
		case a.survived(r):
			return a.survived(other), true
		case a.lost[r] == nil:
			return false, false
		}
		r = *a.lost[r].Previous
	}
}

// after is the first revision of the log that one does not include; of one that
// was lost, and of which it is not known whence it came, the first that it
// cannot include.
func (a *account) after(r Revision) uint64 {
	for !a.survived(r) {
		if a.lost[r] == nil {
			return r.Number
		}
		r = *a.lost[r].Previous
	}
	return r.Number + 1
}

// since is when revisions were known to be there, each with all before it.
type since struct {
	first map[uint64]time.Duration
	order []uint64 // the numbers, sorted
	times []time.Duration
}

func (s *since) note(number uint64, at time.Duration) {
	if s.first == nil {
		s.first = map[uint64]time.Duration{}
	}
	if was, ok := s.first[number]; !ok || at < was {
		s.first[number] = at
	}
}

func (s *since) settle() {
	for number := range s.first {
		s.order = append(s.order, number)
	}
	slices.Sort(s.order)
	s.times = make([]time.Duration, len(s.order))
	earliest := time.Duration(math.MaxInt64)
	for i := len(s.order) - 1; i >= 0; i-- {
		earliest = min(earliest, s.first[s.order[i]])
		s.times[i] = earliest
	}
}

// from is when a revision of a number or a higher one was first known to be
// there; not ok if never.
func (s *since) from(number uint64) (at time.Duration, ok bool) {
	i, _ := slices.BinarySearch(s.order, number)
	if i == len(s.order) {
		return 0, false
	}
	return s.times[i], true
}

// branch is what a failover may have lost, and none before it.
type branch struct {
	failover *Entry
	seen     []sighting // in the order of time, each the newest until then
}

type sighting struct {
	at       time.Duration
	revision Revision
}

// newest is the newest revision of the branch that had been seen before a time.
func (b *branch) newest(before time.Duration) (Revision, bool) {
	i, _ := slices.BinarySearchFunc(b.seen, before, func(s sighting, at time.Duration) int { return cmp.Compare(s.at, at) })
	if i == 0 {
		return Revision{}, false
	}
	return b.seen[i-1].revision, true
}

// grow makes the branches of an account.
func (v *verifier) grow(a *account) {
	all := map[*Entry]*branch{}
	for r, by := range a.seen {
		f := v.suspect(by)
		if a.survived(r) || f == nil {
			continue
		}
		if all[f] == nil {
			all[f] = &branch{failover: f}
			a.branches = append(a.branches, all[f])
		}
		all[f].seen = append(all[f].seen, sighting{by.End, r})
	}
	for _, b := range a.branches {
		slices.SortFunc(b.seen, func(x, y sighting) int {
			return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.revision.Number, y.revision.Number), cmp.Compare(x.revision.Identity, y.revision.Identity))
		})
		for i := 1; i < len(b.seen); i++ {
			if b.seen[i-1].revision.Number > b.seen[i].revision.Number {
				b.seen[i].revision = b.seen[i-1].revision
			}
		}
	}
}

// suspect is the first failover that may have lost what an entry saw; nil if
// there was none.
func (v *verifier) suspect(by *Entry) *Entry {
	for _, f := range v.failovers {
		if f.End+v.rules.Bound >= by.Start {
			return f
		}
	}
	return nil
}

// loser is the last failover that may have lost a revision; nil if there was
// none. When a revision with its number, or a higher one, was there that is
// still there, it was lost already.
func (v *verifier) loser(a *account, r Revision) (f *Entry) {
	over, any := a.acknowledged.from(r.Number)
	for _, failover := range v.failovers {
		if !any || failover.Start <= over {
			f = failover
		}
	}
	return f
}
