package main

import (
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/internal/history"
	"github.com/tollgate-dev/tollgate/store/storetest"
)

// within is what fleets are held to: the bound that servers have by default.
var within = history.Rules{Bound: time.Second}

// lossless is that nothing is lost that was acknowledged, besides.
var lossless = history.Rules{Bound: time.Second, Lossless: true}

// soak is for how long each kind of fleet is made to suffer:
// TOLLGATE_TEST_SOAK, such as 10m; by default until each fault was once.
func soak(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("TOLLGATE_TEST_SOAK")
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("TOLLGATE_TEST_SOAK: %v", err)
	}
	return d
}

// networked is a fleet on one Redis, each server by a way of its own, which can be
// made to fail.
type networked struct {
	*fleet
	redis *storetest.Server
	ways  []*storetest.Way
}

// newNetworked starts a fleet of some servers.
func newNetworked(t *testing.T, servers int, args ...string) *networked {
	t.Helper()
	a := &networked{redis: storetest.Standalone(t)}
	a.redis.Do(words("acl setuser tollgate on >hunter2 ~tg:* +@all " + hearing)...)
	network := storetest.NewNetwork(t)
	var urls []string
	for range servers {
		way := network.To(a.redis.Addr)
		a.ways = append(a.ways, way)
		urls = append(urls, "redis://tollgate:hunter2@"+way.Addr+"?"+impatient)
	}
	a.fleet = launch(t, urls, 2, args...)
	return a
}

// What the user of Redis may hear: all channels, and all but the feed's.
const (
	hearing = "resetchannels &tg:*"
	deaf    = "resetchannels &tg:replicas"
)

func words(text string) (list []any) {
	for word := range strings.FieldsSeq(text) {
		list = append(list, word)
	}
	return list
}

// fault is one that can be had again and again.
type fault struct {
	name string
	do   func(*recording)
}

const hold = 2200 * time.Millisecond // longer than the bound, twice

// faults are those of a fleet on one Redis. Each shows that it happened.
func (a *networked) faults() []fault {
	first := a.servers[0]
	return []fault{
		{"the feed is dropped", a.unheard},
		{"a server stops and goes on", func(r *recording) { a.stopped(r, a.servers[1]) }},
		{"Redis stops and goes on", func(r *recording) { a.away(r, "Redis stopped", 0, a.redis.Stop, a.redis.Continue) }},
		{"the network is slow", a.slow},
		{"a server is cut off", func(r *recording) { a.away(r, "one cut off", 2, a.ways[1].Cut, a.ways[1].Mend) }},
		{"a server hears no replies", func(r *recording) { a.away(r, "one without replies", 3, a.ways[2].Swallow, a.ways[2].Clear) }},
		{"all are cut off", func(r *recording) {
			a.away(r, "all cut off", 0, a.each((*storetest.Way).Cut), a.each((*storetest.Way).Mend))
		}},
		{"a server is restarted", func(r *recording) { a.restarted(r, first, syscall.SIGTERM) }},
		{"a server is killed", func(r *recording) { a.restarted(r, first, syscall.SIGKILL) }},
	}
}

func (a *networked) each(do func(*storetest.Way)) func() {
	return func() {
		for _, way := range a.ways {
			do(way)
		}
	}
}

// unheard drops every message of the feed: who writes may not publish it, and
// nobody may listen. Redis tells how often that was tried.
func (a *networked) unheard(r *recording) {
	r.t.Helper()
	a.redis.Do("acl", "log", "reset")
	during, _, _ := r.during("the feed dropped", hold, a.deafen, a.hear)
	dropped := a.redis.Denied("tg:feed")
	r.t.Logf("%d messages of the feed dropped", dropped)
	if dropped < during.Written || during.Written == 0 {
		r.t.Errorf("%d writes were acknowledged, and %d messages dropped", during.Written, dropped)
	}
}

func (a *networked) deafen() { a.redis.Do(words("acl setuser tollgate " + deaf)...) }
func (a *networked) hear()   { a.redis.Do(words("acl setuser tollgate " + hearing)...) }

// stopped stops a server's process, and has it go on: with what it knew, and
// with the requests that wait for it.
func (a *networked) stopped(r *recording, m *member) {
	r.t.Helper()
	var gone time.Duration
	during, _, until := r.during("a server stopped", hold,
		func() {
			must(r.t, storetest.Stop(m.Process))
			gone = r.rec.Now()
		},
		func() { must(r.t, m.Process.Signal(syscall.SIGCONT)) })
	if during.Written == 0 {
		r.t.Error("nothing was written meanwhile")
	}
	for _, e := range r.rec.Entries() {
		if e.Server == m.number && e.Revision != nil && e.Start > gone && e.End < until {
			r.t.Fatalf("a server that had stopped answered: %+v", e)
		}
	}
}

// away keeps a server from Redis, or all. It answers nothing beyond the bound.
func (a *networked) away(r *recording, name string, server int, begin, end func()) {
	r.t.Helper()
	var gone time.Duration
	_, _, until := r.during(name, hold, func() {
		begin()
		gone = r.rec.Now()
	}, end)
	r.rec.Add(history.Entry{Kind: history.Away, Server: server, Start: gone, End: until})
	concerned := history.Count(r.rec.Entries(), server, gone, until)
	others := history.Count(r.rec.Entries(), 0, gone, until)
	hindered := 0 // refused, or kept waiting until it was over
	for _, e := range r.rec.Entries() {
		if e.Kind == history.Check && (server == 0 || e.Server == server) && e.Start >= gone && e.Start < until && (e.Refused != "" || e.End > until) {
			hindered++
		}
	}
	if hindered == 0 || concerned.Written > 0 {
		r.t.Errorf("%s: nobody was hindered, or something was written: %+v", name, concerned)
	}
	if server != 0 && others.Written == 0 {
		r.t.Errorf("%s: the others wrote nothing", name)
	}
}

// slow has each reply of Redis take a tenth of a second and more.
func (a *networked) slow(r *recording) {
	r.t.Helper()
	const by = 100 * time.Millisecond
	_, from, until := r.during("the network slow", hold, a.each(func(w *storetest.Way) { w.Slow(by) }), a.each((*storetest.Way).Clear))
	slow := 0
	for _, e := range r.rec.Entries() {
		if e.Kind == history.Check && e.Full && e.Start > from+by && e.Start < until && e.Revision != nil && e.End-e.Start >= by {
			slow++
		}
	}
	if slow == 0 {
		r.t.Error("the network was not slow")
	}
}

// restarted ends a server, and starts it where it was after a while.
func (a *networked) restarted(r *recording, m *member, by syscall.Signal) {
	r.t.Helper()
	was := m.Process.Pid
	during, _, _ := r.during("a server ended by "+by.String(), hold/2,
		func() { m.stop(r.t, by) },
		func() {
			r.start(m)
			m.await(r.t)
		})
	if m.Process.Pid == was || during.Written == 0 {
		r.t.Error("it was not restarted while others wrote")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// suffer has each fault once, and then any until the soak is over.
func (r *recording) suffer(faults []fault, most time.Duration) {
	r.t.Helper()
	had := map[string]int{}
	for n := 0; (n < len(faults) || r.rec.Now() < most) && !r.t.Failed(); n++ {
		next := faults[rand.IntN(len(faults))]
		if n < len(faults) {
			next = faults[n]
		}
		next.do(r)
		had[next.name]++
	}
	r.t.Logf("had: %v", had)
}

// Whatever fails, an answer is of its token's revision or of a later one, and
// without a token it is not older than the bound.
func TestChaos(t *testing.T) {
	t.Parallel()
	servers := 3
	if soak(t) > 0 {
		servers = 5
	}
	a := newNetworked(t, servers)
	faults := a.faults()
	if testing.Short() {
		faults = faults[:3]
	}
	report := a.record(within, func(r *recording) { r.suffer(faults, soak(t)) })
	a.hold(report)
	if report.Lost > 0 {
		t.Errorf("%d writes were lost, and no master failed", report.Lost)
	}
	a.altered()
}
