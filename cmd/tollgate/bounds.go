package main

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/tollgate-dev/tollgate/api"
)

// bounds are the settings of how much the server takes on at once, and how it
// stops.
type bounds struct {
	api.Capacity
	connections int
	opsAddr     string
	drainDelay  time.Duration
	drainFor    time.Duration
}

// The defaults. A connection takes some 20 KiB while it is idle, so 4,096 of them
// are 80 MiB. Kubernetes takes a second or two to tell all its proxies that a pod
// is not to be sent requests any more, and kills the pod 30 seconds after SIGTERM:
// delay and draining together leave room before that, and draining is longer than
// a write can take.
const (
	defaultConnections = 4096
	defaultDrainDelay  = 5 * time.Second
	defaultDrainFor    = 20 * time.Second
)

func (b *bounds) flags(flags *pflag.FlagSet) {
	is := api.DefaultCapacity
	flags.IntVar(&b.Checks, "max-checks", is.Checks, "checks, batches and billing owners in work at once; as many again wait, and beyond that the answer is 503 OVERLOADED; 0 for any")
	flags.DurationVar(&b.Patience, "max-wait", is.Patience, "how long a request waits for its turn before the answer is 503 OVERLOADED")
	flags.IntVar(&b.connections, "max-connections", defaultConnections, "connections that are open at once; a few beyond are answered 503 OVERLOADED, health and metrics apart, and others closed; 0 for any")
	flags.StringVar(&b.opsAddr, "ops-addr", "", "another address, for health and metrics only, that callers cannot fill; by default they are at --addr only")
	flags.DurationVar(&b.drainDelay, "drain-delay", defaultDrainDelay, "after SIGTERM, how long the server still serves while /readyz is 503, so that load balancers notice")
	flags.DurationVar(&b.drainFor, "drain-timeout", defaultDrainFor, "when it stops, how long requests that have begun may take before they are cut off")
}

// writeFlags are those of who administers.
func (b *bounds) writeFlags(flags *pflag.FlagSet) {
	is := api.DefaultCapacity
	flags.IntVar(&b.Administration, "max-administration", is.Administration, "requests of administration in work at once, likewise")
	flags.IntVar(&b.Receipts, "max-receipts", is.Receipts, "requests for receipts in work at once, likewise")
	flags.IntVar(&b.Bulk, "max-bulk", is.Bulk, "imports, exports and policies in work at once, likewise; an import may take a few times its size in memory")
}

// check refuses settings that mean nothing.
func (b *bounds) check() error {
	for flag, n := range map[string]int{
		"max-checks": b.Checks, "max-administration": b.Administration, "max-receipts": b.Receipts, "max-bulk": b.Bulk, "max-connections": b.connections,
	} {
		if n < 0 {
			return fmt.Errorf("--%s is at least 0, and not %d", flag, n)
		}
	}
	for flag, d := range map[string]time.Duration{"max-wait": b.Patience, "drain-delay": b.drainDelay, "drain-timeout": b.drainFor} {
		if d < 0 {
			return fmt.Errorf("--%s is at least 0s, and not %v", flag, d)
		}
	}
	return nil
}
