package api

import (
	"errors"
	"time"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// MaxReceiptWait is how long a receipt waits at most, and defaultReceiptWait
// how long it does unless it is told.
const (
	MaxReceiptWait     = 30 * time.Second
	defaultReceiptWait = time.Second
)

// receipt says which servers answer from a revision.
func (s *server) receipt(c *call, _ *none) (Receipt, error) {
	wait := defaultReceiptWait
	if text := c.query.Get("wait"); text != "" {
		var err error
		if wait, err = time.ParseDuration(text); err != nil || wait < 0 || wait > MaxReceiptWait {
			return Receipt{}, hierarchy.Invalid("QUERY_INVALID", "wait", "must be a time from 0s to %s, such as 500ms or 5s", MaxReceiptWait)
		}
	}
	account, revision := c.path("account"), c.path("revision")
	if _, err := s.Admin.Account(c.ctx(), c.who, account); err != nil {
		return Receipt{}, err
	}
	got, err := s.Replicas.Receipt(c.ctx(), account, revision, wait)
	var known *hierarchy.Error
	if errors.As(err, &known) && known.Field == "at_least" { // as checks call it
		renamed := *known
		renamed.Field = "revision"
		err = &renamed
	}
	out := Receipt{Revision: revision, Confirmed: got.All, Digest: got.Digest, Servers: make([]ReceiptServer, len(got.Replicas))}
	for i, r := range got.Replicas {
		out.Servers[i] = ReceiptServer{ID: r.ID, Name: r.Name, Confirmed: r.Serves, Digest: r.Digest, Differs: r.Digest != got.Digest}
	}
	return out, err
}
