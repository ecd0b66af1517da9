package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/tollgate-dev/tollgate/store"
)

// toRedis are the settings of a Redis that its URL cannot say.
type toRedis struct {
	caFile, certFile, keyFile string
	wait                      int
	waitTimeout               time.Duration
	awayWindow                time.Duration
}

func (r *toRedis) flags(flags *pflag.FlagSet) {
	flags.StringVar(&r.caFile, "redis-ca-file", "", "file with the certificates of who may have signed that of a rediss:// Redis; by default whom the machine trusts")
	flags.StringVar(&r.certFile, "redis-cert-file", "", "file with the certificate to show to a rediss:// Redis")
	flags.StringVar(&r.keyFile, "redis-key-file", "", "file with the private key of that certificate")
	flags.DurationVar(&r.awayWindow, "redis-away-window", 0, "for how long beyond --freshness-bound checks are answered from memory, marked as stale, while Redis is away")
	r.waitTimeout = store.DefaultReplicaTimeout
}

// writeFlags are those of who writes.
func (r *toRedis) writeFlags(flags *pflag.FlagSet) {
	flags.IntVar(&r.wait, "redis-wait", 0, "replicas of Redis that must have a write before it counts as made; a write that they do not have in time is answered 503 NOT_REPLICATED")
	flags.DurationVar(&r.waitTimeout, "redis-wait-timeout", store.DefaultReplicaTimeout, "how long a write waits for them")
}

// check refuses settings that mean nothing.
func (r *toRedis) check() error {
	switch {
	case r.wait < 0:
		return fmt.Errorf("--redis-wait is at least 0, and not %d", r.wait)
	case r.waitTimeout < time.Millisecond:
		return fmt.Errorf("--redis-wait-timeout is at least 1ms, and not %v", r.waitTimeout)
	case r.awayWindow < 0:
		return fmt.Errorf("--redis-away-window is at least 0, and not %v", r.awayWindow)
	case (r.certFile == "") != (r.keyFile == ""):
		return errors.New("--redis-cert-file and --redis-key-file belong together: give both or neither")
	}
	return nil
}

// into puts the settings into a store's options.
func (r *toRedis) into(o *store.Options) error {
	o.Replicas, o.ReplicaTimeout = r.wait, r.waitTimeout
	if r.caFile != "" {
		text, err := os.ReadFile(r.caFile)
		if err != nil {
			return fmt.Errorf("--redis-ca-file: %w", err)
		}
		o.RootCAs = x509.NewCertPool()
		if !o.RootCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("--redis-ca-file: %s holds no certificate in PEM", r.caFile)
		}
	}
	if r.certFile != "" {
		own, err := tls.LoadX509KeyPair(r.certFile, r.keyFile)
		if err != nil {
			return fmt.Errorf("--redis-cert-file and --redis-key-file: %w", err)
		}
		o.Certificates = []tls.Certificate{own}
	}
	return nil
}
