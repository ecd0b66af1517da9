package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/gateway"
	"github.com/tollgate-dev/tollgate/route"
)

// readRoutes reads the file of --routes; there is none if it has no name.
func readRoutes(name string) (*route.Map, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // no map is one that matches nothing
	}
	in, err := os.Open(name) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("--routes: %w", err)
	}
	defer func() { _ = in.Close() }()
	m, err := route.Parse(in)
	if err != nil {
		return nil, fmt.Errorf("--routes: %s: %w", name, err)
	}
	return m, nil
}

// followRoutes reads the file of routes anew at each SIGHUP, until the context
// ends. A map that is wrong changes nothing. The function that it returns waits
// for the end.
func followRoutes(ctx context.Context, name string, to *gateway.Gateway, log *zap.Logger) (wait func()) {
	if name == "" {
		return func() {}
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGHUP)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer signal.Stop(told)
		for {
			select {
			case <-ctx.Done():
				return
			case <-told:
				reloadRoutes(name, to, log)
			}
		}
	}()
	return func() { <-ended }
}

func reloadRoutes(name string, to *gateway.Gateway, log *zap.Logger) {
	m, err := readRoutes(name)
	if err != nil {
		log.Error("the routes were not read anew: those from before stay", zap.Error(err))
		return
	}
	to.SetRoutes(m)
	log.Info("the routes were read anew", zap.Int("routes", m.Len()), zap.String("digest", m.Digest()))
}
