package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/client"
	"github.com/tollgate-dev/tollgate/internal/history"
	"github.com/tollgate-dev/tollgate/store/storetest"
)

// fleet are servers in processes of their own on one Redis, and the accounts
// that a test has there. While it records, clients write and ask at all of
// them.
type fleet struct {
	t       *testing.T
	program string
	servers []*member
	// sidecars are asked, and nothing is written at them. They are numbered on
	// from the servers.
	sidecars []*member
	offices  []*office
	rec      *history.Recorder // of the recording under way

	// careless has clients not do what is recorded that they do: for controls.
	careless careless
}

// careless are the ways in which clients can be so. What is recorded is what
// they should have asked.
type careless struct {
	tokens   bool // they leave tokens out
	full     bool // they do not ask in full
	receipts bool // they take any receipt for one of all servers
}

// member is one server of a fleet, or one sidecar.
type member struct {
	*process
	number int // from 1
	addr   string
	verb   []string // what begins its arguments
	args   []string
	key    string         // that its clients show
	env    []string       // of its process
	client *client.Client // repeats nothing by itself
	wire   *http.Client   // for what the client has no method for

	answered, wrote atomic.Int64 // when the last operation that succeeded was begun
}

const (
	fleetKey = "0123456789abcdef"
	// clientTimeout is how long a client waits for an outcome.
	clientTimeout = 2500 * time.Millisecond
	// impatient has a server give Redis up before a client gives the server up.
	impatient = "dial_timeout=300ms&read_timeout=300ms"
)

// launch starts a fleet of as many servers as there are URLs of a Redis, and
// makes accounts.
func launch(t *testing.T, urls []string, accounts int, args ...string) *fleet {
	t.Helper()
	program, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{t: t, program: program}
	for i, url := range urls {
		m := &member{number: i + 1, addr: freeAddr(t), verb: []string{"serve", "--addr"}, key: fleetKey, env: []string{"TOLLGATE_OPERATOR_KEY=" + fleetKey}, args: append([]string{"--redis", url, "--log-length", "10000000"}, args...)}
		m.connect(t)
		f.servers = append(f.servers, m)
		f.start(m)
	}
	for _, m := range f.servers {
		m.await(t)
	}
	for i := range accounts {
		f.offices = append(f.offices, f.settle(fmt.Sprint("acc", i)))
	}
	return f
}

// connect makes the clients of a server, whose address outlives its process.
func (m *member) connect(t *testing.T) {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DialContext: (&net.Dialer{Timeout: clientTimeout}).DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	m.wire = &http.Client{Transport: transport, Timeout: clientTimeout}
	var err error
	if m.client, err = client.New("http://"+m.addr, m.key, client.WithTransport(once{transport}), client.WithTimeout(clientTimeout)); err != nil {
		t.Fatal(err)
	}
}

// once keeps a client from repeating what it is refused: every refusal is to
// be recorded.
type once struct{ http.RoundTripper }

func (o once) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := o.RoundTripper.RoundTrip(req)
	if err == nil {
		resp.Header.Del("Retry-After")
	}
	return resp, err
}

// start starts a server's process.
func (f *fleet) start(m *member) {
	f.t.Helper()
	p := &process{exec.Command(f.program, append(append(slices.Clone(m.verb), m.addr), m.args...)...), &sink{}, &sink{}, make(chan struct{}), nil}
	storetest.NoOrphan(p.Cmd)
	p.Env, p.Stdout, p.Stderr = append(withoutSettings(os.Environ()), m.env...), p.out, p.log
	if err := p.Start(); err != nil {
		f.t.Fatal(err)
	}
	go func() {
		p.err = p.Wait()
		close(p.gone)
	}()
	f.t.Cleanup(func() {
		_ = p.Process.Kill()
		<-p.gone
	})
	m.process = p
}

// members are all servers and sidecars.
func (f *fleet) members() []*member { return slices.Concat(f.servers, f.sidecars) }

// await waits until a server says that it is ready.
func (m *member) await(t *testing.T) {
	t.Helper()
	m.log.waitFor(t, " is ready", m.gone)
}

// restart ends a server by a signal, and starts it again where it was.
func (f *fleet) restart(m *member, by syscall.Signal, args ...string) {
	f.t.Helper()
	m.stop(f.t, by)
	m.args = append(m.args, args...)
	f.start(m)
	m.await(f.t)
}

// restartAll restarts all servers with further arguments.
func (f *fleet) restartAll(args ...string) {
	f.t.Helper()
	for _, m := range f.servers {
		f.restart(m, syscall.SIGTERM, args...)
	}
}

// buildOnce builds the program for all fleets of a test run; TestMain removes
// it.
var buildOnce = sync.OnceValues(func() (program string, err error) {
	dir, err := os.MkdirTemp("", "tollgate")
	if err != nil {
		return "", err
	}
	program = filepath.Join(dir, "tollgate")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	builtIn.Store(&dir)
	return program, nil
})

// builtIn is where buildOnce has built.
var builtIn atomic.Pointer[string]

// refusedFor is the reason of an error; NO_ANSWER if there was none. Whatever
// fails, a server may refuse only because the store is away, a write was lost,
// or something is as it is to be already.
func (f *fleet) refusedFor(err error) string {
	var refused *client.Error
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &refused):
		return "NO_ANSWER"
	}
	switch refused.Status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusConflict, http.StatusNotFound:
	default:
		f.t.Errorf("refused with %d: %v", refused.Status, refused)
	}
	return refused.Reason
}

// revision reads a token.
func (o *office) revision(token string) *history.Revision {
	r, err := authz.ParseToken(o.id, token)
	if err != nil {
		panic(fmt.Sprintf("the token %q of %s: %v", token, o.id, err))
	}
	return &history.Revision{Number: r.Number, Identity: r.Identity}
}

// token writes one.
func (o *office) token(r *history.Revision) string {
	if r == nil {
		return ""
	}
	return authz.Token(o.id, authz.Revision{Number: r.Number, Identity: r.Identity})
}

// send sends a request that the client has no method for, and returns the
// revision that is answered.
func (m *member) send(ctx context.Context, method, path string) (token string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+m.addr+path, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+m.key)
	resp, err := m.wire.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct{ Revision, Reason, Detail string }
	if err := decodeBody(resp.Body, &answer); err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", &client.Error{Status: resp.StatusCode, Reason: answer.Reason, Detail: answer.Detail}
	}
	return answer.Revision, nil
}

// awaken waits until every server has answered and written something that was
// begun after a time, and every sidecar has answered. The test's own limit ends it.
func (f *fleet) awaken(after time.Duration) {
	f.t.Helper()
	f.until(func() bool {
		for _, m := range f.servers {
			if time.Duration(m.answered.Load()) <= after || time.Duration(m.wrote.Load()) <= after {
				return false
			}
		}
		for _, m := range f.sidecars {
			if time.Duration(m.answered.Load()) <= after {
				return false
			}
		}
		return true
	})
}

// until waits for something that is about to be.
func (f *fleet) until(done func() bool) {
	f.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-f.t.Context().Done():
			f.t.Fatal("the test ended first:\n" + f.logs())
		}
	}
}

// pass lets a time pass.
func (f *fleet) pass(d time.Duration) {
	f.t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.t.Context().Done():
		f.t.Fatal("the test ended first")
	}
}

// logs is the end of what each server logged.
func (f *fleet) logs() string {
	var all strings.Builder
	const most = 2000
	for _, m := range f.members() {
		text := m.log.String()
		_, _ = fmt.Fprintf(&all, "server %d:\n%s\n", m.number, text[max(0, len(text)-most):])
	}
	return all.String()
}
