// Package storetest has what tests need around a store: real Redis of their
// own, alone, watched over by Sentinels, and as a cluster; and faults between a
// store and its Redis.
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
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis starts a redis-server on a free port of the loopback interface, which
// keeps nothing on disk, and returns its URL. Settings are further arguments of
// the program, such as "--cluster-enabled", "yes". The server stops when the
// test ends, which fails if the server was ever sent the secret of a key. Without the program the test is skipped, and says so; with CI=true
// in the environment it fails.
func Redis(tb testing.TB, settings ...string) (url string) {
	tb.Helper()
	return "redis://" + Standalone(tb, settings...).Addr
}

// Standalone is Redis, for who stops and kills it.
func Standalone(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	return launch(tb, inMemory(tb, settings...))
}

// Server is a redis-server, or a Sentinel, of a test.
type Server struct {
	Addr string // host and port

	tb        testing.TB
	program   string
	arguments []string
	cmd       *exec.Cmd
	ended     chan struct{}
	client    *redis.Client
	overheard func() // ends overhear, and fails the test for a secret
}

const host = "127.0.0.1"

// inMemory are the arguments of a server that keeps nothing on disk, with
// further settings, which overrule them.
func inMemory(tb testing.TB, settings ...string) func(port string) []string {
	return func(port string) []string {
		return append([]string{
			"--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", tb.TempDir(), "--repl-diskless-sync-delay", "0",
		}, settings...)
	}
}

// launch starts a server on a free port, with the arguments that are made of
// the port.
func launch(tb testing.TB, arguments func(port string) []string) *Server {
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
		if s, ok := start(tb, program, arguments); ok {
			return s
		}
	}
	tb.Fatalf("redis-server did not start in %d tries", tries)
	return nil
}

func start(tb testing.TB, program string, arguments func(port string) []string) (*Server, bool) {
	tb.Helper()
	port := freePort(tb)
	s := &Server{Addr: net.JoinHostPort(host, port), tb: tb, program: program, arguments: arguments(port)}
	if !s.begin() {
		return nil, false
	}
	s.client = redis.NewClient(&redis.Options{Addr: s.Addr, Protocol: 2, DisableIdentity: true, MaxRetries: -1, DialerRetries: 1, PoolSize: 2})
	s.overheard = s.overhear(tb)
	tb.Cleanup(func() {
		s.overheard()
		s.Kill()
		_ = s.client.Close()
	})
	return s, true
}

// begin starts the program, and reports whether it accepts connections.
func (s *Server) begin() bool {
	s.tb.Helper()
	cmd := exec.CommandContext(context.Background(), s.program, s.arguments...) //nolint:gosec // what LookPath found, and what a test asks for
	NoOrphan(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	if !ready(out) {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return false
	}
	ended := make(chan struct{})
	s.cmd, s.ended = cmd, ended
	go func() { // or the server would wait for somebody to read its log
		defer close(ended)
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	}()
	return true
}

// follows reports whether a master takes the server for a replica that has
// what it has. A replica may take itself for that earlier, and lose more.
func (s *Server) follows(master *Server) bool {
	return master.has("port="+s.port()+",state=online", "info", "replication")
}

// dead reports whether the server was killed.
func (s *Server) dead() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// Restart starts a server again that was killed. It has nothing any more, but
// for what a node knows of its cluster.
func (s *Server) Restart() {
	s.tb.Helper()
	s.overheard()
	if !s.begin() {
		s.tb.Fatalf("the redis-server at %s did not start again", s.Addr)
	}
	s.overheard = s.overhear(s.tb)
}

// ready reads the server's log until it accepts connections, or has ended.
func ready(log io.Reader) bool {
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "Ready to accept connections") || strings.Contains(lines.Text(), "Sentinel ID is") {
			return true
		}
	}
	return false
}

func freePort(tb testing.TB) string {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

func (s *Server) port() string {
	_, port, _ := net.SplitHostPort(s.Addr)
	return port
}

// Kill ends the server at once, as a machine that fails. A server that has
// been killed can be killed again.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.ended
}

// Stop has the server do nothing until Continue. It keeps its connections. On
// return it has stopped.
func (s *Server) Stop() {
	s.tb.Helper()
	if err := Stop(s.cmd.Process); err != nil {
		s.tb.Fatal(err)
	}
}

// Continue ends Stop.
func (s *Server) Continue() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.tb.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.tb.Fatal(err)
	}
}

// Do sends a command, which must succeed, and returns the reply if it is a
// text.
func (s *Server) Do(command ...any) string {
	s.tb.Helper()
	reply, err := s.client.Do(context.Background(), command...).Result()
	if err != nil {
		s.tb.Fatalf("%v at %s: %v", command, s.Addr, err)
	}
	text, _ := reply.(string)
	return text
}

// has reports whether the reply to a command has a text in it. A server that
// does not answer has none.
func (s *Server) has(text string, command ...any) bool {
	reply, _ := s.client.Do(context.Background(), command...).Text()
	return strings.Contains(reply, text)
}

// hasAll reports whether a text has all of some lines.
func hasAll(text string, lines ...string) bool {
	for _, line := range lines {
		if !strings.Contains(text, line) {
			return false
		}
	}
	return true
}

// until waits for something that a server is about to do; the test's own limit
// ends it.
func until(tb testing.TB, done func() bool) {
	tb.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-tb.Context().Done():
			tb.Fatal("the test ended first")
		}
	}
}

// inSync waits until replicas have what their master has.
func inSync(tb testing.TB, replicas ...*Server) {
	tb.Helper()
	for _, r := range replicas {
		until(tb, func() bool { return r.has("master_link_status:up", "info", "replication") })
	}
}

// Detach cuts servers off from their masters and stops them, so that nothing
// that is written from then on reaches them; not even a socket holds it for
// them. Continue lets them look for their master again.
func Detach(master *Server, replicas ...*Server) {
	master.tb.Helper()
	for _, r := range replicas {
		r.Stop()
	}
	master.Do("client", "kill", "type", "replica")
}

// Denied is how often scripts were refused a channel, or another thing that the
// server's rules of access name, since the last ACL LOG RESET.
func (s *Server) Denied(object string) (times int) {
	s.tb.Helper()
	log, err := s.client.ACLLog(context.Background(), 1000).Result()
	if err != nil {
		s.tb.Fatal(err)
	}
	for _, entry := range log {
		if entry.Object == object && entry.Context == "lua" {
			times += int(entry.Count)
		}
	}
	return times
}

// Refused is what the server has refused a user since the last ACL LOG RESET:
// commands, keys and channels.
func (s *Server) Refused(user string) (what []string) {
	s.tb.Helper()
	log, err := s.client.ACLLog(context.Background(), 1000).Result()
	if err != nil {
		s.tb.Fatal(err)
	}
	for _, entry := range log {
		if entry.Username == user {
			what = append(what, entry.Object)
		}
	}
	return what
}
