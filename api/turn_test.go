package api

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
	"github.com/tollgate-dev/tollgate/store"
)

// held is a store that can be made to answer nothing.
type held struct {
	*store.Store
	until atomic.Pointer[chan struct{}]
}

// hold begins that, and the function that it returns ends it.
func (h *held) hold() (release func()) {
	c := make(chan struct{})
	h.until.Store(&c)
	return sync.OnceFunc(func() { close(c) })
}

func (h *held) wait() {
	if c := h.until.Load(); c != nil {
		<-*c
	}
}

func (h *held) Since(ctx context.Context, account string, after authz.Revision) (authz.Head, []authz.Change, error) {
	h.wait()
	return h.Store.Since(ctx, account, after)
}

func (h *held) Read(ctx context.Context, account string, keys ...authz.Key) (authz.Head, []authz.Record, error) {
	h.wait()
	return h.Store.Read(ctx, account, keys...)
}

func (h *held) Resources(ctx context.Context, account string, container hierarchy.Ref, after string, limit int) ([]authz.Record, error) {
	h.wait()
	return h.Store.Resources(ctx, account, container, after, limit)
}

// busy is an API over a store that can be held, with its gates in sight.
type busy struct {
	*fixture
	server *server
	store  *held
}

func newBusy(t testing.TB, c Capacity) *busy {
	t.Helper()
	b := &busy{}
	b.fixture = newFixture(t, func(config *Config) {
		model, err := os.ReadFile("../model.conf")
		must(t, err)
		judge, err := policy.NewJudge(string(model))
		must(t, err)
		under, err := store.OpenEmbedded(store.Options{})
		must(t, err)
		t.Cleanup(func() { must(t, under.Close()) })
		b.store = &held{Store: under}
		engine, err := authz.NewEngine(b.store, judge, authz.Options{Bound: time.Hour, Timeout: time.Hour})
		must(t, err)
		t.Cleanup(engine.Close)
		config.Admin, config.Capacity = admin.New(engine, b.store), c
		b.server, err = newServer(*config)
		must(t, err)
		config.Registry = nil // this one has been used
	})
	handler, err := b.server.router()
	must(t, err)
	b.handler = handler
	return b
}

// ask makes requests at once, and returns their answers as they come.
func (b *busy) ask(n int, method, path, body string) <-chan *httptest.ResponseRecorder {
	answers := make(chan *httptest.ResponseRecorder, n)
	for range n {
		go func() {
			w := httptest.NewRecorder()
			b.handler.ServeHTTP(w, request(method, path, body))
			answers <- w
		}()
	}
	return answers
}

// until waits until a class has so many in work.
func (b *busy) until(of class, working int64) {
	for now := int64(-1); now != working; now, _ = b.server.gates[of].now() {
		runtime.Gosched()
	}
}

const (
	fullCheck = `{"subject":"user:bob","permission":"number.update","resource":"number:+4670","freshness":"full"}`
	flooded   = 60
)

// A flood of what waits for the store is shed, and said to come back. What was
// admitted is finished, other classes go on, and nothing asks in vain how the
// server is.
func TestFlood(t *testing.T) {
	const most = 4
	b := newBusy(t, Capacity{Checks: most, Administration: most, Patience: time.Millisecond})
	w := b.world()
	b.do(post, "/v1/check", checkBody).want(200)
	flood := map[class]func() <-chan *httptest.ResponseRecorder{
		checks: func() <-chan *httptest.ResponseRecorder { return b.ask(flooded, post, "/v1/check", fullCheck) },
		administration: func() <-chan *httptest.ResponseRecorder {
			return b.ask(flooded, get, "/v1/subprojects/"+w.subproject+"/resources", "")
		},
	}
	paths := map[class]string{checks: "/v1/check", administration: "/v1/bindings"} // which without fields ask the store nothing
	for of, ask := range flood {
		release := b.store.hold()
		answers := ask()
		for range flooded - most { // while the store answers nothing
			shed(t, <-answers)
		}
		if working, waiting := b.server.gates[of].now(); working != most || waiting != 0 {
			t.Errorf("%v: %d are in work, %d wait", of, working, waiting)
		}
		for other, path := range paths {
			if other == of {
				b.do(post, path, `{}`).problem(503, "OVERLOADED", "")
			} else {
				b.do(post, path, `{}`).want(400)
			}
		}
		for _, path := range []string{"/livez", "/readyz", "/metrics"} {
			b.do(get, path, "").want(200)
		}
		line := `tollgate_requests_shed_total{class="` + of.String() + `"} ` + strconv.Itoa(flooded-most+1)
		if text := b.do(get, "/metrics", "").text; !strings.Contains(text, line) || !strings.Contains(text, `tollgate_requests_working{class="`+of.String()+`"} 4`) {
			t.Errorf("the metrics do not say %s", line)
		}
		release()
		for range most {
			if got := <-answers; got.Code != 200 {
				t.Errorf("%v: what was admitted is answered %d: %s", of, got.Code, got.Body)
			}
		}
		b.until(of, 0)
		b.do(post, paths[of], `{}`).want(400)
	}
}

// Without a bound the same flood is all in work, for as long as the store wants.
func TestFloodWithoutABound(t *testing.T) {
	b := newBusy(t, Capacity{})
	b.world()
	release := b.store.hold()
	answers := b.ask(flooded, post, "/v1/check", fullCheck)
	b.until(checks, flooded)
	release()
	for range flooded {
		if got := <-answers; got.Code != 200 {
			t.Errorf("answered %d: %s", got.Code, got.Body)
		}
	}
}

// shed fails unless an answer says to come back.
func shed(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	answer{t, w.Code, w.Header(), w.Body.String()}.problem(503, "OVERLOADED", "")
	if after := w.Header().Get("Retry-After"); after != "1" {
		t.Errorf("Retry-After: %q", after)
	}
}

// unshed are the routes that need no turn: how the server is, and what is in
// memory anyway. Every other has a class, and is shed with it.
var unshed = map[string]bool{"/livez": true, "/readyz": true, "/metrics": true, "/openapi.json": true, "/docs": true, "/docs/:asset": true}

func TestEveryRouteHasAClass(t *testing.T) {
	b := newBusy(t, Capacity{Checks: 1, Administration: 1, Receipts: 1, Bulk: 1, Leaks: 1, Patience: time.Nanosecond})
	for _, g := range b.server.gates {
		must(t, g.enter(t.Context()))
	}
	names := strings.NewReplacer(":member", "user:x", ":asset", "swagger-ui.css", ":", "")
	for _, r := range b.handler.Routes() {
		body := ""
		if r.Method == post || r.Method == put || r.Method == patch {
			body = `{}`
		}
		a := b.do(r.Method, names.Replace(r.Path), body)
		switch {
		case unshed[r.Path]:
			a.want(200)
		case r.Method == http.MethodHead:
			a.want(503)
		default:
			a.problem(503, "OVERLOADED", "")
		}
	}
	for of, g := range b.server.gates { // which class is whose
		g.leave()
		free := map[class]string{checks: "/v1/billing-owner", administration: "/v1/bindings", bulk: "/v1/import", leaks: "/v1/leaked-keys"}[class(of)]
		if free != "" {
			b.do(post, free, `{}`).problem(400, "FIELD_REQUIRED", map[class]string{checks: "resource", administration: "subject", bulk: "account", leaks: "api_key"}[class(of)])
		}
		must(t, g.enter(t.Context()))
	}
	for id, of := range classOf {
		found := false
		for _, item := range b.contract.doc.Paths.Map() {
			for _, op := range item.Operations() {
				found = found || op.OperationID == id
			}
		}
		if !found {
			t.Errorf("%s is in the class %v, and not in the document", id, of)
		}
	}
}

// A caller whose body is slow in coming holds no turn, unless what it sends is
// large: of that there are not to be many.
func TestSlowBodiesAndTurns(t *testing.T) {
	b := newBusy(t, Capacity{Checks: 1, Administration: 1, Bulk: 1, Patience: time.Hour})
	w := b.world()
	for path, of := range map[string]class{"/v1/check": checks, "/v1/check/batch": checks, "/v1/bindings": administration, "/v1/import": bulk} {
		slow, begun := &slowBody{begun: make(chan struct{}), rest: make(chan struct{})}, make(chan struct{})
		go func() {
			r := request(post, path, "x")
			r.Body, r.ContentLength = io.NopCloser(slow), -1
			b.handler.ServeHTTP(httptest.NewRecorder(), r)
			close(begun)
		}()
		<-slow.begun
		working, _ := b.server.gates[of].now()
		if holds := working == 1; holds != (of == bulk) {
			t.Errorf("%s: a turn is held while the body comes: %v", path, holds)
		}
		close(slow.rest)
		<-begun
		b.do(get, "/v1/accounts/"+w.Account.ID, "").want(200)
		if working, _ := b.server.gates[of].now(); working != 0 {
			t.Errorf("%s: the turn was not given back", path)
		}
	}
}

// slowBody is a body that begins, and goes on when it is told to.
type slowBody struct {
	begun, rest chan struct{}
	read        bool
}

func (s *slowBody) Read(p []byte) (int, error) {
	if s.read {
		<-s.rest
		return 0, io.EOF
	}
	s.read = true
	close(s.begun)
	return copy(p, "{"), nil
}

// Whoever comes and goes how: never are more in work than may be, nobody is
// forgotten, and nothing is left over.
func TestGate(t *testing.T) {
	const most = 3
	g := newGate(most, 50*time.Microsecond)
	var working, in, out atomic.Int64
	var all sync.WaitGroup
	for range 24 {
		all.Go(func() {
			for range 500 {
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if rand.IntN(4) == 0 {
					ctx, cancel = context.WithTimeout(ctx, rand.N(60*time.Microsecond))
				}
				if err := g.enter(ctx); err != nil {
					out.Add(1)
				} else {
					in.Add(1)
					if n := working.Add(1); n > most {
						t.Errorf("%d are in work", n)
					}
					for range rand.IntN(50) {
						runtime.Gosched()
					}
					working.Add(-1)
					g.leave()
				}
				cancel()
			}
		})
	}
	all.Wait()
	if n := g.load.Load(); n != 0 || len(g.turns) != 0 {
		t.Errorf("%d are still counted, %d turns are left over", n, len(g.turns))
	}
	if in.Load() == 0 || out.Load() == 0 {
		t.Errorf("%d got a turn and %d did not, so half of it was not tested", in.Load(), out.Load())
	}
	for range most { // each is still to be had
		must(t, g.enter(t.Context()))
	}
	if err := g.enter(t.Context()); !errors.Is(err, errOverloaded) {
		t.Errorf("one too many: %v", err)
	}
}

// Who waits gets the turn of who leaves, and one whose caller has gone gives up.
func TestWaitingForATurn(t *testing.T) {
	g := newGate(1, time.Hour)
	must(t, g.enter(t.Context()))
	next := make(chan error)
	go func() { next <- g.enter(t.Context()) }()
	for _, waiting := g.now(); waiting != 1; _, waiting = g.now() {
		runtime.Gosched()
	}
	if err := g.enter(t.Context()); !errors.Is(err, errOverloaded) { // the queue is full, and an hour is not waited
		t.Errorf("%v", err)
	}
	g.leave()
	must(t, <-next)
	gone, cancel := context.WithCancel(t.Context())
	go func() { next <- g.enter(gone) }()
	for _, waiting := g.now(); waiting != 1; _, waiting = g.now() {
		runtime.Gosched()
	}
	cancel()
	if err := <-next; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	g.leave()
	must(t, g.enter(t.Context()))
}

// A turn that is to be had costs no memory.
func TestTurnsAreFree(t *testing.T) {
	ctx := t.Context()
	for _, g := range []*gate{newGate(1, time.Hour), newGate(0, 0)} {
		if n := testing.AllocsPerRun(1000, func() {
			if g.enter(ctx) == nil {
				g.leave()
			}
		}); n != 0 {
			t.Errorf("a turn takes %v allocations", n)
		}
	}
}

func BenchmarkTurn(b *testing.B) {
	g := newGate(DefaultCapacity.Checks, DefaultCapacity.Patience)
	ctx := b.Context()
	for b.Loop() {
		if g.enter(ctx) == nil {
			g.leave()
		}
	}
}
