package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/tollgate-dev/tollgate/admin"
)

// A sidecar answers what can be answered from memory, and refers whoever wants
// something else to a server.

// askedRouter makes the Gin engine of a sidecar, behind a guard.
func (s *server) askedRouter(guard func(handler) gin.HandlerFunc) (*gin.Engine, error) {
	e := s.engine()
	if err := s.handle(e, healthRoutes, open); err != nil {
		return nil, err
	}
	if err := s.handle(e, askedRoutes, guard); err != nil {
		return nil, err
	}
	e.NoRoute(guard(s.elsewhere))
	e.NoMethod(guard(s.noMethod))
	return e, nil
}

// trusted lets by who could connect to a Unix socket, whatever credential it
// shows. It may ask about everybody, which is all that there is to do.
func trusted(serve handler) gin.HandlerFunc {
	return func(g *gin.Context) { serve(g, &admin.Caller{Name: "socket", Operator: true}) }
}

// errElsewhere refers to a server.
var errElsewhere = &wireError{
	http.StatusMisdirectedRequest, "ASK_A_SERVER",
	"this is a sidecar: it answers /v1/authorize, /v1/check, /v1/check/batch and /v1/billing-owner, and changes nothing; for all else there is, ask a server",
}

func (s *server) elsewhere(g *gin.Context, _ *admin.Caller) { s.fail(g, errElsewhere) }
