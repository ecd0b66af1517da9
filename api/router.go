package api

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/tollgate-dev/tollgate/admin"
)

// route is one operation of the API. Its path is Gin's; the document's is the
// same with {name} for :name.
type route struct {
	method, path string
	build        func(*server, *operation) handler
}

// engine makes a Gin engine without routes.
//
// By default Gin would let …/a%2Fmove reach the route …/move. It matches the
// escaped path here, unescapes nothing by itself, and redirects nowhere:
// readPath unescapes what a parameter holds.
func (s *server) engine() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.UseEscapedPath = true
	e.UnescapePathValues = false
	e.RedirectTrailingSlash = false
	e.RedirectFixedPath = false
	e.HandleMethodNotAllowed = true
	e.ForwardedByClientIP = false // no proxy is trusted
	_ = e.SetTrustedProxies(nil)  // it fails for addresses that are none
	e.Use(s.observe)
	return e
}

// router makes the Gin engine with all routes of the document.
func (s *server) router() (*gin.Engine, error) {
	e := s.engine()
	for _, group := range []struct {
		routes []route
		guard  func(handler) gin.HandlerFunc
	}{
		{healthRoutes, open},
		{foundRoutes, open},
		{documentRoutes, s.authenticatedBrowser},
		{apiRoutes, s.authenticated},
	} {
		if err := s.handle(e, group.routes, group.guard); err != nil {
			return nil, err
		}
	}
	e.NoRoute(s.authenticated(s.noRoute))
	e.NoMethod(s.authenticated(s.noMethod))
	return e, nil
}

// handle serves routes behind a guard.
func (s *server) handle(e *gin.Engine, routes []route, guard func(handler) gin.HandlerFunc) error {
	for _, r := range routes {
		op, err := s.doc.operation(r.method, documentPath(r.path))
		if err != nil {
			return err
		}
		guarded := guard(r.build(s, op))
		for _, method := range methodsOf(r) {
			s.metrics.route(method, r.path)
			e.Handle(method, r.path, guarded)
		}
	}
	return nil
}

// open lets everybody by.
func open(serve handler) gin.HandlerFunc {
	return func(g *gin.Context) { serve(g, &admin.Caller{}) } // who may do nothing
}

// methodsOf are a route's own, and HEAD beside GET (RFC 9110, 9.1): the same answer,
// of which net/http sends no body.
func methodsOf(r route) []string {
	if r.method == get {
		return []string{get, http.MethodHead}
	}
	return []string{r.method}
}

// documentPath writes Gin's path as the document does.
func documentPath(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if name, ok := strings.CutPrefix(s, ":"); ok {
			segments[i] = "{" + name + "}"
		}
	}
	return strings.Join(segments, "/")
}

func (s *server) noRoute(g *gin.Context, _ *admin.Caller) {
	s.problem(g, http.StatusNotFound, "ROUTE_NOT_FOUND", "", "there is nothing at this path; GET /openapi.json lists what there is")
}

func (s *server) noMethod(g *gin.Context, _ *admin.Caller) {
	s.problem(g, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "",
		fmt.Sprintf("this path does not take %s; it takes %s", show(g.Request.Method), g.Writer.Header().Get("Allow")))
}
