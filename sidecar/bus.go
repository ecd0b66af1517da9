package sidecar

import (
	"context"
	"crypto/rand"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/client"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/replica"
	"github.com/tollgate-dev/tollgate/store"
)

// bus is how a sidecar and the replicas find one another: it hears them through
// Redis, and a server speaks for it.
type bus struct {
	server *client.Client
	reader *store.Reader
	self   string // what it calls itself there; whoever knows it can speak as the sidecar
	log    *zap.Logger
	known  atomic.Bool // a server knows of it, or did; that was logged
}

var (
	_ replica.Bus    = (*bus)(nil)
	_ authz.UseStore = (*bus)(nil)
)

func newBus(server *client.Client, reader *store.Reader, log *zap.Logger) *bus {
	return &bus{server: server, reader: reader, self: rand.Text(), log: log}
}

// Enrol is as in replica.Bus. The member's own ID is told to nobody.
func (b *bus) Enrol(ctx context.Context, m replica.Member, last time.Duration) error {
	id, err := b.server.EnrolReplica(ctx, b.self, client.ReplicaEnrolment{Name: m.Name, Digest: m.Digest, Last: last})
	if err == nil && last > 0 && !b.known.Swap(true) {
		b.log.Info("a server knows of this sidecar: receipts of writes wait for it", zap.String("server", b.server.Server()), zap.String("id", id))
	}
	return err
}

// Resign is as in replica.Bus.
func (b *bus) Resign(ctx context.Context, m replica.Member) error { return b.Enrol(ctx, m, 0) }

// Say is as in replica.Bus. A sidecar has nothing to say but answers.
func (b *bus) Say(ctx context.Context, m replica.Message) error {
	return b.server.AnswerForReplica(ctx, b.self, m.Question, m.Serves)
}

// Listen is as in replica.Bus.
func (b *bus) Listen(ctx context.Context, hear func(replica.Message), lost func(error)) {
	b.reader.Listen(ctx, func(m replica.Message) {
		if !m.Answer { // those are for who has asked
			hear(m)
		}
	}, lost)
}

// Roster is as in replica.Bus: a sidecar asks for no receipts.
func (b *bus) Roster(context.Context) ([]replica.Member, error) {
	return nil, hierarchy.Conflict("ASK_A_SERVER", "a sidecar has no receipts: ask a server")
}

// Used is as in authz.UseStore.
func (b *bus) Used(ctx context.Context, uses []authz.Use) error {
	all := make([]client.KeyUse, len(uses))
	for i, u := range uses {
		all[i] = client.KeyUse{Account: u.Account, Key: u.Key.ID, At: time.UnixMicro(u.At).UTC()}
	}
	return b.server.ReportUses(ctx, b.self, all)
}
