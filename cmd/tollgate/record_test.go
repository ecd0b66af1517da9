package main

import (
	"maps"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/tollgate-dev/tollgate/internal/history"
)

// recording is a history while it is made.
type recording struct {
	*fleet
	stop chan struct{}
	all  sync.WaitGroup

	first    map[*office]*history.Revision // at the beginning
	last     map[*office]*history.Revision // that was observed
	observed []history.Entry               // of logs, before masters failed
}

// Pauses of clients between two operations, at most.
const (
	writerPause  = 120 * time.Millisecond
	readerPause  = 8 * time.Millisecond
	receiptPause = 150 * time.Millisecond
)

// record has clients write and ask at all servers while faults do what they
// do. Then it holds what was answered to the rules.
func (f *fleet) record(rules history.Rules, faults func(*recording)) history.Report {
	f.t.Helper()
	f.rec = history.NewRecorder()
	r := &recording{fleet: f, stop: make(chan struct{}), first: map[*office]*history.Revision{}, last: map[*office]*history.Revision{}}
	for _, o := range f.offices {
		r.first[o] = f.base(o)
		r.last[o] = r.first[o]
	}
	r.begin()
	ended := sync.OnceFunc(func() {
		close(r.stop)
		r.all.Wait()
	})
	defer ended() // if the test fails
	f.awaken(0)
	faults(r)
	f.awaken(f.rec.Now())
	ended()
	for _, o := range f.offices {
		r.conclude(o)
	}
	report := history.Verify(f.rec.Entries(), rules)
	f.t.Logf("%d answers allowed and %d denied, refused %v, %d writes and %d unsettled, %d lost, %d receipts; %d needed their token; the oldest without one was %v old; %d unproven, %d excused",
		sum(report.Allowed), sum(report.Denied), report.Refused, report.Written, report.Unsettled, report.Lost, report.Receipts, report.Needed, report.Oldest.Round(time.Millisecond), report.Unproven, report.Excused)
	return report
}

// begin starts the clients: at each server and sidecar two who ask, at each server
// one who asks for receipts; and for each fact one who writes. The last
// account is quiet: it is written at the first server only, and asked about
// without tokens and not in full, so that what the others know of it grows as
// old as it may.
func (r *recording) begin() {
	for _, m := range r.members() {
		for range 2 {
			r.all.Go(func() { r.asks(m) })
		}
	}
	for _, m := range r.servers {
		r.all.Go(func() { r.confirms(m) })
	}
	for _, o := range r.offices {
		for i, x := range o.facts {
			m := r.servers[i%len(r.servers)]
			if o == r.quiet() {
				m = r.servers[0]
			}
			r.all.Go(func() { r.writes(m, o, x) })
		}
		r.all.Go(func() { r.revokes(r.servers[0], o) })
	}
}

func (f *fleet) quiet() *office { return f.offices[len(f.offices)-1] }

// again waits for a while, and reports whether to go on.
func (r *recording) again(most time.Duration) bool {
	timer := time.NewTimer(rand.N(most))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.stop:
		return false
	}
}

func (r *recording) writes(m *member, o *office, x *fact) {
	for r.again(writerPause) {
		r.write(r.t.Context(), m, o, x)
	}
}

func (r *recording) asks(m *member) {
	for r.again(readerPause) {
		o := r.offices[rand.IntN(len(r.offices))]
		x := o.any()
		way := rand.IntN(5)
		switch {
		case o == r.quiet() || way < 2:
			r.check(r.t.Context(), m, o, x, nil, false)
		case way < 4:
			r.check(r.t.Context(), m, o, x, o.ask(), false)
		default:
			r.check(r.t.Context(), m, o, x, nil, true)
		}
	}
}

func (r *recording) confirms(m *member) {
	for r.again(receiptPause) {
		o := r.offices[rand.IntN(len(r.offices)-1)]
		if newest := o.ask(); newest != nil {
			r.receipt(r.t.Context(), m, o, newest)
		}
	}
}

// during has a fault for a time, and takes that down. Then it waits until all
// servers answer and write again, and go on doing so.
func (r *recording) during(name string, hold time.Duration, begin, end func()) (during history.Tally, from, until time.Duration) {
	r.t.Helper()
	from = r.rec.Now()
	begin()
	r.pass(hold)
	until = r.rec.Now()
	end()
	ended := r.rec.Now()
	r.rec.Add(history.Entry{Kind: history.Phase, Name: name, Start: from, End: until})
	r.awaken(ended)
	again := r.rec.Now()
	const more = 500 * time.Millisecond
	r.pass(more)
	r.awaken(again)
	during = history.Count(r.rec.Entries(), 0, from, until)
	after := history.Count(r.rec.Entries(), 0, again, r.rec.Now())
	r.t.Logf("%s: %v; answered %d, refused %d, written %d; all servers served again after %v, and then answered %d, refused %d, wrote %d", name, (until - from).Round(time.Millisecond),
		during.Answered, during.Refused, during.Written, (again - ended).Round(time.Millisecond), after.Answered, after.Refused, after.Written)
	return during, from, until
}

// observe reads on in the logs, so that it is known what a failover then loses.
func (r *recording) observe() {
	r.t.Helper()
	for _, o := range r.offices {
		changes, ok := r.log(o, r.last[o])
		if !ok { // what was read last was lost
			changes, _ = r.log(o, r.first[o])
		}
		if len(changes) > 0 {
			r.last[o] = changes[len(changes)-1].Revision
		}
		r.observed = append(r.observed, changes...)
	}
}

// conclude takes down what the log of an account is in the end, and what was in
// it and is not any more. It asks by the token of each write that was lost, at
// every server.
func (r *recording) conclude(o *office) {
	r.t.Helper()
	there := map[history.Revision]bool{*r.first[o]: true}
	changes, ok := r.log(o, r.first[o])
	if !ok {
		r.t.Fatalf("%s has lost what it had when the recording began", o.id)
	}
	for _, e := range changes {
		there[*e.Revision] = true
		r.rec.Add(e)
	}
	lost := map[history.Revision]bool{}
	for _, e := range r.observed {
		if e.Account == o.id && !there[*e.Revision] && !lost[*e.Revision] {
			e.Kind = history.Lost
			r.rec.Add(e)
			lost[*e.Revision] = true
		}
	}
	for _, e := range r.rec.Entries() {
		if e.Kind == history.Write && e.Account == o.id && e.Revision != nil && !there[*e.Revision] {
			lost[*e.Revision] = true
		}
	}
	for revision := range maps.Keys(lost) {
		for _, m := range r.members() {
			if e := r.check(r.t.Context(), m, o, o.facts[0], &revision, false); e.Refused != history.ReasonLost {
				r.t.Errorf("revision %v of %s is lost, and server %d answers %+v", revision, o.id, m.number, e)
			}
		}
	}
}

// hold fails the test if a report has violations, and keeps the history then.
// It also has to have something to say.
func (f *fleet) hold(report history.Report) {
	f.t.Helper()
	for _, asked := range []string{"fast", "token", "full"} {
		if report.Allowed[asked] < 20 || report.Denied[asked] < 20 {
			f.t.Errorf("%s: %d allowed and %d denied show little", asked, report.Allowed[asked], report.Denied[asked])
		}
	}
	if report.Needed == 0 || report.Receipts == 0 {
		f.t.Errorf("%d answers needed their token, and there were %d receipts: shows little", report.Needed, report.Receipts)
	}
	if all := sum(report.Allowed) + sum(report.Denied); report.Unproven > all/4 { // how many there are depends on how much was lost
		f.t.Errorf("of %d answers %d are of revisions of which nothing is known", all, report.Unproven)
	}
	const most = 10
	for i, v := range report.Violations {
		if i < most {
			f.t.Errorf("%v", v)
		}
	}
	if f.t.Failed() {
		f.t.Logf("%d violations; the history is kept in %s\n%s", len(report.Violations), f.keep(), f.logs())
	}
}

// keep writes the history to a file.
func (f *fleet) keep() string {
	f.t.Helper()
	file, err := os.CreateTemp("", "tollgate-history-*.jsonl")
	if err != nil {
		f.t.Fatal(err)
	}
	if err := history.Encode(file, f.rec.Entries()); err != nil || file.Close() != nil {
		f.t.Fatal(err)
	}
	return file.Name()
}

// breaks counts the violations of a rule.
func breaks(report history.Report, rule string) (n int) {
	for _, v := range report.Violations {
		if v.Rule == rule {
			n++
		}
	}
	return n
}
