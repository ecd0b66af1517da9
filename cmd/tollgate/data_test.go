package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/client"
)

// connect makes a client of a site, without connections that outlive a call.
func (s site) connect(t *testing.T) *client.Client {
	t.Helper()
	c, err := client.New(s.environment["TOLLGATE_SERVER"], s.environment["TOLLGATE_KEY"], client.WithTransport(&http.Transport{DisableKeepAlives: true}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// refusal is the reason that an answer gives for an error, "" for none.
func refusal(t *testing.T, err error) string {
	t.Helper()
	var refused *client.Error
	if err != nil && !errors.As(err, &refused) {
		t.Fatal(err)
	}
	if err == nil {
		return ""
	}
	return refused.Reason
}

// Two real organisations are after a restart what they were before.
func TestDataKeepsOrganisations(t *testing.T) {
	bundles, questions := data(t, "organisations.json"), data(t, "organisations.decisions.jsonl")
	path := filepath.Join(t.TempDir(), "data")
	s := serve(t, environment{"TOLLGATE_DATA": path})
	s.want(t, exitYes, "import", bundles, "--owner", "user:root")
	key := s.environment["TOLLGATE_KEY"]
	exports := func(s site) (all string) {
		for _, account := range []string{"kubernetes-client", "kubernetes-sigs"} {
			all += s.want(t, exitYes, "export", account).out
		}
		return all
	}
	before := exports(s)
	s.stop()

	s = serve(t, environment{"TOLLGATE_DATA": path, "TOLLGATE_OPERATOR_KEY": key})
	if after := exports(s); after != before {
		t.Error("the organisations are not what they were")
	}
	if replayed := s.want(t, exitYes, "check", "--file", questions); replayed.out != "13607 of 13607 as expected\n" {
		t.Errorf("check --file says %s", replayed.out)
	}
	if again := s.want(t, exitYes, "import", bundles, "--owner", "user:root"); !strings.Contains(again.out, "2 accounts: nothing to change;") {
		t.Errorf("an import says %s", again.out)
	}
}

// The operator's key that was made is shown once, and accepted for ever; the
// data has only a hash of it.
func TestDataKeepsTheOperatorsKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	s := serve(t, environment{}, "--data", path)
	key := s.environment["TOLLGATE_KEY"]
	s.want(t, exitYes, "import", "../../examples/acme.yaml")
	s.stop()
	for _, file := range []string{path, path + ".lock"} {
		if b, err := os.ReadFile(file); err != nil || strings.Contains(string(b), key[len(operatorKeyPrefix):]) {
			t.Errorf("%s has the key: %v", file, err)
		}
	}

	const given = "0123456789abcdef"
	kept, end := serveKept(t, path)
	kept.environment["TOLLGATE_KEY"] = key
	kept.want(t, exitYes, "export", "acme")
	kept.environment["TOLLGATE_KEY"] = given
	kept.want(t, exitError, "export", "acme")
	if ended := end(); ended.out != "" {
		t.Errorf("the second start shows %s", ended.out)
	}

	s = serve(t, environment{"TOLLGATE_OPERATOR_KEY": given}, "--data", path)
	s.want(t, exitYes, "export", "acme")
	s.environment["TOLLGATE_KEY"] = key
	s.want(t, exitError, "export", "acme")
	if log := s.stop().err; !strings.Contains(log, "is valid no longer") {
		t.Errorf("says nothing of the key that ended:\n%s", log)
	}
	s = serve(t, environment{}, "--data", path)
	if s.environment["TOLLGATE_KEY"] == key {
		t.Error("the key that ended came back")
	}
	s.want(t, exitYes, "export", "acme")
}

// serveKept serves data that has a key already, so that none is shown.
func serveKept(t *testing.T, path string) (site, func() outcome) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, log, ended := &sink{}, &sink{}, make(chan int, 1)
	gone := make(chan struct{})
	go func() {
		ended <- run(ctx, []string{"serve", "--addr", "127.0.0.1:0", "--data", path}, streams{in: strings.NewReader(""), out: out, err: log, env: environment{}.get})
		close(gone)
	}()
	s := site{environment: environment{"TOLLGATE_SERVER": urlIn(log.waitFor(t, "Tollgate is ready", gone))}}
	return s, func() outcome {
		cancel()
		return outcome{<-ended, out.String(), log.String()}
	}
}

// urlIn is the URL in the line that says that the server is ready.
func urlIn(line string) string {
	_, rest, _ := strings.Cut(line, `{"url": "`)
	url, _, _ := strings.Cut(rest, `"`)
	return url
}

func TestDataRefuses(t *testing.T) {
	dir := t.TempDir()
	used := filepath.Join(dir, "used")
	serve(t, environment{}, "--data", used)
	text := file(t, "text", "this is no data\n")
	for name, tc := range map[string]struct{ path, says string }{
		"a server has it": {used, "in use by another server; stop that one"},
		"text":            {text, "move it away to start with an empty store"},
		"a directory":     {dir, "it is not a file"},
		"no directory":    {filepath.Join(dir, "no", "data"), "make it first"},
	} {
		got := command(t, nil, "", "serve", "--addr", "127.0.0.1:0", "--data", tc.path)
		if got.code != exitError || !strings.Contains(got.err, tc.says) || !strings.Contains(got.err, "--data: ") || got.out != "" {
			t.Errorf("%s: exit code %d, not %q:\n%s", name, got.code, tc.says, got.err)
		}
	}
	if b, err := os.ReadFile(text); err != nil || string(b) != "this is no data\n" {
		t.Errorf("it was written to: %q, %v", b, err)
	}
	both := environment{"TOLLGATE_DATA": used, "TOLLGATE_REDIS": "redis://127.0.0.1:1", "TOLLGATE_OPERATOR_KEY": "0123456789abcdef"}
	if got := command(t, both, "", "serve"); got.code != exitError || !strings.Contains(got.err, "give one of the two") {
		t.Errorf("both: %d\n%s", got.code, got.err)
	}
}

// A token of a write that an older save does not have answers REVISION_LOST,
// also when the account has grown past it.
func TestDataLosesNoTokenSilently(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	env := environment{"TOLLGATE_DATA": path, "TOLLGATE_OPERATOR_KEY": "0123456789abcdef"}
	s := serve(t, env)
	made, err := s.connect(t).SignUp(t.Context(), client.SignUp{Owner: "user:ann", BillingAccount: client.BillingAccount{Mode: "prepaid", Currency: "EUR"}})
	if err != nil {
		t.Fatal(err)
	}
	w := writer{account: made.Account.ID, project: made.Project.ID}
	w.client = s.connect(t)
	kept := w.must(t)
	s.stop()
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	s = serve(t, env)
	w.client = s.connect(t)
	lost := []string{w.must(t), w.must(t), w.must(t)}
	if reason := w.ask(t, lost[2]); reason != "" {
		t.Errorf("before it is lost: %s", reason)
	}
	s.stop()
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}

	s = serve(t, env)
	w.client = s.connect(t)
	for i := range 40 { // past the lost ones, and past those that a snapshot remembers
		for _, token := range lost {
			if reason := w.ask(t, token); reason != "REVISION_LOST" {
				t.Fatalf("after %d writes a lost one answers %q", i, reason)
			}
		}
		if reason := w.ask(t, kept); reason != "" {
			t.Fatalf("after %d writes one that was kept answers %q", i, reason)
		}
		w.must(t)
	}
}

// How saving goes can be seen.
func TestDataMetrics(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	s := serve(t, environment{}, "--data", path)
	s.want(t, exitYes, "import", "../../examples/acme.yaml")
	metrics := func() string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.environment["TOLLGATE_SERVER"]+"/metrics", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.environment["TOLLGATE_KEY"])
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for !strings.Contains(metrics(), "tollgate_data_unsaved_seconds 0\n") { // the test's own limit ends this
	}
	for _, want := range []string{"tollgate_data_saves_total ", "tollgate_data_save_failures_total 0\n", "tollgate_data_bytes ", "tollgate_data_save_seconds ", "tollgate_data_save_held_seconds ", "tollgate_shadow_checked_total"} {
		if got := metrics(); !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
}
