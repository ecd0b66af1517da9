package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
)

// freshness measures what it costs to ask for an answer that is of a revision
// at least, and for one that the store was asked for first.
func (s *site) freshness(ctx context.Context) error {
	f := &freshly{site: s}
	var err error
	if f.conn, err = dial(s.b.addr); err != nil {
		return err
	}
	defer f.conn.Close()
	if err := f.prepare(); err != nil {
		return err
	}
	if err := f.inMemory(ctx); err != nil {
		return err
	}
	if err := f.overHTTP(ctx); err != nil {
		return err
	}
	return f.roundTrips(ctx)
}

// freshly is the same questions asked in several ways.
type freshly struct {
	*site
	conn     *connection
	revision string      // of the account
	bodies   [3][][]byte // of the ways
}

// The ways.
const (
	fast = iota
	atLeast
	full
)

// distinct is how many questions there are.
const distinct = 1_000

// prepare makes the questions, and compares the answers to all of them.
func (f *freshly) prepare() error {
	q, _ := questionOf(f.hot, 0)
	q.Freshness = "full"
	now, err := f.conn.ask(q)
	if err != nil {
		return err
	}
	f.revision = now.Revision
	for i := range distinct {
		q, allowed := questionOf(f.hot, i)
		ways := [...]question{q, q, q}
		ways[atLeast].AtLeast, ways[full].Freshness = f.revision, "full"
		for way, q := range ways {
			a, err := f.conn.ask(q)
			if err != nil || a.Allowed != allowed || a.Revision != f.revision {
				return fmt.Errorf("%+v: %+v, %w; by hand %v", q, a, err, allowed)
			}
			f.bodies[way] = append(f.bodies[way], must(json.Marshal(q)))
		}
	}
	return nil
}

// inMemory measures inside one process, where HTTP hides nothing.
func (f *freshly) inMemory(ctx context.Context) error {
	if err := f.db.client.Set(ctx, "bench", f.revision, 0).Err(); err != nil {
		return err
	}
	engine, err := engineOn(f.db.store, authz.Options{Bound: time.Hour})
	if err != nil {
		return err
	}
	defer engine.Close()
	var ways [3]asking
	for way := range ways {
		ways[way].engine = engine
		for i := range distinct {
			ways[way].add(f.hot, i)
		}
	}
	for i := range distinct {
		ways[atLeast].requests[i].AtLeast, ways[full].requests[i].Full = f.revision, true
	}
	for way := range ways {
		if _, err := ways[way].verify(); err != nil {
			return err
		}
	}
	get := func(int) { must(f.db.client.Get(ctx, "bench").Result()) }
	times := compare(f.rounds, work{20 * distinct, ways[fast].ask}, work{20 * distinct, ways[atLeast].ask}, work{distinct, ways[full].ask}, work{distinct, get})
	fmt.Fprintf(f.out, "freshness, inside a process: %d distinct questions, every answer compared\n", distinct)
	row(f.out, "fast", times[fast], "1")
	row(f.out, "at_least, once it is there", times[atLeast], fmt.Sprintf("%.2f× fast (goal ≤ 1.2)", times[atLeast]/times[fast]))
	row(f.out, "full", times[full], fmt.Sprintf("%.2f× a bare GET, of %.0f ns", times[full]/times[full+1], times[full+1]))
	return nil
}

// overHTTP measures the processor time of the server, and how long one client
// waits, beside a bare GET.
func (f *freshly) overHTTP(ctx context.Context) error {
	var costs, waits [3][]float64
	var gets []float64
	for range f.rounds {
		for way := range costs {
			cost, err := f.b.cost(f.bodies[way], f.requests)
			if err != nil {
				return err
			}
			costs[way] = append(costs[way], cost)
			wait, err := each(f.requests/10, func(i int) error {
				_, err := f.conn.post(f.bodies[way][i%distinct])
				return err
			})
			if err != nil {
				return err
			}
			waits[way] = append(waits[way], wait)
		}
		get, err := each(f.requests/10, func(int) error { return f.db.client.Get(ctx, "bench").Err() })
		if err != nil {
			return err
		}
		gets = append(gets, get)
	}
	plain, sure := median(costs[fast]), median(costs[atLeast])
	fmt.Fprintf(f.out, "freshness, over HTTP: %d requests a round on 8 connections, processor time of the server\n", f.requests)
	row(f.out, "fast", plain, "1")
	row(f.out, "at_least, once it is there", sure, fmt.Sprintf("%.2f× fast (goal ≤ 1.2)", sure/plain))
	row(f.out, "full", median(costs[full]), fmt.Sprintf("%.2f× fast", median(costs[full])/plain))
	fmt.Fprintln(f.out, "freshness, over HTTP: one request after another, until it is answered")
	get, more := median(gets), median(waits[full])-median(waits[fast])
	row(f.out, "a bare GET", get, "1")
	row(f.out, "fast", median(waits[fast]), "")
	row(f.out, "at_least, once it is there", median(waits[atLeast]), fmt.Sprintf("%.2f× fast (goal ≤ 1.2)", median(waits[atLeast])/median(waits[fast])))
	row(f.out, "full", median(waits[full]), fmt.Sprintf("%.2f× fast; what it takes longer is %.2f× a bare GET", median(waits[full])/median(waits[fast]), more/get))
	return nil
}

// each is the median time of something that is done a number of times.
func each(times int, do func(i int) error) (float64, error) {
	took := make([]float64, times)
	for i := range took {
		start := time.Now()
		if err := do(i); err != nil {
			return 0, err
		}
		took[i] = float64(time.Since(start).Nanoseconds())
	}
	return median(took), nil
}

// roundTrips counts what Redis is asked by full checks, one after another. The
// servers have other things to say, too, but not often.
func (f *freshly) roundTrips(ctx context.Context) error {
	before, err := f.db.asked(ctx)
	if err != nil {
		return err
	}
	for i := range f.requests {
		if _, err := f.conn.post(f.bodies[full][i%distinct]); err != nil {
			return err
		}
	}
	after, err := f.db.asked(ctx)
	if err != nil {
		return err
	}
	each := func(a, b int) float64 { return float64(b-a) / float64(f.requests) }
	fmt.Fprintf(f.out, "  %-28s %12.2f     round trips to Redis (goal: 1), and %.2f commands, as Redis counts them\n",
		"full", each(before.trips, after.trips), each(before.commands, after.commands))
	return nil
}

// done is what a Redis has done.
type done struct{ trips, commands int }

// asked is what a Redis was asked: how often something was read from a
// connection, and how many commands that were.
func (db *database) asked(ctx context.Context) (d done, err error) {
	text, err := db.client.Info(ctx, "stats").Result()
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "total_reads_processed":
			d.trips, err = strconv.Atoi(value)
		case "total_commands_processed":
			d.commands, err = strconv.Atoi(value)
		}
	}
	if d == (done{}) && err == nil {
		err = errors.New("Redis does not say what it was asked")
	}
	return d, err
}
