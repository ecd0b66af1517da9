package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"unicode"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// status gives an error its status: the one place where that is said.
func status(err error) int {
	var known *hierarchy.Error
	var wire *wireError
	switch {
	case errors.As(err, &wire):
		return wire.status
	case !errors.As(err, &known):
		return http.StatusInternalServerError
	}
	switch known.Kind {
	case hierarchy.KindInvalid:
		return http.StatusBadRequest
	case hierarchy.KindForbidden:
		return http.StatusForbidden
	case hierarchy.KindNotFound:
		return http.StatusNotFound
	case hierarchy.KindConflict, hierarchy.KindLost:
		return http.StatusConflict
	case hierarchy.KindTooLarge:
		return http.StatusRequestEntityTooLarge
	case hierarchy.KindPrecondition:
		return http.StatusPreconditionFailed
	case hierarchy.KindUnprocessable:
		return http.StatusUnprocessableEntity
	case hierarchy.KindUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// wireError is an error that only HTTP has.
type wireError struct {
	status         int
	reason, detail string
}

func (e *wireError) Error() string { return e.detail }

// told is what a caller is told of an error.
type told struct {
	status                int
	reason, field, detail string
}

// tell sorts the error of a request over HTTP.
func (s *server) tell(g *gin.Context, err error) told {
	return s.sort(g.Request.Context(), err, zap.String("method", show(g.Request.Method)), zap.String("route", g.FullPath()), zap.String("request_id", requestID(g)))
}

// sort says what a caller is told of an error, and logs it whole, with what else
// is to be said of the request, if it is not one for callers.
func (s *server) sort(ctx context.Context, err error, of ...zap.Field) told {
	var known *hierarchy.Error
	var wire *wireError
	switch code := status(err); {
	case code >= http.StatusInternalServerError && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return told{http.StatusServiceUnavailable, "DEADLINE_EXCEEDED", "", "the request's time ended before it was answered; allow more time, or try again"}
	case code == http.StatusInternalServerError && ctx.Err() != nil: // most likely because of that
		s.Logger.Info("the caller has gone", append(of, zap.Error(err))...)
		return told{http.StatusServiceUnavailable, "REQUEST_ENDED", "", "the request ended before it was answered"}
	case code == http.StatusInternalServerError:
		s.Logger.Error("internal error", append(of, zap.Error(err))...)
		return told{code, "INTERNAL", "", "internal error"}
	case errors.As(err, &wire):
		return told{code, wire.reason, "", wire.detail}
	default:
		errors.As(err, &known)
		return told{code, known.Reason, known.Field, known.Detail}
	}
}

// fail answers an error.
func (s *server) fail(g *gin.Context, err error) {
	t := s.tell(g, err)
	s.problem(g, t.status, t.reason, t.field, t.detail)
}

// internal answers what is nobody's business.
func (s *server) internal(g *gin.Context) {
	s.problem(g, http.StatusInternalServerError, "INTERNAL", "", "internal error")
}

// notReplicated is the reason of a write that was made, and must not be
// repeated as if it had not been.
const notReplicated = "NOT_REPLICATED"

var problemType = []string{"application/problem+json"}

// problem answers problem details, RFC 9457.
func (s *server) problem(g *gin.Context, status int, reason, field, detail string) {
	if status == http.StatusServiceUnavailable && reason != notReplicated {
		g.Writer.Header().Set("Retry-After", "1")
	}
	send(g, status, problemType, s.problemBody(status, reason, field, detail, requestID(g)))
}

func (s *server) problemBody(status int, reason, field, detail, id string) []byte {
	body, err := json.Marshal(Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Detail: detail, Reason: reason, Field: field, RequestID: id,
	})
	if err != nil {
		s.Logger.Error("a problem that does not encode", zap.Error(err))
	}
	return body
}

// send answers a whole body.
func send(g *gin.Context, status int, contentType []string, body []byte) {
	g.Writer.Header()["Content-Type"] = contentType
	g.Writer.WriteHeader(status)
	_, _ = g.Writer.Write(body) // a caller that is gone cannot be told
}

// show returns hostile text as it may stand in an answer or a log: short, and
// printable.
func show(s string) string {
	const most = 64
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return unicode.ReplacementChar
	}, s)
}
