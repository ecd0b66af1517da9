package store

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"
)

// BenchmarkSave saves and restores a large store: as many bindings, in one
// account, and as many resources as it says, each with its records, its
// histories and its locator.
func BenchmarkSave(b *testing.B) {
	for _, n := range []int{1_000, 100_000, 300_000} {
		g := fill(b, n)
		path := filepath.Join(b.TempDir(), "data")
		b.Run(fmt.Sprintf("save/%d", n), func(b *testing.B) {
			d := &Data{path: path, gate: g, log: zap.NewNop()}
			var held time.Duration
			for b.Loop() {
				if err := d.save(); err != nil {
					b.Fatal(err)
				}
				held += d.stats.Held
			}
			b.ReportMetric(float64(held.Milliseconds())/float64(b.N), "ms-held/op")
			b.ReportMetric(float64(d.stats.Bytes)/1e6, "MB")
		})
		b.Run(fmt.Sprintf("restore/%d", n), func(b *testing.B) {
			for b.Loop() {
				restored, err := newGate()
				if err != nil {
					b.Fatal(err)
				}
				if _, err := loadFile(path, restored.restore); err != nil {
					b.Fatal(err)
				}
				restored.redis.Close()
			}
		})
		g.redis.Close()
	}
}

func fill(b *testing.B, n int) *gate {
	b.Helper()
	g, err := newGate()
	if err != nil {
		b.Fatal(err)
	}
	db := g.redis.DB(0)
	const record = `1732362000000000 1732362000000000 17 {"subject":"user:ann-0123456789","role":"editor","scope":"project:prj_01jc0000000000000000000000"}`
	for i := range n {
		id := fmt.Sprintf("%026d", i)
		db.HSet(docsKey("a"), "binding:bnd_"+id, record)
		db.HSet(resourcesKey("a"), "number:"+id, record)
		for _, key := range []string{containerKey("a", "project:p"), parentsKey("a")} {
			if _, err := db.ZAdd(key, 0, "number:"+id); err != nil {
				b.Fatal(err)
			}
		}
		if err := db.Set("tg:loc:number:"+id, "confirmed 1732362000000000 0123456789abcdef a"); err != nil {
			b.Fatal(err)
		}
	}
	return g
}
