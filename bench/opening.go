package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/worlds"
)

// A round of opening subprojects, and how many there are.
const (
	openingRounds = 7
	openingTimes  = 300
)

// opening measures how fast subprojects are opened in an account that has
// 20,000, beside the script that commits one, which is run with the arguments
// of such openings on an account that is alike.
func opening(ctx context.Context, out io.Writer, db *database) error {
	twin, err := startRedis(ctx)
	if err != nil {
		return err
	}
	defer twin.stop()
	l := worlds.Large{Number: 3, Bindings: 20_000, Users: 4_000, Projects: 4, Subprojects: 20_000}
	for _, each := range []*database{db, twin} {
		if err := each.fill(ctx, l); err != nil {
			return err
		}
	}
	engine, err := engineOn(db.store, authz.Options{})
	if err != nil {
		return err
	}
	defer engine.Close()
	service := admin.New(engine, db.store)
	open := func(i int) error {
		item, err := service.CreateSubproject(ctx, admin.Caller{Name: "bench", Operator: true}, l.Project(i%l.Projects).ID, hierarchy.Info{DisplayName: fmt.Sprint("client ", i)})
		if err == nil && (item.Doc.Project != l.Project(i%l.Projects).ID || item.Revision == "") {
			err = fmt.Errorf("%+v", item)
		}
		return err
	}
	calls, err := db.record(openingRounds*openingTimes, open)
	if err != nil {
		return err
	}
	if err := twin.client.ScriptLoad(ctx, string(must(os.ReadFile("../store/commit.lua")))).Err(); err != nil {
		return err
	}
	var floors, times, ratios []float64
	for calls := range slices.Chunk(calls, openingTimes) {
		floor, err := timed(func(i int) error { return twin.run(ctx, calls[i]) })
		if err != nil {
			return err
		}
		took, err := timed(open)
		if err != nil {
			return err
		}
		floors, times, ratios = append(floors, floor), append(times, took), append(ratios, floor/took)
	}
	snapshot, err := engine.Refresh(ctx, l.Account())
	if err != nil {
		return err
	}
	if _, n := snapshot.Counts(); n != l.Subprojects+2*openingRounds*openingTimes {
		return fmt.Errorf("the account has %d subprojects", n)
	}
	fmt.Fprintf(out, "on a Redis: opening subprojects one after another in an account that has %d\n", l.Subprojects)
	row(out, "the bare script", median(floors), "1")
	row(out, "Tollgate", median(times), fmt.Sprintf("%.2f× the rate of the bare script (goal ≥ 0.3)", median(ratios)))
	return nil
}

// timed is how long one of openingTimes takes, in nanoseconds.
func timed(do func(i int) error) (float64, error) {
	start := time.Now()
	for i := range openingTimes {
		if err := do(i); err != nil {
			return 0, err
		}
	}
	return float64(time.Since(start).Nanoseconds()) / openingTimes, nil
}

// record does something a number of times, and returns the calls of the
// script that commits that Redis saw: those that have more keys than any other
// script.
func (db *database) record(times int, do func(i int) error) (calls [][]any, err error) {
	conn, err := net.Dial("tcp", db.addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "MONITOR\r\n"); err != nil {
		return nil, err
	}
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "+OK") {
		return nil, fmt.Errorf("MONITOR: %q, %w", line, err)
	}
	done := make(chan error, 1)
	go func() {
		for i := range times {
			if err := do(i); err != nil {
				done <- err
				_ = conn.Close()
				return
			}
		}
		done <- nil
	}()
	for len(calls) < times {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, errors.Join(err, <-done)
		}
		if call, ok := commitCall(line); ok {
			calls = append(calls, call)
		}
	}
	return calls, <-done
}

// commitCall reads a line of MONITOR. The deadline of a call is taken out of
// it: by the time that it is run again it may have passed.
func commitCall(line string) (call []any, ok bool) {
	const evalsha, sha, keys = 0, 1, 2
	_, text, _ := strings.Cut(line, "] ")
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		quoted, err := strconv.QuotedPrefix(text)
		if err != nil {
			return nil, false
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, false
		}
		call, text = append(call, word), text[len(quoted):]
	}
	if len(call) <= keys || call[evalsha] != "evalsha" {
		return nil, false
	}
	n, err := strconv.Atoi(call[keys].(string))
	const deadline = 4 // of ARGV, as in commit.lua
	if err != nil || n < 8 || len(call) <= keys+n+1+deadline {
		return nil, false
	}
	call[keys+n+1+deadline] = ""
	return call, true
}

// run runs a call of the script.
func (db *database) run(ctx context.Context, call []any) error {
	reply, err := db.client.Do(ctx, call...).StringSlice()
	if err == nil && reply[0] != "ok" {
		err = fmt.Errorf("commit.lua: %q", reply)
	}
	return err
}

func median(times []float64) float64 { return quantile(times, 0.5) }

// quantile is the time that a share of all is within; 1 for the longest.
func quantile(times []float64, share float64) float64 {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}
