package api

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollgate-dev/tollgate/authz"
)

// engineMetrics shows the engine's counters.
type engineMetrics struct {
	engine *authz.Engine
	all    []engineMetric
}

type engineMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(*authz.Counters) float64
}

func newEngineMetrics(engine *authz.Engine) *engineMetrics {
	metric := func(kind prometheus.ValueType, name, help string, read func(*authz.Counters) float64) engineMetric {
		return engineMetric{prometheus.NewDesc(name, help, nil, nil), kind, read}
	}
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	return &engineMetrics{engine, []engineMetric{
		metric(gauge, "tollgate_accounts_resident", "Accounts in memory.",
			func(c *authz.Counters) float64 { return float64(c.Residents) }),
		metric(gauge, "tollgate_accounts_resident_bytes", "Memory that the accounts take, by their own estimate: what --memory limits.",
			func(c *authz.Counters) float64 { return float64(c.Bytes) }),
		metric(counter, "tollgate_accounts_evicted_total", "Accounts dropped from memory because others needed their room.",
			func(c *authz.Counters) float64 { return float64(c.Evictions) }),
		metric(counter, "tollgate_accounts_renewed_total", "Accounts loaded anew to be rid of what was removed from them.",
			func(c *authz.Counters) float64 { return float64(c.Renewals) }),
		metric(counter, "tollgate_comparison_batches_total", "Round trips in which accounts that are asked about were compared with the store in advance.",
			func(c *authz.Counters) float64 { return float64(c.Batches) }),
		metric(counter, "tollgate_accounts_compared_total", "Accounts that those found unchanged.",
			func(c *authz.Counters) float64 { return float64(c.Compared) }),
		metric(counter, "tollgate_stale_answers_total", "Answers out of the bound of freshness, while the store was away: --redis-away-window.",
			func(c *authz.Counters) float64 { return float64(c.Stale) }),
		metric(gauge, "tollgate_store_away", "1 while the store is known to be away, so that nobody waits for it.",
			func(c *authz.Counters) float64 {
				if c.Away {
					return 1
				}
				return 0
			}),
		metric(gauge, "tollgate_resources_placed", "Resources whose place is in memory.",
			func(c *authz.Counters) float64 { return float64(c.Places) }),
		metric(counter, "tollgate_shadow_checked_total", "Checks that Casbin decided again.",
			func(c *authz.Counters) float64 { return float64(c.ShadowChecked) }),
		metric(counter, "tollgate_shadow_mismatches_total", "Checks that Casbin decided otherwise than the evaluator: must stay 0.",
			func(c *authz.Counters) float64 { return float64(c.ShadowMismatches) }),
		metric(counter, "tollgate_shadow_dropped_total", "Checks that Casbin was too busy to decide again.",
			func(c *authz.Counters) float64 { return float64(c.ShadowDropped) }),
		metric(counter, "tollgate_shadow_failed_total", "Checks that Casbin could not decide again.",
			func(c *authz.Counters) float64 { return float64(c.ShadowFailed) }),
	}}
}

// Describe implements prometheus.Collector.
func (m *engineMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, metric := range m.all {
		out <- metric.desc
	}
}

// Collect implements prometheus.Collector.
func (m *engineMetrics) Collect(out chan<- prometheus.Metric) {
	counted := m.engine.Counters()
	for _, metric := range m.all {
		out <- prometheus.MustNewConstMetric(metric.desc, metric.kind, metric.read(&counted))
	}
}
