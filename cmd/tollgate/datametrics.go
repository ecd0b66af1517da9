package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/tollgate-dev/tollgate/store"
)

// newRegistry is where the API's metrics go, with those of Go and of the process in
// it, of connections, of replicas if there may be any, and of saving if anything is
// saved.
func (b *backend) newRegistry(door *front) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(door.in.metrics()...)
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if b.shared {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "tollgate_writes_not_replicated_total", Help: "Writes that were made, and that fewer replicas of Redis than required had in time.",
		}, func() float64 { return float64(b.store.Unreplicated()) }))
	}
	if b.data == nil {
		return r
	}
	show := func(kind prometheus.ValueType, name, help string, read func(*store.DataStats) float64) {
		value := func() float64 {
			stats := b.data.Stats()
			return read(&stats)
		}
		if kind == prometheus.CounterValue {
			r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value))
			return
		}
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	show(counter, "tollgate_data_saves_total", "Saves of the embedded store to its file.",
		func(s *store.DataStats) float64 { return float64(s.Saves) })
	show(counter, "tollgate_data_save_failures_total", "Saves that failed.",
		func(s *store.DataStats) float64 { return float64(s.Failures) })
	show(gauge, "tollgate_data_save_seconds", "How long the last save took.",
		func(s *store.DataStats) float64 { return s.Took.Seconds() })
	show(gauge, "tollgate_data_save_held_seconds", "How long writes waited for the last save.",
		func(s *store.DataStats) float64 { return s.Held.Seconds() })
	show(gauge, "tollgate_data_bytes", "Size of the file.",
		func(s *store.DataStats) float64 { return float64(s.Bytes) })
	show(gauge, "tollgate_data_unsaved_seconds", "For how long there have been changes that are not saved: what a crash would lose.",
		func(s *store.DataStats) float64 {
			if s.Unsaved.IsZero() {
				return 0
			}
			return time.Since(s.Unsaved).Seconds()
		})
	return r
}
