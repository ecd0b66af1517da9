package store

import (
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// What tests outside of the package need of its inside: the Redis as it is,
// and the names of its keys.

// Raw is the client of s.
func (s *Store) Raw() redis.UniversalClient { return s.client }

// Replica is another store on the Redis of s, as a second server has. Closing
// it leaves the Redis alone.
func (s *Store) Replica(o Options) *Store {
	options := *s.client.(*redis.Client).Options()
	return newStore(withHooks(redis.NewClient(&options), &o), o)
}

// SetTime makes an embedded Redis's clock stand at a time.
func (s *Store) SetTime(at time.Time) { s.embedded.SetTime(at) }

// Expire lets an embedded Redis's keys get older.
func (s *Store) Expire(by time.Duration) { s.embedded.FastForward(by) }

// Names of keys, and readers of values.
var (
	HeadKey       = headKey
	DocsKey       = docsKey
	ResourcesKey  = resourcesKey
	ContainerKey  = containerKey
	LogKey        = logKey
	IdentitiesKey = identitiesKey
	LocatorKey    = locatorKey
	EntryID       = entryID
	DecodeRecord  = decodeRecord
)

// DueKey is the key of the notes of what is to be collected.
const DueKey = dueKey

// Locator is a claim, as it is read.
type Locator struct {
	Confirmed         bool
	Identity, Account string
}

// ParseLocator reads the value of a locator.
func ParseLocator(value string) (Locator, error) {
	c, err := parseClaim(value)
	return Locator{c.confirmed, c.identity, c.account}, err
}

// ConfirmedLocator is the value of a confirmed claim.
func ConfirmedLocator(identity, account string) string {
	return claim{confirmed: true, at: 1, identity: identity, account: account}.String()
}

// HasLocator reports whether anything of a reference's type has a locator.
func HasLocator(ref hierarchy.Ref) bool { return hasLocator(ref.Type) }

// IsEmbedded reports whether the Redis is in this process.
func (s *Store) IsEmbedded() bool { return s.embedded != nil }
