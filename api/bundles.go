package api

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// bundleBody is a Bundle as it is read: its instants as those of any other body.
type bundleBody struct {
	Bundle
	Bindings []bundleBinding `json:"bindings"`
}

type bundleBinding struct {
	admin.BundleBinding
	NotBefore *Timestamp `json:"not_before"`
	ExpiresAt *Timestamp `json:"expires_at"`
}

func (b *bundleBody) bundle() *Bundle {
	out := b.Bundle
	if b.Bindings != nil {
		out.Bindings = make([]admin.BundleBinding, len(b.Bindings))
	}
	for i, in := range b.Bindings {
		in.BundleBinding.NotBefore, in.BundleBinding.ExpiresAt = in.NotBefore.timeOrNil(), in.ExpiresAt.timeOrNil()
		out.Bindings[i] = in.BundleBinding
	}
	return &out
}

func (s *server) importBundle(c *call, in *bundleBody) (*Imported, error) {
	dryRun, err := c.flag("dry_run")
	if err != nil {
		return nil, err
	}
	owner, err := c.refOf("owner")
	if err != nil {
		return nil, err
	}
	did, err := s.Admin.Import(c.ctx(), c.who, in.bundle(), admin.ImportOptions{Owner: owner, DryRun: dryRun})
	if err != nil {
		return nil, err
	}
	return &Imported{
		Account: did.Account, DryRun: dryRun, Changed: len(did.Created)+len(did.Updated) > 0,
		Created: did.Created, Updated: did.Updated, Unchanged: did.Unchanged,
		OperatorManaged: did.OperatorManaged, Revision: did.Revision,
	}, nil
}

func (s *server) exportAccount(c *call, _ *none) (*Bundle, error) {
	return s.Admin.Export(c.ctx(), c.who, c.path("account"))
}

// printPolicy streams the account's policy: it may be far larger than what is
// good to hold in memory.
func (s *server) printPolicy(c *call) error {
	under, err := c.refOf("under")
	if err != nil {
		return err
	}
	at, err := c.instant("at")
	if err != nil {
		return err
	}
	p, err := s.Admin.Casbin(c.ctx(), c.who, c.path("account"), under, at)
	if err != nil {
		return err
	}
	c.gin.Writer.Header()["Content-Type"] = jsonType
	c.gin.Writer.WriteHeader(c.op.success)
	w := bufio.NewWriterSize(c.gin.Writer, 64<<10)
	err = errors.Join(
		second(w.Write(appendPolicyHead(nil, p))),
		p.Print(inString{w}), // a bufio.Writer remembers its first error
		second(w.WriteString(`"}`)),
		w.Flush(),
	)
	if err != nil {
		return s.breakOff(c, err)
	}
	return nil
}

// appendPolicyHead begins the answer: all of it up to and into the policy.
func appendPolicyHead(b []byte, p *admin.CasbinPolicy) []byte {
	b = append(b, `{"as_of":`...)
	b = appendTime(b, p.At)
	if p.ValidUntil != 0 {
		b = append(b, `,"valid_until":`...)
		b = appendTime(b, p.ValidUntil)
	}
	b = append(b, `,"revision":`...)
	b = appendString(b, p.Revision)
	b = append(b, `,"model":`...)
	b = appendString(b, p.Model)
	return append(b, `,"policy":"`...)
}

// inString writes text into a JSON string that is open. The text is UTF-8,
// cut anywhere.
type inString struct{ *bufio.Writer }

func (w inString) Write(text []byte) (int, error) {
	var escaped [8]byte
	clean := 0
	for i, c := range text {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		_, _ = w.Writer.Write(text[clean:i])
		_, _ = w.Writer.Write(appendEscaped(escaped[:0], c))
		clean = i + 1
	}
	_, err := w.Writer.Write(text[clean:])
	return len(text), err
}

func second(_ int, err error) error { return err }

// breakOff ends an answer that has begun, so that half of it cannot be taken
// for the whole: the connection is closed.
func (s *server) breakOff(c *call, err error) error {
	s.tell(c.gin, fmt.Errorf("printing a policy: %w", err))
	panic(http.ErrAbortHandler)
}

// instant reads a parameter of the query that is a time; 0 if it is absent.
func (c *call) instant(name string) (int64, error) {
	if !c.query.Has(name) {
		return 0, nil
	}
	t, err := ParseInstant(c.query.Get(name))
	if err != nil {
		return 0, hierarchy.Invalid("QUERY_INVALID", name, "%s", instantDemand)
	}
	return t.UnixMicro(), nil
}
