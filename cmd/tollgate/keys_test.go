package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// request sends a request with a key, and returns the status and the body.
func (s site) request(t *testing.T, key, method, path, body string) (int, string) {
	t.Helper()
	status, _, text := s.requested(t, key, method, path, body)
	return status, text
}

// requested is request, with the header of the answer, and with further headers
// of the request, names and values in turn.
func (s site) requested(t *testing.T, key, method, path, body string, more ...string) (status int, header, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.environment["TOLLGATE_SERVER"]+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(more); i += 2 {
		r.Header.Set(more[i], more[i+1])
	}
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	all, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, fmt.Sprint(answer.Header), string(all)
}

// When a key was used last is in the store when the server has stopped; and the
// rate that the flags give holds it back.
func TestKeysAreCountedByTheServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	s := serve(t, environment{"TOLLGATE_DATA": path}, "--rate-limit-key", "0.001:2")
	operator := s.environment["TOLLGATE_KEY"]
	var key struct{ ID, Secret string }
	status, text := s.request(t, operator, http.MethodPost, "/v1/platform/keys", `{"service":"service:edge"}`)
	if err := json.Unmarshal([]byte(text), &key); status != http.StatusCreated || err != nil {
		t.Fatal(status, text, err)
	}
	show := func(s site) string {
		t.Helper()
		status, text := s.request(t, operator, http.MethodGet, "/v1/keys/"+key.ID, "")
		if status != http.StatusOK {
			t.Fatal(status, text)
		}
		return text
	}
	if text := show(s); strings.Contains(text, "last_used_at") {
		t.Error("it was not used yet: " + text)
	}
	for i, want := range []int{http.StatusForbidden, http.StatusForbidden, http.StatusTooManyRequests} {
		if status, text := s.request(t, key.Secret, http.MethodGet, "/metrics", ""); status != want {
			t.Errorf("%d: %d %s, want %d", i, status, text, want)
		}
	}
	s.stop()
	s = serve(t, environment{"TOLLGATE_DATA": path, "TOLLGATE_OPERATOR_KEY": operator})
	if text := show(s); !strings.Contains(text, `"last_used_at":"20`) {
		t.Error("it was used: " + text)
	}
}
