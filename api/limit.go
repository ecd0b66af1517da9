package api

import (
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/limit"
)

var errRateLimited = &wireError{
	http.StatusTooManyRequests, "RATE_LIMITED",
	"this caller, or its account, asks more often than is let by, so this was not begun; wait as long as Retry-After says",
}

// holdBack refuses a caller that asks too often, and tells it of its limits.
// Whose credential was not accepted does not come here: he takes nothing out of
// the bucket of whom he claims to be. In a gateway's questions, those that it
// asks for are held back.
func (s *server) holdBack(g *gin.Context, who *admin.Caller) error {
	if s.Limits == nil || s.unlimited(who) {
		return nil
	}
	account := ""
	if who.Principal.Type == hierarchy.TypeKey {
		account = who.Account
	}
	standing := s.Limits.Take(who.Name, account)
	if !standing.Limited() {
		return nil
	}
	header := g.Writer.Header()
	header[limitPolicyHeader], header[limitHeader] = []string{standing.Policy()}, []string{standing.Value()}
	if !standing.Refused() {
		return nil
	}
	header.Set(limit.RetryHeader, strconv.Itoa(standing.RetryAfter()))
	return errRateLimited
}

// unlimited reports whether nobody holds a caller back: it operates the platform,
// asks about everybody, or reports for sidecars, of which there are many.
func (s *server) unlimited(who *admin.Caller) bool {
	at := s.Engine.Now()
	return who.OnPlatform(askPermission, at) == nil || who.OnPlatform(admin.Report, at) == nil
}

// The headers as net/http spells them.
var limitPolicyHeader, limitHeader = http.CanonicalHeaderKey(limit.PolicyHeader), http.CanonicalHeaderKey(limit.Header)

// limitMetrics shows how many requests were held back.
type limitMetrics struct{ limits *limit.Limiter }

var limitedDesc = prometheus.NewDesc("tollgate_rate_limited_total", "Requests that were held back, of callers of the API and of whom gateways ask for, by whose rate limit: the key's or the account's.", []string{"limit"}, nil)

// Describe implements prometheus.Collector.
func (m limitMetrics) Describe(out chan<- *prometheus.Desc) { out <- limitedDesc }

// Collect implements prometheus.Collector.
func (m limitMetrics) Collect(out chan<- prometheus.Metric) {
	callers, accounts := m.limits.Refused()
	out <- prometheus.MustNewConstMetric(limitedDesc, prometheus.CounterValue, float64(callers), "key")
	out <- prometheus.MustNewConstMetric(limitedDesc, prometheus.CounterValue, float64(accounts), "account")
}
