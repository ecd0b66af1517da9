package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"
)

// Network is a Toxiproxy, in a process of its own: ways to servers that a test
// makes slow, or cuts.
type Network struct {
	tb   testing.TB
	base string // of its API
	ways int
}

// NewNetwork builds Toxiproxy, as Tool does, and starts it on the loopback
// interface. It stops when the test ends.
func NewNetwork(tb testing.TB) *Network {
	tb.Helper()
	program := Tool(tb, "github.com/Shopify/toxiproxy/v2/cmd/server", "a network that fails")
	port := freePort(tb)
	cmd := exec.CommandContext(context.Background(), program, "-host", host, "-port", port) //nolint:gosec // what was built just now
	cmd.Env = append(os.Environ(), "LOG_LEVEL=error")
	NoOrphan(cmd)
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		http.DefaultClient.CloseIdleConnections()
	})
	n := &Network{tb: tb, base: "http://" + net.JoinHostPort(host, port)}
	until(tb, func() bool { return n.try(http.MethodGet, "/version", nil, nil) == nil })
	return n
}

// Way is how a server is reached: by Addr instead of its own.
type Way struct {
	Addr string

	network *Network
	name    string
}

// To opens a way to an address.
func (n *Network) To(addr string) *Way {
	n.tb.Helper()
	n.ways++
	w := &Way{network: n, name: fmt.Sprint("way", n.ways)}
	var made struct {
		Listen string `json:"listen"`
	}
	n.do(http.MethodPost, "/proxies", map[string]any{"name": w.name, "listen": net.JoinHostPort(host, "0"), "upstream": addr, "enabled": true}, &made)
	w.Addr = made.Listen
	return w
}

// Cut ends all connections, and refuses new ones.
func (w *Way) Cut() { w.enable(false) }

// Mend ends Cut.
func (w *Way) Mend() { w.enable(true) }

func (w *Way) enable(yes bool) {
	w.network.tb.Helper()
	w.network.do(http.MethodPost, "/proxies/"+w.name, map[string]any{"enabled": yes}, nil)
}

// Slow has what the server answers take longer, by so much and up to as much
// again.
func (w *Way) Slow(by time.Duration) {
	w.network.tb.Helper()
	w.toxic("latency", map[string]any{"latency": (by * 3 / 2).Milliseconds(), "jitter": (by / 2).Milliseconds()})
}

// Swallow has nothing arrive that the server answers, though the connections
// stand.
func (w *Way) Swallow() {
	w.network.tb.Helper()
	w.toxic("timeout", map[string]any{"timeout": 0})
}

func (w *Way) toxic(kind string, attributes map[string]any) {
	w.network.tb.Helper()
	w.network.do(http.MethodPost, "/proxies/"+w.name+"/toxics", map[string]any{"name": "toxic", "type": kind, "stream": "downstream", "attributes": attributes}, nil)
}

// Clear ends Slow or Swallow.
func (w *Way) Clear() {
	w.network.tb.Helper()
	w.network.do(http.MethodDelete, "/proxies/"+w.name+"/toxics/toxic", nil, nil)
}

func (n *Network) do(method, path string, in, out any) {
	n.tb.Helper()
	if err := n.try(method, path, in, out); err != nil {
		n.tb.Fatalf("Toxiproxy: %v", err)
	}
}

func (n *Network) try(method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(context.Background(), method, n.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode/100 != 2:
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	case out == nil:
		return nil
	}
	return json.Unmarshal(text, out)
}
