package main

import (
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
)

const numberRoute = "routes:\n  - {route: \"GET /v1/numbers/{number}\", permission: number.read, resource: \"number:{number}\"}\n"

// A map that is wrong stops the start; later it changes nothing, and says so.
func TestRoutesAreReadAnew(t *testing.T) {
	wrong := file(t, "wrong.yaml", "routes:\n  - {route: GET nowhere}\n")
	if got := command(t, environment{}, "", "serve", "--addr", "127.0.0.1:0", "--routes", wrong); got.code != exitError || !strings.Contains(got.err, "wrong.yaml") {
		t.Errorf("exit code %d: %s", got.code, got.err)
	}
	name := file(t, "routes.yaml", numberRoute)
	s := serve(t, environment{}, "--routes", name)
	hangup := func(text, says string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		s.log.waitFor(t, says, nil)
	}
	asks := func(want string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.environment["TOLLGATE_SERVER"]+"/v1/authorize",
			strings.NewReader(`{"subject":"user:ann","method":"GET","path":"/v1/numbers/1"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+s.environment["TOLLGATE_KEY"])
		r.Header.Set("Content-Type", "application/json")
		r.Close = true
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = a.Body.Close() }()
		if text, err := io.ReadAll(a.Body); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("want %s: %s, %v", want, text, err)
		}
	}
	asks(`"RESOURCE_NOT_FOUND"`) // by the route's permission
	hangup("routes: no", "the routes were not read anew")
	asks(`"RESOURCE_NOT_FOUND"`)
	hangup("routes: []\n", "the routes were read anew")
	asks(`"ROUTE_NOT_FOUND"`)
}
