package replica

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// A guest is a replica that may read the store and not write to it: a sidecar. It
// hears by itself what is asked, and a server says for it that it is there, and
// what it answers.

// Bounds of guests. A guest that has gone without a word is waited for in receipts
// for as long as its enrolment lasts.
const (
	MaxReplicas  = 10_000
	MaxEnrolment = time.Hour
)

// GuestID is the ID of a guest among replicas: of who reports, and what the guest
// calls itself. Nobody can report as a server, nor as a guest whose own name of
// itself he has not been told.
func GuestID(caller, self string) string {
	h := sha256.New()
	h.Write([]byte(caller))
	h.Write([]byte{0}) // stands in no identifier
	h.Write([]byte(self))
	return "sidecar-" + hex.EncodeToString(h.Sum(nil)[:8])
}

// Admit enrols a guest for a time; none at all takes that back.
func (g *Group) Admit(ctx context.Context, m Member, last time.Duration) error {
	host, err := g.host()
	if err != nil {
		return err
	}
	if last == 0 {
		return host.Resign(ctx, m)
	}
	in, err := host.Admit(ctx, m, last, MaxReplicas)
	if err == nil && !in {
		err = hierarchy.Conflict("TOO_MANY_REPLICAS", "%d replicas are enrolled already; receipts can wait for no more", MaxReplicas)
	}
	return err
}

// Relay says for a guest whether it serves what a question is about.
func (g *Group) Relay(ctx context.Context, guest, question string, serves bool) error {
	host, err := g.host()
	if err != nil {
		return err
	}
	return host.Say(ctx, Message{Question: question, From: guest, Answer: true, Serves: serves})
}

// host is the bus, if others can be taken in.
func (g *Group) host() (Host, error) {
	if host, ok := g.bus.(Host); ok {
		return host, nil
	}
	return nil, hierarchy.Conflict("STORE_NOT_SHARED", "this server has a store of its own, that no sidecar can read")
}
