package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate-dev/tollgate/internal/worlds"
)

// Writes to other accounts than the one that is asked about.
const (
	writesASecond = 1_000
	others        = 100 // accounts that are written to
	firstKnown    = 1   // the number of the first that the server has in memory
	firstUnknown  = 1_000
)

func other(number int) worlds.Large { return worlds.LargeOf(number, restBindings) }

// elsewhere measures what a server that is asked all the time loses while
// other accounts are written to. The machine's processors are shared by all who
// take part, the writers and Redis too, so windows of two kinds are compared in
// turn: in both the same writers write as much, in one of them to a Redis that
// the server does not listen to.
func (s *site) elsewhere(ctx context.Context) error {
	twin, err := startRedis(ctx)
	if err != nil {
		return err
	}
	defer twin.stop()
	for i := range others {
		for _, db := range []*database{s.db, twin} {
			if err := errors.Join(db.fill(ctx, other(firstKnown+i)), db.fill(ctx, other(firstUnknown+i))); err != nil {
				return err
			}
		}
	}
	here, err := startWriter(s.db.url())
	if err != nil {
		return err
	}
	defer here.stop()
	there, err := startWriter(twin.url())
	if err != nil {
		return err
	}
	defer there.stop()
	if err := s.know(); err != nil {
		return err
	}
	l, err := s.startLoad()
	if err != nil {
		return err
	}
	kinds := []*measured{
		{name: "writes on another Redis", writer: there, first: firstKnown},
		{name: "to accounts not in memory", writer: here, first: firstUnknown},
		{name: "to accounts in memory", writer: here, first: firstKnown},
		{name: "no writes at all"},
	}
	for round := range s.rounds {
		for i := range kinds {
			m := kinds[(i+round)%len(kinds)]
			if err := errors.Join(l.measure(m, s.window), l.failed()); err != nil {
				return errors.Join(err, l.stop())
			}
		}
	}
	if err := errors.Join(l.stop(), s.agree()); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "full load: checks of one account on 8 connections, every answer compared, while others are written to; %d windows of %d ms of each kind, in turn: processor time of the server a check\n", s.rounds, s.window)
	for _, m := range kinds {
		note := ""
		if m.writer == here {
			note = fmt.Sprintf(", %+.1f %% for the same time (goal ≥ -5 %%)", 100*(m.beside(kinds[0])-1))
		}
		row(s.out, m.name, median(m.costs), fmt.Sprintf("%.0f checks and %.0f writes a second%s", median(m.rates), median(m.writes), note))
	}
	return nil
}

// measured is what windows of one kind came to.
type measured struct {
	name   string
	writer *writer // nil for none
	first  int     // the number of the first account that it writes to

	costs, rates, writes []float64 // by window
}

// beside is how many checks the server makes in the time that one takes it in
// windows of another kind, round by round.
func (m *measured) beside(other *measured) float64 {
	ratios := make([]float64, len(m.costs))
	for i := range ratios {
		ratios[i] = other.costs[i] / m.costs[i]
	}
	return median(ratios)
}

// know has server B read the accounts that it is to have in memory.
func (s *site) know() error {
	conn, err := dial(s.b.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	for i := range others {
		q, allowed := questionOf(other(firstKnown+i), 0)
		if a, err := conn.ask(q); err != nil || a.Allowed != allowed {
			return fmt.Errorf("%+v: %+v, %w; by hand %v", q, a, err, allowed)
		}
	}
	return nil
}

// agree compares what server B has of the accounts that were written to with
// what the store has.
func (s *site) agree() error {
	conn, err := dial(s.b.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	for i := range 2 * others {
		number := firstKnown + i
		if i >= others {
			number = firstUnknown + i - others
		}
		q, allowed := questionOf(other(number), 0)
		a, err1 := conn.ask(q)
		q.Freshness = "full"
		now, err2 := conn.ask(q)
		if err := errors.Join(err1, err2); err != nil || a != now || a.Allowed != allowed {
			return fmt.Errorf("%+v: %+v, and from the store %+v, %w; by hand %v", q, a, now, err, allowed)
		}
	}
	return nil
}

// load is a server that is asked as much as it can answer.
type load struct {
	server *child
	asked  atomic.Int64
	ended  atomic.Bool
	wait   sync.WaitGroup
	errs   chan error
}

func (s *site) startLoad() (*load, error) {
	bodies, want := make([][]byte, distinct), make([][]byte, distinct)
	for i := range bodies {
		q, allowed := questionOf(s.hot, i)
		bodies[i], want[i] = must(json.Marshal(q)), fmt.Appendf(nil, `"allowed":%v`, allowed)
	}
	l := &load{server: s.b, errs: make(chan error, 8)}
	for range 8 {
		conn, err := dial(s.b.addr)
		if err != nil {
			return nil, errors.Join(err, l.stop())
		}
		l.wait.Go(func() {
			defer conn.Close()
			for !l.ended.Load() {
				i := int(l.asked.Add(1)) % distinct
				answer, err := conn.post(bodies[i])
				if err == nil && !bytes.Contains(answer, want[i]) {
					err = fmt.Errorf("%s: %s, want %s", bodies[i], answer, want[i])
				}
				if err != nil {
					l.errs <- err
					return
				}
			}
		})
	}
	return l, nil
}

func (l *load) failed() error {
	select {
	case err := <-l.errs:
		return err
	default:
		return nil
	}
}

func (l *load) stop() error {
	l.ended.Store(true)
	l.wait.Wait()
	return l.failed()
}

// measure measures one window.
func (l *load) measure(m *measured, milliseconds int) error {
	if err := m.writer.begin(m.first); err != nil {
		return err
	}
	time.Sleep(time.Duration(milliseconds) * time.Millisecond / 5) // until all are at it
	start, asked := time.Now(), l.asked.Load()
	before, err := l.server.spent()
	if err != nil {
		return err
	}
	time.Sleep(time.Duration(milliseconds) * time.Millisecond)
	took, answered := time.Since(start).Seconds(), float64(l.asked.Load()-asked)
	after, err := l.server.spent()
	if err != nil {
		return err
	}
	written, err := m.writer.pause()
	m.costs, m.rates, m.writes = append(m.costs, (after-before)/answered), append(m.rates, answered/took), append(m.writes, written)
	return err
}
