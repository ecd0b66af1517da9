package api

import (
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/gateway"
)

// authorize decides for a proxy that holds somebody's request.
func (s *server) authorize(g *gin.Context, who *admin.Caller) {
	s.hot(g, MaxBody, func(b *buffers) error {
		by := s.asking(who)
		if err := by.everything(); err != nil {
			return err
		}
		var q question
		if err := first(readQuestion(b.in, &q, &authorizeShape), q.checkAsked()); err != nil {
			return err
		}
		q.Source = gateway.SourceOf(q.sourceIP)
		v := s.Gateway.Authorize(g.Request.Context(), &gateway.Request{APIKey: q.apiKey, Method: q.method, Host: q.host, Path: q.path, Request: q.Request})
		if v.Err != nil {
			return v.Err
		}
		s.metrics.judged(&v)
		b.out = appendVerdict(b.out, &v)
		return nil
	})
}

// appendVerdict appends a Verdict.
func appendVerdict(b []byte, v *gateway.Verdict) []byte {
	if v.Reason == v.Code.String() {
		b = appendDecision(b, &v.Answer, nil)
		b = b[:len(b)-1] // the decision goes on
	} else {
		b = appendUnasked(b, v)
	}
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(v.Status), 10)
	b = appendMember(b, `,"principal":`, v.Principal())
	b = appendMember(b, `,"sponsor":`, v.Sponsor())
	place := gateway.PlaceOf(&v.Answer)
	b = appendMember(b, `,"project":`, place.Project)
	b = appendMember(b, `,"subproject":`, place.Subproject)
	b = append(b, `,"headers":{`...)
	for i, h := range v.Headers() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, h.Name)
		b = append(b, ':')
		b = appendString(b, h.Value)
	}
	return append(b, `}}`...)
}

// appendUnasked appends the beginning of a Verdict about a request that no
// permission could be made of, so that no decision has its reason.
func appendUnasked(b []byte, v *gateway.Verdict) []byte {
	b = append(b, `{"allowed":false,"reason":{"code":`...)
	b = appendString(b, v.Reason)
	b = appendMember(b, `,"detail":`, v.Detail)
	return appendPayer(append(b, `},`...), &v.Answer)
}
