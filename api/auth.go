package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/apikey"
	"github.com/tollgate-dev/tollgate/authz"
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

// matches reports whether a key is the digest's; of no digest, none is.
func (d *digest) matches(key string) bool {
	if d == nil {
		return false
	}
	other := digestOf(key)
	return subtle.ConstantTimeCompare(d[:], other[:]) == 1
}

// handler serves a request whose caller is known; who is nil on the routes that
// take none.
type handler func(g *gin.Context, who *admin.Caller)

// authenticated lets nobody by who is neither the operator nor the holder of a
// key that is accepted.
func (s *server) authenticated(serve handler) gin.HandlerFunc {
	return func(g *gin.Context) {
		who, err := s.authenticate(g)
		if err == nil {
			err = readPath(g)
		}
		if err != nil {
			s.refuse(g, err, challenge)
			return
		}
		serve(g, who)
	}
}

// refuse answers an error, and with a wrong credential what would be a right
// one.
func (s *server) refuse(g *gin.Context, err error, challenges ...string) {
	if status(err) == http.StatusUnauthorized {
		g.Writer.Header()["Www-Authenticate"] = challenges
	}
	s.fail(g, err)
}

// authenticate says who holds the request's credential, and for whom he acts.
func (s *server) authenticate(g *gin.Context) (*admin.Caller, error) {
	text, ok := bearer(g.Request.Header)
	if !ok {
		return nil, errUnauthenticated
	}
	who, err := s.holder(g.Request.Context(), text, source(g.Request))
	if err == nil {
		err = s.holdBack(g, who)
	}
	if err != nil {
		return nil, err
	}
	return who, s.readActor(who, g.Request.Header)
}

var errUnauthenticated = &wireError{http.StatusUnauthorized, "UNAUTHENTICATED", "send the operator key or an API key as Authorization: Bearer …; this request had none, or a wrong one"}

// holder is who holds a credential, and comes with it from an address.
func (s *server) holder(ctx context.Context, text string, from netip.Addr) (*admin.Caller, error) {
	if s.key.matches(text) {
		return &admin.Caller{Name: operator, Operator: true}, nil
	}
	presented, err := apikey.Parse(text)
	if err != nil {
		return nil, errUnauthenticated
	}
	engine := s.Engine
	principal, account, code, err := engine.Authenticate(ctx, presented, from)
	switch {
	case err != nil:
		return nil, err
	case code == authz.KeyNotFound:
		return nil, errUnauthenticated
	case code != authz.Allowed: // only who has the key's secret is told
		return nil, &wireError{http.StatusUnauthorized, code.String(), code.Sentence()}
	}
	who := &admin.Caller{Name: principal, Account: account}
	if who.Principal, err = hierarchy.ParseRef(principal); err != nil || who.Principal.Type != hierarchy.TypeService {
		return who, err
	}
	if who.Platform, err = engine.Snapshot(ctx, hierarchy.PlatformID, ""); err != nil {
		return nil, err
	}
	who.Operator = who.OnPlatform("platform.operate", engine.Now()) == nil
	return who, nil
}

// source is where a request comes from: the other end of its connection.
func source(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // of a Unix socket; no allow-list has it
	}
	return at.Addr().Unmap()
}

const challenge = `Bearer realm="tollgate"`

// authenticatedBrowser takes the operator's key as the password of Basic
// authentication too: a browser has no other way to open the documentation. It
// stands only before what changes nothing, and any caller may see.
func (s *server) authenticatedBrowser(serve handler) gin.HandlerFunc {
	return func(g *gin.Context) {
		_, key, basic := g.Request.BasicAuth()
		var err error
		if !basic || !s.key.matches(key) {
			_, err = s.authenticate(g)
		}
		if err == nil {
			err = readPath(g)
		}
		if err != nil {
			s.refuse(g, err, challenge, `Basic realm="tollgate", charset="UTF-8"`)
			return
		}
		serve(g, nil)
	}
}

// bearer returns the token of the only Authorization header.
func bearer(h http.Header) (token string, ok bool) { return onlyBearer(h["Authorization"]) }

// onlyBearer returns the token of a header that stands once.
func onlyBearer(values []string) (token string, ok bool) {
	const scheme = "Bearer "
	if len(values) != 1 || len(values[0]) <= len(scheme) || !strings.EqualFold(values[0][:len(scheme)], scheme) {
		return "", false
	}
	return values[0][len(scheme):], true
}

// readActor reads for whom the holder of a credential acts. To name somebody
// takes the operator's key, or a service that is trusted to.
func (s *server) readActor(who *admin.Caller, header http.Header) error {
	values := header[actorHeader]
	switch {
	case len(values) == 0:
		return nil
	case len(values) > 1:
		return hierarchy.Invalid("ACTOR_AMBIGUOUS", actorHeader, "is given more than once")
	case who.OnPlatform("actor.assume", s.Engine.Now()) != nil:
		return &hierarchy.Error{Kind: hierarchy.KindForbidden, Reason: "ACTOR_FORBIDDEN", Field: actorHeader, Detail: who.Name + " may not act for others: that takes actor.assume on the platform"}
	}
	actor, err := hierarchy.ParseRef(values[0])
	if err == nil {
		err = policy.CheckActor(actor)
	}
	if err == nil && actor.Type == hierarchy.TypeKey {
		err = hierarchy.Invalid("SUBJECT_INVALID", "", "an API key acts for itself only")
	}
	who.Actor = actor
	return inField(actorHeader, err)
}

// inField says where in the request an error is.
func inField(field string, err error) error {
	var known *hierarchy.Error
	if errors.As(err, &known) {
		return known.In(field)
	}
	return err
}
