package history

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var rules = Rules{Bound: bound}

// Servers that keep their promises are not found to have broken any, whatever
// fails and whether or not it is known what was lost.
func TestHonest(t *testing.T) {
	answers, lost := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		report := Verify(newWorld(t).live(rapid.Bool().Draw(t, "known")), rules)
		for _, v := range report.Violations {
			t.Errorf("%v", v)
		}
		for _, counts := range []map[string]int{report.Allowed, report.Denied} {
			for _, n := range counts {
				answers += n
			}
		}
		lost += report.Lost
	})
	if answers == 0 || lost == 0 {
		t.Errorf("%d answers and %d writes that were lost show nothing", answers, lost)
	}
}

// A history that was altered is found to be what the promises, read word by
// word, say that it is.
func TestAltered(t *testing.T) {
	found := map[string]int{}
	worlds := 20
	if testing.Short() { // and rapid makes a fifth of its checks
		worlds *= 5
	}
	rapid.Check(t, func(t *rapid.T) {
		for range worlds { // that are small, so that what is found wrong is small too
			entries := newWorld(t).live(true)
			for range rapid.IntRange(0, 6).Draw(t, "alterations") {
				alter(t, entries)
			}
			got := map[string]int{}
			for _, v := range Verify(entries, rules).Violations {
				got[v.Rule]++
				found[v.Rule]++
			}
			if diff := gocmp.Diff(byTheWord(entries), got); diff != "" {
				t.Fatalf("(-by the word +got)\n%s", diff)
			}
		}
	})
	t.Logf("found: %v", found)
	for _, rule := range []string{RuleValue, RuleToken, RuleBound, RuleFull, RuleReceipt, RuleAway, RuleKept, RuleTold, RuleKnown} {
		if found[rule] == 0 {
			t.Errorf("no violation of %q was among them", rule)
		}
	}
}

// alter alters one entry.
func alter(t *rapid.T, entries []Entry) {
	e := &entries[rapid.IntRange(0, len(entries)-1).Draw(t, "entry")]
	other := entries[rapid.IntRange(0, len(entries)-1).Draw(t, "other")]
	if e.Kind == Change || e.Kind == Lost || e.Kind == Failover {
		return
	}
	switch rapid.IntRange(0, 5).Draw(t, "how") {
	case 0:
		e.Value = !e.Value
	case 1:
		shift := time.Duration(rapid.IntRange(-8, 8).Draw(t, "shift")) * tick
		e.Start, e.End = e.Start+shift, e.End+shift
	case 2:
		if e.Revision != nil && other.Revision != nil {
			e.Revision = other.Revision
		}
	case 3:
		if e.Kind == Check {
			e.AtLeast = other.Revision
		}
	case 4:
		if e.Kind == Check && e.Revision == nil {
			e.Refused = ReasonLost
		}
	case 5:
		*e = Entry{Kind: Away, Server: e.Server, Start: e.Start - 5*tick, End: e.End + 5*tick}
	}
}

// byTheWord counts violations as the promises are written, by looking at
// everything for everything. It takes what was lost to be known, and leaves
// RuleOrder out.
func byTheWord(entries []Entry) map[string]int {
	w := words{entries, map[string]int{}}
	for _, e := range entries {
		switch {
		case e.Kind == Check && e.Revision != nil:
			w.answer(e)
		case e.Kind == Check && e.Refused == ReasonLost && (e.AtLeast == nil || w.survived(*e.AtLeast)):
			w.found[RuleTold]++
		case e.Kind == Write && e.Revision != nil:
			if w.value(*e.Revision, e.Fact) != e.Value {
				w.found[RuleValue]++
			}
			if f := w.loser(*e.Revision); !w.survived(*e.Revision) && (f == nil || f.End < e.Start) {
				w.found[RuleKept]++
			}
		}
	}
	for _, v := range Verify(entries, rules).Violations { // as it is
		if v.Rule == RuleOrder {
			w.found[RuleOrder]++
		}
	}
	return w.found
}

type words struct {
	entries []Entry
	found   map[string]int
}

// path is a revision and all before it, newest first.
func (w words) path(r Revision) (path []Revision) {
	for {
		path = append(path, r)
		i := slices.IndexFunc(w.entries, func(e Entry) bool {
			return (e.Kind == Change || e.Kind == Lost) && *e.Revision == r && e.Previous != nil
		})
		if i < 0 {
			return path
		}
		r = *w.entries[i].Previous
	}
}

func (w words) survived(r Revision) bool {
	return slices.ContainsFunc(w.entries, func(e Entry) bool { return e.Kind == Change && *e.Revision == r })
}

func (w words) value(r Revision, fact string) bool {
	for _, at := range w.path(r) {
		for _, e := range w.entries {
			if (e.Kind == Change || e.Kind == Lost) && *e.Revision == at && e.Fact == fact {
				return e.Value
			}
		}
	}
	return false
}

// shown are the entries that show that revisions are there.
func (w words) shown() (shown []Entry) {
	for _, e := range w.entries {
		if (e.Kind == Write || e.Kind == Check) && e.Revision != nil {
			shown = append(shown, e)
		}
	}
	return shown
}

func (w words) failovers() (all []*Entry) {
	for i, e := range w.entries {
		if e.Kind == Failover {
			all = append(all, &w.entries[i])
		}
	}
	return all
}

// loser is the last failover before something was there in the place of a
// revision.
func (w words) loser(r Revision) (loser *Entry) {
	for _, f := range w.failovers() {
		late := slices.ContainsFunc(w.shown(), func(e Entry) bool {
			return w.survived(*e.Revision) && e.Revision.Number >= r.Number && e.End < f.Start
		})
		if !late {
			loser = f
		}
	}
	return loser
}

func (w words) answer(e Entry) {
	path := w.path(*e.Revision)
	has := func(r Revision) bool { return slices.Contains(path, r) }
	once := func(rule string, broken bool) {
		if broken {
			w.found[rule]++
		}
	}
	once(RuleValue, w.value(*e.Revision, e.Fact) != e.Value)
	once(RuleToken, e.AtLeast != nil && !has(*e.AtLeast))
	age, rule := rules.Bound, RuleBound
	if e.Full {
		age, rule = 0, RuleFull
	}
	once(rule, slices.ContainsFunc(w.shown(), func(s Entry) bool {
		return w.survived(*s.Revision) && !has(*s.Revision) && s.End < e.Start-age
	}))
	once(RuleReceipt, slices.ContainsFunc(w.entries, func(s Entry) bool {
		return s.Kind == Receipt && w.survived(*s.Revision) && !has(*s.Revision) && s.End < e.Start
	}))
	f := w.loser(*e.Revision)
	once(RuleKnown, !w.survived(*e.Revision) && (f == nil || e.Start > f.End+age))
	for _, s := range w.entries {
		once(RuleAway, s.Kind == Away && (s.Server == 0 || s.Server == e.Server) && e.Start > s.Start+age && e.End <= s.End)
	}
	for _, f := range w.failovers() { // what it lost, or one after it, was there before
		newest, any := w.newest(f, e.Start-age)
		once(rule, any && e.End <= f.Start && !has(newest))
	}
}

// newest is the newest revision that was lost, by a failover and by none
// before it as far as that can be told, and had been shown before a time.
func (w words) newest(f *Entry, before time.Duration) (newest Revision, any bool) {
	first := map[Revision]Entry{}
	for _, s := range w.shown() {
		if was, ok := first[*s.Revision]; !ok || s.End < was.End {
			first[*s.Revision] = s
		}
	}
	var at time.Duration // of two of a number, which no store has, the one that was shown last
	for r, s := range first {
		all := w.failovers()
		i := slices.IndexFunc(all, func(f *Entry) bool { return f.End+rules.Bound >= s.Start })
		newer := cmp.Or(cmp.Compare(r.Number, newest.Number), cmp.Compare(s.End, at), cmp.Compare(r.Identity, newest.Identity)) > 0
		if i >= 0 && all[i] == f && !w.survived(r) && s.End < before && (!any || newer) {
			newest, any, at = r, true, s.End
		}
	}
	return newest, any
}

// Each promise, broken in the plainest way. The history that is in order is
// the negative control of them all.
func TestPromises(t *testing.T) {
	r := func(n uint64) *Revision { return &Revision{n, fmt.Sprint("id", n)} }
	at := func(e Entry, start, end time.Duration) Entry {
		e.Account, e.Fact, e.Server, e.Start, e.End = account0, "x", 1, start*tick, end*tick
		return e
	}
	order := []Entry{
		{Kind: Change, Account: account0, Fact: "x", Revision: r(1)},
		{Kind: Change, Account: account0, Fact: "x", Revision: r(2), Value: true},
		{Kind: Change, Account: account0, Fact: "x", Revision: r(3)},
		at(Entry{Kind: Write, Value: true, Revision: r(2)}, 10, 11),
		at(Entry{Kind: Write, Revision: r(3)}, 20, 21),
		at(Entry{Kind: Receipt, Revision: r(3)}, 22, 30),
	}
	for name, tc := range map[string]struct {
		more []Entry
		rule string
	}{
		"in order":                          {nil, ""},
		"fast, inside the bound":            {[]Entry{at(Entry{Kind: Check, Value: true, Revision: r(2)}, 24, 25)}, ""},
		"fast, beyond the bound":            {[]Entry{at(Entry{Kind: Check, Value: true, Revision: r(2)}, 25, 25)}, RuleBound},
		"full, begun before":                {[]Entry{at(Entry{Kind: Check, Value: true, Revision: r(2), Full: true}, 21, 29)}, ""},
		"full, begun after":                 {[]Entry{at(Entry{Kind: Check, Value: true, Revision: r(2), Full: true}, 22, 22)}, RuleFull},
		"a token":                           {[]Entry{at(Entry{Kind: Check, Revision: r(3), AtLeast: r(2)}, 22, 22)}, ""},
		"an older one than the token":       {[]Entry{at(Entry{Kind: Check, Value: true, Revision: r(2), AtLeast: r(3)}, 22, 22)}, RuleToken},
		"after a receipt":                   {[]Entry{at(Entry{Kind: Receipt, Revision: r(3)}, 22, 22), at(Entry{Kind: Check, Value: true, Revision: r(2)}, 23, 23)}, RuleReceipt},
		"another value":                     {[]Entry{at(Entry{Kind: Check, Value: true, Revision: r(3)}, 22, 22)}, RuleValue},
		"a revision that there is not":      {[]Entry{at(Entry{Kind: Check, Revision: &Revision{3, "x"}}, 22, 22)}, RuleKnown},
		"seen before it was written":        {[]Entry{at(Entry{Kind: Check, Revision: r(3)}, 18, 19)}, RuleOrder},
		"acknowledged and gone":             {[]Entry{at(Entry{Kind: Write, Revision: r(4)}, 22, 22)}, RuleKept},
		"a master failed too early for it":  {[]Entry{at(Entry{Kind: Write, Revision: r(4)}, 22, 22), {Kind: Failover, Start: 15 * tick, End: 15 * tick}}, RuleKept},
		"a master failed":                   {[]Entry{at(Entry{Kind: Write, Revision: r(4)}, 22, 22), {Kind: Failover, Start: 23 * tick, End: 23 * tick}}, ""},
		"told lost, and there":              {[]Entry{at(Entry{Kind: Check, AtLeast: r(2), Refused: ReasonLost}, 22, 22)}, RuleTold},
		"told lost, and gone":               {[]Entry{at(Entry{Kind: Check, AtLeast: r(4), Refused: ReasonLost}, 22, 22)}, ""},
		"answered without the store":        {[]Entry{{Kind: Away, Start: 30 * tick, End: 40 * tick}, at(Entry{Kind: Check, Revision: r(3)}, 34, 35)}, RuleAway},
		"in the bound without the store":    {[]Entry{{Kind: Away, Start: 30 * tick, End: 40 * tick}, at(Entry{Kind: Check, Revision: r(3)}, 33, 35)}, ""},
		"another server without the store":  {[]Entry{{Kind: Away, Server: 2, Start: 30 * tick, End: 40 * tick}, at(Entry{Kind: Check, Revision: r(3)}, 34, 35)}, ""},
		"nobody wrote it":                   {[]Entry{{Kind: Change, Account: account0, Fact: "x", Value: true, Revision: r(4)}}, RuleOrder},
		"who was refused may have written":  {[]Entry{{Kind: Change, Account: account0, Fact: "x", Value: true, Revision: r(4)}, at(Entry{Kind: Write, Value: true, Refused: "NO_ANSWER"}, 22, 23)}, ""},
		"made twice":                        {[]Entry{{Kind: Change, Account: account0, Fact: "x", Value: true, Revision: r(4)}, {Kind: Change, Account: account0, Fact: "x", Value: true, Revision: r(5)}, at(Entry{Kind: Write, Value: true, Refused: "NO_ANSWER"}, 22, 23)}, RuleOrder},
		"after what was written afterwards": {[]Entry{{Kind: Change, Account: account0, Fact: "x", Value: true, Revision: r(4)}, at(Entry{Kind: Check, Value: true, Revision: r(4)}, 22, 23), at(Entry{Kind: Write, Value: true, Refused: "NO_ANSWER"}, 40, 41)}, RuleOrder},
		"old, of a master that was deposed": {[]Entry{{Kind: Failover, Name: Deposed, Start: 19 * tick, End: 40 * tick}, at(Entry{Kind: Check, Value: true, Revision: r(2)}, 29, 30)}, ""},
		"older than it was deposed":         {[]Entry{{Kind: Failover, Name: Deposed, Start: 22 * tick, End: 40 * tick}, at(Entry{Kind: Check, Value: true, Revision: r(2)}, 29, 30)}, RuleBound},
	} {
		got := ""
		for _, v := range Verify(slices.Concat(order, tc.more), rules).Violations {
			got = v.Rule
		}
		if got != tc.rule {
			t.Errorf("%s: found %q, want %q", name, got, tc.rule)
		}
	}
	lost := slices.Concat(order, []Entry{at(Entry{Kind: Write, Revision: r(4), Changed: true}, 22, 22), {Kind: Failover, Start: 23 * tick, End: 23 * tick}})
	if report := Verify(lost, Rules{Bound: bound, Lossless: true}); len(report.Violations) != 1 || report.Violations[0].Rule != RuleKept {
		t.Errorf("lost where nothing may be: %v", report.Violations)
	}
}

var kept = flag.String("history", "", "file of a history to check again, with a bound of a second")

// TestKept checks a history that a test has kept.
func TestKept(t *testing.T) {
	if *kept == "" {
		t.Skip("no -history is given")
	}
	file, err := os.Open(*kept)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	entries, err := Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	report := Verify(entries, Rules{Bound: time.Second})
	slices.SortFunc(report.Violations, func(a, b Violation) int { return cmp.Compare(a.Entry.Start, b.Entry.Start) })
	for _, v := range report.Violations {
		t.Errorf("%v", v)
	}
	report.Violations = nil
	t.Logf("%+v", report)
}

// A history is the same after it was kept.
func TestCodec(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := newWorld(t).live(true)
		var file bytes.Buffer
		if err := Encode(&file, entries); err != nil {
			t.Fatal(err)
		}
		got, err := Decode(&file)
		if diff := gocmp.Diff(entries, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	})
	if _, err := Decode(bytes.NewBufferString("{\"kind\":\"check\"}\n{")); err == nil {
		t.Error("half an entry is read")
	}
}
