package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/tollgate-dev/tollgate/internal/oracle"
)

// failing checks a property that must fail, and returns what rapid says of it.
func failing(t *testing.T, property func(*rapid.T)) string {
	t.Helper()
	f := &failure{TB: t}
	ended := make(chan struct{})
	go func() { // which FailNow ends
		defer close(ended)
		rapid.Check(f, property)
	}()
	<-ended
	if !f.failed {
		t.Fatalf("nothing was found: %s", f.said.String())
	}
	return f.said.String()
}

// failure is a test that may fail without failing the one that it is in.
type failure struct {
	rapid.TB // the test that it is in

	mu     sync.Mutex
	said   strings.Builder
	failed bool
}

func (f *failure) say(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said.WriteString(text + "\n")
}

func (f *failure) Logf(format string, args ...any) { f.say(fmt.Sprintf(format, args...)) }
func (f *failure) Log(args ...any)                 { f.say(fmt.Sprint(args...)) }
func (f *failure) Failed() bool                    { return f.failed }
func (f *failure) Fail()                           { f.failed = true }

func (f *failure) Errorf(format string, args ...any) {
	f.Logf(format, args...)
	f.Fail()
}

func (f *failure) Error(args ...any) {
	f.Log(args...)
	f.Fail()
}

func (f *failure) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	f.FailNow()
}

func (f *failure) Fatal(args ...any) {
	f.Error(args...)
	f.FailNow()
}

func (f *failure) FailNow() {
	f.Fail()
	runtime.Goexit()
}

// tamper puts something between the clients and the servers.
func (a *arena) tamper(t *testing.T, with func(w http.ResponseWriter, r *http.Request, pass http.Handler)) {
	t.Helper()
	for i, server := range a.servers {
		to, err := url.Parse(server)
		if err != nil {
			t.Fatal(err)
		}
		pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, Transport: a.http.Transport}
		between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { with(w, r, pass) }))
		t.Cleanup(between.Close)
		a.servers[i] = between.URL
	}
}

// withoutDenies is a rule that is wrong: that no deny wins.
func withoutDenies(w *oracle.World, q oracle.Question) oracle.Answer {
	other := *w
	other.Bindings = slices.DeleteFunc(slices.Clone(w.Bindings), func(b oracle.Binding) bool { return b.Effect == "deny" })
	return oracle.Decide(&other, q)
}

// suspendNothing answers a suspension with what there is.
func suspendNothing(w http.ResponseWriter, r *http.Request, pass http.Handler) {
	if path, ok := strings.CutSuffix(r.URL.Path, "/suspend"); ok {
		r.URL.Path, r.Method = path, http.MethodGet
	}
	pass.ServeHTTP(w, r)
}

// sayFirstRevision answers checks as if they were of the revision that was
// answered first of their account.
func sayFirstRevision() func(http.ResponseWriter, *http.Request, http.Handler) {
	var mu sync.Mutex
	first := map[string]string{} // by account
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		answer := httptest.NewRecorder()
		pass.ServeHTTP(answer, r)
		text := answer.Body.String()
		if r.URL.Path == "/v1/check" {
			var of struct{ Account, Revision string }
			_ = json.Unmarshal(answer.Body.Bytes(), &of) // of a problem there is neither
			mu.Lock()
			defer mu.Unlock()
			if first[of.Account] == "" {
				first[of.Account] = of.Revision
			}
			text = strings.Replace(text, of.Revision, first[of.Account], 1)
		}
		maps.Copy(w.Header(), answer.Header())
		w.Header().Del("Content-Length") // of the text as it was
		w.WriteHeader(answer.Code)
		_, _ = io.WriteString(w, text)
	}
}
