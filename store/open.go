package store

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Open connects to Redis or Valkey, 7.0 or later, and asks it for the time.
// The URL says how it is run:
//
//	redis://user:password@host:port/database           one server
//	redis+sentinel://host:port/database?master_name=…  a master that Sentinels name
//	redis+cluster://user:password@host:port            a cluster
//	unix:///path                                       one server, by its socket
//
// and rediss instead of redis for TLS. Its parameters are those of go-redis's
// ParseURL, ParseFailoverURL and ParseClusterURL: addr for further Sentinels
// and nodes, pool_size, read_timeout and so on. With Sentinels, user and
// password before the host are theirs, and Redis's are the parameters username
// and password. Only masters are ever asked; what would have replicas asked is
// refused.
//
// Errors never repeat the URL, which may hold a password.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	o.ReplicaTimeout = otherwise(o.ReplicaTimeout, DefaultReplicaTimeout)
	client, err := newClient(url, &o)
	if err != nil {
		return nil, err
	}
	s := newStore(client, o)
	if err := s.Ping(ctx); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// errURL repeats nothing of what go-redis says: its errors quote the URL.
var errURL = errors.New("not the URL of a Redis: it must be redis://[user:password@]host:port[/database], " +
	"redis+sentinel://host:port[/database]?master_name=name[&addr=host:port], redis+cluster://[user:password@]host:port[?addr=host:port], " +
	"each with rediss instead of redis for TLS, or unix:///path; or one of its parameters is none that there is")

func newClient(url string, o *Options) (redis.UniversalClient, error) {
	scheme, rest, _ := strings.Cut(url, "://")
	transport, kind, _ := strings.Cut(scheme, "+")
	switch kind {
	case "sentinel":
		return newSentinel(transport+"://"+rest, o)
	case "cluster":
		return newCluster(transport+"://"+rest, o)
	}
	c, err := redis.ParseURL(url)
	if err != nil {
		return nil, errURL
	}
	if err := configure(c).check(o); err != nil {
		return nil, err
	}
	return withHooks(redis.NewClient(c), o), nil
}

func newSentinel(url string, o *Options) (redis.UniversalClient, error) {
	c, err := redis.ParseFailoverURL(url)
	switch {
	case err != nil:
		return nil, errURL
	case c.MasterName == "":
		return nil, errors.New("the URL of Sentinels says which master they are asked for: …?master_name=name")
	case c.ReplicaOnly || c.UseDisconnectedReplicas || c.RouteByLatency || c.RouteRandomly:
		return nil, errReplicas
	}
	c.DisableIdentity = true
	c.ContextTimeoutEnabled = true
	c.MaxRetries = otherwise(c.MaxRetries, maxRetries)
	d := defaults{&c.Protocol, &c.DialerRetries, &c.DialTimeout, &c.ReadTimeout, c.TLSConfig}
	if err := d.apply().check(o); err != nil {
		return nil, err
	}
	return withHooks(redis.NewFailoverClient(c), o), nil
}

func newCluster(url string, o *Options) (redis.UniversalClient, error) {
	c, err := redis.ParseClusterURL(url)
	switch {
	case err != nil:
		return nil, errURL
	case hasDatabase(url):
		return nil, errors.New("a cluster has one database only: the URL must end after the port, or go on with ?")
	case c.ReadOnly || c.RouteByLatency || c.RouteRandomly:
		return nil, errReplicas
	}
	c.DisableIdentity = true
	c.ContextTimeoutEnabled = true
	c.MaintNotificationsConfig = noNotifications()
	c.ClusterStateReloadInterval = otherwise(o.lookAnew, lookAnew)
	d := defaults{&c.Protocol, &c.DialerRetries, &c.DialTimeout, &c.ReadTimeout, c.TLSConfig}
	if err := d.apply().check(o); err != nil {
		return nil, err
	}
	return withClusterHooks(redis.NewClusterClient(c), o), nil
}

var errReplicas = errors.New("the URL would have replicas asked, and only a master says what is so: leave out read_only, replica_only, use_disconnected_replicas, route_by_latency and route_randomly")

// hasDatabase reports whether a URL has a path: ParseClusterURL ignores it.
func hasDatabase(url string) bool {
	_, rest, _ := strings.Cut(url, "://")
	rest, _, _ = strings.Cut(rest, "?")
	_, path, _ := strings.Cut(rest, "/")
	return path != "" && path != "0"
}

const (
	// maxRetries is how often a call is made again. That may do twice what is
	// asked; everything here that is done twice is done once.
	maxRetries = 2
	// lookAnew is how often a cluster is asked who is master of what, beside
	// each time that a call failed.
	lookAnew = 10 * time.Second
)

// defaults are what all kinds of client have, and the URL may leave open.
// Replies are waited for long enough to load the largest account, not longer.
type defaults struct {
	protocol, dialerRetries *int
	dial, read              *time.Duration
	tls                     *tls.Config // nil without TLS
}

func (d defaults) apply() defaults {
	*d.protocol = 2                                   // nothing here needs RESP3, nor its handshake and pushes
	*d.dialerRetries = otherwise(*d.dialerRetries, 1) // the call is made again anyway
	*d.dial = otherwise(*d.dial, 2*time.Second)
	*d.read = otherwise(*d.read, 5*time.Second)
	return d
}

// check takes in what the URL cannot say, and refuses what does not fit it.
func (d defaults) check(o *Options) error {
	if (o.RootCAs != nil || len(o.Certificates) > 0) && d.tls == nil {
		return errors.New("certificates are for TLS, and the URL is without: it must begin with rediss")
	}
	if d.tls != nil {
		d.tls.RootCAs, d.tls.Certificates, d.tls.MinVersion = o.RootCAs, o.Certificates, tls.VersionTLS12
	}
	if o.Replicas > 0 && *d.read > 0 && *d.read <= o.ReplicaTimeout {
		return errors.New("replies are not waited for as long as replicas are: the URL's read_timeout must be longer than that")
	}
	return nil
}

// configure sets what the URL of one server leaves open.
func configure(c *redis.Options) defaults {
	c.DisableIdentity = true
	c.ContextTimeoutEnabled = true
	c.MaintNotificationsConfig = noNotifications()
	c.MaxRetries = otherwise(c.MaxRetries, maxRetries)
	return defaults{&c.Protocol, &c.DialerRetries, &c.DialTimeout, &c.ReadTimeout, c.TLSConfig}.apply()
}

func noNotifications() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// otherwise is a setting, or what it is if it is left out.
func otherwise[T int | time.Duration](set, left T) T {
	if set == 0 {
		return left
	}
	return set
}

// withHooks puts around a client of one master what the options ask for.
func withHooks(c *redis.Client, o *Options) *redis.Client {
	if o.Fault != nil {
		c.AddHook(faultHook{o.Fault})
	}
	if o.Replicas > 0 {
		c.AddHook(waitHook{o.Replicas, o.ReplicaTimeout})
	}
	return c
}

// withClusterHooks is withHooks for a cluster: what waits for replicas stands
// before each node, since it is a node's replicas that are waited for.
func withClusterHooks(c *redis.ClusterClient, o *Options) *redis.ClusterClient {
	if o.Fault != nil {
		c.AddHook(faultHook{o.Fault})
	}
	c.AddHook(reloadHook{c})
	if o.Replicas > 0 {
		c.OnNewNode(func(node *redis.Client) { node.AddHook(waitHook{o.Replicas, o.ReplicaTimeout}) })
	}
	return c
}
