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
		if err := readQuestion(b.in, &q, &authorizeShape); err != nil {
			return err
		}
		q.Source = gateway.SourceOf(q.sourceIP)
		v := s.gateway.Authorize(g.Request.Context(), &gateway.Request{APIKey: q.apiKey, Request: q.Request})
		if v.Err != nil {
			return v.Err
		}
		s.metrics.decided(&v.Answer)
		b.out = appendVerdict(b.out, &v)
		return nil
	})
}

// appendVerdict appends a Verdict.
func appendVerdict(b []byte, v *gateway.Verdict) []byte {
	b = appendDecision(b, &v.Answer, nil)
	b = append(b[:len(b)-1], `,"status":`...) // the decision goes on
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
