package main

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/client"
	"github.com/tollgate-dev/tollgate/client/inprocess"
	"github.com/tollgate-dev/tollgate/route"
	"github.com/tollgate-dev/tollgate/sidecar"
)

// both ask a server and in the process.
type both struct {
	t              *testing.T
	remote, inside client.Authorizer
}

// same asks both, and fails the test if they do not answer alike.
func same[T any](b both, what string, ask func(client.Authorizer) (T, error)) T {
	b.t.Helper()
	want, wantErr := ask(b.remote)
	got, err := ask(b.inside)
	if client.ReasonOf(err) != client.ReasonOf(wantErr) {
		b.t.Errorf("%s: in the process %v, at the server %v", what, err, wantErr)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		b.t.Errorf("%s (-server +in the process):\n%s", what, diff)
	}
	return got
}

// A program that has Tollgate in it is answered as a server answers, as a user of
// Redis who may only read; a key that is disabled is refused at once, and receipts
// wait for it.
func TestInProcess(t *testing.T) {
	a := newAnnex(t)
	made := a.operate.want(201, "", "POST", "/v1/projects/acme-shop/keys", `{"sponsor":"user:ann"}`)
	secret := regexp.MustCompile(`"secret":"([^"]*)"`).FindStringSubmatch(made)[1]
	key := regexp.MustCompile(`key_[0-9a-z]{26}`).FindString(made)
	a.operate.want(201, "", "POST", "/v1/bindings", `{"subject":"key:`+key+`","role":"editor","scope":"project:acme-shop"}`)
	revision := a.operate.want(201, "revision", "POST", "/v1/bindings", `{"subject":"user:ben","role":"viewer","scope":"project:acme-lab"}`)

	remote, err := client.New(a.operate.url, a.gateway)
	must(t, err)
	defer remote.Close()
	reports, err := client.New(a.operate.url, a.env["TOLLGATE_SERVER_KEY"])
	must(t, err)
	defer reports.Close()
	routes, err := route.Parse(strings.NewReader(numberRoute))
	must(t, err)
	inside, err := inprocess.Start(t.Context(), inprocess.Config{Redis: a.env["TOLLGATE_REDIS"], Server: reports, Name: "the program", Routes: routes, Bound: sidecar.MaxBound})
	must(t, err)
	defer func() { must(t, inside.Close()) }()

	b := both{t, remote, inside}
	var questions []client.Question
	allowed := 0
	for _, subject := range []string{"user:ann", "user:ben", "user:cleo", "user:dora", "user:nobody", "key:" + key, "nonsense"} {
		for _, resource := range []string{"number:+46700000001", "number:+46700000007", "number:+46700000099", "project:acme-lab", "account:acme", "number:none", ""} {
			for _, permission := range []string{"number.read", "number.update", "project.read", "billing_account.inspect"} {
				q := client.Question{Subject: subject, Permission: permission, Resource: resource, AtLeast: revision}
				questions = append(questions, q)
				if got := same(b, subject+" "+permission+" "+resource, func(c client.Authorizer) (*client.Answer, error) { return c.Check(t.Context(), q) }); got != nil && got.Allowed {
					allowed++
				}
			}
		}
	}
	if allowed == 0 || allowed == len(questions) {
		t.Errorf("%d of %d are allowed: shows little", allowed, len(questions))
	}
	same(b, "a batch", func(c client.Authorizer) ([]client.Result, error) { return c.CheckBatch(t.Context(), questions) })
	for _, resource := range []string{"number:+46700000001", "project:acme-lab", "number:none", ""} {
		same(b, "who pays for "+resource, func(c client.Authorizer) (*client.Payer, error) {
			return c.BillingOwner(t.Context(), client.PayerQuestion{Resource: resource})
		})
	}
	held := client.HeldRequest{APIKey: secret, Permission: "number.update", Resource: "number:+46700000007"}
	authorize := func(c client.Authorizer) (*client.Verdict, error) { return c.Authorize(t.Context(), held) }
	if got := same(b, "a key", authorize); got == nil || !got.Allowed {
		t.Errorf("the key: %+v", got)
	}
	if got, err := inside.Authorize(t.Context(), client.HeldRequest{APIKey: secret, Method: "GET", Path: oneNumber, Host: "api.example"}); err != nil || !got.Allowed {
		t.Errorf("by the map of routes: %+v, %v", got, err)
	}

	held.AtLeast = a.operate.want(200, "revision", "POST", "/v1/keys/"+key+"/disable", "")
	if got := same(b, "a key that is disabled", authorize); got == nil || got.Allowed {
		t.Errorf("the key, disabled: %+v", got)
	}
	receipt := a.operate.want(200, "", "GET", "/v1/accounts/acme/revisions/"+held.AtLeast+"?wait=20s", "")
	if strings.Count(receipt, `"id":"sidecar-`) != 1 || !strings.Contains(receipt, "the program") || strings.Contains(receipt, `"confirmed":false`) {
		t.Errorf("the receipt: %s", receipt)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := inside.Check(ended, client.Question{Subject: "user:ann", Permission: "number.read", Resource: "account:acme", Freshness: client.Full}); client.ReasonOf(err) != "REQUEST_ENDED" {
		t.Errorf("with a context that has ended: %v", err)
	}
	a.refused(t)
}

// What cannot be started says why, and nothing of the password.
func TestInProcessThatCannotStart(t *testing.T) {
	for what, c := range map[string]inprocess.Config{
		"no Redis":                 {},
		"a URL that is none":       {Redis: "redis//sidecar:hunter2@h"},
		"a model that is none":     {Redis: "redis://sidecar:hunter2@127.0.0.1:1", Model: "[matchers]"},
		"a bound that is too long": {Redis: "redis://sidecar:hunter2@127.0.0.1:1", Bound: time.Hour, Server: &client.Client{}},
		"a Redis that is away":     {Redis: "redis://sidecar:hunter2@127.0.0.1:1"},
	} {
		if got, err := inprocess.Start(t.Context(), c); err == nil || got != nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
}
