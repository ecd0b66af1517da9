package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const serveHelp = `Starts a server.

Without --redis the store is embedded: everything is kept in memory, and is lost
when the server stops. With --data FILE it is saved in a file within a second of
a change, and at SIGTERM or SIGINT, and is there again at the next start; one
server at a time can use a file. With --redis, state is in a Redis or Valkey, 7.0
or later, that servers can share: one server (redis://), a master that Sentinels
name (redis+sentinel://host:port?master_name=name) or a cluster
(redis+cluster://host:port), with rediss instead of redis for TLS. The URL's
parameters are those of go-redis, such as addr, pool_size and read_timeout.

With --redis-wait N, a write counts as made once N replicas of Redis have it. One
that they do not have in time is made all the same, is answered 503
NOT_REPLICATED, and may be lost if the master fails.

The operator's key is read from --operator-key-file, or else from
$TOLLGATE_OPERATOR_KEY; it is never a flag, which others could read in the list
of processes. With the embedded store a key is made if there is none, and
printed once; the file of --data has only a hash of it, by which it is accepted
at the next start. With --redis there must be one.

If Redis cannot be reached, the server starts all the same: it answers /livez
with 200, /readyz and everything else with 503 and the reason, logs every try,
and serves as soon as Redis is there.

At SIGTERM it answers /readyz with 503 and serves on for --drain-delay, so that
load balancers send it no more; at SIGINT it does not wait. Then it accepts no
more, finishes what it has begun, for --drain-timeout at most, and ends. A second
signal ends it at once.`

// settings are the flags of serve.
type settings struct {
	addr            string
	redis           string
	toRedis         toRedis
	data            string
	operatorKeyFile string
	logLength       int
	answering
	bounds
}

func (c *settings) flags(flags *pflag.FlagSet) {
	flags.StringVar(&c.addr, "addr", "127.0.0.1:8080", "address to listen on; port 0 takes a free one")
	flags.StringVar(&c.redis, "redis", "", "URL of the Redis that keeps all state, redis://, redis+sentinel:// or redis+cluster://, with rediss for TLS, or unix://; embedded by default")
	c.toRedis.flags(flags)
	c.toRedis.writeFlags(flags)
	flags.StringVar(&c.data, "data", "", "file that the embedded store is saved in within a second of a change; it is made if it does not exist")
	flags.StringVar(&c.operatorKeyFile, "operator-key-file", "", "file with the operator's key; by default the key is $TOLLGATE_OPERATOR_KEY")
	flags.IntVar(&c.logLength, "log-length", 10_000, "changes that an account's log keeps at least; older revisions are refused")
	c.answering.flags(flags)
	c.bounds.flags(flags)
	c.bounds.writeFlags(flags)
}

// check refuses settings that mean nothing.
func (c *settings) check() error {
	switch {
	case c.data != "" && c.redis != "":
		return errors.New("--data keeps the embedded store, and --redis uses a Redis instead: give one of the two")
	case c.logLength < 1:
		return fmt.Errorf("--log-length is at least 1, and not %d", c.logLength)
	case c.redis == "" && c.toRedis != (toRedis{waitTimeout: c.toRedis.waitTimeout}):
		return errors.New("what begins with --redis- is about the Redis of --redis: give that too")
	case c.addr == "":
		return errors.New("--addr is empty: give a host and a port, such as 127.0.0.1:8080")
	}
	return errors.Join(c.answering.check(), c.toRedis.check(), c.bounds.check())
}

func (a *app) serveCommand() *cobra.Command {
	var c settings
	cmd := &cobra.Command{Use: "serve", Short: "Start a server", Long: serveHelp, Args: exactly(), DisableFlagsInUseLine: true}
	c.flags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := c.check(); err != nil {
			return err
		}
		log, err := newLogger(a.err, c.logFormat, c.logLevel)
		if err != nil {
			return err
		}
		defer func() { _ = log.Sync() }()
		return a.serve(cmd.Context(), &c, log)
	}
	return cmd
}
