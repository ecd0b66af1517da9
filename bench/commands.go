package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
	"github.com/tollgate-dev/tollgate/store"
)

// commands counts what writes cost one Redis, and a cluster of three.
func (s *site) commands(ctx context.Context) error {
	one, err := startRedis(ctx)
	if err != nil {
		return err
	}
	defer one.stop()
	nodes, stop, err := startCluster(ctx)
	if err != nil {
		return err
	}
	defer stop()
	alone, err := writesOn(ctx, one.url(), one)
	if err != nil {
		return err
	}
	many, err := writesOn(ctx, "redis+cluster://"+nodes[0].addr, nodes...)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, "commands a write, with those that scripts run, as Redis counts them (goal: the same on one Redis and on a cluster)")
	for i, on := range alone {
		same := "the same"
		if !maps.Equal(on.calls, many[i].calls) {
			same = fmt.Sprintf("NOT the same: %v, and %v", on.calls, many[i].calls)
		}
		fmt.Fprintf(s.out, "  %-28s %12d on one Redis, %d of them EVALSHA; %d on a cluster: %s\n", on.name, on.total(), on.calls["evalsha"], many[i].total(), same)
	}
	return nil
}

// startCluster starts three masters.
func startCluster(ctx context.Context) (nodes []*database, stop func(), err error) {
	dir, err := os.MkdirTemp("", "tollgate-bench")
	if err != nil {
		return nil, nil, err
	}
	stop = func() {
		for _, db := range nodes {
			db.stop()
		}
		_ = os.RemoveAll(dir)
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	const masters, slots = 3, 16384
	var buses []string
	for i := range masters {
		bus, err := freePort()
		if err != nil {
			return nil, nil, err
		}
		db, err := launchRedis("--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-config-file", filepath.Join(dir, strconv.Itoa(i)))
		if err != nil {
			return nil, nil, err
		}
		nodes, buses = append(nodes, db), append(buses, bus)
		if err := db.client.ClusterAddSlotsRange(ctx, slots*i/masters, slots*(i+1)/masters-1).Err(); err != nil {
			return nil, nil, err
		}
	}
	for i, db := range nodes {
		if err := db.client.Do(ctx, "cluster", "set-config-epoch", i+1).Err(); err != nil {
			return nil, nil, err
		}
	}
	for i, db := range nodes[1:] {
		if err := nodes[0].client.Do(ctx, "cluster", "meet", "127.0.0.1", port(db.addr), buses[i+1]).Err(); err != nil {
			return nil, nil, err
		}
	}
	for _, db := range nodes {
		if err := db.complete(ctx, masters); err != nil {
			return nil, nil, err
		}
	}
	return nodes, stop, nil
}

// complete waits until a node says that the cluster is.
func (db *database) complete(ctx context.Context, nodes int) error {
	for ; ; time.Sleep(20 * time.Millisecond) {
		info, err := db.client.ClusterInfo(ctx).Result()
		if err != nil || strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprint("cluster_size:", nodes)) {
			return err
		}
	}
}

// written is a write, and the commands that it took.
type written struct {
	name  string
	calls map[string]int
}

// total is how many commands these are.
func (w written) total() (n int) {
	for _, calls := range w.calls {
		n += calls
	}
	return n
}

// writesOn makes writes on a store, and counts what each took the servers.
func writesOn(ctx context.Context, url string, servers ...*database) ([]written, error) {
	s, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	engine, err := engineOn(s, authz.Options{Bound: time.Hour})
	if err != nil {
		return nil, err
	}
	defer engine.Close()
	for _, db := range servers {
		for _, script := range must(filepath.Glob("../store/*.lua")) {
			if err := db.client.ScriptLoad(ctx, string(must(os.ReadFile(script)))).Err(); err != nil {
				return nil, err
			}
		}
	}
	var all []written
	for _, w := range writesBy(admin.New(engine, s)) {
		before, err1 := calls(ctx, servers)
		err2 := w.do(ctx)
		after, err3 := calls(ctx, servers)
		if err := errors.Join(err1, err2, err3); err != nil {
			return nil, fmt.Errorf("%s: %w", w.name, err)
		}
		for name, n := range before {
			if after[name] -= n; after[name] == 0 {
				delete(after, name)
			}
		}
		all = append(all, written{w.name, after})
	}
	return all, nil
}

// writing is a write to be made.
type writing struct {
	name string
	do   func(context.Context) error
}

// writesBy are the writes, each of which needs those before.
func writesBy(service *admin.Service) []writing {
	who := admin.Caller{Name: "bench", Operator: true}
	var made admin.SignedUp
	var bound admin.Item[policy.Binding]
	project := func() hierarchy.Ref { return made.Project.Ref }
	number := hierarchy.Ref{Type: "number", ID: "1"}
	return []writing{
		{"a sign-up", func(ctx context.Context) (err error) {
			made, err = service.SignUp(ctx, who, admin.SignUp{Owner: ref("user:ann"), Billing: billing.Account{Mode: billing.Prepaid, Currency: "EUR"}})
			return err
		}},
		{"a binding", func(ctx context.Context) (err error) {
			bound, err = service.CreateBinding(ctx, who, policy.Binding{Subject: ref("user:ben"), Role: policy.Owner, Scope: project()})
			return err
		}},
		{"its removal", func(ctx context.Context) error {
			_, err := service.DeleteBinding(ctx, who, bound.Ref.ID)
			return err
		}},
		{"a subproject", func(ctx context.Context) error {
			_, err := service.CreateSubproject(ctx, who, made.Project.Ref.ID, hierarchy.Info{})
			return err
		}},
		{"a resource", func(ctx context.Context) error {
			_, err := service.RegisterResource(ctx, who, number, hierarchy.Resource{Parent: project()})
			return err
		}},
		{"its removal", func(ctx context.Context) error {
			_, err := service.DeleteResource(ctx, who, number)
			return err
		}},
		{"a suspension", func(ctx context.Context) error {
			_, err := service.Suspend(ctx, who, project())
			return err
		}},
	}
}

// calls are how often servers ran each command, but for what they say to one
// another and what clients ask of a server.
func calls(ctx context.Context, servers []*database) (map[string]int, error) {
	total := map[string]int{}
	for _, db := range servers {
		text, err := db.client.Info(ctx, "commandstats").Result()
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(text) {
			name, values, found := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
			number, _, _ := strings.Cut(values, ",")
			if found && !slices.Contains(housekeeping, name) {
				n, err := strconv.Atoi(number)
				if err != nil {
					return nil, err
				}
				total[name] += n
			}
		}
	}
	return total, nil
}

var housekeeping = []string{"info", "ping", "hello", "select", "command", "cluster|slots", "cluster|shards", "cluster|info", "script|load"}
