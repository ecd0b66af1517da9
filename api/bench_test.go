package api

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"
)

const checkBody = `{"subject":"user:bob","permission":"number.update","resource":"number:+4670"}`

// bareGin is what POST /v1/check is measured against: it decodes and encodes
// the same JSON as Gin's own means do it, and does nothing else.
func bareGin(out Decision) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.POST("/v1/check", func(c *gin.Context) {
		var in Check
		if err := c.ShouldBindJSON(&in); err != nil {
			c.Status(http.StatusBadRequest)
			return
		}
		c.JSON(http.StatusOK, out)
	})
	return e
}

func BenchmarkCheck(b *testing.B) {
	f := newFixture(b, func(c *Config) { c.Logger = nil })
	f.world()
	decision := decode[Decision](f.do(post, "/v1/check", checkBody).want(200))
	if !decision.Allowed {
		b.Fatal("denied")
	}
	b.Run("tollgate", func(b *testing.B) { benchmark(b, f.handler) })
	b.Run("bare", func(b *testing.B) { benchmark(b, bareGin(decision)) })
}

// benchmark measures a handler without a network, which would only hide what
// it costs.
func benchmark(b *testing.B, h http.Handler) {
	b.ReportAllocs()
	body := bytes.NewReader([]byte(checkBody))
	r := request(post, "/v1/check", checkBody)
	w := &discard{header: http.Header{}}
	for b.Loop() {
		_, _ = body.Seek(0, io.SeekStart)
		r.Body = io.NopCloser(body)
		clear(w.header)
		h.ServeHTTP(w, r)
	}
}

// discard is a response that nobody reads.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}
