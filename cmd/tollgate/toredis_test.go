package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/store/storetest"
)

// A server reaches Redis with TLS and certificates. Replicas that are waited
// for in vain are reported, the write is seen all the same, and it is counted,
// as is the one by which the server made the platform's account.
func TestServeOnRedis(t *testing.T) {
	files := storetest.Certify(t)
	s := serve(t, environment{"TOLLGATE_REDIS": storetest.RedisTLS(t, files), "TOLLGATE_OPERATOR_KEY": "0123456789abcdef"},
		"--redis-ca-file", files.CA, "--redis-cert-file", files.Cert, "--redis-key-file", files.Key,
		"--redis-wait", "1", "--redis-wait-timeout", "1ms")
	if end := s.run(t, "import", "../../examples/acme.yaml"); end.code == exitYes || !strings.Contains(end.err, "read it back before you repeat it") {
		t.Errorf("without replicas: %d %s", end.code, end.err)
	}
	s.want(t, exitYes, "check", "user:ben", "number.update", "number:+46700000007")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.environment["TOLLGATE_SERVER"]+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer 0123456789abcdef")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	metrics, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(metrics), "tollgate_writes_not_replicated_total 2\n") {
		t.Errorf("not counted: %v\n%s", err, metrics)
	}
	http.DefaultClient.CloseIdleConnections()
}
