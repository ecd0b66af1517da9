package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/policy"
	"github.com/tollgate-dev/tollgate/replica"
	"github.com/tollgate-dev/tollgate/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testKey = "the-operator-key-of-tests"

// fixture is the API over an embedded store.
type fixture struct {
	t        testing.TB
	store    *store.Store
	engine   *authz.Engine
	uses     *authz.Uses
	admin    *admin.Service
	hall     *hall
	handler  *gin.Engine
	logs     *observer.ObservedLogs
	contract *contract
}

func newFixture(t testing.TB, configure ...func(*Config)) *fixture {
	t.Helper()
	return newFixtureOn(t, store.Options{}, configure...)
}

func newFixtureOn(t testing.TB, o store.Options, configure ...func(*Config)) *fixture {
	t.Helper()
	model, err := os.ReadFile("../model.conf")
	must(t, err)
	judge, err := policy.NewJudge(string(model))
	must(t, err)
	st, err := store.OpenEmbedded(o)
	must(t, err)
	t.Cleanup(func() { must(t, st.Close()) })
	uses := authz.NewUses()
	engine, err := authz.NewEngine(st, judge, authz.Options{Unregistered: []string{"message"}, Uses: uses})
	must(t, err)
	t.Cleanup(engine.Close)
	core, logs := observer.New(zap.DebugLevel)
	service := admin.New(engine, st)
	must(t, service.EnsurePlatform(t.Context()))
	hall := &hall{}
	config := Config{Admin: service, OperatorKey: testKey, Logger: zap.New(core), Replicas: replica.New(hall, engine, "test", time.Second, zap.NewNop())}
	for _, c := range configure {
		c(&config)
	}
	handler, err := New(config)
	must(t, err)
	return &fixture{t, st, engine, uses, service, hall, handler.(*gin.Engine), logs, loadContract(t)}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// answer is an answer of the API.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	text   string
}

// request makes a request with the key; header holds names and values.
func request(method, path, body string, header ...string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body == "" {
		r = httptest.NewRequest(method, path, nil)
	} else {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+testKey)
	for i := 0; i < len(header); i += 2 {
		if r.Header.Del(header[i]); header[i+1] != "" {
			r.Header.Set(header[i], header[i+1])
		}
	}
	return r
}

// do asks the API, and holds the answer to the document.
func (f *fixture) do(method, path, body string, header ...string) answer {
	f.t.Helper()
	return f.send(request(method, path, body, header...))
}

func (f *fixture) send(r *http.Request) answer {
	f.t.Helper()
	return f.sendTo(f.handler, r)
}

func (f *fixture) sendTo(door http.Handler, r *http.Request) answer {
	f.t.Helper()
	w := httptest.NewRecorder()
	door.ServeHTTP(w, r)
	a := answer{f.t, w.Code, w.Header(), w.Body.String()}
	f.contract.holds(f.t, r, a)
	return a
}

// want fails unless the answer has a status.
func (a answer) want(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d: %s", a.status, status, a.text)
	}
	return a
}

// problem fails unless the answer is a problem of a status, a reason and a
// field.
func (a answer) problem(status int, reason, field string) answer {
	a.t.Helper()
	a.want(status)
	var p Problem
	a.into(&p)
	if p.Status != status || p.Reason != reason || p.Field != field || p.Detail == "" || p.RequestID == "" || p.Title == "" {
		a.t.Errorf("problem %+v; want %s in field %q", p, reason, field)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		a.t.Errorf("Content-Type %q", got)
	}
	return a
}

func (a answer) into(v any) {
	a.t.Helper()
	if err := json.Unmarshal([]byte(a.text), v); err != nil {
		a.t.Fatalf("%v: %s", err, a.text)
	}
}

// decode is into, for a fresh value.
func decode[T any](a answer) T {
	a.t.Helper()
	var v T
	a.into(&v)
	return v
}

// world is one customer: user:ann owns it; user:bob edits its project.
type world struct {
	SignedUp
	subproject string
}

const signUpBody = `{"display_name":"Example Ltd","labels":{"tier":"gold"},"owner":"user:ann",
	"billing_account":{"mode":"postpaid","currency":"EUR","name":"Example Ltd","postal_address":{"lines":["1 Example Street"],"city":"Stockholm","country":"SE"},"tax_id":"SE1"},
	"project":{"display_name":"First project","labels":{"env":"live"}}}`

func (f *fixture) world() world {
	f.t.Helper()
	w := world{SignedUp: decode[SignedUp](f.do(post, "/v1/accounts", signUpBody).want(201))}
	w.subproject = decode[Subproject](f.do(post, "/v1/projects/"+w.Project.ID+"/subprojects", `{"display_name":"Client 1"}`).want(201)).ID
	f.do(post, "/v1/resources", `{"type":"number","id":"+4670","parent":"subproject:`+w.subproject+`","properties":{"n":12345678901234567890},"labels":{"a":"b"}}`).want(201)
	f.do(post, "/v1/bindings", `{"subject":"user:bob","role":"editor","scope":"project:`+w.Project.ID+`"}`).want(201)
	return w
}
