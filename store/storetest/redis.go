// Package storetest has what tests need around a store: a real Redis of their
// own, and faults between a store and its Redis.
package storetest

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// Redis starts a redis-server on a free port of the loopback interface, which
// keeps nothing on disk, and returns its URL. Settings are further arguments of
// the program, such as "--cluster-enabled", "yes". The server stops when the
// test ends. Without the program the test is skipped, and says so; with CI=true
// in the environment it fails.
func Redis(tb testing.TB, settings ...string) (url string) {
	tb.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatal("redis-server not found; CI=true, so nothing may be skipped")
		}
		tb.Skip("SKIPPED: redis-server not found; install it (Debian: apt-get install redis-server) to test on a real Redis")
	}
	const tries = 5 // somebody else may take the port before the server does
	for range tries {
		if url, ok := start(tb, program, settings); ok {
			return url
		}
	}
	tb.Fatalf("redis-server did not start in %d tries", tries)
	return ""
}

func start(tb testing.TB, program string, settings []string) (url string, ok bool) {
	port := freePort(tb)
	args := append([]string{"--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", tb.TempDir()}, settings...)
	cmd := exec.CommandContext(context.Background(), program, args...) //nolint:gosec // what LookPath found, and what a test asks for
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	stop := func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	if !ready(out) {
		stop()
		return "", false
	}
	drained := make(chan struct{})
	go func() { // or the server would wait for somebody to read its log
		defer close(drained)
		_, _ = io.Copy(io.Discard, out)
	}()
	tb.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-drained
		_ = cmd.Wait()
	})
	return "redis://127.0.0.1:" + port, true
}

// ready reads the server's log until it accepts connections, or has ended.
func ready(log io.Reader) bool {
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "Ready to accept connections") {
			return true
		}
	}
	return false
}

func freePort(tb testing.TB) string {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
