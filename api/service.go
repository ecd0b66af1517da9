package api

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

var healthy = []byte(`{"status":"ok"}`)

func (s *server) livez(g *gin.Context) { send(g, http.StatusOK, jsonType, healthy) }

// readyz tells everybody whether the service can answer, but only the log why
// not, unless the reason is one for callers.
func (s *server) readyz(g *gin.Context) {
	err := s.Ready()
	if err == nil {
		send(g, http.StatusOK, jsonType, healthy)
		return
	}
	s.Logger.Warn("not ready", zap.Error(err))
	detail := "the service cannot answer at the moment"
	var known *hierarchy.Error
	if errors.As(err, &known) {
		detail = known.Detail
	}
	s.problem(g, http.StatusServiceUnavailable, "NOT_READY", "", detail)
}

// showMetrics needs metrics.inspect on the platform.
func (s *server) showMetrics(g *gin.Context, who *admin.Caller) {
	if err := who.OnPlatform("metrics.inspect", s.Engine.Now()); err != nil {
		s.fail(g, err)
		return
	}
	promhttp.HandlerFor(s.Registry, promhttp.HandlerOpts{}).ServeHTTP(g.Writer, g.Request)
}

func (s *server) openapi(g *gin.Context) { send(g, http.StatusOK, jsonType, s.doc.json) }

// docsPage is Swagger UI, all of it in the binary.
var docsPage = v5emb.NewHandlerWithConfig(swgui.Config{Title: "Tollgate", SwaggerJSON: "/openapi.json", BasePath: "/docs/"})

// docsPolicy lets the page load nothing from anywhere else: it works without
// a network, and gives nothing away to one.
const docsPolicy = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// docs shows the document as a page.
func (s *server) docs(g *gin.Context) {
	g.Header("Content-Security-Policy", docsPolicy)
	g.Header("Referrer-Policy", "no-referrer")
	for _, name := range []string{"Range", "If-Range", "If-Match", "If-Unmodified-Since"} {
		g.Request.Header.Del(name) // a file is small: it is answered whole, or not at all
	}
	w := &successOnly{ResponseWriter: g.Writer}
	if docsPage.ServeHTTP(w, g.Request); w.refused {
		g.Writer.Header().Del("X-Content-Type-Options") // of an answer in plain text
		s.problem(g, http.StatusNotFound, "NOT_FOUND", "", "the documentation has no such file; GET /docs is its beginning")
	}
}

// successOnly lets an answer through if it is a success, or not modified.
type successOnly struct {
	http.ResponseWriter
	refused bool
}

func (w *successOnly) WriteHeader(status int) {
	if w.refused = status >= 300 && status != http.StatusNotModified; !w.refused {
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *successOnly) Write(b []byte) (int, error) {
	if w.refused {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}
