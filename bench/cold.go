package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/worlds"
	"github.com/tollgate-dev/tollgate/policy"
)

// cold measures the first check of an account that is not in memory, beside
// fetching its records and decoding them.
func cold(ctx context.Context, out io.Writer, db *database) error {
	large, small := worlds.LargeOf(1, 10_000), worlds.LargeOf(2, 10)
	for _, l := range []worlds.Large{large, small} {
		if err := db.fill(ctx, l); err != nil {
			return err
		}
	}
	key, err := db.docs(ctx, large.Account())
	if err != nil {
		return err
	}
	// Whatever is asked about drives the other account out of memory.
	engine, err := engineOn(db.store, authz.Options{Bound: time.Hour, Memory: 1})
	if err != nil {
		return err
	}
	defer engine.Close()
	check := func(l worlds.Large, i int) {
		q := l.Question(i)
		req := l.Request(q)
		if a := must(engine.Check(ctx, &req)); a.Allowed != l.Allowed(q) {
			panic(fmt.Sprintf("%+v: %v", req, a.Allowed))
		}
	}
	var floors, times []float64
	for i := range 15 {
		start := time.Now()
		n, err := fetchAndDecode(ctx, db, key)
		floors = append(floors, float64(time.Since(start).Nanoseconds()))
		if err != nil || n < large.Bindings+large.Subprojects {
			return fmt.Errorf("%d records were read: %w", n, err)
		}
		check(small, i)
		start = time.Now()
		check(large, i)
		times = append(times, float64(time.Since(start).Nanoseconds()))
	}
	if n := engine.Counters().Evictions; n < 2*15-1 {
		return fmt.Errorf("accounts were evicted %d times: the checks were not cold", n)
	}
	floor, took := median(floors), median(times)
	fmt.Fprintf(out, "on a Redis: the first check of an account of %d bindings and %d subprojects that is not in memory\n", large.Bindings, large.Subprojects)
	row(out, "HGETALL and json.Unmarshal", floor, "1")
	row(out, "a cold check", took, fmt.Sprintf("%.2f× fetching and decoding (goal ≤ 4)", took/floor))
	return nil
}

// fetchAndDecode is the floor: it fetches an account's records, and decodes
// each into the structure of its kind.
func fetchAndDecode(ctx context.Context, db *database, key string) (int, error) {
	values, err := db.client.HGetAll(ctx, key).Result()
	if err != nil {
		return 0, err
	}
	for key, value := range values {
		kind, _ := authz.Key(key).Split()
		body := []byte(value[strings.IndexByte(value, '{'):])
		if err := decodeInto(kind, body); err != nil {
			return 0, err
		}
	}
	return len(values), nil
}

func decodeInto(kind string, body []byte) error {
	switch kind {
	case hierarchy.TypeBinding:
		return json.Unmarshal(body, new(policy.Binding))
	case hierarchy.TypeSubproject:
		return json.Unmarshal(body, new(hierarchy.Subproject))
	case hierarchy.TypeProject:
		return json.Unmarshal(body, new(hierarchy.Project))
	case hierarchy.TypeRole:
		return json.Unmarshal(body, new(policy.Role))
	case authz.KindLink:
		return json.Unmarshal(body, new(billing.Link))
	case hierarchy.TypeBillingAccount:
		return json.Unmarshal(body, new(billing.Account))
	}
	return json.Unmarshal(body, new(hierarchy.Account))
}
