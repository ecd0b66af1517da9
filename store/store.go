package store

import (
	"context"
	"errors"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

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
	client   redis.UniversalClient
	clock    *clock
	options  Options
	embedded *miniredis.Miniredis // nil on a real Redis
	stop     func()               // ends what OpenEmbedded started
}

var _ authz.Source = (*Store)(nil)

// Options are the settings of a Store. The zero value is good.
type Options struct {
	// LogLength is how many changes an account's log keeps at least; 0 means
	// DefaultLogLength. Tokens and snapshots older than that are refused or
	// loaded anew.
	LogLength int
	// Fault makes calls fail, for tests; nil for none.
	Fault Fault
}

// DefaultLogLength is how many changes an account's log keeps unless told
// otherwise.
const DefaultLogLength = 10_000

// Open connects to a Redis or Valkey, 7.0 or later, and asks it for the time.
// The URL is redis://, rediss:// (TLS) or unix://, with go-redis's parameters.
// Errors never repeat the URL, which may hold a password.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	c, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("not the URL of a Redis: it must be redis://[user:password@]host:port[/database], rediss://… or unix:///path")
	}
	s := newStore(c, o)
	if err := s.Ping(ctx); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func newStore(c *redis.Options, o Options) *Store {
	if o.LogLength <= 0 {
		o.LogLength = DefaultLogLength
	}
	logging.Disable() // every error is returned; go-redis need not print it too
	configure(c)
	client := redis.NewClient(c)
	if o.Fault != nil {
		client.AddHook(faultHook{o.Fault})
	}
	return &Store{client: client, clock: newClock(), options: o, stop: func() {}}
}

// configure sets what the URL leaves open. Replies are waited for long enough
// to load the largest account, not longer.
func configure(c *redis.Options) {
	c.Protocol = 2 // nothing here needs RESP3, nor its handshake and pushes
	c.DisableIdentity = true
	c.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	c.ContextTimeoutEnabled = true
	c.DialerRetries = 1 // MaxRetries dials again anyway
	if c.DialTimeout == 0 {
		c.DialTimeout = 2 * time.Second
	}
	if c.ReadTimeout == 0 {
		c.ReadTimeout = 5 * time.Second
	}
	if c.MaxRetries == 0 {
		c.MaxRetries = 2
	}
}

// Ping asks Redis for its time, and so whether it can be reached.
func (s *Store) Ping(ctx context.Context) error {
	now, err := s.client.Time(ctx).Result()
	if err != nil {
		return fail(err, detailRead)
	}
	s.clock.observe(now.UnixMicro())
	return nil
}

// Close ends all connections, and with an embedded store the store itself:
// what it held is gone.
func (s *Store) Close() error {
	err := s.client.Close()
	s.stop()
	return err
}
