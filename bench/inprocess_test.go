package main

import (
	"context"
	"testing"

	"github.com/tollgate-dev/tollgate/authz"
)

func BenchmarkCheck(b *testing.B) {
	w := makeWorld(1)
	engine, err := newEngine(w)
	if err != nil {
		b.Fatal(err)
	}
	defer engine.Close()
	requests := make([]authz.Request, len(w.queries))
	for i, q := range w.queries {
		requests[i] = authz.Request{Subject: q.subject, Permission: q.permission, Resource: q.node, Account: accountID}
	}
	ctx := context.Background()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := engine.Check(ctx, &requests[i%len(requests)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkByHand(b *testing.B) {
	w := makeWorld(1)
	f := makeFloor(w)
	for i := 0; b.Loop(); i++ {
		f.check(&w.queries[i%len(w.queries)])
	}
}
