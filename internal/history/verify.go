package history

import (
	"fmt"
	"time"
)

// Rules are what a history is held to.
type Rules struct {
	// Bound is the greatest age of an answer that asks for nothing newer.
	Bound time.Duration
	// Lossless is whether nothing that was acknowledged may be lost, though
	// masters fail.
	Lossless bool
}

// Violation is an entry that breaks a promise.
type Violation struct {
	Rule  string // a word for the promise, from the list below
	Why   string
	Entry Entry
}

func (v Violation) String() string {
	return fmt.Sprintf("%s: %s: %+v", v.Rule, v.Why, v.Entry)
}

// The promises.
const (
	RuleValue   = "value"   // an answer is that of its revision
	RuleToken   = "token"   // it is of the token's revision or of a later one
	RuleBound   = "bound"   // it is not older than the bound
	RuleFull    = "full"    // in full, it is not older than its question
	RuleReceipt = "receipt" // it is not older than what every server has
	RuleAway    = "away"    // without the store it is refused, beyond the bound
	RuleKept    = "kept"    // what was acknowledged is there, or a master failed
	RuleTold    = "told"    // only what was lost is said to be lost
	RuleOrder   = "order"   // writes take effect between begin and end, once
	RuleKnown   = "known"   // a revision is one of the log, or was lost with a master
)

// Report is what a history was found to be.
type Report struct {
	Violations []Violation
	// Allowed and Denied count the answers, by what was asked for: "fast",
	// "token" and "full".
	Allowed, Denied map[string]int
	Refused         map[string]int // checks, by reason
	Written         int            // writes that were acknowledged
	Unsettled       int            // writes that were not
	Lost            int            // acknowledged writes that a failover lost
	Receipts        int
	// Needed counts the answers with a token that would have been in order
	// without it though they had been older: those for which the token counted.
	Needed int
	// Unproven counts the answers of revisions that were lost and of which it
	// is not known what they were.
	Unproven int
	// Excused counts the answers that are older than they may be, while a
	// master that was deposed may have given them.
	Excused int
	// Oldest is the greatest age of an answer that was asked for without a
	// token and not in full: how long a write had been acknowledged that it
	// lacked.
	Oldest time.Duration
}

// Verify holds a history to rules.
func Verify(entries []Entry, rules Rules) Report {
	v := &verifier{rules: rules, accounts: map[string]*account{}, report: Report{Allowed: map[string]int{}, Denied: map[string]int{}, Refused: map[string]int{}}}
	v.read(entries)
	for i := range entries {
		e := &entries[i]
		switch {
		case e.Kind == Write && e.Revision != nil:
			v.written(e)
		case e.Kind == Write:
			v.report.Unsettled++ // see made
		case e.Kind == Check && e.Revision != nil:
			v.answered(e)
		case e.Kind == Check:
			v.refused(e)
		case e.Kind == Receipt:
			v.report.Receipts++
		}
	}
	for _, a := range v.accounts {
		v.made(a)
	}
	return v.report
}

// verifier is one run of Verify.
type verifier struct {
	rules     Rules
	accounts  map[string]*account
	failovers []*Entry // in the order of time
	aways     []*Entry
	report    Report
}

func (v *verifier) violated(rule string, e *Entry, why string, args ...any) {
	v.report.Violations = append(v.report.Violations, Violation{rule, fmt.Sprintf(why, args...), *e})
}

// answered checks an answer.
func (v *verifier) answered(e *Entry) {
	a, r := v.of(e), *e.Revision
	v.count(e)
	value, known := a.value(r, e.Fact)
	switch {
	case known && value != e.Value:
		v.violated(RuleValue, e, "at this revision it is %v", value)
	case !known:
		v.report.Unproven++
	}
	if !a.survived(r) {
		v.lostAnswer(a, e)
	}
	v.token(a, e)
	v.fresh(a, e)
	v.away(e)
}

func (v *verifier) count(e *Entry) {
	counts := v.report.Denied
	if e.Value {
		counts = v.report.Allowed
	}
	counts[e.asks()]++
}

// asks is what a check asks for.
func (e *Entry) asks() string {
	switch {
	case e.Full:
		return "full"
	case e.AtLeast != nil:
		return "token"
	}
	return "fast"
}

// token checks an answer that asked for a revision.
func (v *verifier) token(a *account, e *Entry) {
	if e.AtLeast == nil {
		return
	}
	yes, known := a.includes(*e.Revision, *e.AtLeast)
	if known && !yes {
		v.violated(RuleToken, e, "it has not got what its token stands for")
	}
	if by := a.seen[*e.AtLeast]; by != nil && e.Start-by.End <= v.rules.Bound {
		v.report.Needed++
	}
}

// fresh checks the age of an answer: since when the first revision had been
// acknowledged that it lacks.
func (v *verifier) fresh(a *account, e *Entry) {
	next := a.after(*e.Revision)
	lacks, any := a.acknowledged.from(next)
	limit, rule := e.Start-v.rules.Bound, RuleBound
	if e.Full {
		limit, rule = e.Start, RuleFull
	}
	if f := v.deposed(e); f != nil && any && lacks < limit && lacks >= f.Start {
		v.report.Excused++
	} else if any && lacks < limit {
		v.violated(rule, e, "revision %d had been acknowledged for %v when it was asked for", next, e.Start-lacks)
	}
	if any && e.asks() == "fast" {
		v.report.Oldest = max(v.report.Oldest, e.Start-lacks)
	}
	if confirmed, any := a.confirmed.from(next); any && confirmed < e.Start && v.deposed(e) == nil {
		v.violated(RuleReceipt, e, "every server had confirmed revision %d, %v before it was asked for", next, e.Start-confirmed)
	}
	for _, branch := range a.branches { // what was lost only later was there first
		if r, ok := branch.newest(limit); ok && e.End <= branch.failover.Start {
			if yes, known := a.includes(*e.Revision, r); known && !yes {
				v.violated(rule, e, "it has not got revision %v, which was lost only later", r)
			}
		}
	}
}

// deposed is the failover whose old master may have answered, or nil.
func (v *verifier) deposed(e *Entry) *Entry {
	for _, f := range v.failovers {
		if f.Name == Deposed && e.End >= f.Start && e.Start <= f.End+v.rules.Bound {
			return f
		}
	}
	return nil
}

// lostAnswer checks an answer of a revision that the store has lost: it can be
// given only until what was read of the old master is out of the bound.
func (v *verifier) lostAnswer(a *account, e *Entry) {
	f := v.loser(a, *e.Revision)
	age := v.rules.Bound
	if e.Full {
		age = 0
	}
	switch {
	case f == nil:
		v.violated(RuleKnown, e, "the log has no such revision, and no master had failed")
	case e.Start > f.End+age:
		v.violated(RuleKnown, e, "the log has no such revision; the master that may have had it failed %v before", e.Start-f.End)
	}
}

// away checks that an answer was not given without the store.
func (v *verifier) away(e *Entry) {
	age := v.rules.Bound
	if e.Full {
		age = 0
	}
	for _, w := range v.aways {
		if (w.Server == 0 || w.Server == e.Server) && e.Start > w.Start+age && e.End <= w.End {
			v.violated(RuleAway, e, "the store had been away for %v", e.Start-w.Start)
		}
	}
}

// refused checks a refusal.
func (v *verifier) refused(e *Entry) {
	v.report.Refused[e.Refused]++
	if e.Refused == ReasonLost && (e.AtLeast == nil || v.of(e).survived(*e.AtLeast)) && v.deposed(e) == nil {
		v.violated(RuleTold, e, "it is there")
	}
}

// written checks a write that was acknowledged.
func (v *verifier) written(e *Entry) {
	a, r := v.of(e), *e.Revision
	v.report.Written++
	if value, known := a.value(r, e.Fact); known && value != e.Value {
		v.violated(RuleValue, e, "at the revision that was acknowledged it is %v", value)
	}
	if !a.survived(r) {
		v.report.Lost++
		f := v.loser(a, r)
		switch {
		case v.rules.Lossless && e.Changed:
			v.violated(RuleKept, e, "it was acknowledged, and is lost")
		case f == nil || f.End < e.Start:
			v.violated(RuleKept, e, "it was acknowledged, and is lost, and no master has failed since")
		}
	}
}

// made checks that what is in the log was written, once, and not before it was
// begun nor after what came later.
func (v *verifier) made(a *account) {
	used := map[effect]int{}
	for _, c := range a.changes {
		if c.Revision.Number == a.base {
			continue
		}
		begun, acknowledged, ok := a.begun(c)
		if !acknowledged {
			used[c.effect()]++
		}
		if !ok || used[c.effect()] > len(a.open[c.effect()]) {
			v.violated(RuleOrder, c, "nobody wrote it, or it was made twice")
			continue
		}
		if by := a.seen[*c.Revision]; by != nil && by.End < begun {
			v.violated(RuleOrder, by, "the revision was not begun to be written before %v", begun)
		}
		if later, ok := a.acknowledged.from(c.Revision.Number + 1); ok && later < begun {
			v.violated(RuleOrder, c, "a later revision had been acknowledged at %v, before it was begun at %v", later, begun)
		}
	}
}

// Tally is what became of operations: of checks, and how many writes were
// acknowledged that are known to have changed something.
type Tally struct{ Answered, Refused, Written int }

// Count tallies the operations of a server, or of all if it is 0, that were
// begun and ended in a time.
func Count(entries []Entry, server int, from, until time.Duration) (t Tally) {
	for i := range entries {
		e := &entries[i]
		if e.Start < from || e.End > until || (server != 0 && e.Server != server) {
			continue
		}
		switch {
		case e.Kind == Check && e.Revision != nil:
			t.Answered++
		case e.Kind == Check:
			t.Refused++
		case e.Kind == Write && e.Revision != nil && e.Changed:
			t.Written++
		}
	}
	return t
}
