package client

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
)

const allowed = `{"allowed":true,"reason":{"code":"ALLOWED"},"billing":{"status":"billed","billing_account":"b","project":"p"},"path":["number:1","project:p","account:a"],"account":"a","revision":"r",` +
	`"status":200,"principal":"key:k","sponsor":"user:ann","project":"p","rate_limit":{"headers":{"RateLimit":"x"},"key":{"burst":20,"remaining":19,"reset":1}},"headers":{"X-Tollgate-Decision":"allowed"}}`

func TestAuthorize(t *testing.T) {
	c := fake(t, exchange(t, `POST /v1/authorize {"api_key":"k","method":"GET","path":"/a?b","host":"h","source_ip":"192.0.2.7"}`, allowed))
	v, err := c.Authorize(t.Context(), HeldRequest{APIKey: "k", Method: "GET", Path: "/a?b", Host: "h", Source: netip.MustParseAddr("192.0.2.7")})
	if err != nil {
		t.Fatal(err)
	}
	if !v.Allowed || v.Status != 200 || v.Principal != "key:k" || v.Sponsor != "user:ann" || v.Project != "p" || v.Billing.BillingAccount != "b" || v.RateLimit.Key.Remaining != 19 {
		t.Errorf("%+v", v)
	}
	c = fake(t, exchange(t, `POST /v1/authorize {"subject":"user:ann","permission":"x.y","resource":"x:1","freshness":"full","require_billing":true}`,
		`{"allowed":false,"reason":{"code":"NO_BINDING"},"status":403,"headers":{}}`))
	if v, err = c.Authorize(t.Context(), HeldRequest{Subject: "user:ann", Permission: "x.y", Resource: "x:1", Freshness: Full, RequireBilling: true}); err != nil || v.Allowed {
		t.Errorf("%+v, %v", v, err)
	}
}

// A verdict that allows in one part and denies in another is none, and neither
// is what another operation would have answered.
func TestVerdictsThatContradictThemselves(t *testing.T) {
	for _, body := range []string{
		``, `null`, `[]`, `{}`, `{"allowed":true}`, `{"decision":true}`, `{"allowed":false,"reason":{"code":"NO_BINDING"}}`,
		`{"allowed":true,"reason":{"code":"ALLOWED"},"billing":{"status":"billed"},"path":[]}`,
		strings.Replace(allowed, `"allowed":true`, `"allowed":false`, 1), strings.Replace(allowed, `"status":200`, `"status":403`, 1),
		strings.Replace(allowed, `"code":"ALLOWED"`, `"code":"UNBILLED"`, 1), strings.Replace(allowed, `:"allowed"`, `:"denied"`, 1),
		allowed[:len(allowed)-1], allowed + `{}`,
	} {
		v, err := fake(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }).Authorize(t.Context(), HeldRequest{})
		if err == nil || v != nil || ReasonOf(err) != ReasonNotUnderstood {
			t.Errorf("%s: %+v, %v", body, v, err)
		}
	}
}

// A decision is JSON with the status 200, or there is none.
func TestOnlyJSONWithStatus200Decides(t *testing.T) {
	for typ, status := range map[string]int{"text/html": 200, "": 200, "application/problem+json": 200, "application/json": 202} {
		c := fake(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = []string{typ}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, allowed)
		})
		if _, err := c.Authorize(t.Context(), HeldRequest{}); ReasonOf(err) != ReasonNotUnderstood {
			t.Errorf("%q %d: %v", typ, status, err)
		}
	}
}

func TestUnixSockets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	socket, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: socket, Config: &http.Server{Handler: inJSON(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header["Authorization"]) > 0 {
			t.Error("a key was shown, and there is none")
		}
		_, _ = io.WriteString(w, allowed)
	})}}
	server.Start()
	defer server.Close()
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // which is not for sockets
	c, err := New("unix://"+path, "")
	if err != nil || c.Server() != "unix://"+path {
		t.Fatal(err)
	}
	defer c.Close()
	if v, err := c.Authorize(t.Context(), HeldRequest{}); err != nil || !v.Allowed {
		t.Errorf("%+v, %v", v, err)
	}
	for _, wrong := range []string{"unix://", "unix:///", "unix://host/s", "unix:s", "unix:///s?x"} {
		if _, err := New(wrong, ""); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
	if _, err := New("unix://"+path, "", WithTransport(http.DefaultTransport)); err == nil {
		t.Error("a transport of one's own was taken, which dials no socket")
	}
}

// What decides nothing may be asked again when the server closes a connection
// that was kept open; a write may not: it may have been made.
func TestAConnectionThatTheServerClosed(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 10)
	go func() { // answers the first request of each connection, and closes it at the second
		for {
			conn, err := listener.Accept()
			if err != nil {
				close(asked)
				return
			}
			in := bufio.NewReader(conn)
			for n := range 2 {
				r, err := http.ReadRequest(in)
				if err != nil {
					break
				}
				_, _ = io.Copy(io.Discard, r.Body)
				asked <- r.URL.Path + strings.Join(r.Header["Idempotency-Key"], "")
				if n == 0 {
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
				}
			}
			_ = conn.Close()
		}
	}()
	c, err := New("http://"+listener.Addr().String(), secret)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		if _, err := c.Check(t.Context(), Question{}); err != nil {
			t.Errorf("check %d: %v", n, err)
		}
	}
	if _, err := c.CreateBinding(t.Context(), Binding{}); ReasonOf(err) != ReasonUnreachable {
		t.Errorf("a write was sent twice, or its error is another one: %v", err)
	}
	c.Close()
	_ = listener.Close()
	var all []string
	for a := range asked {
		all = append(all, a)
	}
	if got, want := strings.Join(all, " "), "/v1/check /v1/check /v1/check /v1/bindings"; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
}

func TestReasonOf(t *testing.T) {
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	c, err := New(down.URL, secret)
	if err != nil {
		t.Fatal(err)
	}
	_, unreachable := c.Check(t.Context(), Question{})
	over, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	_, late := c.Check(over, Question{})
	gone, cancelled := context.WithCancel(t.Context())
	cancelled()
	_, left := c.Check(gone, Question{})
	_, foreign := fake(t, refuse(502, "<html>")).Check(t.Context(), Question{})
	_, answered := fake(t, refuse(503, `{"reason":"STATE_UNAVAILABLE","detail":"d"}`)).Check(t.Context(), Question{})
	for want, err := range map[string]error{
		ReasonUnreachable: unreachable, ReasonDeadlineExceeded: late, ReasonCanceled: left, ReasonNotUnderstood: foreign, "STATE_UNAVAILABLE": answered, "": errors.New("x"),
	} {
		if got := ReasonOf(err); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}

// The codes are the engine's, all of them.
func TestCodesAreTheEngines(t *testing.T) {
	ours := map[string]bool{}
	for _, code := range []string{
		CodeAllowed, CodeNoBinding, CodeDeniedByBinding, CodeResourceNotFound, CodeResourceDeleted, CodeResourceSuspended,
		CodeParentRequired, CodeParentMismatch, CodeParentNotFound, CodeUnbilled, CodeBillingSuspended, CodeKeyMissing, CodeKeyInvalid,
		CodeKeyNotFound, CodeKeyExpired, CodeKeyDisabled, CodeAddressBlocked, CodeKeyOutOfReach, CodeSponsorMissing, CodeSponsorLacks,
		CodeRateLimited, CodeEvaluatorMismatch,
	} {
		ours[code] = true
	}
	for code := authz.NoBinding; code <= authz.EvaluatorMismatch; code++ {
		if !ours[code.String()] {
			t.Errorf("%s has no constant", code)
		}
		delete(ours, code.String())
	}
	for code := range ours {
		t.Errorf("%s is none of the engine's", code)
	}
}
