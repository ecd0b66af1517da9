package client

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A question says how long its caller waits, if that is bounded; what decides
// nothing does not.
func TestTheServerIsToldTheDeadline(t *testing.T) {
	told := ""
	c := fake(t, func(w http.ResponseWriter, r *http.Request) {
		told = r.Header.Get("Tollgate-Timeout")
		_, _ = w.Write([]byte(`{"results":[]}`))
	})
	soon, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	for name, call := range map[string]func(context.Context){
		"a check":         func(ctx context.Context) { _, _ = c.Check(ctx, Question{}) },
		"an explanation":  func(ctx context.Context) { _, _ = c.Explain(ctx, Question{}) },
		"a batch":         func(ctx context.Context) { _, _ = c.CheckBatch(ctx, nil) },
		"a billing owner": func(ctx context.Context) { _, _ = c.BillingOwner(ctx, PayerQuestion{}) },
		"a held request":  func(ctx context.Context) { _, _ = c.Authorize(ctx, HeldRequest{}) },
	} {
		if call(soon); !strings.HasSuffix(told, "ms") {
			t.Errorf("%s said %q", name, told)
		}
		if call(t.Context()); told != "" {
			t.Errorf("%s, without a deadline, said %q", name, told)
		}
	}
	if _, _ = c.Log(soon, "a", LogQuery{}); told != "" {
		t.Errorf("what decides nothing said %q", told)
	}
	c = fake(t, func(w http.ResponseWriter, r *http.Request) { told = r.Header.Get("Tollgate-Timeout") }, WithTimeout(time.Minute))
	if _, _ = c.Check(t.Context(), Question{}); told == "" {
		t.Error("the client's own timeout was not told")
	}
}

// However little is left, something is: no server takes none.
func TestTimeLeft(t *testing.T) {
	for in, want := range map[time.Duration]string{-time.Hour: "1ms", time.Microsecond: "1ms", 1000 * time.Hour: "86400000ms"} {
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(in))
		if got := timeLeft(ctx); got != want {
			t.Errorf("%v: %s", in, got)
		}
		cancel()
	}
}
