package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate"
	"github.com/tollgate-dev/tollgate/policy"
)

// Bounds of one connection. A body of 64 MiB, the largest that is taken, gets
// through in time at half a megabyte a second.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 2 * time.Minute
	writeTimeout      = 4 * time.Minute // from the end of the header, so reading is in it
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
	drainTimeout      = 10 * time.Second
)

// serve runs the server until the context ends. The model is proved before
// anything else: without a proof nothing is decided.
func (a *app) serve(ctx context.Context, c *settings, log *zap.Logger) error {
	judge, err := c.judge()
	if err != nil {
		return err
	}
	key, err := a.operatorKey(c)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w; name another address with --addr", c.addr, err)
	}
	door := newFront()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stopped := listen(listener, door, log, cancel) //nolint:contextcheck // draining begins when ctx has ended
	b, err := c.open(ctx, judge, key, door, log)
	if err != nil {
		err = unlessStopped(ctx, err)
		return errors.Join(err, stopped())
	}
	door.open(b.handler)
	a.announce(c, listener.Addr(), b.key.made, log)
	b.keepKey()
	<-ctx.Done()
	log.Info("Tollgate is stopping: it finishes what it has begun")
	err = stopped()
	return errors.Join(err, b.close())
}

// unlessStopped is err, or nil if it is only that the server was told to
// stop.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// judge proves the model.
func (c *settings) judge() (*policy.Judge, error) {
	text := tollgate.Model
	if c.model != "" {
		read, err := os.ReadFile(c.model)
		if err != nil {
			return nil, fmt.Errorf("the model: %w", err)
		}
		text = string(read)
	}
	judge, err := policy.NewJudge(text)
	if err != nil && c.model != "" {
		return nil, fmt.Errorf("%s is refused: %w", c.model, err)
	}
	return judge, err
}

// listen serves a handler in the background, and calls failed if that ends by
// itself. The function that it returns drains and ends it.
func listen(listener net.Listener, handler http.Handler, log *zap.Logger, failed func()) (stop func() error) {
	serverLog, _ := zap.NewStdLogAt(log, zap.WarnLevel) // fails only for levels that there are not
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          serverLog,
	}
	ended := make(chan error, 1)
	go func() {
		ended <- server.Serve(listener)
		failed()
	}()
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			log.Warn("some requests took too long and were cut off", zap.Duration("after", drainTimeout))
			_ = server.Close()
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("the server stopped: %w", err)
		}
		return nil
	}
}
