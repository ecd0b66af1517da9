package main

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"sync/atomic"
)

// front answers for the API until that is ready: it is alive, and can do
// nothing yet.
type front struct {
	api atomic.Pointer[http.Handler]
	why atomic.Pointer[string] // the API is not ready
}

func newFront() *front {
	f := &front{}
	f.wait("the server is starting")
	return f
}

// wait says why the API is not ready.
func (f *front) wait(why string) { f.why.Store(&why) }

// open lets the API answer from now on.
func (f *front) open(api http.Handler) { f.api.Store(&api) }

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if api := f.api.Load(); api != nil {
		(*api).ServeHTTP(w, r)
		return
	}
	if r.URL.Path == "/livez" {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"status":"ok"}` + "\n"))
		return
	}
	id := rand.Text()
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Retry-After", "1")
	w.Header().Set("X-Request-Id", id)
	w.WriteHeader(http.StatusServiceUnavailable)
	_ = json.NewEncoder(w).Encode(problem{
		Type: "about:blank", Title: http.StatusText(http.StatusServiceUnavailable), Status: http.StatusServiceUnavailable,
		Reason: "NOT_READY", Detail: *f.why.Load(), RequestID: id,
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
