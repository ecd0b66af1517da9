package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

// short is a patience that tests can wait for.
var short = patience{header: 50 * time.Millisecond, read: 50 * time.Millisecond, write: 50 * time.Millisecond, idle: 50 * time.Millisecond}

// listening serves a handler on a free port.
func listening(t *testing.T, connections int, bounds patience, handler http.Handler) *listener {
	t.Helper()
	in, err := bind(t.Context(), "addr", "127.0.0.1:0", connections)
	if err != nil {
		t.Fatal(err)
	}
	stop := listen(in, handler, bounds, zap.NewNop(), func() {})
	t.Cleanup(func() { _ = stop(0) })
	return in
}

// dial connects, and sends what is given.
func dial(t *testing.T, in net.Listener, send string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", in.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, send); err != nil {
		t.Fatal(err)
	}
	return c
}

// Whoever is slow to send or to read is cut off; with no bound nobody is.
func TestSlowClients(t *testing.T) {
	const head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
	read := func(ended chan<- error) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			ended <- err
		}
	}
	write := func(ended chan<- error) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			much := make([]byte, 1<<20)
			for range 64 { // more than any socket takes in
				if _, err := w.Write(much); err != nil {
					ended <- err
					return
				}
			}
			ended <- nil
		}
	}
	for name, tc := range map[string]struct {
		send    string
		handler func(chan<- error) http.HandlerFunc // nil if it is never reached
	}{
		"nothing":      {"", nil},
		"half a line":  {"GET /", nil},
		"half a head":  {head + "X-More: ", nil},
		"half a body":  {head + "\r\n1", read},
		"reads nought": {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", write},
	} {
		for _, bounds := range []patience{short, {}} {
			bounded := bounds == short
			ended := make(chan error, 1)
			handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Errorf("%s: was handled", name) })
			if tc.handler != nil {
				handler = tc.handler(ended)
			}
			in := listening(t, 0, bounds, handler)
			c := dial(t, in, tc.send)
			if !bounded {
				in.still(t, name, c, ended, tc.handler != nil)
				continue
			}
			if tc.handler != nil {
				if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%s: ended with %v", name, err)
				}
			}
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// still fails if a connection is cut within several times what is otherwise its
// bound.
func (l *listener) still(t *testing.T, name string, c net.Conn, ended <-chan error, handled bool) {
	t.Helper()
	if handled {
		select {
		case err := <-ended:
			t.Errorf("%s, without a bound: ended with %v", name, err)
		case <-time.After(4 * short.header):
		}
	} else {
		_ = c.SetReadDeadline(time.Now().Add(4 * short.header))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s, without a bound: %v", name, err)
		}
	}
	_ = c.Close()
	if handled {
		<-ended
	}
}

// An API whose body is slow in coming says so.
func TestSlowBodyIsAnswered(t *testing.T) {
	was := callers.read
	callers.read = 50 * time.Millisecond
	t.Cleanup(func() { callers.read = was })
	s := serve(t, environment{})
	addr := strings.TrimPrefix(s.environment["TOLLGATE_SERVER"], "http://")
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, _ = fmt.Fprintf(c, "POST /v1/check HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{", s.environment["TOLLGATE_KEY"])
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusRequestTimeout || !strings.Contains(string(body), "BODY_TOO_SLOW") {
		t.Errorf("answered %d: %s", resp.StatusCode, body)
	}
}
