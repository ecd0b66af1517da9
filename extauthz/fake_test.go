package extauthz

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/gateway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// porter is one that a test has in its hand: it answers with a verdict, and
// keeps what it was asked.
type porter struct {
	v     gateway.Verdict
	asked gateway.Held
	panic any
	hold  chan struct{} // it answers when this is closed, or never
}

func (p *porter) Verdict(ctx context.Context, held *gateway.Held) gateway.Verdict {
	if p.panic != nil {
		panic(p.panic)
	}
	if p.hold != nil {
		select {
		case <-p.hold:
		case <-ctx.Done():
			return gateway.Verdict{Reason: "STATE_UNAVAILABLE", Status: http.StatusServiceUnavailable}
		}
	}
	p.asked = *held
	return p.v
}

func (p *porter) Reply(v *gateway.Verdict, _ string) gateway.Reply {
	r := gateway.Reply{Status: v.Status, Headers: v.Told(), Client: []gateway.Header{{Name: "RateLimit", Value: `"key";r=1;t=1`}}}
	if v.Status != http.StatusOK {
		r.Body = []byte(v.Reason)
	}
	return r
}

func (p *porter) Name(ids []string) string {
	if len(ids) == 1 {
		return ids[0]
	}
	return "made"
}

// entering is a porter that says when it is asked.
type entering struct {
	*porter
	entered chan struct{}
}

func (e entering) Verdict(ctx context.Context, held *gateway.Held) gateway.Verdict {
	close(e.entered)
	return e.porter.Verdict(ctx, held)
}

// allow is a verdict that lets by.
var allow = gateway.Verdict{Answer: authz.Answer{Allowed: true, Code: authz.Allowed}, Reason: "ALLOWED", Status: http.StatusOK}

// listening is a server at a Unix socket, and a connection to it.
func listening(t *testing.T, c Config) (*Server, *grpc.ClientConn) {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "s")
	in, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(in) }()
	conn, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		s.Stop(time.Minute)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s, conn
}

// asks is a CheckRequest of a method and a path.
func asks(method, path string) *authv3.CheckRequest {
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{
		Http: &authv3.AttributeContext_HttpRequest{Method: method, Path: path, Host: "api.example"},
	}}}
}
