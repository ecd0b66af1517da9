package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "tg_operator_verysecret0123456789"

// fake is a server that answers as a test says, and a client of it.
func fake(t *testing.T, answer http.HandlerFunc, opts ...Option) *Client {
	t.Helper()
	server := httptest.NewServer(inJSON(answer))
	t.Cleanup(server.Close)
	c, err := New(server.URL, secret, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// inJSON says of each answer that it is JSON, as a server does.
func inJSON(answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer(w, r)
	}
}

// exchange answers text, and expects one request.
func exchange(t *testing.T, want, answer string) http.HandlerFunc {
	t.Helper()
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if got := strings.TrimSpace(r.Method + " " + r.URL.RequestURI() + " " + string(body)); got != want {
			t.Errorf("sent %s\nwant %s", got, want)
		}
		if r.Header.Get("Authorization") != "Bearer "+secret {
			t.Error("the key was not shown")
		}
		_, _ = io.WriteString(w, answer)
	}
}

func TestCheck(t *testing.T) {
	c := fake(t, exchange(t, `POST /v1/check {"subject":"user:ann","permission":"number.read","resource":"number:+46","parent":"project:p","require_billing":true}`,
		`{"allowed":true,"reason":{"code":"ALLOWED","binding":"bnd_1@a","subject":"group:g","role":"viewer","scope":"project:p","groups":["g"]},
		"billing":{"status":"billed","billing_account":"b","project":"p"},"path":["number:+46","project:p","account:a"],"account":"a","revision":"r","later":1}`))
	got, err := c.Check(t.Context(), Question{Subject: "user:ann", Permission: "number.read", Resource: "number:+46", Parent: "project:p", RequireBilling: true})
	if err != nil {
		t.Fatal(err)
	}
	want := &Answer{
		Allowed: true, Reason: Reason{Code: "ALLOWED", Cause: Cause{"bnd_1@a", "group:g", "viewer", "project:p", []string{"g"}}},
		Billing: Billing{Status: "billed", BillingAccount: "b", Project: "p"}, Path: []string{"number:+46", "project:p", "account:a"}, Account: "a", Revision: "r",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestExplainAsksForIt(t *testing.T) {
	c := fake(t, exchange(t, `POST /v1/check {"subject":"user:a","permission":"x.y","resource":"x:1","explain":true}`,
		`{"allowed":false,"reason":{"code":"NO_BINDING"},"explanation":{"obstacles":[{"code":"NO_BINDING","detail":"d"}],
		"nearest_miss":{"kind":"EXPIRED","detail":"m","binding":"b","expires_at":"2026-01-01T00:00:00Z"},"casbin":{"allowed":false,"rule":[]}}}`))
	got, err := c.Explain(t.Context(), Question{Subject: "user:a", Permission: "x.y", Resource: "x:1"})
	if err != nil {
		t.Fatal(err)
	}
	x := got.Explanation
	if x == nil || x.Obstacles[0].Detail != "d" || x.NearestMiss.Binding != "b" || !x.NearestMiss.ExpiresAt.Equal(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) || x.Casbin == nil {
		t.Errorf("%+v", x)
	}
}

func TestCheckBatch(t *testing.T) {
	c := fake(t, exchange(t, `POST /v1/check/batch {"checks":[{"subject":"user:a","permission":"x.y","resource":"x:1"},{"subject":"a","permission":"x.y","resource":"x:1"}]}`,
		`{"results":[{"allowed":true,"reason":{"code":"ALLOWED"}},{"allowed":false,"error":{"reason":"IDENTIFIER_INVALID","detail":"d","field":"subject","status":400}}]}`))
	got, err := c.CheckBatch(t.Context(), []Question{{Subject: "user:a", Permission: "x.y", Resource: "x:1"}, {Subject: "a", Permission: "x.y", Resource: "x:1"}})
	if err != nil || !got[0].Allowed || got[1].Error == nil || got[1].Error.Field != "subject" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestCheckBatchRefusesAnotherNumberOfAnswers(t *testing.T) {
	c := fake(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"results":[]}`) })
	if got, err := c.CheckBatch(t.Context(), make([]Question, 1)); err == nil {
		t.Errorf("answered %v", got)
	}
}

func TestPathsAndQueries(t *testing.T) {
	instant := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	for want, ask := range map[string]func(context.Context, *Client) error{
		`GET /v1/accounts/a%2Fb%20c%2B%3F/export`: func(ctx context.Context, c *Client) error {
			_, err := c.Export(ctx, "a/b c+?")
			return err
		},
		`GET /v1/accounts/a/casbin?at=2026-01-02T02%3A04%3A05Z&under=project%3Ap`: func(ctx context.Context, c *Client) error {
			_, err := c.Casbin(ctx, "a", CasbinOptions{Under: "project:p", At: instant})
			return err
		},
		`POST /v1/import?dry_run=true&owner=user%3Aroot {"account":{"id":"a"}}`: func(ctx context.Context, c *Client) error {
			_, err := c.Import(ctx, &Bundle{Account: BundleAccount{ID: "a"}}, ImportOptions{Owner: "user:root", DryRun: true})
			return err
		},
		`POST /v1/billing-owner {"resource":"project:p","account":"a"}`: func(ctx context.Context, c *Client) error {
			_, err := c.BillingOwner(ctx, PayerQuestion{Resource: "project:p", Account: "a"})
			return err
		},
		`POST /v1/accounts {"owner":"user:ann","billing_account":{"mode":"prepaid","currency":"EUR"},"project":{}}`: func(ctx context.Context, c *Client) error {
			_, err := c.SignUp(ctx, SignUp{Owner: "user:ann", BillingAccount: BillingAccount{Mode: "prepaid", Currency: "EUR"}, IdempotencyKey: "k"})
			return err
		},
		`POST /v1/bindings {"subject":"user:ann","role":"viewer","scope":"project:p","effect":"deny"}`: func(ctx context.Context, c *Client) error {
			_, err := c.CreateBinding(ctx, Binding{ID: "mine", Subject: "user:ann", Role: "viewer", Scope: "project:p", Effect: "deny", Revision: "r"})
			return err
		},
		`DELETE /v1/bindings/bnd_1%40a`: func(ctx context.Context, c *Client) error {
			_, err := c.DeleteBinding(ctx, "bnd_1@a")
			return err
		},
		`POST /v1/billing-accounts/billing_account%3Ab/suspend`: func(ctx context.Context, c *Client) error {
			_, err := c.Suspend(ctx, "billing_account:b")
			return err
		},
		`POST /v1/accounts/account%3Aa/resume`: func(ctx context.Context, c *Client) error {
			_, err := c.Resume(ctx, "account:a")
			return err
		},
		`DELETE /v1/projects/project%3Ap`: func(ctx context.Context, c *Client) error {
			_, err := c.Delete(ctx, "project:p")
			return err
		},
		`DELETE /v1/resources/number/%2B46`: func(ctx context.Context, c *Client) error {
			_, err := c.Delete(ctx, "number:+46")
			return err
		},
		`POST /v1/projects/project%3Ap/keys {"sponsor":"user:ann","sources":["192.0.2.0/24"]}`: func(ctx context.Context, c *Client) error {
			_, err := c.CreateKey(ctx, "project:p", NewKey{Sponsor: "user:ann", Sources: []string{"192.0.2.0/24"}})
			return err
		},
		`POST /v1/platform/keys {"service":"service:edge"}`: func(ctx context.Context, c *Client) error {
			_, err := c.CreateKey(ctx, Platform, NewKey{Service: "service:edge"})
			return err
		},
		`GET /v1/subprojects/subproject%3As/keys?page_size=5&page_token=t`: func(ctx context.Context, c *Client) error {
			_, err := c.Keys(ctx, "subproject:s", 5, "t")
			return err
		},
		`GET /v1/keys/key_1`: func(ctx context.Context, c *Client) error {
			_, err := c.Key(ctx, "key:key_1")
			return err
		},
		`POST /v1/keys/key_1/enable`: func(ctx context.Context, c *Client) error {
			_, err := c.EnableKey(ctx, "key_1")
			return err
		},
		`POST /v1/keys/key_1/transfer {"sponsor":"user:ben"}`: func(ctx context.Context, c *Client) error {
			_, err := c.TransferKey(ctx, "key_1", "user:ben")
			return err
		},
		`POST /v1/keys/key_1/rotate {"overlap":"1h0m0s"}`: func(ctx context.Context, c *Client) error {
			_, err := c.RotateKey(ctx, "key_1", time.Hour)
			return err
		},
		`DELETE /v1/keys/key_1`: func(ctx context.Context, c *Client) error {
			_, err := c.RevokeKey(ctx, "key_1")
			return err
		},
		`POST /v1/subprojects/subproject%3As/restore`: func(ctx context.Context, c *Client) error {
			_, err := c.Restore(ctx, "subproject:s")
			return err
		},
		`POST /v1/resources/leg%2F1/a%3Ab/move {"parent":"project:p"}`: func(ctx context.Context, c *Client) error {
			_, err := c.Move(ctx, "leg/1:a:b", "project:p")
			return err
		},
		`POST /v1/projects/p/subprojects {"display_name":"Seven"}`: func(ctx context.Context, c *Client) error {
			_, err := c.CreateSubproject(ctx, "p", Info{DisplayName: "Seven"})
			return err
		},
		`POST /v1/resources {"type":"number","id":"+46","parent":"project:p","properties":{"a":1}}`: func(ctx context.Context, c *Client) error {
			_, err := c.RegisterResource(ctx, Resource{Type: "number", ID: "+46", Parent: "project:p", Properties: json.RawMessage(`{"a":1}`), Revision: "r"})
			return err
		},
	} {
		if err := ask(t.Context(), fake(t, exchange(t, want, `{}`))); err != nil {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestActorAndIdempotencyKeyAreHeaders(t *testing.T) {
	c := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Tollgate-Actor") != "user:ann" || r.Header.Get("Idempotency-Key") != "once" || r.Header.Get("User-Agent") != "test/1" {
			t.Errorf("sent %v", r.Header)
		}
		_, _ = io.WriteString(w, `{"account":{"id":"acc_1","display_name":"Acme"},"revision":"r"}`)
	}, WithActor("user:ann"), WithUserAgent("test/1"))
	made, err := c.SignUp(t.Context(), SignUp{Owner: "user:ann", IdempotencyKey: "once"})
	if err != nil || made.Account.ID != "acc_1" || made.Account.DisplayName != "Acme" || made.Revision != "r" {
		t.Errorf("%+v, %v", made, err)
	}
}

func TestWhatCreatesTakesAKey(t *testing.T) {
	ctx, seen := t.Context(), 0
	c := fake(t, func(w http.ResponseWriter, r *http.Request) {
		seen++
		if got := r.Header.Values("Idempotency-Key"); len(got) != 1 || got[0] != "once" {
			t.Errorf("%s was sent with the keys %q", r.URL, got)
		}
		_, _ = io.WriteString(w, `{}`)
	})
	_, err1 := c.CreateSubproject(ctx, "p", Info{}, Once("once"))
	_, err2 := c.RegisterResource(ctx, Resource{}, Once("once"))
	_, err3 := c.CreateBinding(ctx, Binding{}, Once("once"))
	_, err4 := c.Import(ctx, &Bundle{}, ImportOptions{}, Once("once"))
	if err := errors.Join(err1, err2, err3, err4); err != nil || seen != 4 {
		t.Errorf("%d calls: %v", seen, err)
	}
}

func TestTagsAndConditions(t *testing.T) {
	ctx := t.Context()
	c := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("If-Match"); (r.Method == http.MethodDelete) != (got == `"t1"`) {
			t.Errorf("%s was sent with the condition %q", r.Method, got)
		}
		w.Header().Set("ETag", `"t1"`)
		_, _ = io.WriteString(w, `{}`)
	})
	sub, err1 := c.CreateSubproject(ctx, "p", Info{})
	resource, err2 := c.RegisterResource(ctx, Resource{})
	binding, err3 := c.CreateBinding(ctx, Binding{})
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if sub.ETag != `"t1"` || resource.ETag != `"t1"` || binding.ETag != `"t1"` {
		t.Errorf("the tags are %s, %s and %s", sub.ETag, resource.ETag, binding.ETag)
	}
	if _, err := c.DeleteBinding(ctx, "b", IfMatch(binding.ETag)); err != nil {
		t.Error(err)
	}
}

// Asked many times, one connection is enough.
func TestConnectionsAreUsedAgain(t *testing.T) {
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(inJSON(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) }))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	c, err := New(server.URL, secret)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 10 {
		if _, err := c.Check(t.Context(), Question{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestErrorsOfTheContext(t *testing.T) {
	c := fake(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then is it noticed that the caller has gone
		<-r.Context().Done()
	}, WithTimeout(time.Millisecond))
	if _, err := c.Check(t.Context(), Question{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}
