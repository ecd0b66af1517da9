package api

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/gateway"
)

// metrics are what the API counts. What is counted on every request is looked
// up once, when the routes are made.
type metrics struct {
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	decisions *prometheus.CounterVec
	routes    map[routeKey]*routeMetrics // read-only once it serves
	byCode    [authz.EvaluatorMismatch + 1]prometheus.Counter
}

type routeKey struct{ method, path string }

type routeMetrics struct {
	ok       prometheus.Counter // of status 200
	duration prometheus.Observer
}

// unrouted are the labels of what reached no route: a stranger chooses neither
// the methods nor the paths that are counted.
var unrouted = routeKey{"none", "none"}

func newMetrics(r prometheus.Registerer, engine *authz.Engine) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tollgate_http_requests_total", Help: "Requests answered.",
		}, []string{"method", "route", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tollgate_http_request_duration_seconds", Help: "How long requests took.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "route"}),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tollgate_decisions_total", Help: "Checks decided, those of batches too.",
		}, []string{"allowed", "code"}),
		routes: map[routeKey]*routeMetrics{},
	}
	for code := range m.byCode {
		m.byCode[code] = m.decision(authz.Code(code))
	}
	m.route(unrouted.method, unrouted.path)
	return m, errors.Join(r.Register(m.requests), r.Register(m.durations), r.Register(m.decisions), r.Register(newEngineMetrics(engine)))
}

func (m *metrics) decision(code authz.Code) prometheus.Counter {
	return m.decisions.WithLabelValues(strconv.FormatBool(code == authz.Allowed), code.String())
}

// route makes the metrics of a route.
func (m *metrics) route(method, path string) {
	m.routes[routeKey{method, path}] = &routeMetrics{
		ok:       m.requests.WithLabelValues(method, path, strconv.Itoa(http.StatusOK)),
		duration: m.durations.WithLabelValues(method, path),
	}
}

// served counts a request.
func (m *metrics) served(method, path string, status int, took time.Duration) {
	key := routeKey{method, path}
	of, ok := m.routes[key]
	if !ok {
		key = unrouted
		of = m.routes[key]
	}
	of.duration.Observe(took.Seconds())
	if status == http.StatusOK {
		of.ok.Inc()
		return
	}
	m.requests.WithLabelValues(key.method, key.path, strconv.Itoa(status)).Inc()
}

// decided counts a decision.
func (m *metrics) decided(a *authz.Answer) {
	if int(a.Code) < len(m.byCode) {
		m.byCode[a.Code].Inc()
		return
	}
	m.decision(a.Code).Inc()
}

// judged counts a verdict. That a request asks for nothing has many reasons,
// of which a client could choose any: they are one.
func (m *metrics) judged(v *gateway.Verdict) {
	if v.Reason == v.Code.String() {
		m.decided(&v.Answer)
		return
	}
	m.decisions.WithLabelValues("false", "ROUTE_NOT_FOUND").Inc()
}
