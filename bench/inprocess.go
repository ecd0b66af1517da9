package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	stringadapter "github.com/casbin/casbin/v2/persist/string-adapter"

	"github.com/tollgate-dev/tollgate"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/limit"
	"github.com/tollgate-dev/tollgate/policy"
)

// inProcess measures one check inside a process: Tollgate's, the one written
// by hand, and a stock Casbin's of the same account. All answer the same
// questions, and all answers are compared.
func inProcess(out io.Writer) error {
	w := makeWorld(1)
	engine, err := newEngine(w)
	if err != nil {
		return err
	}
	defer engine.Close()
	byHand := makeFloor(w)
	inBound := guarded{byHand, time.Now(), time.Hour}
	stock, err := newStock(w)
	if err != nil {
		return err
	}
	limits, err := limit.New(limit.Rate{PerSecond: limit.MaxPerSecond, Burst: limit.MaxBurst}, limit.Rate{PerSecond: limit.MaxPerSecond, Burst: limit.MaxBurst})
	if err != nil {
		return err
	}
	defer limits.Close()
	requests := make([]authz.Request, len(w.queries))
	for i, q := range w.queries {
		requests[i] = authz.Request{Subject: q.subject, Permission: q.permission, Resource: q.node, Account: accountID}
	}
	ctx := context.Background()
	ask := func(i int) bool {
		a, err := engine.Check(ctx, &requests[i])
		if err != nil {
			panic(err)
		}
		return a.Allowed
	}
	enforce := func(i int) bool {
		q := &w.queries[i]
		dot := strings.LastIndexByte(q.permission, '.')
		ok, err := stock.Enforce(q.subject, q.node, q.permission[:dot], q.permission[dot+1:])
		if err != nil {
			panic(err)
		}
		return ok
	}
	allowed := 0
	for i := range w.queries {
		want := byHand.check(&w.queries[i])
		if got := ask(i); got != want {
			return fmt.Errorf("%+v: Tollgate %v, by hand %v", w.queries[i], got, want)
		}
		if i < 200 && enforce(i) != want {
			return fmt.Errorf("%+v: Casbin differs from %v", w.queries[i], want)
		}
		if want {
			allowed++
		}
	}
	fmt.Fprintf(out, "in process: %d bindings, %d roles of %d permissions; %d distinct questions, %d %% allowed, every answer compared\n",
		bindings, roles, permsOfRole, len(w.queries), 100*allowed/len(w.queries))
	n := len(w.queries)
	times := compare(15,
		work{5 * n, func(i int) { byHand.check(&w.queries[i%n]) }},
		work{5 * n, func(i int) { inBound.check(&w.queries[i%n]) }},
		work{5 * n, func(i int) { ask(i % n) }},
		work{5 * n, func(i int) {
			ask(i % n)
			limits.Take(w.queries[i%n].subject, accountID)
		}},
		work{40, func(i int) { enforce(i % n) }})
	floorTime, guardedTime, checkTime, limitedTime, casbinTime := times[0], times[1], times[2], times[3], times[4]
	row(out, "by hand", floorTime, "1")
	row(out, "by hand, inside a bound", guardedTime, fmt.Sprintf("%.2f× by hand: the clock is read", guardedTime/floorTime))
	row(out, "Tollgate", checkTime, fmt.Sprintf("%.2f× by hand (goal ≤ 1.3), %.2f× by hand inside a bound", checkTime/floorTime, checkTime/guardedTime))
	row(out, "Tollgate, with rate limits", limitedTime, fmt.Sprintf("%.2f× Tollgate: two buckets are taken from", limitedTime/checkTime))
	row(out, "stock Casbin", casbinTime, fmt.Sprintf("Tollgate is %.0f× faster (goal ≥ 1000)", casbinTime/checkTime))
	return nil
}

func row(out io.Writer, name string, nanoseconds float64, note string) {
	fmt.Fprintf(out, "  %-28s %12.0f ns  %s\n", name, nanoseconds, note)
}

type work struct {
	times int
	do    func(i int)
}

// compare times several kinds of work in turn, so that all see the same
// machine, and returns the median of each in nanoseconds.
func compare(rounds int, works ...work) []float64 {
	times := make([][]float64, len(works))
	for range rounds {
		for k, w := range works {
			start := time.Now()
			for i := range w.times {
				w.do(i)
			}
			times[k] = append(times[k], float64(time.Since(start).Nanoseconds())/float64(w.times))
		}
	}
	medians := make([]float64, len(works))
	for k := range times {
		slices.Sort(times[k])
		medians[k] = times[k][rounds/2]
	}
	return medians
}

func newEngine(w *world) (*authz.Engine, error) {
	judge, err := policy.NewJudge(tollgate.Model)
	if err != nil {
		return nil, err
	}
	return authz.NewEngine(newStill(w), judge, authz.Options{ShadowShare: 0.01, Uses: authz.NewUses()})
}

// newStock loads a stock Casbin with the policy that Tollgate prints.
func newStock(w *world) (*casbin.Enforcer, error) {
	judge, err := policy.NewJudge(tollgate.Model)
	if err != nil {
		return nil, err
	}
	state, err := newStill(w).Load(context.Background(), accountID)
	if err != nil {
		return nil, err
	}
	snapshot, err := authz.NewSnapshot(accountID, authz.NewModel(judge.Meaning()), state)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	if err := policy.Print(&text, snapshot.Facts(nil), time.Now().UnixMicro()); err != nil {
		return nil, err
	}
	m, err := model.NewModelFromString(tollgate.Model)
	if err != nil {
		return nil, err
	}
	return casbin.NewEnforcer(m, stringadapter.NewAdapter(text.String()), false)
}
