package extauthz

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what is counted of Envoy's checks. Decisions are counted where
// they are made.
type metrics struct {
	requests *prometheus.CounterVec
	ok       prometheus.Counter // of status 200
	duration prometheus.Histogram
}

func newMetrics() *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tollgate_ext_authz_requests_total", Help: "Checks of Envoy's over gRPC answered, by the HTTP status that they were answered with.",
		}, []string{"status"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tollgate_ext_authz_request_duration_seconds", Help: "How long checks of Envoy's over gRPC took.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
	}
	m.ok = m.requests.WithLabelValues(strconv.Itoa(http.StatusOK))
	return m
}

// answered counts a check.
func (m *metrics) answered(status int, took time.Duration) {
	m.duration.Observe(took.Seconds())
	if status == http.StatusOK {
		m.ok.Inc()
		return
	}
	m.requests.WithLabelValues(strconv.Itoa(status)).Inc()
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(out chan<- *prometheus.Desc) {
	m.requests.Describe(out)
	m.duration.Describe(out)
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	m.requests.Collect(out)
	m.duration.Collect(out)
}
