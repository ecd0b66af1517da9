package main

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/internal/history"
	"github.com/tollgate-dev/tollgate/store/storetest"
)

// redundant is a fleet on a Redis that survives its masters.
type redundant struct {
	*fleet
	replicas int // of each master
	// of is the master that has the first account, and its replicas.
	of func() (master *storetest.Server, replicas []*storetest.Server)
	// over waits until another is master in place of one that failed.
	over func(failed *storetest.Server, replicas []*storetest.Server)
	// rejoin has a server that was master be a replica.
	rejoin func(*storetest.Server)
}

func onSentinel(t *testing.T, args ...string) *redundant {
	t.Helper()
	w := storetest.Sentinel(t)
	return &redundant{
		launch(t, repeat(w.URL+"&"+impatient, 3), 2, args...), 2,
		func() (*storetest.Server, []*storetest.Server) { return w.Master(), w.Replicas() },
		func(failed *storetest.Server, _ []*storetest.Server) { w.FailedOver(t, failed) },
		func(s *storetest.Server) { w.Rejoin(t, s) },
	}
}

func onCluster(t *testing.T, args ...string) *redundant {
	t.Helper()
	n := storetest.Cluster(t)
	return &redundant{
		launch(t, repeat(n.URL+"&"+impatient, 3), 2, args...), 1,
		func() (*storetest.Server, []*storetest.Server) {
			master, replica := n.Of("{acc0}")
			return master, []*storetest.Server{replica}
		},
		func(failed *storetest.Server, replicas []*storetest.Server) { n.FailedOver(t, failed, replicas[0]) },
		func(s *storetest.Server) { n.Rejoin(t, s) },
	}
}

func repeat(url string, times int) (urls []string) {
	for range times {
		urls = append(urls, url)
	}
	return urls
}

// settling is how long a fault goes on once another is master.
const settling = 500 * time.Millisecond

// killed kills the master.
func (d *redundant) killed(r *recording) {
	r.t.Helper()
	var master *storetest.Server
	during, _, _ := r.during("the master killed", settling,
		func() {
			var replicas []*storetest.Server
			master, replicas = d.of()
			r.observe()
			d.fail(r, master, replicas)
		},
		func() { d.rejoin(master) })
	if during.Refused == 0 || master.Leads() {
		r.t.Errorf("no failover was noticed: %+v", during)
	}
}

// fail kills the master, and waits until a replica has taken its place.
func (d *redundant) fail(r *recording, master *storetest.Server, replicas []*storetest.Server) {
	r.t.Helper()
	from := r.rec.Now()
	master.Kill()
	r.rec.Add(history.Entry{Kind: history.Failover, Start: from, End: r.rec.Now()})
	for _, s := range replicas {
		s.Continue() // if it was stopped
	}
	d.over(master, replicas)
}

// deposed stops the master until another has taken its place. Then it goes on,
// and takes itself for the master until it is told.
func (d *redundant) deposed(r *recording) {
	r.t.Helper()
	master, replicas := d.of()
	var from time.Duration
	both := false
	during, _, _ := r.during("the master deposed", settling,
		func() {
			r.observe()
			from = r.rec.Now()
			master.Stop()
			d.over(master, replicas)
			r.pass(settling)
			master.Continue()
			if both = master.Leads(); soak(r.t) > 0 { // until it is told
				r.until(func() bool { return !master.Leads() })
			}
		},
		func() {
			d.rejoin(master)
			r.rec.Add(history.Entry{Kind: history.Failover, Name: history.Deposed, Start: from, End: r.rec.Now()})
		})
	r.t.Logf("two servers took themselves for the master: %v", both)
	if during.Refused == 0 || master.Leads() {
		r.t.Errorf("no failover was noticed: %+v", during)
	}
}

// losing has replicas get nothing any more of what the master acknowledges, and
// then kills it: all of that is lost.
func (d *redundant) losing(r *recording) {
	r.t.Helper()
	var master *storetest.Server
	written := 0
	r.during("writes lost", settling,
		func() {
			var replicas []*storetest.Server
			master, replicas = d.of()
			storetest.Detach(master, replicas...)
			from := r.rec.Now()
			r.pass(settling)
			written = history.Count(r.rec.Entries(), 0, from, r.rec.Now()).Written
			r.observe()
			d.fail(r, master, replicas)
		},
		func() { d.rejoin(master) })
	r.t.Logf("%d writes were acknowledged while no replica got any", written)
}

// Masters fail, and what they had acknowledged is lost with them. Whoever has a
// token of it is told, also once the account's counter has grown past it;
// nobody else notices anything but refusals.
func TestChaosOfMasters(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no failovers")
	}
	t.Parallel()
	for name, on := range map[string]func(*testing.T, ...string) *redundant{"Sentinel": onSentinel, "Cluster": onCluster} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := on(t)
			d.unreplicated()
			d.replicated()
		})
	}
}

// unreplicated does not wait for replicas: what is lost is told.
func (d *redundant) unreplicated() {
	d.t.Helper()
	faults := []fault{{"writes are lost", d.losing}, {"the master is deposed", d.deposed}, {"the master is killed", d.killed}}
	report := d.record(within, func(r *recording) { r.suffer(faults, soak(d.t)/2) })
	d.hold(report)
	if report.Lost == 0 || report.Refused[history.ReasonLost] == 0 {
		d.t.Errorf("%d writes were lost, and %d tokens refused for that: shows nothing", report.Lost, report.Refused[history.ReasonLost])
	}
	d.byNumber()
	if breaks(history.Verify(d.rec.Entries(), lossless), history.RuleKept) == 0 {
		d.t.Error("had nothing to be lost, it would not be found")
	}
	unexplained := slices.DeleteFunc(slices.Clone(d.rec.Entries()), func(e history.Entry) bool { return e.Kind == history.Failover })
	report = history.Verify(unexplained, within)
	if breaks(report, history.RuleKept) == 0 || breaks(report, history.RuleKnown) == 0 {
		d.t.Error("had no master failed, it would not be found")
	}
}

// replicated waits for all replicas: nothing is lost.
func (d *redundant) replicated() {
	d.t.Helper()
	d.restartAll("--redis-wait", strconv.Itoa(d.replicas), "--redis-wait-timeout", "250ms")
	faults := []fault{{"writes would be lost", d.losing}, {"the master is deposed", d.deposed}, {"the master is killed", d.killed}}
	d.hold(d.record(lossless, func(r *recording) { r.suffer(faults, soak(d.t)/2) }))
	refused := 0
	for _, e := range d.rec.Entries() {
		if e.Kind == history.Write && e.Refused == "NOT_REPLICATED" {
			refused++
		}
	}
	if refused == 0 {
		d.t.Error("replicas had everything in time, so that nothing could have been lost")
	}
}
