package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// HEAD answers as GET does, without the body: every route that is read has it.
func TestHead(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	server := httptest.NewServer(f.handler)
	defer server.Close()
	type answered struct {
		status     int
		kind, body string
	}
	ask := func(method, path, key string) answered {
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
		must(t, err)
		r.Header.Set("Authorization", key)
		a, err := server.Client().Do(r)
		must(t, err)
		body, err := io.ReadAll(a.Body)
		must(t, err)
		must(t, a.Body.Close())
		return answered{a.StatusCode, a.Header.Get("Content-Type"), string(body)}
	}
	names := strings.NewReplacer(":account", w.Account.ID, ":billing_account", w.BillingAccount.ID, ":project", w.Project.ID, ":subproject", w.subproject,
		":binding", w.Binding.ID, ":type", "number", ":resource", "%2B4670", ":role", "owner", ":group", "none", ":asset", "swagger-ui.css")
	heads := map[string]bool{}
	for _, r := range f.handler.Routes() {
		heads[r.Path] = heads[r.Path] || r.Method == http.MethodHead
	}
	for _, r := range f.handler.Routes() {
		if r.Method != get {
			continue
		}
		path := names.Replace(r.Path)
		if path == "/v1/bindings" {
			path += "?account=" + w.Account.ID
		}
		for _, key := range []string{"Bearer " + testKey, ""} {
			want, got := ask(get, path, key), ask(http.MethodHead, path, key)
			if !heads[r.Path] || got != (answered{want.status, want.kind, ""}) || want.body == "" {
				t.Errorf("HEAD %s: %+v; GET: %+v", path, got, want)
			}
		}
	}
}
