package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/client"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/store"
)

// grace is what a machine that runs other tests as well may take longer than a
// second to save.
const grace = time.Second

// crashes is how often a server is killed: TOLLGATE_TEST_CRASHES times.
func crashes(t *testing.T) int {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv("TOLLGATE_TEST_CRASHES")); err == nil {
		return n
	}
	if testing.Short() {
		return 5
	}
	return 20
}

// A server is killed at random moments, amid writes. It always starts again;
// what it then has is a prefix of what was acknowledged, and lacks at most what
// the last second brought; tokens say which.
func TestCrashes(t *testing.T) {
	c := newCrashes(t)
	var most time.Duration
	lost := 0
	for range crashes(t) {
		c.round(t, syscall.SIGKILL, time.Duration(rand.IntN(1500))*time.Millisecond)
		if c.lag > time.Second+grace {
			t.Fatalf("lost what had been acknowledged %v before", c.lag)
		}
		most, lost = max(most, c.lag), lost+len(c.gone)
	}
	c.end(t)
	t.Logf("%d crashes, %d writes kept, %d lost, at most %v old", crashes(t), len(c.kept), lost, most.Round(time.Millisecond))
	if len(c.kept) == 0 {
		t.Error("nothing was ever kept, so nothing was tested")
	}
}

// A server that is told to stop loses nothing.
func TestOrderlyStops(t *testing.T) {
	c := newCrashes(t)
	for range max(3, crashes(t)/4) {
		c.round(t, syscall.SIGTERM, time.Duration(rand.IntN(500))*time.Millisecond)
		if len(c.gone) > 0 {
			t.Fatalf("an orderly stop lost %d acknowledged writes", len(c.gone))
		}
	}
	c.end(t)
}

// crashed is an account through crashes.
type crashed struct {
	writer
	program, path, key string

	kept []acked // and still there
	old  []acked // lost in rounds before the last
	gone []acked // lost in the last round
	lag  time.Duration
}

func newCrashes(t *testing.T) *crashed {
	t.Helper()
	c := &crashed{program: buildProgram(t), path: filepath.Join(t.TempDir(), "data")}
	p := c.start(t)
	line := p.out.waitFor(t, "TOLLGATE_KEY=", p.gone)
	_, c.key, _ = strings.Cut(strings.TrimSpace(line), "=")
	c.connect(t, p)
	made, err := c.client.SignUp(t.Context(), client.SignUp{Owner: "user:ann", BillingAccount: client.BillingAccount{Mode: "prepaid", Currency: "EUR"}})
	if err != nil {
		t.Fatal(err)
	}
	c.account, c.project = made.Account.ID, made.Project.ID
	p.stop(t, syscall.SIGTERM)
	return c
}

// round starts a server, asks it about every round before, writes until it is
// ended by a signal, and looks at what is left.
func (c *crashed) round(t *testing.T, end syscall.Signal, after time.Duration) {
	t.Helper()
	p := c.start(t)
	c.connect(t, p)
	c.tokens(t)
	ctx, cancel := context.WithCancel(t.Context())
	written := make(chan []acked, 1)
	go func() { written <- c.write(ctx) }()
	timer := time.NewTimer(after)
	defer timer.Stop()
	<-timer.C
	killed := time.Now()
	p.stop(t, end)
	cancel()
	c.look(t, <-written, killed)
}

// end asks a last time, of a server that is then stopped.
func (c *crashed) end(t *testing.T) {
	t.Helper()
	p := c.start(t)
	c.connect(t, p)
	c.tokens(t)
	c.must(t)
	p.stop(t, syscall.SIGTERM)
}

// tokens asks by the tokens of the latest writes, and of some before.
func (c *crashed) tokens(t *testing.T) {
	t.Helper()
	c.old, c.gone = append(c.old, c.gone...), nil
	for _, a := range sample(c.kept) {
		if reason := c.ask(t, a.token); reason != "" {
			t.Fatalf("a write that was kept answers %s", reason)
		}
	}
	for _, a := range sample(c.old) {
		if reason := c.ask(t, a.token); reason != "REVISION_LOST" {
			t.Fatalf("a write that was lost answers %q", reason)
		}
	}
}

func sample(all []acked) (some []acked) {
	some = append(some, all[max(0, len(all)-10):]...)
	for range min(10, len(all)) {
		some = append(some, all[rand.IntN(len(all))])
	}
	return some
}

// look reads what the server has left, and sorts what was acknowledged.
func (c *crashed) look(t *testing.T, written []acked, killed time.Time) {
	t.Helper()
	s, data, err := store.OpenData(c.path, store.Options{}, zap.NewNop())
	if err != nil {
		t.Fatalf("it does not start again: %v", err)
	}
	defer func() {
		if s.Close() != nil || data.Close() != nil {
			t.Error("closing failed")
		}
	}()
	tokens := c.chain(t, s)
	for _, a := range c.kept {
		if !tokens[a.token] {
			t.Fatalf("what was kept before is lost now: %+v", a)
		}
	}
	c.lag = 0
	for _, a := range written {
		switch {
		case tokens[a.token] && len(c.gone) > 0:
			t.Fatalf("%+v is there, and %+v before it is not", a, c.gone[0])
		case tokens[a.token]:
			c.kept = append(c.kept, a)
		default:
			c.gone = append(c.gone, a)
			c.lag = max(c.lag, killed.Sub(a.at))
		}
	}
	c.state(t, s)
}

// chain checks that the account's revisions lead from the first to the head,
// and returns their tokens.
func (c *crashed) chain(t *testing.T, s *store.Store) map[string]bool {
	t.Helper()
	state, err := s.Load(t.Context(), c.account)
	if err != nil {
		t.Fatal(err)
	}
	changes, err := s.Log(t.Context(), c.account, 0, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	at, tokens := authz.Revision{}, map[string]bool{}
	for _, change := range changes {
		if change.Number != at.Number+1 || change.Previous != at.Identity {
			t.Fatalf("%+v does not follow %+v", change.Revision, at)
		}
		at = change.Revision
		tokens[authz.Token(c.account, at)] = true
	}
	if at != state.Head.Revision {
		t.Fatalf("the log ends with %+v, and the head is %+v", at, state.Head)
	}
	return tokens
}

// state checks that what was kept is there, and what was lost is not: resources
// with their locators, and bindings.
func (c *crashed) state(t *testing.T, s *store.Store) {
	t.Helper()
	state, err := s.Load(t.Context(), c.account)
	if err != nil {
		t.Fatal(err)
	}
	bound := map[string]bool{}
	for _, r := range state.Records {
		if kind, _ := r.Key.Split(); kind == "binding" {
			_, rest, _ := strings.Cut(string(r.Body), `"user:w`)
			name, _, _ := strings.Cut(rest, `"`)
			bound[name] = true
		}
	}
	there := func(a acked) bool {
		if a.number%2 == 1 {
			return bound[strconv.Itoa(a.number)]
		}
		accounts, err := s.Locate(t.Context(), hierarchy.Ref{Type: "number", ID: strconv.Itoa(a.number)})
		if err != nil {
			t.Fatal(err)
		}
		return accounts[0] == c.account
	}
	for _, a := range c.kept {
		if !there(a) {
			t.Fatalf("%+v is in the log, and not there", a)
		}
	}
	for _, a := range append(c.gone, c.old...) {
		if there(a) {
			t.Fatalf("%+v is not in the log, and there", a)
		}
	}
}

// acked is a write that was acknowledged.
type acked struct {
	number int
	token  string
	at     time.Time
}

// writer writes to an account: resources, and by turns bindings.
type writer struct {
	client           *client.Client
	account, project string
	next             int
}

// write writes until it fails, and returns what was acknowledged.
func (w *writer) write(ctx context.Context) (all []acked) {
	for {
		token, err := w.once(ctx)
		if err != nil {
			return all
		}
		all = append(all, acked{w.next, token, time.Now()})
	}
}

// once makes the next write. A number is used once, whatever becomes of it.
func (w *writer) once(ctx context.Context) (token string, err error) {
	w.next++
	scope := "project:" + w.project
	if w.next%2 == 1 {
		b, err := w.client.CreateBinding(ctx, client.Binding{Subject: fmt.Sprint("user:w", w.next), Role: "viewer", Scope: scope})
		if err != nil {
			return "", err
		}
		return b.Revision, nil
	}
	r, err := w.client.RegisterResource(ctx, client.Resource{Type: "number", ID: strconv.Itoa(w.next), Parent: scope})
	if err != nil {
		return "", err
	}
	return r.Revision, nil
}

func (w *writer) must(t *testing.T) (token string) {
	t.Helper()
	token, err := w.once(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// ask makes a check at a revision, and returns the reason for which it is
// refused, if it is.
func (w *writer) ask(t *testing.T, token string) (reason string) {
	t.Helper()
	_, err := w.client.Check(t.Context(), client.Question{Subject: "user:ann", Permission: "number.read", Resource: "project:" + w.project, AtLeast: token})
	return refusal(t, err)
}

// process is a server in a process of its own.
type process struct {
	*exec.Cmd
	out, log *sink
	gone     chan struct{}
	err      error // once it is gone
}

// start starts the program on the data.
func (c *crashed) start(t *testing.T) *process {
	t.Helper()
	p := &process{exec.Command(c.program, "serve", "--addr", "127.0.0.1:0", "--data", c.path, "--log-length", "1000000", "--drain-delay", "0s"), &sink{}, &sink{}, make(chan struct{}), nil}
	p.Env, p.Stdout, p.Stderr = withoutSettings(os.Environ()), p.out, p.log
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.Wait()
		close(p.gone)
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill() // if the test failed
		<-p.gone
	})
	return p
}

// connect waits until the server is there.
func (c *crashed) connect(t *testing.T, p *process) {
	t.Helper()
	url := urlIn(p.log.waitFor(t, "Tollgate is ready", p.gone))
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	var err error
	if c.client, err = client.New(url, c.key, client.WithTransport(transport)); err != nil {
		t.Fatal(err)
	}
}

// stop ends the process by a signal.
func (p *process) stop(t *testing.T, by syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(by); err != nil {
		t.Fatal(err)
	}
	<-p.gone
	if by == syscall.SIGTERM && (p.err != nil || strings.Contains(p.log.String(), "ERROR")) {
		t.Fatalf("ended with %v:\n%s", p.err, p.log.String())
	}
}
