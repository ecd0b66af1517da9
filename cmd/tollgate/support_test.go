package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// A pool whose Redis has gone notices only after a second that it is closed.
	dialling := goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial")
	goleak.VerifyTestMain(m, dialling, goleak.Cleanup(func(code int) {
		if dir := builtIn.Load(); dir != nil {
			_ = os.RemoveAll(*dir)
		}
		for _, found := range sinks.leaks() {
			_, _ = fmt.Fprintln(os.Stderr, "LEAK:", found)
			code = exitError
		}
		os.Exit(code)
	}))
}

// environment is what a test gives the program instead of the process's.
type environment map[string]string

func (e environment) get(name string) string { return e[name] }

// outcome is what a run of the program came to.
type outcome struct {
	code     int
	out, err string
}

// command runs the program once, in this process.
func command(t *testing.T, env environment, in string, args ...string) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), args, streams{in: strings.NewReader(in), out: &out, err: &errs, env: env.get})
	withoutSecrets(t, args, out.String(), errs.String())
	return outcome{code, out.String(), errs.String()}
}

// site is a server under test and how to reach it.
type site struct {
	environment
	stop   func() outcome
	signal func(os.Signal) // tells it to stop, and does not wait
	log    *sink           // what it says
}

// serve starts a server in this process, on a free port. It is stopped with
// the test, or before.
func serve(t *testing.T, env environment, args ...string) site {
	t.Helper()
	s, out, ended := launchSite(t, env, "Tollgate is ready", append([]string{"serve", "--addr", "127.0.0.1:0"}, args...)...)
	s.environment["TOLLGATE_KEY"] = env["TOLLGATE_OPERATOR_KEY"]
	if s.environment["TOLLGATE_KEY"] == "" {
		line := out.waitFor(t, "TOLLGATE_KEY=", ended)
		_, key, _ := strings.Cut(line, "TOLLGATE_KEY=")
		s.environment["TOLLGATE_KEY"] = strings.TrimSpace(key)
	}
	return s
}

// launchSite starts a server or a sidecar, and waits until it says that it is
// ready.
func launchSite(t *testing.T, env environment, ready string, args ...string) (s site, out *sink, gone <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	said, speak := io.Pipe()
	log := &sink{}
	ended := make(chan int, 1)
	go func() {
		code := run(ctx, args, streams{in: strings.NewReader(""), out: speak, err: log, env: env.get})
		_ = speak.Close()
		ended <- code
	}()
	out = &sink{}
	got := make(chan struct{})
	go func() { // until the server ends
		defer close(got)
		_, _ = io.Copy(out, said)
	}()
	stop := sync.OnceValue(func() outcome {
		cancel(nil)
		<-got
		return outcome{<-ended, out.String(), log.String()}
	})
	t.Cleanup(func() {
		if end := stop(); end.code != exitYes {
			t.Errorf("the server ended with %d:\n%s", end.code, end.err)
		}
	})
	s = site{environment{}, stop, func(by os.Signal) { cancel(byThe{by}) }, log}
	line := log.waitFor(t, ready, got)
	_, rest, _ := strings.Cut(line, `{"url": "`)
	s.environment["TOLLGATE_SERVER"], _, _ = strings.Cut(rest, `"`)
	return s, out, got
}

// run runs a client command against the site.
func (s site) run(t *testing.T, args ...string) outcome {
	t.Helper()
	return command(t, s.environment, "", args...)
}

// want runs a client command and fails unless it exits with a code.
func (s site) want(t *testing.T, code int, args ...string) outcome {
	t.Helper()
	got := s.run(t, args...)
	if got.code != code {
		t.Fatalf("tollgate %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got.code, code, got.out, got.err)
	}
	return got
}

// sink keeps what is written to it, and lets a test wait for a line.
type sink struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed with the next write
	listed  bool          // among sinks
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.listed {
		s.listed = true
		sinks.add(s)
	}
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
	return s.text.Write(p)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// look returns the whole line that has a text in it, or a channel that is
// closed when more is written.
func (s *sink) look(text string) (string, chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.Lines(s.text.String()) {
		if strings.Contains(line, text) && strings.HasSuffix(line, "\n") {
			return line, nil
		}
	}
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return "", s.changed
}

func (s *sink) waitFor(t *testing.T, text string, ended <-chan struct{}) string {
	t.Helper()
	for {
		line, more := s.look(text)
		if more == nil {
			return line
		}
		select {
		case <-more:
		case <-ended:
			if line, more = s.look(text); more != nil {
				t.Fatalf("the server ended and did not say %q:\n%s", text, s.String())
			}
			return line
		}
	}
}

// data is the path of a file of real data, which is kept beside the
// repository.
func data(t *testing.T, name string) string {
	t.Helper()
	file := filepath.Join("..", "..", "..", "shared", "data", name)
	if _, err := os.Stat(file); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v; CI=true, so nothing may be skipped", err)
		}
		t.Skipf("SKIPPED: %v: the real organisations are not tested", err)
	}
	return file
}

// file writes a file for the test.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// decoded reads the JSON that a command printed.
func decoded[T any](t *testing.T, text string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}
