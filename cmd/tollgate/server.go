package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate"
	"github.com/tollgate-dev/tollgate/extauthz"
	"github.com/tollgate-dev/tollgate/policy"
)

// patience is how long one connection may take for what.
type patience struct {
	header time.Duration // of a request
	read   time.Duration // all of a request
	write  time.Duration // from the end of the header: reading the body, the work, and the answer
	idle   time.Duration // between requests
}

// callers is the patience with them. 4 MiB, the largest body but for an import's,
// get through in time at 280 kB a second; what is bulk asks for more time itself.
// The work on a receipt takes half a minute at most, and a write a quarter. Idle
// connections are kept for longer than load balancers keep theirs (a minute,
// mostly), so that no request is sent on one that is just being closed.
var callers = patience{header: 5 * time.Second, read: 15 * time.Second, write: time.Minute, idle: 2 * time.Minute}

// operators is the patience with who asks for health and metrics, and
// opsConnections how many of them there may be: probes come one at a time, and
// from few.
var operators = patience{header: time.Second, read: 2 * time.Second, write: 10 * time.Second, idle: 2 * time.Minute}

const opsConnections = 256

// maxHeaderBytes is the largest header of a request.
const maxHeaderBytes = 32 << 10

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
	in, err := bind(ctx, "addr", c.addr, c.connections)
	if err != nil {
		return err
	}
	door := newFront(in)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stopOps, err := c.serveOps(ctx, door, log, cancel)
	if err != nil {
		return errors.Join(err, in.Close())
	}
	stopped := listen(in, door, callers, log, cancel) //nolint:contextcheck // draining begins when ctx has ended
	b, err := c.open(ctx, judge, key, door, log)
	if err != nil {
		err = unlessStopped(ctx, err)
		return errors.Join(err, stopped(c.drainFor), stopOps())
	}
	stopProxies, err := c.serveProxies(ctx, b, door, log, cancel)
	if err != nil {
		return errors.Join(err, stopped(c.drainFor), stopOps(), b.close())
	}
	door.open(b.handler)
	a.announce(c, in.Addr(), b.key.made, log)
	b.keepKey()
	<-ctx.Done()
	log.Info("Tollgate is stopping: it finishes what it has begun")
	door.stop()
	linger(ctx, c.drainDelay)
	err = together(c.drainFor, stopped, stopProxies)
	return errors.Join(err, stopOps(), b.close())
}

// serveProxies opens the doors that are for proxies alone.
func (c *settings) serveProxies(ctx context.Context, b *backend, door *front, log *zap.Logger, failed func()) (stop func(time.Duration) error, err error) {
	stopSocket, err := c.serveSocket(ctx, b.forSocket, log, failed)
	if err != nil {
		return nil, err
	}
	asked := extauthz.Config{Porter: b.porter, Digest: b.engine.Digest(), Logger: log, Registry: b.registry, Ready: b.ready}
	stopExtAuthz, err := c.serveExtAuthz(ctx, asked, c.connections, door, failed)
	if err != nil {
		return nil, errors.Join(err, stopSocket(0))
	}
	return func(most time.Duration) error { return together(most, stopSocket, stopExtAuthz) }, nil
}

// together stops doors at one time: none waits for another, so that all of them
// take no longer than each is given.
func together(most time.Duration, doors ...func(time.Duration) error) error {
	errs := make([]error, len(doors))
	var all sync.WaitGroup
	for i, stop := range doors {
		all.Go(func() { errs[i] = stop(most) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// linger lets load balancers notice that the server is about to stop, if it was
// told so by who runs servers. A person who waits at a terminal has none.
func linger(ctx context.Context, delay time.Duration) {
	var told byThe
	if errors.As(context.Cause(ctx), &told) && told.Signal == syscall.SIGTERM {
		time.Sleep(delay) //nolint:forbidigo // nothing is to end this sooner: a second signal ends the process
	}
}

// serveOps serves health and metrics on an address of their own, if there is one.
// It is the last to stop: until then it says how the server is.
func (b *bounds) serveOps(ctx context.Context, door *front, log *zap.Logger, failed func()) (stop func() error, err error) {
	if b.opsAddr == "" {
		return func() error { return nil }, nil
	}
	in, err := bind(ctx, "ops-addr", b.opsAddr, opsConnections)
	if err != nil {
		return nil, err
	}
	log.Info("health and metrics are also at an address of their own", zap.String("url", "http://"+in.Addr().String()))
	stopped := listen(in, door.operationsOnly(), operators, log, failed) //nolint:contextcheck // draining begins when ctx has ended
	return func() error { return stopped(operators.write) }, nil
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
func (c *answering) judge() (*policy.Judge, error) {
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
// itself. The function that it returns takes no more connections, waits for what
// has begun, and cuts off what takes longer than it is given.
func listen(in net.Listener, handler http.Handler, bounds patience, log *zap.Logger, failed func()) (stop func(time.Duration) error) {
	serverLog, _ := zap.NewStdLogAt(log, zap.WarnLevel) // fails only for levels that there are not
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: bounds.header,
		ReadTimeout:       bounds.read,
		WriteTimeout:      bounds.write,
		IdleTimeout:       bounds.idle,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          serverLog,
		ConnContext:       markSpare,

		DisableGeneralOptionsHandler: true, // every answer is the handler's
	}
	ended := make(chan error, 1)
	go func() {
		ended <- server.Serve(in)
		failed()
	}()
	return func(most time.Duration) error {
		ctx, cancel := context.WithTimeout(context.Background(), most)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			log.Warn("some requests took too long and were cut off", zap.Duration("after", most))
			_ = server.Close()
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("the server stopped: %w", err)
		}
		return nil
	}
}
