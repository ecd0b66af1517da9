package extauthz

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// The server is serving when it is ready, and at no other time.
func TestHealth(t *testing.T) {
	var away atomic.Bool
	_, conn := listening(t, Config{Porter: &porter{}, Ready: func() error {
		if away.Load() {
			return errors.New("away")
		}
		return nil
	}})
	client := grpc_health_v1.NewHealthClient(conn)
	for _, service := range []string{"", authv3.Authorization_ServiceDesc.ServiceName} {
		for _, is := range []bool{false, true} {
			away.Store(is)
			a, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: service})
			if err != nil || (a.GetStatus() == grpc_health_v1.HealthCheckResponse_SERVING) == is {
				t.Errorf("%q, away %v: %v %v", service, is, a, err)
			}
		}
	}
	if _, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "other"}); status.Code(err) != codes.NotFound {
		t.Error(err)
	}
}

// Who watches hears of each change once, and of the end.
func TestWatch(t *testing.T) {
	var away atomic.Bool
	s, conn := listening(t, Config{Porter: &porter{}, Ready: func() error {
		if away.Load() {
			return errors.New("away")
		}
		return nil
	}})
	stream, err := grpc_health_v1.NewHealthClient(conn).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []grpc_health_v1.HealthCheckResponse_ServingStatus{grpc_health_v1.HealthCheckResponse_SERVING, grpc_health_v1.HealthCheckResponse_NOT_SERVING} {
		a, err := stream.Recv()
		if err != nil || a.GetStatus() != want {
			t.Fatalf("%v %v, want %v", a, err, want)
		}
		away.Store(true)
	}
	if cut := s.Stop(time.Hour); cut {
		t.Error("who watches keeps the server from stopping")
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Error(err)
	}
}
