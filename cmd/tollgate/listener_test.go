package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

const askAlive, askCheck = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", "POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"

// answered reads an answer off a connection; status 0 if there is none.
func answered(c net.Conn) (status int, closes bool, body string) {
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, true, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Close, string(text)
}

// refuses reports whether a connection is reset: while it is made, or at once.
func refuses(addr string) bool {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return true
	}
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, askAlive)
	status, _, _ := answered(c)
	return status == 0
}

// hello is an API that answers everything.
var hello http.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })

// A flood of connections that stay open leaves room for who asks how the server
// is. Others are told, and what is beyond even that is refused at once.
func TestConnections(t *testing.T) {
	const most = 3
	door := newFront(nil)
	door.open(hello)
	in := listening(t, most, patience{}, door)
	var open []net.Conn
	for range most {
		c := dial(t, in, askAlive)
		if status, closes, body := answered(c); status != 200 || closes || body != "hello" {
			t.Fatalf("%d, closes: %v: %s", status, closes, body)
		}
		open = append(open, c)
	}
	for range 2 * spareConnections { // each makes room for the next
		c := dial(t, in, askAlive)
		if status, closes, _ := answered(c); status != 200 || !closes {
			t.Fatalf("a probe: %d, closes: %v", status, closes)
		}
		in.until(most)
	}
	if status, closes, body := answered(dial(t, in, askCheck)); status != 503 || !closes || !strings.Contains(body, `"OVERLOADED"`) {
		t.Errorf("a check: %d, closes: %v: %s", status, closes, body)
	}
	in.until(most)
	for range spareConnections {
		open = append(open, dial(t, in, ""))
	}
	if !refuses(in.Addr().String()) {
		t.Error("a connection beyond the spare ones is let in")
	}
	if n := in.refused.Load(); n != 1 {
		t.Errorf("%d were refused", n)
	}
	for _, c := range open {
		_ = c.Close()
	}
	in.until(0)
	if status, closes, _ := answered(dial(t, in, askCheck)); status != 200 || closes {
		t.Errorf("after the flood: %d, closes: %v", status, closes)
	}
}

// until waits until so many connections are open.
func (l *listener) until(open int64) {
	for l.open.Load() != open {
		<-time.After(time.Millisecond)
	}
}

// Without the bound the same flood is all let in.
func TestConnectionsWithoutABound(t *testing.T) {
	door := newFront(nil)
	door.open(hello)
	in := listening(t, 0, patience{}, door)
	const flood = spareConnections + 16
	for range flood {
		c := dial(t, in, askCheck)
		if status, closes, _ := answered(c); status != 200 || closes {
			t.Fatalf("%d, closes: %v", status, closes)
		}
	}
	in.until(flood)
}

// Callers cannot fill an address for health and metrics, and get nothing else
// there.
func TestOpsAddress(t *testing.T) {
	ops := freeAddr(t)
	s := serve(t, environment{}, "--max-connections", "1", "--ops-addr", ops)
	addr := strings.TrimPrefix(s.environment["TOLLGATE_SERVER"], "http://")
	for range 1 + spareConnections {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
	}
	if !refuses(addr) {
		t.Fatal("the address of callers is not full")
	}
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/metrics": 401, "/v1/check": 404, "/docs": 404} {
		if status, body := get(t, "http://"+ops+path); status != want {
			t.Errorf("%s at the other address: %d: %s", path, status, body)
		}
	}
}
