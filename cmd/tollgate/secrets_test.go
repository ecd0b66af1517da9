package main

import (
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/tollgate-dev/tollgate/internal/leak"
)

// everySink is all that servers and commands have said to a sink, in this run of
// the tests: what TestMain looks for secrets in.
type everySink struct {
	mu  sync.Mutex
	all []*sink
}

var sinks everySink

func (e *everySink) add(s *sink) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, s)
}

// leaks are the secrets in them, without the secrets themselves.
func (e *everySink) leaks() (found []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.all {
		found = append(found, leak.Find([]byte(withoutWelcome(s.String())), knownSecrets...)...)
	}
	return found
}

// knownSecrets are what tests give that has no form of its own: the password of
// a Redis.
var knownSecrets = []string{"hunter2"}

// withoutWelcome leaves out the one line in which an operator's key is shown on
// purpose, once.
func withoutWelcome(text string) string {
	const shown = "  export TOLLGATE_KEY="
	before, after, found := strings.Cut(text, shown)
	if !found {
		return text
	}
	_, after, _ = strings.Cut(after, "\n")
	return before + after
}

// withoutSecrets fails a test whose command has said one, unless it is what the
// command is for: to show a new key, on stdout. An operator's key that is given
// as an example in an error is nobody's.
func withoutSecrets(t *testing.T, args []string, out, errs string) {
	t.Helper()
	const example = "a new key is, for example: "
	if before, after, found := strings.Cut(errs, example); found {
		_, after, _ = strings.Cut(after, "\n")
		errs = before + after
	}
	if len(args) > 0 && args[0] == "keys" && slices.ContainsFunc(args, func(a string) bool { return a == "create" || a == "rotate" }) {
		out = ""
	}
	for _, found := range leak.Find([]byte(out+"\n"+errs), knownSecrets...) {
		t.Errorf("tollgate %s says %s", strings.Join(args[:min(2, len(args))], " "), found)
	}
}

// What TestMain looks for is found: a key in a log, and a second time that the
// operator's is shown.
func TestSecretsInSinks(t *testing.T) {
	key := newOperatorKey()
	for text, leaks := range map[string]int{
		"  export TOLLGATE_KEY=" + key + "\n":                  0,
		"  export TOLLGATE_KEY=" + key + "\n{" + key + "}":     1,
		"redis://:hunter2@127.0.0.1":                           1,
		"Tollgate is ready {\"url\": \"http://127.0.0.1:80\"}": 0,
	} {
		of := everySink{}
		s := &sink{listed: true}
		_, _ = s.Write([]byte(text))
		of.add(s)
		if found := of.leaks(); len(found) != leaks {
			t.Errorf("%s: %v", text, found)
		}
	}
}

// A server that is made to dump all its goroutines, while and after keys are
// used, dumps no key; nor does it tell one in its metrics, its log, an account's
// log, an export, the file of --data, or to who made the key and asks again.
func TestNoSecretIsKept(t *testing.T) {
	program, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/data"
	out, log := &sink{}, &sink{}
	server := exec.Command(program, "serve", "--addr", "127.0.0.1:0", "--data", path, "--log-level", "debug")
	server.Env, server.Stdout, server.Stderr = append(withoutSettings(os.Environ()), "GOTRACEBACK=all"), out, log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		_ = server.Wait()
		close(gone)
	}()
	t.Cleanup(func() {
		_ = server.Process.Kill()
		<-gone
	})
	s := site{environment: environment{"TOLLGATE_SERVER": urlIn(log.waitFor(t, "Tollgate is ready", gone))}}
	_, key, _ := strings.Cut(out.waitFor(t, "TOLLGATE_KEY=", gone), "TOLLGATE_KEY=")
	operator := strings.TrimSpace(key)
	s.environment["TOLLGATE_KEY"] = operator
	s.want(t, exitYes, "import", "../../examples/acme.yaml")
	id, secret := s.projectKey(t, "acme-shop")
	again := func(want int) string {
		t.Helper()
		status, _, text := s.requested(t, operator, http.MethodPost, "/v1/projects/acme-shop/keys", `{"sponsor":"user:ann"}`, "Idempotency-Key", "once")
		if status != want {
			t.Fatal(status, text)
		}
		return text
	}
	if text := again(http.StatusCreated); len(leak.Find([]byte(text))) != 1 {
		t.Error("a key that is made is to be shown once: " + text)
	}
	told := again(http.StatusCreated)
	for _, q := range []struct{ key, method, path, body string }{
		{operator, http.MethodGet, "/metrics", ""},
		{operator, http.MethodGet, "/v1/accounts/acme/export", ""},
		{operator, http.MethodGet, "/v1/accounts/acme/log", ""},
		{operator, http.MethodGet, "/v1/keys/" + id, ""},
		{operator, http.MethodGet, "/v1/projects/acme-shop/keys", ""},
		{secret, http.MethodGet, "/v1/keys/" + id, ""},
		{operator, http.MethodGet, "/v1/keys/" + secret, ""},
		{operator, http.MethodGet, "/v1/" + secret, ""},
		{operator, http.MethodPost, "/v1/check", `{"subject":"` + secret + `","permission":"x","resource":"y"`},
		{operator, http.MethodPost, "/v1/authorize", `{"api_key":"` + secret + `","permission":"number.read","resource":"number:+46700000001"}`},
		{operator, http.MethodPost, "/v1/authorize", `{"api_key":"` + secret + `","permission":1}`},
		{operator, http.MethodPost, "/v1/leaked-keys", `{"api_key":"` + secret + `"}`},
		{secret + "x", http.MethodGet, "/v1/keys/" + id, ""},
	} {
		status, header, text := s.requested(t, q.key, q.method, q.path, q.body)
		if found := leak.Find([]byte(header + text)); len(found) != 0 {
			t.Errorf("%s %s: %d tells %v", q.method, strings.ReplaceAll(q.path, secret, "SECRET"), status, found)
		}
	}
	if err := server.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	<-gone
	if !strings.Contains(log.String(), "goroutine ") {
		t.Error("nothing was dumped")
	}
	kept := told + withoutWelcome(out.String()) + log.String() + read(t, path)
	if found := leak.Find([]byte(kept), operator); len(found) != 0 {
		t.Errorf("kept: %v", found)
	}
}
