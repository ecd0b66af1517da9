package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tollgate-dev/tollgate/internal/worlds"
)

// extent is how much is measured.
type extent struct {
	revocations int // bindings that are taken away
	rounds      int // of what is measured in turn
	requests    int // of a round
	window      int // of a round under load, in milliseconds
}

// The whole run, and the one that shows that all works.
var (
	whole = extent{revocations: 1_500, rounds: 15, requests: 10_000, window: 1_000}
	quick = extent{revocations: 100, rounds: 3, requests: 1_000, window: 150}
)

// site is one Redis, and two servers on it, each in a process of its own.
type site struct {
	extent
	out  io.Writer
	db   *database
	a, b *child
	hot  worlds.Large // the account that is asked about
}

// replicas measures servers that share a Redis: how soon one knows what another
// wrote, what freshness costs, what a write costs the store, and what writes to
// other accounts cost a server that is asked.
func replicas(out io.Writer, short bool) error {
	ctx := context.Background()
	s, stop, err := newSite(ctx, out)
	if errors.Is(err, errNoRedis) {
		fmt.Fprintf(out, "replicas: %v\n", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer stop()
	s.extent = whole
	if short {
		s.extent = quick
	}
	for _, part := range []func(context.Context) error{s.revocation, s.freshness, s.commands, s.elsewhere} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

func newSite(ctx context.Context, out io.Writer) (s *site, stop func(), err error) {
	s = &site{out: out, hot: worlds.LargeOf(0, hotBindings)}
	var started []func()
	stop = func() {
		for _, each := range started {
			defer each()
		}
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	dir, err := os.MkdirTemp("", "tollgate-bench")
	if err != nil {
		return nil, nil, err
	}
	started = append(started, func() { _ = os.RemoveAll(dir) })
	if s.db, err = startRedis(ctx); err != nil {
		return nil, nil, err
	}
	started = append(started, s.db.stop)
	if err = s.db.fill(ctx, s.hot); err != nil {
		return nil, nil, err
	}
	program, err := build(dir)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range []**child{&s.a, &s.b} {
		if *c, err = startTollgate(program, s.db.url()); err != nil {
			return nil, nil, err
		}
		started = append(started, (*c).stop)
	}
	return s, stop, nil
}

// build builds Tollgate, as it is run.
func build(dir string) (program string, err error) {
	program = filepath.Join(dir, "tollgate")
	cmd := exec.Command("go", "build", "-trimpath", "-o", program, "./cmd/tollgate")
	cmd.Dir, cmd.Stderr = "..", os.Stderr
	return program, cmd.Run()
}

// startTollgate starts a server on a Redis.
func startTollgate(program, redis string) (*child, error) {
	c := &child{cmd: exec.Command(program, "serve", "--addr", "127.0.0.1:0", "--redis", redis, "--log-format", "json")}
	c.cmd.Env = append(os.Environ(), "TOLLGATE_OPERATOR_KEY="+benchKey)
	log, err := c.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	c.in = terminator{c.cmd.Process}
	lines := bufio.NewScanner(log)
	var said []string
	for c.addr == "" && lines.Scan() {
		var line struct{ Msg, URL string }
		_ = json.Unmarshal(lines.Bytes(), &line)
		c.addr = strings.TrimPrefix(line.URL, "http://")
		said = append(said, lines.Text())
	}
	if c.addr == "" {
		_ = c.cmd.Wait()
		return nil, fmt.Errorf("the server did not start: %s", strings.Join(said, "\n"))
	}
	go func() {
		for lines.Scan() {
			if !strings.Contains(lines.Text(), `"level":"info"`) {
				fmt.Fprintln(os.Stderr, lines.Text())
			}
		}
	}()
	return c, nil
}

// terminator ends a process that is closed.
type terminator struct{ *os.Process }

func (t terminator) Close() error { return t.Signal(syscall.SIGTERM) }

// question is a check's JSON, with all that says how fresh its answer must be.
type question struct {
	Subject    string `json:"subject"`
	Permission string `json:"permission"`
	Resource   string `json:"resource"`
	Account    string `json:"account"`
	AtLeast    string `json:"at_least,omitempty"`
	Freshness  string `json:"freshness,omitempty"`
}

// questionOf is question i about a large account, and its answer by hand.
func questionOf(l worlds.Large, i int) (q question, allowed bool) {
	asked := l.Question(i)
	r := l.Request(asked)
	return question{Subject: r.Subject, Permission: r.Permission, Resource: r.Resource, Account: r.Account}, l.Allowed(asked)
}

// ask asks a question, and reads the answer.
func (c *connection) ask(q question) (a struct {
	Allowed  bool
	Revision string
}, err error) {
	answer, err := c.post(must(json.Marshal(q)))
	if err == nil {
		err = json.Unmarshal(answer, &a)
	}
	return a, err
}
