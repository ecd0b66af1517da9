package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/tollgate-dev/tollgate"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/worlds"
	"github.com/tollgate-dev/tollgate/policy"
)

// The scale that one replica is measured at.
const (
	manyAccounts = 10_000
	hotBindings  = 1_000 // of the account that is asked about all the time
	restBindings = 100   // of each other: 10⁶ in all
	bigBindings  = 100_000
)

// scale measures checks and changes in the memory of one replica, and what
// accounts take there.
func scale(out io.Writer) error {
	for _, part := range []func(io.Writer) error{amongMany, oneChange, memory} {
		if err := part(out); err != nil {
			return err
		}
	}
	return nil
}

// crowd is a source of large accounts that are made when they are loaded.
type crowd struct {
	still
	accounts map[string]worlds.Large
}

func newCrowd(accounts ...worlds.Large) *crowd {
	c := &crowd{accounts: map[string]worlds.Large{}}
	c.state.Head = authz.Head{Revision: authz.Revision{Number: 1, Identity: "0000000000000001"}, Basis: 1}
	for _, l := range accounts {
		c.accounts[l.Account()] = l
	}
	return c
}

func (c *crowd) Load(_ context.Context, account string, _ ...authz.Key) (*authz.State, error) {
	l, ok := c.accounts[account]
	if !ok {
		return nil, authz.ErrNoAccount
	}
	return &authz.State{Head: c.head(), Records: l.Records()}, nil
}

func engineOn(source authz.Source, o authz.Options) (*authz.Engine, error) {
	judge, err := policy.NewJudge(tollgate.Model)
	if err != nil {
		return nil, err
	}
	return authz.NewEngine(source, judge, o)
}

// asking is an engine and the questions that it is asked in turn, with the
// answers that it is to give.
type asking struct {
	engine   *authz.Engine
	requests []authz.Request
	want     []bool
}

func (a *asking) add(l worlds.Large, i int) {
	q := l.Question(i)
	a.requests, a.want = append(a.requests, l.Request(q)), append(a.want, l.Allowed(q))
}

// verify asks all questions, and compares the answers with those made by hand.
func (a *asking) verify() (allowed int, err error) {
	for i := range a.requests {
		got, err := a.engine.Check(context.Background(), &a.requests[i])
		if err != nil {
			return 0, err
		}
		if got.Allowed != a.want[i] {
			return 0, fmt.Errorf("%+v: Tollgate %v, by hand %v", a.requests[i], got.Allowed, a.want[i])
		}
		if got.Allowed {
			allowed++
		}
	}
	return allowed, nil
}

func (a *asking) ask(i int) {
	must(a.engine.Check(context.Background(), &a.requests[i%len(a.requests)]))
}

// amongMany measures a hot account and random ones among many, beside the hot
// one alone.
func amongMany(out io.Writer) error {
	hot := worlds.LargeOf(0, hotBindings)
	accounts := []worlds.Large{hot}
	bindings := hot.Bindings
	for i := 1; i < manyAccounts; i++ {
		accounts = append(accounts, worlds.LargeOf(i, restBindings))
		bindings += restBindings
	}
	single, err := engineOn(newCrowd(hot), authz.Options{})
	if err != nil {
		return err
	}
	defer single.Close()
	many, err := engineOn(newCrowd(accounts...), authz.Options{Bound: time.Hour})
	if err != nil {
		return err
	}
	defer many.Close()
	load := time.Now()
	for _, l := range accounts {
		if _, err := many.Snapshot(context.Background(), l.Account(), ""); err != nil {
			return err
		}
	}
	took := time.Since(load)
	const questions = 20_000
	alone, among, random := asking{engine: single}, asking{engine: many}, asking{engine: many}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range questions {
		alone.add(hot, i)
		random.add(accounts[r.IntN(len(accounts))], i)
	}
	among.requests, among.want = alone.requests, alone.want
	var allowed int
	for _, a := range []*asking{&alone, &among, &random} {
		if allowed, err = a.verify(); err != nil {
			return err
		}
	}
	c := many.Counters()
	fmt.Fprintf(out, "scale: %d accounts with %d bindings, loaded in %.1f s, %.0f MB; %d distinct questions each, every answer compared, %d %% of the random ones allowed\n",
		c.Residents, bindings, took.Seconds(), float64(c.Bytes)/1e6, questions, 100*allowed/questions)
	times := make([][]float64, 3)
	for range 21 {
		for k, a := range []*asking{&alone, &among, &random} {
			before := processorTime()
			for i := range a.requests {
				a.ask(i)
			}
			times[k] = append(times[k], float64(processorTime()-before)/questions)
		}
	}
	aloneTime, amongTime, randomTime := median(times[0]), median(times[1]), median(times[2])
	row(out, "one account alone", aloneTime, "1 (processor time)")
	row(out, "the same among many", amongTime, fmt.Sprintf("%.2f× alone (goal ≤ 1.5)", amongTime/aloneTime))
	row(out, "random accounts", randomTime, fmt.Sprintf("%.2f× alone (goal ≤ 5)", randomTime/aloneTime))
	return nil
}

// processorTime is what the process has used, in nanoseconds: others on the
// machine keep it waiting, and are not measured.
func processorTime() int64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return used.Utime.Nano() + used.Stime.Nano()
}

// oneChange measures a binding that is made or removed in an account of many,
// until a check sees it.
func oneChange(out io.Writer) error {
	l := worlds.LargeOf(0, bigBindings)
	engine, err := engineOn(newCrowd(l), authz.Options{Bound: time.Hour})
	if err != nil {
		return err
	}
	defer engine.Close()
	ctx := context.Background()
	snapshot, err := engine.Snapshot(ctx, l.Account(), "")
	if err != nil {
		return err
	}
	head := snapshot.Head()
	var times []float64
	for i := range 2_000 {
		b := policy.Binding{Subject: l.User(i * 7 % l.Users), Role: policy.Owner, Scope: l.Subproject(i * 13 % l.Subprojects), Effect: policy.Allow}
		req := authz.Request{Subject: b.Subject.String(), Permission: "secret.destroy", Resource: b.Scope.String(), Account: l.Account()}
		body := must(json.Marshal(b))
		edit := authz.Edit{Key: authz.KeyOf(hierarchy.TypeBinding, l.BindingID(bigBindings+i))}
		for _, made := range []bool{true, false} {
			edit.Before, edit.After = body, nil
			if made {
				edit.Before, edit.After = nil, body
			}
			previous := head.Identity
			head.Number, head.Identity = head.Number+1, fmt.Sprintf("%016x", head.Number)
			head.Basis = head.Number
			start := time.Now()
			engine.Committed(&authz.Commit{Account: l.Account(), Edits: []authz.Edit{edit}}, head, previous)
			a, err := engine.Check(ctx, &req)
			times = append(times, float64(time.Since(start).Nanoseconds()))
			if err != nil || a.Allowed != made || a.Revision() != head.Revision {
				return fmt.Errorf("%+v: %v at %v, %w; want %v at %v", req, a.Allowed, a.Revision(), err, made, head.Revision)
			}
		}
	}
	slices.Sort(times)
	fmt.Fprintf(out, "one changed binding in an account of %d, with %d subprojects: until a check has seen it\n", bigBindings, l.Subprojects)
	row(out, "median", times[len(times)/2], "(goal ≤ 50 µs)")
	row(out, "99 of 100", times[len(times)*99/100], "")
	return nil
}

// memory measures what accounts of several sizes take in the heap.
func memory(out io.Writer) error {
	fmt.Fprintln(out, "memory: heap a binding, with all that an account has beside, identifiers included")
	for _, size := range []struct{ bindings, accounts int }{{100, 2_000}, {1_000, 200}, {10_000, 20}, {bigBindings, 4}} {
		accounts := make([]worlds.Large, size.accounts)
		for i := range accounts {
			accounts[i] = worlds.LargeOf(i, size.bindings)
		}
		engine, err := engineOn(newCrowd(accounts...), authz.Options{Bound: time.Hour})
		if err != nil {
			return err
		}
		before := heap()
		for _, l := range accounts {
			if _, err := engine.Snapshot(context.Background(), l.Account(), ""); err != nil {
				return err
			}
		}
		took := heap() - before
		goal := "(goal ≤ 150 B)"
		if size.bindings < 1_000 {
			goal = ""
		}
		estimate := float64(engine.Counters().Bytes) / float64(took)
		fmt.Fprintf(out, "  %-28s %12.0f B   estimated at %.2f× that  %s\n", fmt.Sprintf("accounts of %d", size.bindings),
			float64(took)/float64(size.bindings*size.accounts), estimate, goal)
		engine.Close()
	}
	return nil
}

// heap is how many bytes are allocated and in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
