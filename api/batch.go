package api

import (
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// MaxBatch is how many checks a batch may have.
const MaxBatch = 1000

// batch is a batch as it stands on the wire: the checks that can be asked, and
// what is wrong with the others.
type batch struct {
	requests []authz.Request // zero where the check is wrong
	wrong    []error         // by the same index; nil where it is not
}

// readBatch reads a body that is a batch.
func readBatch(body []byte) (b batch, err error) {
	s := scanner{text: body}
	if s.peek() != '{' {
		return b, first(s.value(0), hierarchy.Invalid("BODY_INVALID", "", "the body must be an object"))
	}
	found := false
	err = s.members(func(name []byte) error {
		switch {
		case string(name) != "checks":
			return hierarchy.Invalid("FIELD_UNKNOWN", show(string(name)), "is not a field here; known is checks")
		case found:
			return hierarchy.Invalid("FIELD_INVALID", "checks", "stands twice")
		case s.peek() != '[':
			return hierarchy.Invalid("FIELD_INVALID", "checks", "must be an array")
		}
		found = true
		return s.list(func(i int) error { return b.read(&s, i) })
	})
	if err == nil {
		err = s.end()
	}
	if err == nil && !found {
		err = hierarchy.Invalid("FIELD_REQUIRED", "checks", "is required")
	}
	return b, err
}

// read reads one check of a batch.
func (b *batch) read(s *scanner, i int) error {
	if i == MaxBatch {
		return hierarchy.Invalid("BATCH_TOO_LARGE", "checks", "has more than %d checks; send several batches", MaxBatch)
	}
	var q question
	wrong, broken := s.question(&q, &checkShape)
	if wrong == nil && q.explain {
		wrong = hierarchy.Invalid("EXPLAIN_IN_BATCH", "explain", "is not possible in a batch; ask POST /v1/check for it")
	}
	if wrong != nil {
		q = question{}
	}
	b.requests = append(b.requests, q.Request)
	b.wrong = append(b.wrong, wrong)
	return broken
}

// askAll answers a batch: the engine the checks that can be asked, and in the
// places of the others what is wrong with them.
func (s *server) askAll(g *gin.Context, by asking, b *batch) []authz.Result {
	results := make([]authz.Result, len(b.requests))
	requests := make([]authz.Request, 0, len(b.requests))
	places := make([]int, 0, len(b.requests))
	for i, wrong := range b.wrong {
		if wrong != nil {
			results[i].Err = wrong
			continue
		}
		foreign, err := by.confine(&b.requests[i])
		if foreign || err != nil {
			results[i].Answer.Code, results[i].Err = authz.ResourceNotFound, err
			continue
		}
		requests, places = append(requests, b.requests[i]), append(places, i)
	}
	for n, r := range s.Engine.CheckBatch(g.Request.Context(), requests) {
		if r.Err == nil {
			by.show(&r.Answer)
		}
		results[places[n]] = r
	}
	return results
}

// appendItemError appends a BatchResult that is a denial for an error.
func appendItemError(b []byte, t told) []byte {
	b = append(b, `{"allowed":false,"error":{"reason":`...)
	b = appendString(b, t.reason)
	b = append(b, `,"detail":`...)
	b = appendString(b, t.detail)
	b = appendMember(b, `,"field":`, t.field)
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(t.status), 10)
	return append(b, `}}`...)
}
