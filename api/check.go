package api

import (
	"context"
	"net/http"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
)

// The three endpoints that are asked on every request of somebody else's. They
// cost what reading, deciding and writing cost: no reflection, no validation
// against a schema, and buffers that are used again.

// buffers are what one request is read into and answered from.
type buffers struct{ in, out []byte }

var spare = sync.Pool{New: func() any { return &buffers{in: make([]byte, 0, 1<<10), out: make([]byte, 0, 1<<10)} }}

// free keeps buffers for the next request, unless they have grown too large to
// be worth it. Nothing read from them is kept: texts are copied out.
func (b *buffers) free() {
	const most = 256 << 10
	if cap(b.in) <= most && cap(b.out) <= most {
		b.in, b.out = b.in[:0], b.out[:0]
		spare.Put(b)
	}
}

// hot reads the body of a hot request and sends what answer appends.
func (s *server) hot(g *gin.Context, limit int64, answer func(b *buffers) error) {
	b := spare.Get().(*buffers) //nolint:forcetypeassert // nothing else is put there
	defer b.free()
	var end context.CancelFunc
	var err error
	g.Request, end, err = within(g.Request)
	defer end()
	if err == nil {
		_, err = plain.readQuery(g.Request.URL.RawQuery)
	}
	if err == nil {
		b.in, err = readBody(g.Request, limit, b.in)
	}
	if err == nil {
		err = s.answerInTurn(g, b, answer)
	}
	if err != nil {
		s.fail(g, err)
		return
	}
	send(g, http.StatusOK, jsonType, b.out)
}

func (s *server) answerInTurn(g *gin.Context, b *buffers, answer func(b *buffers) error) error {
	gate := s.gates[checks]
	if err := gate.enter(g.Request.Context()); err != nil {
		return err
	}
	defer gate.leave()
	return answer(b)
}

// plain is an operation whose query has no parameters.
var plain = &operation{}

func (s *server) check(g *gin.Context, who *admin.Caller) {
	s.hot(g, MaxBody, func(b *buffers) error {
		var q question
		if err := readQuestion(b.in, &q, &checkShape); err != nil {
			return err
		}
		a, x, err := s.ask(g, s.asking(who), &q)
		if err != nil {
			return err
		}
		s.metrics.decided(&a)
		b.out = appendDecision(b.out, &a, x)
		return nil
	})
}

func (s *server) ask(g *gin.Context, by asking, q *question) (a authz.Answer, x *authz.Explanation, err error) {
	foreign, err := by.confine(&q.Request)
	if foreign || err != nil {
		return authz.Answer{Code: authz.ResourceNotFound}, nil, err
	}
	engine := s.Engine
	if q.explain {
		a, x, err = engine.Explain(g.Request.Context(), &q.Request)
	} else {
		a, err = engine.Check(g.Request.Context(), &q.Request)
	}
	if err == nil && !by.show(&a) {
		x = nil
	}
	return a, x, err
}

func (s *server) billingOwner(g *gin.Context, who *admin.Caller) {
	s.hot(g, MaxBody, func(b *buffers) error {
		var q question
		if err := readQuestion(b.in, &q, &billingShape); err != nil {
			return err
		}
		by := s.asking(who)
		if q.at != "" {
			if err := by.everything(); err != nil {
				return err
			}
			return s.billingOwnerAt(g, b, &q)
		}
		foreign, err := by.confine(&q.Request)
		a := authz.Answer{Code: authz.ResourceNotFound}
		if err == nil && !foreign {
			a, err = s.Engine.BillingOwner(g.Request.Context(), &q.Request)
		}
		if err != nil {
			return err
		}
		by.show(&a)
		b.out = append(appendPayer(append(b.out, '{'), &a), '}')
		return nil
	})
}

func (s *server) checkBatch(g *gin.Context, who *admin.Caller) {
	s.hot(g, limits["checkBatch"], func(b *buffers) error {
		asked, err := readBatch(b.in)
		if err != nil {
			return err
		}
		results := s.askAll(g, s.asking(who), &asked)
		b.out = append(b.out, `{"results":[`...)
		for i := range results {
			if i > 0 {
				b.out = append(b.out, ',')
			}
			if err := results[i].Err; err != nil {
				b.out = appendItemError(b.out, s.tell(g, err))
				continue
			}
			s.metrics.decided(&results[i].Answer)
			b.out = appendDecision(b.out, &results[i].Answer, nil)
		}
		b.out = append(b.out, `]}`...)
		return nil
	})
}
