package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/tollgate-dev/tollgate/client"
	"github.com/tollgate-dev/tollgate/internal/oracle"
	"github.com/tollgate-dev/tollgate/internal/worlds"
	"github.com/tollgate-dev/tollgate/store/storetest"
)

// arena is where programs are run: servers on one store, and the model that
// they are held to.
type arena struct {
	servers []string // URLs
	key     string
	clients int // at most
	bound   time.Duration
	http    *http.Client
	decide  func(*oracle.World, oracle.Question) oracle.Answer
	played  atomic.Int64
	tally   map[string]int // of what became of what, as "verb: reason"

	failed   map[string]string // programs, and why they failed
	smallest program           // of them
	enough   int               // deeds: one of so few is not made smaller
}

const arenaBound = 50 * time.Millisecond

func newArena(t *testing.T, servers ...site) *arena {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	t.Cleanup(transport.CloseIdleConnections)
	a := &arena{clients: 3, key: servers[0].environment["TOLLGATE_KEY"], bound: arenaBound, http: &http.Client{Transport: transport}, decide: oracle.Decide, tally: map[string]int{}, failed: map[string]string{}}
	for _, s := range servers {
		a.servers = append(a.servers, s.environment["TOLLGATE_SERVER"])
	}
	return a
}

// alone is an arena of one server, on an embedded store.
func alone(t *testing.T) *arena {
	t.Helper()
	return newArena(t, serve(t, environment{"TOLLGATE_FRESHNESS_BOUND": arenaBound.String()}))
}

// Clients that do anything at once are answered as the plain model answers
// them, one after another: by one server, and by two on one Redis.
func TestModel(t *testing.T) {
	programs(t)
	for name, start := range map[string]func(t *testing.T) *arena{
		"embedded": alone,
		"two servers on one Redis": func(t *testing.T) *arena {
			t.Helper()
			env := environment{"TOLLGATE_REDIS": storetest.Redis(t), "TOLLGATE_FRESHNESS_BOUND": arenaBound.String(), "TOLLGATE_OPERATOR_KEY": "0123456789abcdef"}
			return newArena(t, serve(t, env), serve(t, env))
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t)
			rapid.Check(t, a.property(t.Context()))
			a.saw(t)
		})
	}
}

// saw fails if there was something that was never done, or some answer that was
// never given: then nothing was shown of it.
func (a *arena) saw(t *testing.T) {
	t.Helper()
	t.Logf("%d programs: %v", a.played.Load(), a.tally)
	if a.played.Load() < toSeeAll {
		return
	}
	for _, verb := range verbs {
		if !strings.HasPrefix(verb, "check") && a.tally[verb+": OK"] == 0 {
			t.Errorf("%s was never done", verb)
		}
	}
	for _, code := range []string{"ALLOWED", "NO_BINDING", "DENIED_BY_BINDING", "RESOURCE_NOT_FOUND", "RESOURCE_SUSPENDED", "RESOURCE_DELETED"} {
		if a.tally["check: "+code]+a.tally["check at least: "+code]+a.tally["check in full: "+code] == 0 {
			t.Errorf("no check was answered %s", code)
		}
	}
}

// toSeeAll is how many programs show everything, and so how many are run.
const toSeeAll = 300

// programs says how many programs are run: TOLLGATE_TEST_PROGRAMS, or
// toSeeAll; a fifth of that in short.
func programs(t *testing.T) {
	t.Helper()
	setFlag(t, "rapid.checks", cmp.Or(os.Getenv("TOLLGATE_TEST_PROGRAMS"), strconv.Itoa(toSeeAll)))
}

func setFlag(t *testing.T, name, value string) {
	t.Helper()
	was := flag.Lookup(name).Value.String()
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set(name, was) })
}

// again is how often a smaller program is run than one that failed: what
// clients do at once may fail now and then.
const again = 3

// property holds any program. One that failed once counts as failed, whatever
// comes of it when it is run again, and what is said of each is the same: else
// rapid would not make it smaller.
func (a *arena) property(ctx context.Context) func(*rapid.T) {
	return func(t *rapid.T) {
		p := anyProgram(a.clients, len(a.servers)).Draw(t, "program")
		why, failed := a.failed[p.String()]
		if !failed && len(a.failed) > 0 && len(a.smallest) <= a.enough {
			return
		}
		runs := 1
		if len(a.failed) > 0 && p.clients() > 1 {
			runs = again
		}
		for i := 0; !failed && i < runs; i++ {
			broken, err := a.play(ctx, p)
			if broken != nil {
				t.Fatalf("%v%v", p, broken) // not to be mistaken for what follows
			}
			if err != nil {
				why, failed = err.Error(), true
				a.failed[p.String()] = why
			}
		}
		if failed {
			a.smallest = p
			t.Logf("%v%v", p, why)
			t.Fatal("the servers do not answer as the model does")
		}
	}
}

// play runs a program on accounts of its own, and judges it: broken is what
// should never be answered, whatever was asked.
func (a *arena) play(ctx context.Context, p program) (broken, wrong error) {
	judges := map[string]*judge{}
	visitors, err := a.admit(ctx, p, judges)
	if err != nil {
		return err, nil
	}
	var all errgroup.Group
	for _, v := range visitors {
		all.Go(func() error { return v.run(ctx) })
	}
	if err := all.Wait(); err != nil {
		return err, nil
	}
	for _, v := range visitors {
		for _, e := range v.events {
			judges[e.account].events = append(judges[e.account].events, e)
			a.tally[e.outcome()]++
		}
	}
	for _, j := range judges {
		if err := j.judge(); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// admit makes the clients of a program, the accounts that they need, and a
// judge for each of these, by account.
func (a *arena) admit(ctx context.Context, p program, judges map[string]*judge) (map[int]*visitor, error) {
	round := a.played.Add(1)
	know := func(name string) (*known, error) {
		account := fmt.Sprintf("m%d-%s", round, name)
		if judges[account] == nil {
			w, first, err := a.open(ctx, account)
			if err != nil {
				return nil, fmt.Errorf("importing: %w", err)
			}
			judges[account] = &judge{decide: a.decide, bound: a.bound, first: first, states: []*oracle.World{w}}
		}
		return knownOf(judges[account].states[0]), nil
	}
	visitors := map[int]*visitor{}
	for _, d := range p {
		v := visitors[d.client]
		if v == nil {
			v = &visitor{http: a.http, servers: a.servers, key: a.key}
			visitors[d.client] = v
		}
		v.deeds = append(v.deeds, d)
		var err error
		if d.shared && v.shared == nil {
			v.shared, err = know("shared")
		} else if !d.shared && v.own == nil {
			v.own, err = know(fmt.Sprint("own", d.client))
		}
		if err != nil {
			return nil, err
		}
	}
	return visitors, nil
}

// open imports an account, and returns what it is then.
func (a *arena) open(ctx context.Context, account string) (w *oracle.World, first uint64, err error) {
	c, err := client.New(a.servers[0], a.key, client.WithTransport(a.http.Transport))
	if err != nil {
		return nil, 0, err
	}
	w = firstWorld(account)
	bundle, err := json.Marshal(worlds.Bundle(w))
	if err != nil {
		return nil, 0, err
	}
	made, err := c.ImportJSON(ctx, bundle, client.ImportOptions{})
	if err != nil {
		return nil, 0, err
	}
	e := &event{account: account}
	v := &visitor{http: a.http, servers: a.servers, key: a.key}
	var list struct{ Items []client.Binding }
	if err := v.send(ctx, e, http.MethodGet, "/v1/bindings?account="+account, nil, &list); err != nil {
		return nil, 0, err
	}
	w.Bindings = nil
	for _, b := range list.Items {
		w.Bindings = append(w.Bindings, oracle.Binding{ID: b.ID, Subject: b.Subject, Role: b.Role, Scope: b.Scope, Effect: b.Effect})
	}
	err = e.at(made.Revision)
	return w, e.number, err
}

// A model with a wrong rule, and servers that do wrong, are found, and what
// shows it is made small. There is one client, so that what fails once fails
// each time.
func TestModelControls(t *testing.T) {
	setFlag(t, "rapid.nofailfile", "true")
	setFlag(t, "rapid.checks", "1000")   // until it is found; a short run makes a fifth of them
	setFlag(t, "rapid.shrinktime", "1m") // they take seconds
	const few = 4
	for name, wrong := range map[string]func(t *testing.T, a *arena){
		"a rule of the model's is wrong": func(_ *testing.T, a *arena) { a.decide = withoutDenies },
		"a write is acknowledged and not made": func(t *testing.T, a *arena) {
			t.Helper()
			a.tamper(t, suspendNothing)
		},
		"answers are of an old revision": func(t *testing.T, a *arena) {
			t.Helper()
			a.tamper(t, sayFirstRevision())
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := alone(t)
			a.clients, a.enough = 1, few
			wrong(t, a)
			said := failing(t, a.property(t.Context()))
			if n := len(a.smallest); n == 0 || n > few {
				t.Fatalf("%d deeds, where %d show it: %s", n, few, said)
			}
			t.Logf("found, and made as small as\n%v", a.smallest)
		})
	}
}
