package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/route"
)

// The example is without warnings, and does what its cases say.
func TestExampleRoutes(t *testing.T) {
	for _, args := range [][]string{{"lint", "../../examples/routes.yaml", "--strict"}, {"test", "../../examples/routes.test.yaml"}} {
		if got := command(t, environment{}, "", append([]string{"routes"}, args...)...); got.code != exitYes || got.err != "" {
			t.Errorf("%v: %+v", args, got)
		}
	}
}

const oneRoute = `routes: [{route: "GET /v1/{project}/{number}", permission: number.read, resource: "number:{number}"}]`

func TestLintRoutes(t *testing.T) {
	for _, tc := range []struct {
		code int
		out  string
		text string
		args []string
	}{
		{exitYes, "1 route, 1 warning, sha256:", oneRoute, nil},
		{exitNo, "warning line 1: GET /v1/{project}/{number}: {project} stands in the path", oneRoute, []string{"--strict"}},
		{exitYes, "1 route, 0 warnings, sha256:", strings.ReplaceAll(oneRoute, "{project}", "{_project}"), []string{"--strict"}},
		{exitNo, "wrong   line 1: GET /v1/{project}/{number}: resource: {num} is not bound", strings.ReplaceAll(oneRoute, ":{number}", ":{num}"), nil},
		{exitNo, "not YAML", "routes: [", nil},
		{exitNo, "1 mistake\n", "routes: 7", nil},
	} {
		args := append([]string{"routes", "lint", "-"}, tc.args...)
		if got := command(t, environment{}, tc.text, args...); got.code != tc.code || !strings.Contains(got.out, tc.out) || got.err != "" {
			t.Errorf("%s: %+v, want %d, %q", tc.text, got, tc.code, tc.out)
		}
	}
	if got := command(t, environment{}, "", "routes", "lint", filepath.Join(t.TempDir(), "none")); got.code != exitError || got.out != "" {
		t.Errorf("%+v", got)
	}
	linted := decoded[lintedMap](t, command(t, environment{}, oneRoute+"\nx: 1", "routes", "lint", "-", "--json").out)
	if len(linted.Mistakes) != 1 || linted.Mistakes[0].Line != 2 || linted.Mistakes[0].Reason != "ROUTES_INVALID" || linted.Digest != "" {
		t.Errorf("%+v", linted)
	}
	linted = decoded[lintedMap](t, command(t, environment{}, oneRoute, "routes", "lint", "-", "--json").out)
	if linted.Routes != 1 || linted.Digest == "" || len(linted.Warnings) != 1 || linted.Warnings[0].Line != 1 {
		t.Errorf("%+v", linted)
	}
}

func TestTestRoutes(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("routes.yaml", oneRoute)
	const yes = `{"request":"GET /v1/p/7","permission":"number.read","resource":"number:7"}`
	const no = `{"request":"GET /v1/p/7","host":"a.example","unmatched":true}`
	routes, lines := filepath.Join(dir, "routes.yaml"), write("cases.jsonl", yes+"\n\n"+no+"\n")
	for _, tc := range []struct {
		code int
		says string
		args []string
	}{
		{exitYes, "1 of 1 as expected\n", []string{write("yes.yaml", "map: routes.yaml\ncases:\n- "+yes)}},
		{exitYes, "1 of 1 as expected\n", []string{write("absolute.yaml", "map: "+routes+"\ncases:\n- "+yes)}},
		{exitNo, "line 4: GET /v1/p/7 at a.example\n  expected  unmatched\n  is        number.read on number:7\n1 of 2 as expected\n", []string{write("no.yaml", "map: routes.yaml\ncases:\n- "+yes+"\n- "+no)}},
		{exitNo, "line 3: GET /v1/p/7 at a.example\n", []string{lines, "--map", routes}},
		{exitError, "which map?", []string{lines}},
		{exitError, "must say what is expected", []string{write("empty.yaml", "cases: [{request: GET /}]"), "--map", routes}},
		{exitError, "line 2: there is no field", []string{write("field.jsonl", yes+"\n"+`{"x":1}`), "--map", routes}},
		{exitError, "no case in it", []string{write("none.jsonl", "\n"), "--map", routes}},
		{exitError, "none.yaml", []string{lines, "--map", filepath.Join(dir, "none.yaml")}},
		{exitError, "is not bound", []string{lines, "--map", write("wrong.yaml", strings.ReplaceAll(oneRoute, ":{number}", ":{x}"))}},
	} {
		got := command(t, environment{}, "", append([]string{"routes", "test"}, tc.args...)...)
		said := got.out
		if tc.code == exitError {
			said = got.err
		}
		if got.code != tc.code || !strings.Contains(said, tc.says) {
			t.Errorf("%v: %+v, want %d, %q", tc.args, got, tc.code, tc.says)
		}
	}
	replay := decoded[routeReplay](t, command(t, environment{"TOLLGATE_MAP": routes}, "", "routes", "test", lines, "--json").out)
	if replay.Total != 2 || replay.AsExpected != 1 || len(replay.Mismatches) != 1 || replay.Mismatches[0].Line != 3 || replay.Mismatches[0].Got.Resource != "number:7" || replay.Digest == "" {
		t.Errorf("%+v", replay)
	}
}

func TestGenerateRoutes(t *testing.T) {
	const doc = `{"openapi":"3.0.3","info":{"title":"x","version":"1"},"paths":{"/n/{n}":{"parameters":[{"name":"n","in":"path","required":true,"schema":{"type":"string"}}],
		"get":{"x-tollgate":{"permission":"number.read","resource":"number:{n}"},"responses":{"200":{"description":"x"}}},
		"put":{"operationId":"putNumber","responses":{"200":{"description":"x"}}}}}}`
	got := command(t, environment{}, doc, "routes", "generate", "-")
	if m, err := route.Parse(strings.NewReader(got.out)); err != nil || m.Len() != 1 || got.code != exitNo || !strings.Contains(got.err, "1 operation without x-tollgate, not in the map: putNumber") {
		t.Errorf("%+v, %v", got, err)
	}
	whole := strings.ReplaceAll(doc, `"operationId":"putNumber"`, `"x-tollgate":"deny"`)
	if got := command(t, environment{}, whole, "routes", "generate", "-"); got.code != exitYes || got.err != "" {
		t.Errorf("%+v", got)
	}
	made := decoded[generatedMap](t, command(t, environment{}, doc, "routes", "generate", "-", "--json").out)
	if made.Map.Len() != 1 || len(made.Silent) != 1 {
		t.Errorf("%+v", made)
	}
	for _, wrong := range []string{"", "{}", strings.ReplaceAll(doc, "{n}\"", "{m}\""), strings.Replace(doc, `{"type":"string"}`, `{"$ref":"/etc/passwd"}`, 1)} {
		if got := command(t, environment{}, wrong, "routes", "generate", "-"); got.code != exitError || got.out != "" {
			t.Errorf("%s: %+v", wrong, got)
		}
	}
}
