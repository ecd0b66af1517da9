package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// operator is the caller's name of whoever holds the operator key.
const operator = "operator"

// actorHeader is for whom the caller acts.
const actorHeader = "Tollgate-Actor"

// digest is a key's SHA-256. Digests have one length, so comparing them in
// constant time tells nothing of the key, not even how long it is.
type digest [sha256.Size]byte

func digestOf(key string) digest { return sha256.Sum256([]byte(key)) }

func (d *digest) matches(key string) bool {
	other := digestOf(key)
	return subtle.ConstantTimeCompare(d[:], other[:]) == 1
}

// authenticate lets nobody by who does not hold the operator key.
func (s *server) authenticate(g *gin.Context) {
	if key, ok := bearer(g.Request.Header); !ok || !s.key.matches(key) {
		s.unauthenticated(g, `Bearer realm="tollgate"`)
	}
}

// authenticateBrowser takes the key as the password of Basic authentication
// too: a browser has no other way to open the documentation. It stands only
// before what changes nothing.
func (s *server) authenticateBrowser(g *gin.Context) {
	key, ok := bearer(g.Request.Header)
	if !ok {
		_, key, ok = g.Request.BasicAuth()
	}
	if !ok || !s.key.matches(key) {
		s.unauthenticated(g, `Bearer realm="tollgate"`, `Basic realm="tollgate", charset="UTF-8"`)
	}
}

func (s *server) unauthenticated(g *gin.Context, challenges ...string) {
	g.Writer.Header()["Www-Authenticate"] = challenges
	s.problem(g, http.StatusUnauthorized, "UNAUTHENTICATED", "", "send the operator key as Authorization: Bearer …; this request had none, or a wrong one")
	g.Abort()
}

// bearer returns the token of the only Authorization header.
func bearer(h http.Header) (token string, ok bool) {
	const scheme = "Bearer "
	values := h["Authorization"]
	if len(values) != 1 || len(values[0]) <= len(scheme) || !strings.EqualFold(values[0][:len(scheme)], scheme) {
		return "", false
	}
	return values[0][len(scheme):], true
}

// callerOf says who asks: the operator, and for whom.
func callerOf(h http.Header) (admin.Caller, error) {
	who := admin.Caller{Name: operator, Operator: true}
	switch values := h[actorHeader]; len(values) {
	case 0:
		return who, nil
	case 1:
		actor, err := hierarchy.ParseRef(values[0])
		if err == nil {
			err = policy.CheckActor(actor)
		}
		who.Actor = actor
		return who, inField(actorHeader, err)
	}
	return who, hierarchy.Invalid("ACTOR_AMBIGUOUS", actorHeader, "is given more than once")
}

// inField says where in the request an error is.
func inField(field string, err error) error {
	var known *hierarchy.Error
	if errors.As(err, &known) {
		return known.In(field)
	}
	return err
}
