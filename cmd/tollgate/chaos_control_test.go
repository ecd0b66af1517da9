package main

import (
	"slices"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/internal/history"
)

// What keeps answers from being old is switched off, one thing after another;
// each time it is found. What is not switched off keeps holding.
func TestChaosIsFound(t *testing.T) {
	t.Parallel()
	a := newNetworked(t, 2, "--freshness-bound", "1h")
	const long = 1500 * time.Millisecond // longer than the bound that is checked
	deafened := func(r *recording) {
		a.deafen()
		r.pass(long)
		a.hear()
	}

	t.Run("the bound", func(t *testing.T) {
		report := a.record(within, func(r *recording) { // nor can it compare ahead
			a.ways[1].Cut()
			r.pass(long)
			a.ways[1].Mend()
		})
		expect(t, report, history.RuleBound)
	})
	t.Run("tokens, full", func(t *testing.T) {
		a.careless = careless{tokens: true, full: true}
		report := a.record(history.Rules{Bound: time.Hour}, deafened)
		expect(t, report, history.RuleToken, history.RuleFull)
		a.careless = careless{}
	})
	t.Run("refusing without Redis, waiting for receipts", func(t *testing.T) {
		a.careless = careless{receipts: true}
		report := a.record(history.Rules{Bound: time.Hour}, func(r *recording) {
			a.deafen()
			a.ways[1].Cut()
			gone := r.rec.Now()
			r.pass(long)
			r.rec.Add(history.Entry{Kind: history.Away, Server: 2, Start: gone, End: r.rec.Now()})
			a.ways[1].Mend()
			a.hear()
		})
		expect(t, report, history.RuleReceipt)
		expect(t, history.Verify(a.rec.Entries(), within), history.RuleReceipt, history.RuleAway, history.RuleBound)
		a.careless = careless{}
	})
}

// expect fails unless a report has violations of rules, and of no others.
func expect(t *testing.T, report history.Report, rules ...string) {
	t.Helper()
	found := map[string]int{}
	for _, v := range report.Violations {
		if found[v.Rule]++; !slices.Contains(rules, v.Rule) {
			t.Errorf("not expected: %v", v)
			return
		}
	}
	t.Logf("found: %v", found)
	for _, rule := range rules {
		if found[rule] == 0 {
			t.Errorf("no violation of %q was found: %v", rule, found)
		}
	}
}

// altered shows that a history that is in order is not any more once single
// entries are altered by hand.
func (f *fleet) altered() {
	f.t.Helper()
	for name, alter := range map[string]func(*history.Entry) bool{
		history.RuleValue: func(e *history.Entry) bool {
			e.Value = !e.Value
			return e.Kind == history.Check
		},
		history.RuleFull: func(e *history.Entry) bool { // as if it had been asked much later
			e.Start, e.End = e.Start+time.Hour, e.End+time.Hour
			return e.Kind == history.Check && e.Full
		},
		history.RuleToken: func(e *history.Entry) bool { // as if it had asked for what came after
			e.AtLeast = &history.Revision{Number: e.Revision.Number + 1, Identity: "0"}
			return e.Kind == history.Check && e.AtLeast != nil
		},
		history.RuleKnown: func(e *history.Entry) bool {
			e.Revision = &history.Revision{Number: e.Revision.Number, Identity: "0"}
			return e.Kind == history.Check
		},
		history.RuleKept: func(e *history.Entry) bool {
			e.Revision = &history.Revision{Number: e.Revision.Number, Identity: "0"}
			return e.Kind == history.Write
		},
	} {
		entries := slices.Clone(f.rec.Entries())
		i := slices.IndexFunc(entries[len(entries)/2:], func(e history.Entry) bool { return e.Revision != nil && e.Kind != history.Receipt && alter(&e) }) + len(entries)/2
		alter(&entries[i])
		if report := history.Verify(entries, within); breaks(report, name) == 0 {
			f.t.Errorf("%q is not found in %+v", name, entries[i])
		}
	}
}

// byNumber asks by the tokens of writes that were lost, as one would who
// compares nothing but numbers, and finds that he is answered, and that it is
// found.
func (f *fleet) byNumber() {
	f.t.Helper()
	entries := slices.Clone(f.rec.Entries())
	there := map[string]map[uint64]*history.Revision{}
	for _, e := range entries {
		if e.Kind == history.Change {
			if there[e.Account] == nil {
				there[e.Account] = map[uint64]*history.Revision{}
			}
			there[e.Account][e.Revision.Number] = e.Revision
		}
	}
	asked := 0
	for _, lost := range entries {
		if lost.Kind != history.Lost || there[lost.Account][lost.Revision.Number] == nil {
			continue
		}
		o := f.offices[slices.IndexFunc(f.offices, func(o *office) bool { return o.id == lost.Account })]
		e := f.check(f.t.Context(), f.servers[0], o, o.facts[0], there[lost.Account][lost.Revision.Number], false)
		e.AtLeast = lost.Revision
		entries = append(entries, e)
		asked++
	}
	if n := breaks(history.Verify(entries, within), history.RuleToken); n == 0 || n != asked {
		f.t.Errorf("of %d tokens whose number had been used again %d answers are found", asked, n)
	}
}
