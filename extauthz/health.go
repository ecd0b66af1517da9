package extauthz

import (
	"context"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// watchEvery is how often it is looked, for who watches, whether the server is
// ready.
const watchEvery = time.Second

// health is grpc.health.v1.Health: the server is serving when /readyz says so.
type health struct {
	grpc_health_v1.UnimplementedHealthServer
	ready func() error
	ended <-chan struct{} // the server is stopping, and nobody can watch it any more
}

// Check implements grpc_health_v1.HealthServer.
func (h *health) Check(_ context.Context, r *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	if !known(r.GetService()) {
		return nil, status.Error(codes.NotFound, "there is no such service")
	}
	return &grpc_health_v1.HealthCheckResponse{Status: h.now()}, nil
}

// Watch implements grpc_health_v1.HealthServer.
func (h *health) Watch(r *grpc_health_v1.HealthCheckRequest, to grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for said, first := grpc_health_v1.HealthCheckResponse_UNKNOWN, true; ; first = false {
		now := grpc_health_v1.HealthCheckResponse_SERVICE_UNKNOWN
		if known(r.GetService()) {
			now = h.now()
		}
		if first || now != said {
			if err := to.Send(&grpc_health_v1.HealthCheckResponse{Status: now}); err != nil {
				return err
			}
			said = now
		}
		select {
		case <-ticker.C:
		case <-to.Context().Done():
			return to.Context().Err()
		case <-h.ended:
			return status.Error(codes.Unavailable, "the server is stopping")
		}
	}
}

// known reports whether a probe asks about the server, or the service in it.
func known(service string) bool {
	return service == "" || service == authv3.Authorization_ServiceDesc.ServiceName
}

func (h *health) now() grpc_health_v1.HealthCheckResponse_ServingStatus {
	if h.ready() != nil {
		return grpc_health_v1.HealthCheckResponse_NOT_SERVING
	}
	return grpc_health_v1.HealthCheckResponse_SERVING
}
