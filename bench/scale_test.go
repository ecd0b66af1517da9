package main

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/internal/worlds"
)

func BenchmarkRandomAccount(b *testing.B) {
	var accounts []worlds.Large
	for i := range manyAccounts {
		accounts = append(accounts, worlds.LargeOf(i, restBindings))
	}
	engine, err := engineOn(newCrowd(accounts...), authz.Options{Bound: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	defer engine.Close()
	for _, l := range accounts {
		must(engine.Snapshot(context.Background(), l.Account(), ""))
	}
	a := asking{engine: engine}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 {
		a.add(accounts[r.IntN(len(accounts))], i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		a.ask(i)
	}
}
