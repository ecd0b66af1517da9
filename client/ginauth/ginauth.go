// Package ginauth is the guard of package httpauth for Gin. It is a package of
// its own, so that servers on net/http do not link Gin.
//
//	engine := gin.New()
//	engine.Use(ginauth.Middleware(httpauth.New(tollgate)))
//
// A handler reads httpauth.From(c.Request.Context()).
//
// Gin finds the route before its middleware runs, by default by the path decoded,
// in which a%2Fmove is two segments; Tollgate has it as one. A request that the two
// read differently is refused. A server whose identifiers may have a slash sets
// UseEscapedPath, so that they are read alike.
package ginauth

import (
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/tollgate-dev/tollgate/client/httpauth"
)

// Middleware lets by what a guard admits, and ends the chain of handlers for
// anything else.
func Middleware(guard *httpauth.Guard) gin.HandlerFunc {
	return func(c *gin.Context) {
		if !agree(c.FullPath(), c.Request.URL.EscapedPath()) {
			guard.RefuseSlash(c.Writer)
			c.Abort()
			return
		}
		admitted, ok := guard.Admit(c.Writer, c.Request)
		if !ok {
			c.Abort()
			return
		}
		c.Request = admitted
		c.Next()
	}
}

// agree reports whether a route of Gin, "" for none, is what the path says segment
// by segment, each decoded by itself.
func agree(route, path string) bool {
	segments := strings.Split(path, "/")
	for i, want := range strings.Split(route, "/") {
		switch {
		case i >= len(segments):
			return false
		case route == "" || strings.HasPrefix(want, "*"):
			return true
		}
		literal, _, param := strings.Cut(want, ":")
		got, err := url.PathUnescape(segments[i])
		if err != nil || !strings.HasPrefix(got, literal) || (!param && got != literal) {
			return false
		}
	}
	return len(segments) == strings.Count(route, "/")+1
}
