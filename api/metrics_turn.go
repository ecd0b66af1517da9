package api

import "github.com/prometheus/client_golang/prometheus"

// gateMetrics shows how much is in work, how much waits, and how much was shed.
type gateMetrics struct {
	gates                                *[classes]*gate
	working, waiting, shed, mayBeWorking *prometheus.Desc
	waits                                *prometheus.HistogramVec
}

func newGateMetrics(gates *[classes]*gate) *gateMetrics {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"class"}, nil)
	}
	m := &gateMetrics{
		gates:        gates,
		working:      desc("tollgate_requests_working", "Requests in work."),
		mayBeWorking: desc("tollgate_requests_working_limit", "Requests that may be in work at once; those without a bound are not shown."),
		waiting:      desc("tollgate_requests_waiting", "Requests that wait for their turn."),
		shed:         desc("tollgate_requests_shed_total", "Requests that were answered 503 OVERLOADED and not begun."),
		waits: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tollgate_requests_wait_seconds", Help: "How long requests waited for their turn that did not get it at once.",
			Buckets: []float64{.0001, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1},
		}, []string{"class"}),
	}
	for c, g := range gates {
		g.observe = m.waits.WithLabelValues(class(c).String()).Observe
	}
	return m
}

// Describe implements prometheus.Collector.
func (m *gateMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.working, m.mayBeWorking, m.waiting, m.shed} {
		out <- d
	}
	m.waits.Describe(out)
}

// Collect implements prometheus.Collector.
func (m *gateMetrics) Collect(out chan<- prometheus.Metric) {
	for c, g := range m.gates {
		show := func(d *prometheus.Desc, kind prometheus.ValueType, value float64) {
			out <- prometheus.MustNewConstMetric(d, kind, value, class(c).String())
		}
		working, waiting := g.now()
		show(m.working, prometheus.GaugeValue, float64(working))
		show(m.waiting, prometheus.GaugeValue, float64(waiting))
		show(m.shed, prometheus.CounterValue, float64(g.shed.Load()))
		if g.waiting > 0 {
			show(m.mayBeWorking, prometheus.GaugeValue, float64(g.most))
		}
	}
	m.waits.Collect(out)
}
