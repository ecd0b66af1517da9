package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/client"
)

func TestLog(t *testing.T) {
	s := serve(t, environment{})
	account, project := customer(t, s)
	s.want(t, exitYes, "bind", "user:ben", "editor", "project:"+project)
	lines := strings.Split(strings.TrimSpace(s.want(t, exitYes, "log", account).out), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "Z  operator  binding.grant  + binding bnd_") || !strings.Contains(lines[1], "account.sign_up  + account "+account) {
		t.Errorf("%q", lines)
	}
	if one := s.want(t, exitYes, "log", account, "--limit", "1").out; strings.Count(one, "\n") != 1 || !strings.Contains(one, "binding.grant") {
		t.Errorf("%q", one)
	}
	if none := s.want(t, exitYes, "log", account, "--actor", "user:eve", "--limit", "0").out; none != "" {
		t.Errorf("%q", none)
	}
	entry := decoded[client.LogEntry](t, s.want(t, exitYes, "log", account, "--action", "binding.grant", "--json").out)
	if entry.Actor != "operator" || len(entry.Changes) != 1 || entry.Changes[0].Before != nil || !strings.Contains(string(entry.Changes[0].After), `"subject":"user:ben"`) {
		t.Errorf("%+v", entry)
	}
	s.want(t, exitError, "log", "none")
	s.want(t, exitError, "log", account, "--limit", "-1")
}

// A follower prints what was, then what comes, in order and once each, and
// ends cleanly when it is told to.
func TestLogFollow(t *testing.T) {
	s := serve(t, environment{})
	account, project := customer(t, s)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, errs := &sink{}, &sink{}
	ended := make(chan struct{})
	code := -1
	go func() {
		defer close(ended)
		code = run(ctx, []string{"log", account, "--follow"}, streams{in: strings.NewReader(""), out: out, err: errs, env: s.environment.get})
	}()
	out.waitFor(t, "account.sign_up", ended)
	for _, who := range []string{"user:ben", "user:cleo"} {
		s.want(t, exitYes, "bind", who, "editor", "project:"+project)
		out.waitFor(t, "binding.grant", ended)
	}
	for strings.Count(out.String(), "\n") < 3 {
		_, more := out.look("no such line")
		select {
		case <-more:
		case <-ended:
			t.Fatal(errs.String())
		}
	}
	stop()
	<-ended
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if code != exitYes || errs.String() != "" || len(lines) != 3 || !strings.Contains(lines[0], "account.sign_up") || lines[1] >= lines[2] {
		t.Errorf("exit code %d, %s:\n%q", code, errs.String(), lines)
	}
}

// While nothing comes, a follower asks at most once a second.
func TestLogFollowIsIdle(t *testing.T) {
	var asked atomic.Int64
	twice := make(chan time.Time, 2)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Query().Has("after") && asked.Add(1) <= 2 {
			twice <- time.Now()
		}
		_, _ = w.Write([]byte(`{"items":[],"next_page_token":"","revision":"r"}`))
	}))
	defer server.Close()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int)
	begin := time.Now()
	go func() {
		env := environment{"TOLLGATE_SERVER": server.URL, "TOLLGATE_KEY": "0123456789abcdef"}
		ended <- run(ctx, []string{"log", "acc", "-f"}, streams{in: strings.NewReader(""), out: &sink{}, err: &sink{}, env: env.get})
	}()
	first, second := <-twice, <-twice
	stop()
	if code := <-ended; code != exitYes {
		t.Errorf("exit code %d", code)
	}
	const slack = 50 * time.Millisecond
	if first.Sub(begin) < idle-slack || second.Sub(first) < idle-slack {
		t.Errorf("asked after %v and %v", first.Sub(begin), second.Sub(first))
	}
}

// Who paid then is another question than who pays now.
func TestBillingOwnerAt(t *testing.T) {
	s := serve(t, environment{})
	account, project := customer(t, s)
	entry := decoded[client.LogEntry](t, s.want(t, exitYes, "log", account, "--json").out)
	at := entry.At.Format(time.RFC3339Nano)
	got := s.want(t, exitYes, "billing-owner", "project:"+project, "--at", at)
	if !strings.Contains(got.out, "billing_account:bil_") {
		t.Error(got.out)
	}
	payer := decoded[client.Payer](t, s.want(t, exitYes, "billing-owner", "project:"+project, "--at", at, "--json").out)
	if payer.At == nil || !payer.At.Equal(entry.At) {
		t.Errorf("%+v", payer)
	}
	before := entry.At.Add(-time.Microsecond).Format(time.RFC3339Nano)
	if got := s.want(t, exitNo, "billing-owner", "project:"+project, "--at", before); !strings.Contains(got.out, "nobody: NOT_CREATED_YET") {
		t.Error(got.out)
	}
	s.want(t, exitError, "billing-owner", "project:"+project, "--at", "2999-01-01T00:00:00Z")
	s.want(t, exitError, "billing-owner", "project:"+project, "--at", "yesterday")
}
