package store

import (
	"crypto/tls"
	"crypto/x509"
	"sync/atomic"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/tollgate-dev/tollgate/authz"
)

// Store keeps accounts in Redis. Its methods may be called by many goroutines
// at once, and by many processes on the same Redis.
//
// An error of a Redis that cannot be reached is a *hierarchy.Error of
// KindUnavailable, STORE_UNAVAILABLE; if the caller's own context ended, it is
// that context's error too. Methods fail rather than answer from a part of
// what they should have read.
type Store struct {
	Reader

	options  Options
	embedded *miniredis.Miniredis // nil on a real Redis
	stop     func()               // ends what OpenEmbedded started

	unreplicated atomic.Uint64
}

var _ authz.Source = (*Store)(nil)

// Options are the settings of a Store. The zero value is good.
type Options struct {
	// LogLength is how many changes an account's log keeps at least; 0 means
	// DefaultLogLength. Tokens and snapshots older than that are refused or
	// loaded anew.
	LogLength int
	// Replicas is how many replicas must have a write before it counts as
	// made; 0 for none. Each write waits for them, at most ReplicaTimeout; see
	// Commit. It is for a Redis, not for an embedded store.
	Replicas int
	// ReplicaTimeout is how long a write waits for replicas; 0 means
	// DefaultReplicaTimeout.
	ReplicaTimeout time.Duration
	// RootCAs are who may have signed the certificate of a Redis that is
	// reached with TLS; nil for whom the machine trusts.
	RootCAs *x509.CertPool
	// Certificates are shown to a Redis that asks for one.
	Certificates []tls.Certificate
	// Fault makes calls fail, for tests; nil for none.
	Fault Fault

	lookAnew time.Duration // in place of the constant, for tests; 0 for that
}

// DefaultLogLength is how many changes an account's log keeps unless told
// otherwise.
const DefaultLogLength = 10_000

func newStore(client redis.UniversalClient, o Options) *Store {
	if o.LogLength <= 0 {
		o.LogLength = DefaultLogLength
	}
	return &Store{Reader: newReader(client), options: o, stop: func() {}}
}

// Close ends all connections, and with an embedded store the store itself:
// what it held is gone.
func (s *Store) Close() error {
	err := s.Reader.Close()
	s.stop()
	return err
}
