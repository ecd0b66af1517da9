package store

import (
	"context"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/tollgate-dev/tollgate/authz"
)

// Reader reads accounts from Redis, and hears of their changes. It has no way to
// write, and sends no command that does: a user of Redis that may only read is
// enough for it (docs/sidecar.md has the one). A Store is a Reader that writes.
//
// Its methods may be called by many goroutines at once. Its errors are a Store's.
type Reader struct {
	client redis.UniversalClient
	clock  *clock
}

var _ authz.Source = (*Reader)(nil)

// OpenReader is Open, for who only reads. Options that are about writes count
// for nothing.
func OpenReader(ctx context.Context, url string, o Options) (*Reader, error) {
	o.Replicas = 0
	client, err := newClient(url, &o)
	if err != nil {
		return nil, err
	}
	r := newReader(client)
	if err := r.Ping(ctx); err != nil {
		_ = r.Close()
		return nil, err
	}
	return &r, nil
}

func newReader(client redis.UniversalClient) Reader {
	logging.Disable() // every error is returned; go-redis need not print it too
	return Reader{client, newClock()}
}

// Ping asks Redis for its time, and so whether it can be reached.
func (s *Reader) Ping(ctx context.Context) error {
	now, err := s.client.Time(ctx).Result()
	if err != nil {
		return fail(err, detailRead)
	}
	s.clock.observe(now.UnixMicro())
	return nil
}

// Close ends all connections.
func (s *Reader) Close() error { return s.client.Close() }
