package route

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files")

// golden compares text with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; write it with -update):\n%s", name, diff)
	}
}

// All mistakes of a file are told at once, each with its line.
func TestMistakesOfAFile(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "mistaken.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := Parse(f)
	if m != nil || err == nil {
		t.Fatal("the file is accepted")
	}
	golden(t, "mistaken.txt", err.Error()+"\n")
}

func TestFilesThatAreRefused(t *testing.T) {
	const good = "routes:\n- {route: GET /, permission: a.b, resource: 'c:d'}\n"
	if _, err := Parse(strings.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing": "", "a comment": "# x\n", "null": "null", "a list": "- a", "no routes": "{}", "routes that are null": "routes:", "routes that are text": "routes: x",
		"no YAML": "routes: [", "an unknown alias": "routes: *x", "a tab": "routes:\n\t- x", "two documents": good + "---\n" + good, "rubbish behind": good + "---\n[",
		"an anchor": "routes: &x []", "an alias": "routes:\n- &x {route: GET /, permission: a.b, resource: 'c:d'}\n- *x\n", "an alias of text": "routes:\n- {route: &x GET /, permission: a.b, resource: 'c:d', under: *x}\n",
		"a merge": "routes:\n- {<<: {route: GET /}, permission: a.b, resource: 'c:d'}\n", "a tag": "routes:\n- {route: !x GET /, permission: a.b, resource: 'c:d'}\n",
		"the same field twice": "routes: []\nroutes: []\n", "a number": "routes:\n- {route: GET /, permission: 1.2, resource: 'c:d'}\n", "no hosts": strings.Replace(good, "}", ", hosts: []}", 1),
		"an empty field": strings.Replace(good, "}", ", under: ''}", 1), "too much": good + strings.Repeat("#", MaxFile), "a bad byte": good + "# \xff",
	} {
		if m, err := Parse(strings.NewReader(text)); m != nil || reason(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A file is read as it is written, or refused with nothing left of it.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"attacked.yaml", "mistaken.yaml"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(`{"routes":[{"route":"GET /{x...}","permission":"a.b","resource":"c:{x}","hosts":["*.a"]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := Parse(strings.NewReader(text))
		if err != nil {
			if m != nil || reason(err) == "" {
				t.Fatalf("%v, with a map of %d routes", err, m.Len())
			}
			return
		}
		file, err := m.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(strings.NewReader(string(file)))
		if err != nil || again.Digest() != m.Digest() {
			t.Fatalf("%v\n%s", err, file)
		}
		stored, err := m.MarshalJSON()
		var back Map
		if err != nil || back.UnmarshalJSON(stored) != nil || back.Digest() != m.Digest() {
			t.Fatalf("%v\n%s", err, stored)
		}
	})
}
