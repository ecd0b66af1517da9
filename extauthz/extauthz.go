// Package extauthz answers Envoy over gRPC, by envoy.service.auth.v3, and is the
// only package that knows gRPC. It decides nothing: it reads what Envoy says of
// the request that it holds, has it answered as at every other door, and writes
// the answer in Envoy's terms.
//
//	CheckRequest → read → Porter: verdict, reply → respond → CheckResponse
//
// A denial is an answer, with a status of its own and what the client is to be
// sent; an error of gRPC's, which Envoy can be configured to let by, is only what
// gRPC itself refuses: a message that is no CheckRequest, or is too large.
//
// Beside it stands the health service, for probes. Reflection is not there: Envoy
// has no use for it, it would be open to everybody, and the descriptors are public.
package extauthz

import (
	"context"
	"errors"
	"net"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"

	"github.com/tollgate-dev/tollgate/gateway"
)

// Porter answers proxies, whatever their protocol. Its methods MUST be safe for
// many goroutines at once.
type Porter interface {
	// Verdict is that about a request that a proxy holds.
	Verdict(context.Context, *gateway.Held) gateway.Verdict
	// Reply is what the proxy is told of it.
	Reply(v *gateway.Verdict, requestID string) gateway.Reply
	// Name is what a request is called that had these values of X-Request-ID.
	Name(requestIDs []string) string
}

// Config is what is served, and how.
type Config struct {
	// Porter answers; it is required.
	Porter Porter
	// Ready says why nothing can be answered at the moment; nil for always ready.
	Ready func() error
	// Digest says what decides here, on every answer: authz.Engine.Digest.
	Digest string
	// Logger defaults to none.
	Logger *zap.Logger
	// Registry is where metrics are registered; nil for nowhere.
	Registry prometheus.Registerer
}

// The bounds. Envoy takes headers of 60 KiB from its clients if it is not told
// otherwise. Each of its threads has a connection of its own, and opens another
// when the streams of that are used up. Connections are ended now and then,
// between requests, so that proxies find servers that have come since.
const (
	MaxMessage  = 1 << 20 // bytes of a CheckRequest
	maxMetadata = 32 << 10
	maxStreams  = 256 // of a connection

	// Workers are goroutines that answer one check after another, so that not each
	// has to grow a stack. A check that finds none free has a goroutine of its own.
	Workers       = 16
	handshakeTime = 5 * time.Second
)

var (
	keep  = keepalive.ServerParameters{MaxConnectionIdle: 5 * time.Minute, MaxConnectionAge: 30 * time.Minute, MaxConnectionAgeGrace: time.Minute, Time: time.Minute, Timeout: 10 * time.Second}
	pings = keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}
)

// Server serves Envoy. It serves once.
type Server struct {
	grpc   *grpc.Server
	ending context.CancelFunc // what would otherwise go on for ever
}

// New makes a server. It fails if the configuration lacks something.
func New(c Config) (*Server, error) {
	if c.Porter == nil {
		return nil, errors.New("extauthz: nobody answers")
	}
	if c.Ready == nil {
		c.Ready = func() error { return nil }
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	d := &door{Porter: c.Porter, log: c.Logger, metrics: newMetrics()}
	if c.Registry != nil {
		if err := c.Registry.Register(d.metrics); err != nil {
			return nil, err
		}
	}
	g := grpc.NewServer(
		grpc.MaxRecvMsgSize(MaxMessage), grpc.MaxHeaderListSize(maxMetadata), grpc.MaxConcurrentStreams(maxStreams),
		grpc.ConnectionTimeout(handshakeTime), grpc.KeepaliveParams(keep), grpc.KeepaliveEnforcementPolicy(pings), grpc.WaitForHandlers(true), grpc.NumStreamWorkers(Workers),
		grpc.UnaryInterceptor(saying(metadata.Pairs("tollgate-digest", c.Digest))),
	)
	ctx, ending := context.WithCancel(context.Background())
	authv3.RegisterAuthorizationServer(g, d)
	grpc_health_v1.RegisterHealthServer(g, &health{ready: c.Ready, ended: ctx.Done()})
	return &Server{g, ending}, nil
}

// saying says the same in the header of every answer.
func saying(header metadata.MD) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, in any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		_ = grpc.SetHeader(ctx, header) // it fails for a header that has been sent
		return handle(ctx, in)
	}
}

// Serve serves until Stop, or until the listener fails, which is an error.
func (s *Server) Serve(in net.Listener) error { return s.grpc.Serve(in) }

// Stop takes no more, and waits for what has begun, but no longer than it is
// given. It reports whether something was cut off.
func (s *Server) Stop(most time.Duration) (cut bool) {
	s.ending()
	drained := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(drained)
	}()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-drained:
	case <-timer.C:
		cut = true
		s.grpc.Stop()
		<-drained
	}
	return cut
}
