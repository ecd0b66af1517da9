package api

import (
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/gateway"
	"github.com/tollgate-dev/tollgate/limit"
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
	b = appendRateLimit(b, v)
	b = appendHeaders(append(b, `,"headers":`...), v.Headers())
	return append(b, '}')
}

func appendHeaders(b []byte, all []gateway.Header) []byte {
	b = append(b, '{')
	for i, h := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, h.Name)
		b = append(b, ':')
		b = appendString(b, h.Value)
	}
	return append(b, '}')
}

// appendRateLimit appends a RateLimit as a member, if there is any limit.
func appendRateLimit(b []byte, v *gateway.Verdict) []byte {
	if !v.RateLimit.Limited() {
		return b
	}
	b = appendHeaders(append(b, `,"rate_limit":{"headers":`...), v.LimitHeaders())
	b = appendBucket(b, `,"key":`, &v.RateLimit.Key)
	b = appendBucket(b, `,"account":`, &v.RateLimit.Account)
	return append(b, '}')
}

func appendBucket(b []byte, name string, of *limit.Bucket) []byte {
	if of.Burst == 0 {
		return b
	}
	b = strconv.AppendInt(append(append(b, name...), `{"burst":`...), int64(of.Burst), 10)
	b = strconv.AppendInt(append(b, `,"remaining":`...), int64(of.Remaining), 10)
	b = strconv.AppendInt(append(b, `,"reset":`...), int64(of.Reset()), 10)
	return append(b, '}')
}

// appendUnasked appends the beginning of a Verdict about a request that no
// permission could be made of, so that no decision has its reason.
func appendUnasked(b []byte, v *gateway.Verdict) []byte {
	b = append(b, `{"allowed":false,"reason":{"code":`...)
	b = appendString(b, v.Reason)
	b = appendMember(b, `,"detail":`, v.Detail)
	return appendPayer(append(b, `},`...), &v.Answer)
}
