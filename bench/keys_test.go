package main

import "testing"

func BenchmarkKey(b *testing.B) {
	k, err := newKeyed(makeWorld(1))
	if err != nil {
		b.Fatal(err)
	}
	defer k.engine.Close()
	for name, ask := range map[string]func(){
		"user": func() { k.named(k.sponsor) }, "named": func() { k.named(k.key) }, "presented": k.presented,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ask()
			}
		})
	}
}
