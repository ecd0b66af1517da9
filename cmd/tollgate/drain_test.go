package main

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// After SIGTERM the server says that it is not ready while it still serves, and
// keeps no connection; then it is gone.
func TestNotReadyBeforeItStops(t *testing.T) {
	s := serve(t, environment{}, "--drain-delay", "2s")
	url := s.environment["TOLLGATE_SERVER"]
	s.signal(syscall.SIGTERM)
	for status := 200; status == 200; {
		status, _ = get(t, url+"/readyz")
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get(url + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK || !resp.Close {
		t.Errorf("while it waits: %d, closes: %v", resp.StatusCode, resp.Close)
	}
	s.want(t, exitNo, "check", "user:a", "number.read", "number:none")
	s.stop()
}

// Nobody waits for load balancers at a terminal: this ends.
func TestInterruptDoesNotWait(t *testing.T) {
	s := serve(t, environment{}, "--drain-delay", "1h")
	s.signal(syscall.SIGINT)
	s.stop()
}

// Under load, whatever was begun when the server is told to stop is answered.
func TestDrainingUnderLoad(t *testing.T) {
	begun, got := drainUnderLoad(t, defaultDrainFor)
	if begun != got {
		t.Errorf("%d requests were begun, %d answered", begun, got)
	}
}

// Without time to drain some are not.
func TestNotDraining(t *testing.T) {
	begun, got := drainUnderLoad(t, 0)
	if begun == got {
		t.Errorf("all of %d requests were answered", begun)
	}
}

func drainUnderLoad(t *testing.T, most time.Duration) (begun, got int64) {
	in, err := bind(t.Context(), "addr", "127.0.0.1:0", 0)
	if err != nil {
		t.Fatal(err)
	}
	var handled, ok atomic.Int64
	stop := listen(in, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		handled.Add(1)
		<-time.After(5 * time.Millisecond)
		w.WriteHeader(http.StatusNoContent)
	}), callers, zap.NewNop(), func() {})
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			for c := (&http.Client{Transport: transport}); ; ok.Add(1) {
				resp, err := c.Get("http://" + in.Addr().String())
				if err != nil {
					return
				}
				_ = resp.Body.Close()
			}
		})
	}
	for handled.Load() < 100 {
		<-time.After(time.Millisecond)
	}
	if err := stop(most); err != nil {
		t.Error(err)
	}
	all.Wait()
	return handled.Load(), ok.Load()
}

// However many ask whether the server is ready, the store is asked once at a time.
func TestProbesShareAPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const probes = 50
		var p pinging
		var pings atomic.Int64
		away, hold := errors.New("away"), make(chan struct{})
		answers := make(chan error, probes)
		for range probes {
			go func() {
				answers <- p.once(func(context.Context) error {
					pings.Add(1)
					<-hold
					return away
				})
			}()
		}
		synctest.Wait()
		if n := pings.Load(); n != 1 {
			t.Errorf("%d probes made %d pings", probes, n)
		}
		close(hold)
		for range probes {
			if err := <-answers; !errors.Is(err, away) {
				t.Error(err)
			}
		}
		if _ = p.once(func(context.Context) error { pings.Add(1); return nil }); pings.Load() != 2 {
			t.Error("a later probe asked nobody")
		}
	})
}
