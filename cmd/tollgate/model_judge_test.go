package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/tollgate-dev/tollgate/client"
	"github.com/tollgate-dev/tollgate/internal/oracle"
)

// judge holds all that clients were answered of one account to the model: there
// must be one order of the writes, that of their revisions, in which the model
// takes and refuses what the servers took and refused; and each answer must be
// the model's at the revision that it says, which is none that is too old.
type judge struct {
	decide func(*oracle.World, oracle.Question) oracle.Answer
	bound  time.Duration // of what is asked fast
	first  uint64        // the number of the account's first revision
	states []*oracle.World
	events []*event
}

func (j *judge) judge() error {
	if err := j.replay(); err != nil {
		return err
	}
	for _, e := range j.events {
		if err := j.check(e); err != nil {
			return fmt.Errorf("%v: %w", e, err)
		}
	}
	return nil
}

// replay makes the writes in the order of their revisions: each revision is
// made by one write, and whatever else answered it found nothing to change.
func (j *judge) replay() error {
	taken := map[uint64][]*event{}
	last := j.first
	for _, e := range j.events {
		if e.write != nil && e.reason == "" {
			taken[e.number] = append(taken[e.number], e)
			last = max(last, e.number)
		}
	}
	if err := unchanged(j.states[0], taken[j.first], nil); err != nil {
		return err
	}
	for n := j.first + 1; n <= last; n++ {
		next, err := follow(j.states[n-1-j.first], taken[n])
		if err != nil {
			return fmt.Errorf("revision %d: %w", n, err)
		}
		j.states = append(j.states, next)
	}
	return nil
}

// follow is the state that one of the writes leads to, if the others find
// nothing to change there.
func follow(w *oracle.World, writes []*event) (*oracle.World, error) {
	err := fmt.Errorf("no write led there")
	for _, e := range writes {
		next, changed, refused := oracle.Apply(w, *e.write)
		if !changed {
			err = fmt.Errorf("it was not made by %v: the model refuses that (%q), or finds nothing to change", e, refused)
			continue
		}
		if err = unchanged(next, writes, e); err == nil {
			return next, nil
		}
	}
	return nil, err
}

// unchanged fails if any of the writes, one apart, is refused in a state or
// changes it.
func unchanged(w *oracle.World, writes []*event, but *event) error {
	for _, e := range writes {
		if e == but {
			continue
		}
		if _, changed, refused := oracle.Apply(w, *e.write); changed || refused != "" {
			return fmt.Errorf("%v changed nothing; the model changes something, or refuses it (%q)", e, refused)
		}
	}
	return nil
}

// check looks at one event.
func (j *judge) check(e *event) error {
	from, until := j.oldest(e), j.newest(e)
	if e.verb == "receipt" && e.number != 0 {
		from = j.first // it is of a write of before
	}
	if e.number != 0 && (e.number < from || e.number > until) {
		return fmt.Errorf("the revision is none from %d to %d", from, until)
	}
	if e.number != 0 && e.question == nil {
		return nil // a write, which replay has looked at, or a receipt
	}
	if e.number != 0 {
		from, until = e.number, e.number
	}
	var err error
	for n := from; n <= until; n++ {
		if err = j.fits(e, j.states[n-j.first]); err == nil {
			return nil
		}
	}
	return fmt.Errorf("it fits no revision from %d to %d: %w", from, until, err)
}

// fits reports, by returning no error, that an event is what the model has it
// be in a state.
func (j *judge) fits(e *event, w *oracle.World) error {
	switch {
	case e.question != nil && e.reason == "":
		return differs(e, j.decide(w, *e.question))
	case e.write != nil:
		if _, _, refused := oracle.Apply(w, *e.write); refused != e.reason && !slices.Contains(inTheWay, e.reason) {
			return fmt.Errorf("the model says %q", refused)
		}
		return nil
	case e.reason == "" || w.State.Deleted:
		return nil // no receipt was asked for, or of an account that is not there
	}
	return fmt.Errorf("it was refused")
}

// inTheWay are refusals because others write at the same time.
var inTheWay = []string{"ACCOUNT_BUSY", "CLAIM_PENDING"}

// differs says how an answer is not the model's.
func differs(e *event, want oracle.Answer) error {
	billing := client.Billing{Status: "unbilled", Reason: want.Billing, BillingAccount: want.Payer, Project: want.Project, Suspended: want.PayerSuspended}
	if want.Payer != "" {
		billing.Status, billing.Reason = "billed", ""
	}
	got := e.answer
	if got.Billing != billing || !slices.Equal(got.Path, want.Path) {
		return fmt.Errorf("the model says %+v, %q", billing, want.Path)
	}
	if e.verb != "payer" && (got.Allowed != want.Allowed || got.Reason.Code != want.Code) {
		return fmt.Errorf("the model says %t, %s", want.Allowed, want.Code)
	}
	return nil
}

// oldest is the oldest revision that an event may be of: what was asked for,
// what its server has answered from before, what a receipt said that it has,
// and what was acknowledged by any server longer ago than the bound; for all
// but what is asked fast, what was acknowledged before.
func (j *judge) oldest(e *event) uint64 {
	n := max(j.first, e.atLeast)
	fast := e.question != nil && e.verb != "check in full"
	for _, before := range j.events {
		if !before.end.Before(e.start) {
			continue
		}
		if !fast || before.server == e.server || before.verb == "receipt" || before.end.Before(e.start.Add(-j.bound)) {
			n = max(n, before.number)
		}
	}
	return n
}

// newest is the newest revision that an event may be of: that of a write that
// had begun by its end.
func (j *judge) newest(e *event) uint64 {
	n := j.first
	for _, other := range j.events {
		if other.write != nil && other.start.Before(e.end) {
			n = max(n, other.number)
		}
	}
	return n
}
