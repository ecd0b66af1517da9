package api

import (
	"bytes"
	"context"
	"crypto/cipher"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// call is one authenticated request to an operation.
type call struct {
	gin   *gin.Context
	op    *operation
	who   admin.Caller
	query url.Values
	tag   string      // of the one thing that is answered; "" for none
	seal  cipher.AEAD // of page tokens
}

// none is the body of an operation that takes none.
type none struct{}

// answerOf is the answer of a write that leaves nothing to show.
func answerOf(w admin.Written, err error) (Written, error) {
	return Written{Revision: w.Revision}, err
}

// serveJSON is the one adapter between the wire and administration: who asks,
// the query, the body validated and decoded, the answer encoded, the error
// given its status. A handler is what remains.
func serveJSON[Req, Resp any](handle func(*server, *call, *Req) (Resp, error)) func(*server, *operation) handler {
	return stream(func(s *server, c *call) error {
		body, err := c.read()
		if err != nil {
			return err
		}
		answer, err := inTurn(s, c, body, handle)
		if err != nil {
			return err
		}
		if same, err := c.unchanged(); err != nil || same {
			return c.notModified(err)
		}
		c.sendTag()
		send(c.gin, c.op.success, jsonType, answer)
		return nil
	})
}

// inTurn does the work on a request, once it has its turn.
func inTurn[Req, Resp any](s *server, c *call, body []byte, handle func(*server, *call, *Req) (Resp, error)) ([]byte, error) {
	leave, err := s.enterClass(c)
	if err != nil {
		return nil, err
	}
	defer leave()
	var in Req
	if c.op.body != nil {
		if err := c.decode(body, &in); err != nil {
			return nil, err
		}
	}
	out, err := handle(s, c, &in)
	if err != nil {
		return nil, err
	}
	var answer bytes.Buffer
	encoder := json.NewEncoder(&answer)
	encoder.SetEscapeHTML(false)
	err = encoder.Encode(out)
	return answer.Bytes(), err
}

// stream is serveJSON for a handler that writes its answer itself.
func stream(handle func(*server, *call) error) func(*server, *operation) handler {
	return func(s *server, op *operation) handler {
		return func(g *gin.Context, who *admin.Caller) {
			if err := s.openAnd(g, op, who, handle); err != nil {
				s.fail(g, err)
			}
		}
	}
}

func (s *server) openAnd(g *gin.Context, op *operation, who *admin.Caller, handle func(*server, *call) error) error {
	c, err := s.open(g, op, who)
	if err != nil {
		return err
	}
	leave, err := s.enterBulk(c)
	if err != nil {
		return err
	}
	defer leave()
	return handle(s, c)
}

// raw is for a handler that does without an adapter.
func raw(handle func(*server, *gin.Context)) func(*server, *operation) handler {
	return func(s *server, _ *operation) handler {
		return func(g *gin.Context, _ *admin.Caller) { handle(s, g) }
	}
}

// asked is raw for a handler that needs to know who asks.
func asked(handle func(*server, *gin.Context, *admin.Caller)) func(*server, *operation) handler {
	return func(s *server, _ *operation) handler {
		return func(g *gin.Context, who *admin.Caller) { handle(s, g, who) }
	}
}

var jsonType = []string{"application/json"}

// open reads what surrounds the body of a request.
func (s *server) open(g *gin.Context, op *operation, who *admin.Caller) (*call, error) {
	query, err := op.readQuery(g.Request.URL.RawQuery)
	c := &call{gin: g, op: op, who: *who, query: query, seal: s.seal}
	if err == nil {
		err = c.readTerms()
	}
	return c, err
}

// MaxIdempotencyKey is the longest Idempotency-Key, in bytes.
const MaxIdempotencyKey = 255

// readTerms reads the headers on whose terms the request is made, those that
// the document gives the operation.
func (c *call) readTerms() (err error) {
	if slices.Contains(c.op.headers, "Idempotency-Key") {
		if c.who.IdempotencyKey, err = c.header("Idempotency-Key", MaxIdempotencyKey); err != nil {
			return err
		}
	}
	if slices.Contains(c.op.headers, "If-Match") {
		c.who.If, err = c.writeCondition()
	}
	return err
}

func (c *call) ctx() context.Context { return c.gin.Request.Context() }

// path is what a parameter of the path holds, as readPath left it.
func (c *call) path(name string) string { return c.gin.Param(name) }

// flag reads a parameter of the query that is true or false.
func (c *call) flag(name string) (bool, error) {
	switch c.query.Get(name) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "":
		if !c.query.Has(name) {
			return false, nil
		}
	}
	return false, hierarchy.Invalid("QUERY_INVALID", name, "must be true or false")
}

// refOf reads a parameter of the query that is an identifier; zero if it is
// absent.
func (c *call) refOf(name string) (hierarchy.Ref, error) {
	if !c.query.Has(name) {
		return hierarchy.Ref{}, nil
	}
	ref, err := hierarchy.ParseRef(c.query.Get(name))
	return ref, inField(name, err)
}

// bare reads a field of a body whose type is known: the bare ID, or "type:id".
func bare(field, typ, s string) (string, error) {
	ref, err := hierarchy.ParseAs(typ, s)
	return ref.ID, inField(field, err)
}

// header reads a header that may stand once, of 1 to most printable ASCII
// characters; "" if it is absent.
func (c *call) header(name string, most int) (string, error) {
	values := c.gin.Request.Header[http.CanonicalHeaderKey(name)]
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 || !printable(values[0], most) {
		return "", hierarchy.Invalid("HEADER_INVALID", name, "must stand once, and be 1 to %d printable ASCII characters", most)
	}
	return values[0], nil
}
