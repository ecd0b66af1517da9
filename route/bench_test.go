package route

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
)

// apiRoutes are the routes of an API of so many kinds of thing, five for each.
func apiRoutes(kinds int) []Route {
	var routes []Route
	for i := range kinds {
		base := fmt.Sprintf("/v1/projects/{project}/things%d", i)
		for _, r := range []string{"GET " + base, "POST " + base, "GET " + base + "/{id}", "PATCH " + base + "/{id}", "DELETE " + base + "/{id}"} {
			routes = append(routes, Route{Route: r, Permission: "thing.use", Resource: "project:{project}"})
		}
	}
	return routes
}

// nothing answers nothing.
type nothing struct{ header http.Header }

func (n nothing) Header() http.Header         { return n.header }
func (n nothing) Write(b []byte) (int, error) { return len(b), nil }
func (n nothing) WriteHeader(int)             {}

// BenchmarkResolve compares the match alone, and a whole Resolve with its
// reading of path, host and identifiers, with the routing of a ServeMux and of
// Gin, turn by turn in one run. Each figure is another's time by ours: with more
// than 1, ours is faster.
func BenchmarkResolve(b *testing.B) {
	for _, kinds := range []int{2, 20, 200, 2000} {
		b.Run(fmt.Sprintf("routes=%d", 5*kinds), func(b *testing.B) { benchmarkResolve(b, kinds) })
	}
}

func benchmarkResolve(b *testing.B, kinds int) {
	gin.SetMode(gin.ReleaseMode)
	m, mux, engine := mustNew(b, apiRoutes(kinds)...), http.NewServeMux(), gin.New()
	for _, c := range m.routes {
		mux.HandleFunc(c.Route.Route, func(http.ResponseWriter, *http.Request) {})
		engine.Handle(c.method, ginPath(&c.template), func(*gin.Context) {})
	}
	path := fmt.Sprintf("/v1/projects/prj_1/things%d/+46700000001", kinds/2)
	req := httptest.NewRequest(http.MethodGet, path, nil)
	w := nothing{http.Header{}}
	p, err := Normalise(path)
	if err != nil {
		b.Fatal(err)
	}
	turns := []func(){
		func() { _ = m.forest.find("GET", "api.example.com", &p) },
		func() { _, _ = m.Resolve("GET", "api.example.com", path) },
		func() { _, _ = mux.Handler(req) },
		func() { engine.ServeHTTP(w, req) },
	}
	var took [4]time.Duration
	for b.Loop() {
		for i, turn := range turns {
			begin := time.Now()
			for range 100 {
				turn()
			}
			took[i] += time.Since(begin)
		}
	}
	for i, ours := range []string{"match", "resolve"} {
		b.ReportMetric(took[2].Seconds()/took[i].Seconds(), "ServeMux/"+ours)
		b.ReportMetric(took[3].Seconds()/took[i].Seconds(), "Gin/"+ours)
	}
}

func ginPath(t *template) string {
	path := ""
	for _, seg := range t.segments {
		if seg.kind == literal {
			path += "/" + seg.text
		} else {
			path += "/:" + seg.name
		}
	}
	return path
}
