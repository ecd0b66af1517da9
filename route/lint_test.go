package route

import (
	"fmt"
	"strings"
	"testing"
)

func TestWarnings(t *testing.T) {
	for _, tc := range []struct {
		says   string // nothing, if there must be no warning
		routes []string
	}{
		{"", []string{"GET /a/{x}", "GET /a/b", "GET /a/{x}:v", "GET /{_...}"}},
		{"{y} stands in the path", []string{"GET /{y}/{x}"}},
		{"{y} stands in the path", []string{"GET /{x}/{y...}"}},
		{"", []string{"GET /{_y}/{x}", "GET /{_}/{_}/{x}"}},
		{"here it is GET /a/{x}/c", []string{"GET /{x}/b/c", "GET /a/{x}/c"}},
		{"here it is GET /a/{x}/c", []string{"GET /a/{x}/c", "GET /{x}/b/c"}},
		{"here it is GET /a/{_...}", []string{"GET /{x}/b", "GET /a/{_...}"}},
		{"", []string{"GET /{x}/b/c", "POST /a/{x}/c"}},
		{"", []string{"GET /{x}/b/c", "GET /a/{x}/d"}},
		{"", []string{"GET /{x}/b/c", "GET /a/{x}"}},
		{"here it is GET /b:v/{x}", []string{"GET /{x}:v/b", "GET /b:v/{x}"}},
		{"", []string{"GET /{x}:w/b", "GET /b:v/{x}"}},
	} {
		var file strings.Builder
		file.WriteString("routes:\n")
		for _, r := range tc.routes {
			resource := "c:d"
			if strings.Contains(r, "{x}") {
				resource = "c:{x}"
			}
			fmt.Fprintf(&file, "- {route: %q, permission: a.b, resource: %q}\n", r, resource)
		}
		m, err := Parse(strings.NewReader(file.String()))
		if err != nil {
			t.Fatal(err)
		}
		said := fmt.Sprint(m.Warnings())
		if tc.says == "" && said != "[]" || !strings.Contains(said, tc.says) || tc.says != "" && !strings.Contains(said, "line ") {
			t.Errorf("%v: %s; want %q", tc.routes, said, tc.says)
		}
	}
}

// Routes are compared only where a host may match both alike.
func TestWarningsHeedHosts(t *testing.T) {
	for want, hosts := range map[int][2][]string{
		1: {{"a.example", "b.example"}, {"b.example"}},
		0: {{"a.example"}, nil}, // the one with the host is more specific everywhere
	} {
		a, b := asks("GET /{_x}/b", "x", hosts[0]...), asks("GET /a/{_x}", "y", hosts[1]...)
		if got := mustNew(t, a, b).Warnings(); len(got) != want {
			t.Errorf("%v: %v", hosts, got)
		}
	}
}
