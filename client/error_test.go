package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func refuse(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestProblemsAreErrors(t *testing.T) {
	c := fake(t, refuse(404, `{"type":"about:blank","title":"Not Found","status":404,"reason":"NOT_FOUND","detail":"account:x does not exist","field":"scope","request_id":"q1"}`))
	_, err := c.Export(t.Context(), "x")
	var got *Error
	if !errors.As(err, &got) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Error{404, "NOT_FOUND", "account:x does not exist", "scope", "q1", 0}, got); diff != "" {
		t.Error(diff)
	}
	if want := "scope: account:x does not exist (NOT_FOUND)"; got.Error() != want {
		t.Errorf("reads %q", got.Error())
	}
}

func TestWhatIsNotTollgate(t *testing.T) {
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"a proxy's page": {refuse(502, "<html>\x1b[2J"+strings.Repeat("x", 1000)), `502 Bad Gateway, and not as Tollgate does: "<html>\x1b[2Jx`},
		"nothing":        {refuse(404, ""), "404 Not Found, and not as Tollgate does"},
		"a redirect":     {refuse(302, "", "Location", "https://login.example/"), `it redirects to "https://login.example/", which is not followed`},
		"no JSON":        {refuse(200, "hello"), "is it a Tollgate?"},
	} {
		_, err := fake(t, tc.answer).Check(t.Context(), Question{})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && len(err.Error()) > 500 {
			t.Errorf("%s: %d bytes of error", name, len(err.Error()))
		}
	}
}

func TestAnswersAreBounded(t *testing.T) {
	c := fake(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat(" ", 101)) }, WithMaxResponse(100))
	if _, err := c.Check(t.Context(), Question{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v", err)
	}
}

func TestServersAndKeysThatCannotBe(t *testing.T) {
	for _, tc := range [][2]string{
		{"", secret}, {"127.0.0.1:8080", secret}, {"ftp://h", secret}, {"http://", secret}, {"http://h?x", secret},
		{"http://ann:" + secret + "@h", secret}, {"://ann:" + secret + "@h", secret}, {"http://h", secret + "\nX: y"},
	} {
		if _, err := New(tc[0], tc[1]); err == nil {
			t.Errorf("%q was taken", tc[0])
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("the error has the key in it: %v", err)
		}
	}
}

// Whatever goes wrong, the key is not in the error.
func TestTheKeyIsInNoError(t *testing.T) {
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	c, err := New(down.URL, secret)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.Check(t.Context(), Question{}); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("%v", err)
	}
}

// waits records what is waited for, and waits for nothing.
func (c *Client) waits(list *[]time.Duration) {
	c.wait = func(ctx context.Context, d time.Duration) error {
		*list = append(*list, d)
		return ctx.Err()
	}
}

func TestRepeating(t *testing.T) {
	const problem = `{"reason":"STORE_UNAVAILABLE","detail":"d"}`
	check := func(c *Client) error {
		_, err := c.Check(context.Background(), Question{})
		return err
	}
	bind := func(c *Client) error {
		_, err := c.CreateBinding(context.Background(), Binding{})
		return err
	}
	bindOnce := func(c *Client) error {
		_, err := c.CreateBinding(context.Background(), Binding{}, Once("k"))
		return err
	}
	for name, tc := range map[string]struct {
		status     int
		retryAfter string
		ask        func(*Client) error
		want       int
	}{
		"503 with a time":              {503, "1", check, tries},
		"503 with none":                {503, "", check, 1},
		"503 with too long a time":     {503, "3600", check, 1},
		"503 with a date":              {503, "Fri, 31 Dec 1999 23:59:59 GMT", check, 1},
		"503 of a write":               {503, "1", bind, 1},
		"503 of a write under a key":   {503, "1", bindOnce, tries},
		"another status":               {500, "1", check, 1},
		"429 with a time":              {429, "1", check, tries},
		"429 of a write":               {429, "1", bind, 1},
		"503 with a negative time":     {503, "-1", check, 1},
		"503 with the longest time":    {503, "5", check, tries},
		"503 with just over the bound": {503, "6", check, 1},
	} {
		sent := 0
		c := fake(t, func(w http.ResponseWriter, r *http.Request) {
			sent++
			refuse(tc.status, problem, "Retry-After", tc.retryAfter)(w, r)
		})
		var waited []time.Duration
		c.waits(&waited)
		err := tc.ask(c)
		if err == nil || sent != tc.want || len(waited) != tc.want-1 {
			t.Errorf("%s: sent %d times, waited %v: %v", name, sent, waited, err)
		}
		var known *Error
		errors.As(err, &known)
		for _, d := range waited {
			if d < known.RetryAfter || d >= known.RetryAfter*3/2 {
				t.Errorf("%s: waited %v, told %v", name, d, known.RetryAfter)
			}
		}
	}
}

// Who decides by himself when to come back is told what the server said.
func TestRetryAfterIsTold(t *testing.T) {
	for told, want := range map[string]time.Duration{"3600": time.Hour, "": 0, "-1": 0, "soon": 0} {
		_, err := fake(t, refuse(503, `{"reason":"OVERLOADED","detail":"d"}`, "Retry-After", told)).CreateBinding(t.Context(), Binding{})
		var known *Error
		if !errors.As(err, &known) || known.RetryAfter != want || known.Reason != "OVERLOADED" {
			t.Errorf("%q: %+v", told, err)
		}
	}
}

func TestRepeatingSucceeds(t *testing.T) {
	sent := 0
	c := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); !strings.Contains(string(body), "user:ann") {
			t.Errorf("sent %q", body)
		}
		if sent++; sent < 3 {
			refuse(503, `{"reason":"R","detail":"d"}`, "Retry-After", "1")(w, r)
			return
		}
		_, _ = io.WriteString(w, `{"allowed":true}`)
	})
	var waited []time.Duration
	c.waits(&waited)
	got, err := c.Check(t.Context(), Question{Subject: "user:ann"})
	if err != nil || !got.Allowed || sent != 3 {
		t.Errorf("%+v, %v after %d", got, err, sent)
	}
}

func TestWaitEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := wait(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := wait(t.Context(), time.Nanosecond); err != nil {
		t.Error(err)
	}
}
