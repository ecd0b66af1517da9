package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate"
	"github.com/tollgate-dev/tollgate/store/storetest"
)

func TestServeRefuses(t *testing.T) {
	key := "TOLLGATE_OPERATOR_KEY"
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	allowing := strings.Replace(tollgate.Model, "r.sub != p.sub && ", "", 1)
	for name, tc := range map[string]struct {
		env  environment
		args []string
		says string
	}{
		"Redis without a key":   {nil, []string{"--redis", "redis://127.0.0.1:1"}, "must be given: set TOLLGATE_OPERATOR_KEY"},
		"a short key":           {environment{key: "short"}, nil, "shorter than 16"},
		"a key with a space":    {environment{key: "0123456789 abcdef"}, nil, "without white space"},
		"a file without a key":  {nil, []string{"--operator-key-file", file(t, "key", "\n")}, "holds no key"},
		"no file with a key":    {nil, []string{"--operator-key-file", "/does/not/exist"}, "no such file"},
		"another URL":           {environment{key: "0123456789abcdef"}, []string{"--redis", "http://x:hunter2@h"}, "not the URL of a Redis"},
		"replicas of nothing":   {nil, []string{"--redis-wait", "1"}, "give that too"},
		"fewer than none":       {nil, []string{"--redis", "redis://h", "--redis-wait", "-1"}, "at least 0"},
		"no time for replicas":  {nil, []string{"--redis", "redis://h", "--redis-wait-timeout", "0"}, "at least 1ms"},
		"half a certificate":    {nil, []string{"--redis", "rediss://h", "--redis-cert-file", "x"}, "belong together"},
		"no authority":          {environment{key: "0123456789abcdef"}, []string{"--redis", "rediss://h", "--redis-ca-file", file(t, "ca.pem", "x")}, "holds no certificate"},
		"a model like that":     {nil, []string{"--model", file(t, "model.conf", "[matchers]\nm = true\n")}, "model.conf"},
		"a model that allows":   {nil, []string{"--model", file(t, "model.conf", allowing)}, "is refused: model.conf: "},
		"no model":              {nil, []string{"--model", "/does/not/exist"}, "no such file"},
		"a share over 1":        {nil, []string{"--shadow-share", "2"}, "from 0 to 1"},
		"no share":              {nil, []string{"--shadow-share", "NaN"}, "from 0 to 1"},
		"no bound":              {nil, []string{"--freshness-bound", "0s"}, "longer than 0"},
		"no log":                {nil, []string{"--log-length", "0"}, "at least 1"},
		"fewer checks":          {nil, []string{"--max-checks", "-1"}, "--max-checks is at least 0"},
		"no time to drain":      {nil, []string{"--drain-timeout", "-1s"}, "--drain-timeout is at least 0s"},
		"an ops address in use": {nil, []string{"--ops-addr", taken.Addr().String()}, "with --ops-addr"},
		"a format":              {nil, []string{"--log-format", "xml"}, "neither console nor json"},
		"a level":               {nil, []string{"--log-level", "loud"}, "none of debug"},
		"an address in use":     {nil, []string{"--addr", taken.Addr().String()}, "cannot listen on"},
		"a reserved type":       {nil, []string{"--unregistered-types", "project"}, "--unregistered-types"},
		"a variable that is no": {environment{"TOLLGATE_LOG_LENGTH": "many"}, nil, `TOLLGATE_LOG_LENGTH="many" in the environment does not fit --log-length, which takes a whole number`},
		"an argument":           {nil, []string{"now"}, "takes 0 arguments"},
	} {
		args := append([]string{"serve", "--addr", "127.0.0.1:0"}, tc.args...)
		got := command(t, tc.env, "", args...)
		if got.code != exitError || !strings.Contains(got.err, tc.says) || strings.Contains(got.err, "hunter2") || strings.Contains(got.err, "goroutine") {
			t.Errorf("%s: exit code %d, not %q:\n%s", name, got.code, tc.says, got.err)
		}
	}
}

// A flag beats its variable, and a file with a key the key in the environment.
func TestWhereSettingsComeFrom(t *testing.T) {
	s := serve(t, environment{"TOLLGATE_LOG_FORMAT": "xml", "TOLLGATE_OPERATOR_KEY": "0123456789abcdef"}, "--log-format", "console")
	wrong := environment{"TOLLGATE_SERVER": s.environment["TOLLGATE_SERVER"], "TOLLGATE_KEY": "wrong"}
	const question = "number:none"
	if got := command(t, wrong, "", "check", "user:a", "number.read", question, "--key-file", file(t, "key", "0123456789abcdef\n")); got.code != exitNo {
		t.Errorf("%+v", got)
	}
	if got := command(t, s.environment, "", "billing-owner", question, "--server", "http://127.0.0.1:1"); got.code != exitError || !strings.Contains(got.err, "nothing answers at http://127.0.0.1:1") {
		t.Errorf("%+v", got)
	}
}

func TestClientsThatCannotAsk(t *testing.T) {
	s := serve(t, environment{})
	url := s.environment["TOLLGATE_SERVER"]
	for name, tc := range map[string]struct {
		env  environment
		says string
	}{
		"a wrong key": {environment{"TOLLGATE_SERVER": url, "TOLLGATE_KEY": "tg_operator_wrong"}, "does not accept this key: set TOLLGATE_KEY"},
		"no key":      {environment{"TOLLGATE_SERVER": url}, "there is no key: export TOLLGATE_KEY"},
		"no server":   {environment{"TOLLGATE_SERVER": "http://127.0.0.1:1", "TOLLGATE_KEY": "k"}, "nothing answers at http://127.0.0.1:1: dial tcp"},
		"no URL":      {environment{"TOLLGATE_SERVER": "127.0.0.1:1", "TOLLGATE_KEY": "k"}, "is not a URL such as"},
	} {
		for _, args := range [][]string{
			{"check", "user:a", "x.y", "x:1"}, {"check", "--file", file(t, "q", `{"subject":"user:a","permission":"x.y","resource":"x:1","allowed":true}`)},
			{"import", "../../examples/acme.yaml"}, {"export", "acme"}, {"casbin", "acme"}, {"signup", "--owner", "user:a", "--currency", "EUR"},
		} {
			got := command(t, tc.env, "", args...)
			if got.code != exitError || !strings.Contains(got.err, tc.says) || strings.Contains(got.err, "tg_operator_wrong") {
				t.Errorf("%s, tollgate %s: exit code %d\n%s", name, args[0], got.code, got.err)
			}
		}
	}
}

// A key is made once for an embedded store, and given ones are not shown.
func TestOperatorKeys(t *testing.T) {
	s := serve(t, environment{})
	key := s.environment["TOLLGATE_KEY"]
	if len(key) != len(operatorKeyPrefix)+32 || !strings.HasPrefix(key, operatorKeyPrefix) || newOperatorKey() == key {
		t.Errorf("made the key %q", key)
	}
	if end := s.stop(); strings.Count(end.out+end.err, key) != 1 || strings.Contains(end.err, key) {
		t.Errorf("the key is to be shown once, on stdout:\n%s%s", end.out, end.err)
	}
	const given = "0123456789abcdef"
	if end := serve(t, environment{"TOLLGATE_OPERATOR_KEY": given}).stop(); strings.Contains(end.out+end.err, given) {
		t.Errorf("shows the key it was given:\n%s%s", end.out, end.err)
	}
}

func TestWarnings(t *testing.T) {
	end := serve(t, environment{"TOLLGATE_OPERATOR_KEY": "0123456789abcdef"}, "--addr", "0.0.0.0:0").stop()
	for _, want := range []string{"the store is embedded", "without TLS"} {
		if strings.Count(end.err, want) != 1 {
			t.Errorf("does not say %q once:\n%s", want, end.err)
		}
	}
	if end := serve(t, environment{}).stop(); strings.Contains(end.err, "without TLS") {
		t.Errorf("warns of the loopback interface:\n%s", end.err)
	}
}

// While Redis is away the server is alive and not ready, and says why; once it
// is there, the server serves.
func TestRedisAway(t *testing.T) {
	real := strings.TrimPrefix(storetest.Redis(t), "redis://")
	redis, addr := freeAddr(t), freeAddr(t)
	ctx, cancel := context.WithCancel(t.Context())
	log, ended := &sink{}, make(chan int, 1)
	go func() {
		args := []string{"serve", "--addr", addr, "--redis", "redis://:hunter2@" + redis}
		ended <- run(ctx, args, streams{in: strings.NewReader(""), out: io.Discard, err: log, env: environment{"TOLLGATE_OPERATOR_KEY": "0123456789abcdef"}.get})
	}()
	line := log.waitFor(t, "Redis cannot be reached; trying again", nil)
	if !strings.Contains(line, "connection refused") {
		t.Errorf("says %s", line)
	}
	ready := func(path string, status int, detail string) {
		t.Helper()
		got, body := get(t, "http://"+addr+path)
		var p struct{ Reason, Detail string }
		if err := json.Unmarshal(body, &p); err != nil || got != status || !strings.Contains(p.Detail, detail) || (got != 200 && p.Reason != "NOT_READY") {
			t.Errorf("%s is %d: %s", path, got, body)
		}
	}
	ready("/livez", 200, "")
	ready("/readyz", 503, "store cannot be reached")
	ready("/v1/check", 503, "store cannot be reached")

	hangUp := forward(t, redis, real)
	log.waitFor(t, "Tollgate is ready", nil)
	ready("/readyz", 200, "")
	hangUp()
	ready("/livez", 200, "")
	ready("/readyz", 503, "store cannot be reached")

	cancel()
	if code := <-ended; code != exitYes || strings.Contains(log.String(), "hunter2") || strings.Contains(log.String(), "goroutine") {
		t.Errorf("ended with %d:\n%s", code, log.String())
	}
}

// As long as a server answers though Redis is away, load balancers are to send it
// requests, and no longer.
func TestReadyInTheWindow(t *testing.T) {
	real := strings.TrimPrefix(storetest.Redis(t), "redis://")
	for window, want := range map[string]int{"1h": 200, "200ms": 503} {
		redis := freeAddr(t)
		hangUp := forward(t, redis, real)
		s := serve(t, environment{"TOLLGATE_OPERATOR_KEY": "0123456789abcdef"}, "--redis", "redis://"+redis, "--redis-away-window", window)
		url := s.environment["TOLLGATE_SERVER"] + "/readyz"
		if status, body := get(t, url); status != 200 {
			t.Errorf("%d %s", status, body)
		}
		hangUp()
		status, body := get(t, url)
		for want == 503 && status == 200 {
			status, body = get(t, url)
		}
		if status != want {
			t.Errorf("in a window of %s: %d %s", window, status, body)
		}
	}
}

// A server that is told to stop while it waits for Redis stops.
func TestStopWhileRedisIsAway(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	log, ended := &sink{}, make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"serve", "--addr", "127.0.0.1:0", "--redis", "redis://" + freeAddr(t)}, streams{
			in: strings.NewReader(""), out: io.Discard, err: log, env: environment{"TOLLGATE_OPERATOR_KEY": "0123456789abcdef"}.get})
	}()
	log.waitFor(t, "trying again", nil)
	cancel()
	if code := <-ended; code != exitYes {
		t.Errorf("ended with %d:\n%s", code, log.String())
	}
}

// forward carries connections from one address to another, until it is told to
// hang up.
func forward(t *testing.T, from, to string) (hangUp func()) {
	t.Helper()
	listener, err := net.Listen("tcp", from)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	open, hungUp := []io.Closer{listener}, false
	carry := func(a, b net.Conn) {
		_, _ = io.Copy(a, b)
		_, _ = a.Close(), b.Close()
	}
	all.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				return
			}
			mu.Lock()
			open = append(open, in, out)
			if hungUp {
				_, _ = in.Close(), out.Close()
			}
			mu.Unlock()
			all.Go(func() { carry(in, out) })
			all.Go(func() { carry(out, in) })
		}
	})
	return func() {
		_ = listener.Close()
		mu.Lock()
		hungUp = true
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
	}
}

// A request that has begun is finished, though the server is told to stop.
func TestDraining(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	begun, finish := make(chan struct{}), make(chan struct{})
	stop := listen(listener, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(begun)
		<-finish
	}), callers, zap.NewNop(), func() { close(finish) }) // the listener is closed first, and then failed is called
	answered := make(chan int, 1)
	go func() {
		status, _ := get(t, "http://"+listener.Addr().String())
		answered <- status
	}()
	<-begun
	if err := stop(defaultDrainFor); err != nil {
		t.Error(err)
	}
	if status := <-answered; status != http.StatusOK {
		t.Errorf("answered %d", status)
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func get(t *testing.T, url string) (int, []byte) {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}

// The model that is built in can be given as a file, too.
func TestModelFile(t *testing.T) {
	model := file(t, "model.conf", tollgate.Model)
	serve(t, environment{}, "--model", model)
	if err := os.Remove(model); err != nil {
		t.Fatal(err)
	}
}
