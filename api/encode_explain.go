package api

import (
	"strconv"

	"github.com/tollgate-dev/tollgate/authz"
)

// appendExplanation appends an Explanation.
func appendExplanation(b []byte, x *authz.Explanation) []byte {
	b = append(b, '{')
	if x.Allow != nil {
		b = append(b, `"allow":{`...)
		b = appendCause(b, x.Allow)
		b = append(b, `},`...)
	}
	b = append(b, `"obstacles":[`...)
	for i := range x.Obstacles {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendObstacle(b, &x.Obstacles[i])
	}
	b = append(b, ']')
	if x.NearestMiss != nil {
		b = append(b, `,"nearest_miss":`...)
		b = appendMiss(b, x.NearestMiss)
	}
	if x.Casbin != nil {
		b = append(b, `,"casbin":{"allowed":`...)
		b = strconv.AppendBool(b, x.Casbin.Allowed)
		b = append(b, `,"rule":`...)
		b = appendStrings(b, x.Casbin.Rule)
		b = append(b, '}')
	}
	return append(b, '}')
}

func appendObstacle(b []byte, o *authz.Obstacle) []byte {
	b = append(b, `{"code":`...)
	b = appendString(b, o.Code.String())
	b = appendMember(b, `,"node":`, o.Node)
	b = append(b, `,"detail":`...)
	b = appendString(b, o.Detail)
	if o.Cause != nil {
		b = appendCause(append(b, ','), o.Cause)
	}
	return append(b, '}')
}

func appendMiss(b []byte, m *authz.Miss) []byte {
	b = append(b, `{"kind":`...)
	b = appendString(b, string(m.Kind))
	b = appendCause(append(b, ','), &m.Cause)
	b = append(b, `,"detail":`...)
	b = appendString(b, m.Detail)
	if m.Window.NotBefore != 0 {
		b = append(b, `,"not_before":`...)
		b = appendTime(b, m.Window.NotBefore)
	}
	if m.Window.ExpiresAt != 0 {
		b = append(b, `,"expires_at":`...)
		b = appendTime(b, m.Window.ExpiresAt)
	}
	return append(b, '}')
}
