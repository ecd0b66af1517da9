package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tollgate-dev/tollgate"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/realroles"
	"github.com/tollgate-dev/tollgate/internal/worlds"
	"github.com/tollgate-dev/tollgate/policy"
)

// realRoles measures all pairs of real roles and permissions, each asked
// once, beside reading and indexing the file that they come from.
func realRoles(out io.Writer) error {
	file := filepath.Join("..", realroles.File)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") != "true" {
		fmt.Fprintf(out, "real roles: SKIPPED: %v\n", err)
		return nil
	}
	x, err := realroles.Read(file)
	if err != nil {
		return err
	}
	engine, load, err := rolesEngine(x)
	if err != nil {
		return err
	}
	defer engine.Close()
	pairs := requestsOf(x.Pairs())
	others := requestsOf(x.NonPairs(len(pairs)))
	for _, asked := range []struct {
		requests []authz.Request
		allowed  bool
	}{{pairs, true}, {others, false}} {
		if err := askAll(engine, asked.requests, asked.allowed); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "real roles: %d roles, %d pairs of role and permission allowed, as many others denied, every answer compared\n", len(x.Roles), len(pairs))
	times := compare(5,
		work{1, func(int) { must(realroles.Read(file)) }},
		work{1, func(int) { must(0, askAll(engine, pairs, true)) }},
		work{1, func(int) { must(0, askAll(engine, others, false)) }})
	readTime, pairsTime, othersTime := times[0], times[1], times[2]
	row(out, "read and index the file", readTime, "1")
	row(out, "ask all pairs", pairsTime, fmt.Sprintf("%.2f× reading and indexing (goal ≤ 10)", pairsTime/readTime))
	row(out, "ask as many others", othersTime, fmt.Sprintf("%.2f× reading and indexing", othersTime/readTime))
	row(out, "load the account, once", float64(load.Nanoseconds()), fmt.Sprintf("%.2f× reading and indexing", float64(load.Nanoseconds())/readTime))
	return nil
}

// rolesEngine is an engine that has loaded the real roles, and how long that
// took.
func rolesEngine(x *realroles.Index) (*authz.Engine, time.Duration, error) {
	judge, err := policy.NewJudge(tollgate.Model)
	if err != nil {
		return nil, 0, err
	}
	source := worlds.NewMemory()
	source.Now = func() int64 { return time.Now().UnixMicro() }
	source.Put(x.World(func(n int) string {
		var u hierarchy.UID
		binary.BigEndian.PutUint64(u[8:], uint64(n)+1)
		return hierarchy.BindingID(u, realroles.Account)
	}))
	engine, err := authz.NewEngine(source, judge, authz.Options{})
	if err != nil {
		return nil, 0, err
	}
	start := time.Now()
	_, err = engine.Snapshot(context.Background(), realroles.Account, "")
	return engine, time.Since(start), err
}

func requestsOf(pairs []realroles.Pair) []authz.Request {
	requests := make([]authz.Request, len(pairs))
	for i, p := range pairs {
		requests[i] = authz.Request{Subject: realroles.Subject(p.Role), Permission: p.Permission, Resource: realroles.Project, Account: realroles.Account}
	}
	return requests
}

func askAll(engine *authz.Engine, requests []authz.Request, allowed bool) error {
	ctx := context.Background()
	for i := range requests {
		a, err := engine.Check(ctx, &requests[i])
		if err != nil {
			return fmt.Errorf("%+v: %w", requests[i], err)
		}
		if a.Allowed != allowed {
			return fmt.Errorf("%+v: %v", requests[i], a.Code)
		}
	}
	return nil
}

// must is for what was shown to work before it was measured.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
