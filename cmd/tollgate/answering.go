package main

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/gateway"
	"github.com/tollgate-dev/tollgate/limit"
)

// answering are the settings of whatever answers: of a server and of a sidecar.
type answering struct {
	model            string
	routes           string
	unregistered     []string
	shadowShare      float64
	freshnessBound   time.Duration
	memory           byteSize
	places           int
	rateLimitKey     rate
	rateLimitAccount rate
	logFormat        string
	logLevel         string
	proxies
}

func (c *answering) flags(flags *pflag.FlagSet) {
	flags.StringVar(&c.model, "model", "", "file of a Casbin model to follow instead of the one built in; refused if it cannot be proved")
	flags.StringVar(&c.routes, "routes", "", "file of a map of routes, by which proxies ask about requests; read anew at SIGHUP; see docs/routes.md")
	flags.StringSliceVar(&c.unregistered, "unregistered-types", nil, "types of product resources that are not registered one by one, with commas between")
	flags.Float64Var(&c.shadowShare, "shadow-share", 0.01, "share of checks, 0 to 1, that Casbin decides again in the background")
	flags.DurationVar(&c.freshnessBound, "freshness-bound", time.Second, "greatest age of what answers without asking the store first")
	c.memory = 1 << 30
	flags.Var(&c.memory, "memory", "memory that accounts may take, such as 512MiB, beyond which those not asked about are dropped; 0 for any")
	flags.IntVar(&c.places, "places", 500_000, "resources whose container is remembered, at 200 bytes or so each")
	flags.Var(&c.rateLimitKey, "rate-limit-key", "requests a second that each caller may make, here and of gateways, and how many at once, such as 10:50; beyond that the answer is 429 RATE_LIMITED; 0 for any")
	flags.Var(&c.rateLimitAccount, "rate-limit-account", "the same of all API keys and people of an account together")
	c.proxies.flags(flags)
	flags.StringVar(&c.logFormat, "log-format", "console", "console or json")
	flags.StringVar(&c.logLevel, "log-level", "info", "debug, info, warn or error")
}

// check refuses settings that mean nothing.
func (c *answering) check() error {
	switch {
	case c.shadowShare < 0 || c.shadowShare > 1 || c.shadowShare != c.shadowShare:
		return fmt.Errorf("--shadow-share is a share, from 0 to 1, and not %v", c.shadowShare)
	case c.freshnessBound <= 0:
		return fmt.Errorf("--freshness-bound is longer than 0, and not %v", c.freshnessBound)
	case c.places < 1:
		return fmt.Errorf("--places is at least 1, and not %d", c.places)
	}
	return c.proxies.check()
}

// engine is how the engine is set up.
func (c *answering) engine() authz.Options {
	return authz.Options{Bound: c.freshnessBound, Memory: int64(c.memory), Places: c.places, Unregistered: c.unregistered, ShadowShare: c.shadowShare}
}

// newGateway makes what answers proxies, with the routes and limits set.
func (c *answering) newGateway(engine *authz.Engine) (*gateway.Gateway, *limit.Limiter, error) {
	limits, err := limit.New(limit.Rate(c.rateLimitKey), limit.Rate(c.rateLimitAccount))
	if err != nil {
		return nil, nil, err
	}
	g := gateway.New(engine, limits)
	routes, err := readRoutes(c.routes)
	g.SetRoutes(routes)
	return g, limits, err
}
