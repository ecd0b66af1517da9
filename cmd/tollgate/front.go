package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"
)

// front stands before the API. It answers for it until that is ready: the server
// is alive, and can do nothing yet. When the server is about to stop, it says so
// to who asks whether it is ready. On a spare connection it lets nobody else in.
type front struct {
	in       *listener
	api      atomic.Pointer[http.Handler]
	why      atomic.Pointer[string] // the API is not ready
	stopping atomic.Bool
}

func newFront(in *listener) *front {
	f := &front{in: in}
	f.wait("the server is starting")
	return f
}

// wait says why the API is not ready.
func (f *front) wait(why string) { f.why.Store(&why) }

// open lets the API answer from now on.
func (f *front) open(api http.Handler) { f.api.Store(&api) }

// stop says from now on that the server is not ready. It serves all the same, but
// keeps no connection: who comes again is to find another server.
func (f *front) stop() { f.stopping.Store(true) }

// leaving is an error once the server is about to stop.
func (f *front) leaving() error {
	if f.stopping.Load() {
		return errStopping
	}
	return nil
}

var errStopping = errors.New("the server is stopping")

// operations are what tells of the server itself. They are never turned away.
var operations = map[string]bool{"/livez": true, "/readyz": true, "/metrics": true}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.serve(w, r, f.api.Load()) }

// before is the front before another way in, which is ready.
func (f *front) before(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.serve(w, r, &api) })
}

func (f *front) serve(w http.ResponseWriter, r *http.Request, api *http.Handler) {
	if spare(r.Context()) {
		w.Header().Set("Connection", "close")
		if !operations[r.URL.Path] {
			refuse(w, http.StatusServiceUnavailable, "OVERLOADED", "the server has as many connections open as it takes, so this was not begun; try again")
			return
		}
	}
	if err := f.leaving(); err != nil {
		w.Header().Set("Connection", "close")
		if r.URL.Path == "/readyz" {
			refuse(w, http.StatusServiceUnavailable, "NOT_READY", err.Error())
			return
		}
	}
	if api != nil {
		(*api).ServeHTTP(w, r)
		return
	}
	if r.URL.Path == "/livez" {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"status":"ok"}` + "\n"))
		return
	}
	refuse(w, http.StatusServiceUnavailable, "NOT_READY", *f.why.Load())
}

// operationsOnly is the handler of an address for those alone.
func (f *front) operationsOnly() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !operations[r.URL.Path] {
			refuse(w, http.StatusNotFound, "ROUTE_NOT_FOUND", "this address has /livez, /readyz and /metrics, and nothing else")
			return
		}
		f.ServeHTTP(w, r)
	})
}

func refuse(w http.ResponseWriter, status int, reason, detail string) {
	id := rand.Text()
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("X-Request-Id", id)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Reason: reason, Detail: detail, RequestID: id,
	})
}

// problem is what the API answers with an error (RFC 9457).
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Reason    string `json:"reason"`
	RequestID string `json:"request_id"`
}
