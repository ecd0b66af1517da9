package api

import (
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// requestIDHeader is X-Request-ID as net/http spells it.
const requestIDHeader = "X-Request-Id"

// digestHeader says what decides here and is not in the store, on every answer:
// authz.Engine.Digest.
const digestHeader = "Tollgate-Digest"

// maxRequestID is the longest X-Request-ID that is echoed.
const maxRequestID = 128

// observe stands around every request: it names it, counts it, logs it, and
// answers 500 for one that panics.
func (s *server) observe(g *gin.Context) {
	start := time.Now()
	g.Writer.Header()[requestIDHeader] = []string{nameRequest(g.Request.Header[requestIDHeader])}
	g.Writer.Header()[digestHeader] = s.digest
	defer s.finish(g, start)
	g.Next()
}

func (s *server) finish(g *gin.Context, start time.Time) {
	broken := recover()
	if broken != nil && !abort(broken) {
		s.Logger.Error("panic", zap.Any("panic", broken), zap.String("route", g.FullPath()), zap.String("request_id", requestID(g)), zap.StackSkip("stack", 1))
		if g.Writer.Written() {
			broken = http.ErrAbortHandler // half an answer must not look like one
		} else {
			s.internal(g)
			broken = nil
		}
	}
	took := time.Since(start)
	s.metrics.served(methodOf(g), g.FullPath(), g.Writer.Status(), took)
	s.log(g, took)
	if broken != nil {
		panic(broken) // net/http closes the connection, and is silent about it
	}
}

// methodOf is the method that a request is counted under: one for all that
// proxies ask, since those have their clients'.
func methodOf(g *gin.Context) string {
	if strings.HasPrefix(g.FullPath(), ForwardPrefix) {
		return "any"
	}
	return g.Request.Method
}

// abort reports whether a panic is how a handler breaks its answer off.
func abort(broken any) bool {
	err, ok := broken.(error)
	return ok && errors.Is(err, http.ErrAbortHandler)
}

func (s *server) log(g *gin.Context, took time.Duration) {
	level := zapcore.DebugLevel
	if s.LogRequests {
		level = zapcore.InfoLevel
	}
	if entry := s.Logger.Check(level, "request"); entry != nil {
		entry.Write(zap.String("method", show(g.Request.Method)), zap.String("route", g.FullPath()), zap.Int("status", g.Writer.Status()),
			zap.Duration("took", took), zap.String("request_id", requestID(g)))
	}
}

// nameRequest returns the caller's X-Request-ID, or makes one where there is
// none or none that is fit to be echoed.
func nameRequest(ids []string) string {
	if len(ids) == 1 && printable(ids[0], maxRequestID) {
		return ids[0]
	}
	var id, text [16]byte
	for i, n := 0, rand.Uint64(); i < 8; i++ {
		id[i] = byte(n >> (8 * i))
	}
	hex.Encode(text[:], id[:8])
	return string(text[:])
}

func requestID(g *gin.Context) string { return g.Writer.Header().Get(requestIDHeader) }

// printable reports whether s is 1 to most bytes of printable ASCII.
func printable(s string, most int) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= most
}
