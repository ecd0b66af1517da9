package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/replica"
)

// hall is a bus of replicas in memory.
type hall struct {
	mu      sync.Mutex
	members []replica.Member
	said    []replica.Message
	full    bool
}

func (h *hall) Enrol(ctx context.Context, m replica.Member, last time.Duration) error {
	_, err := h.Admit(ctx, m, last, 1)
	return err
}

func (h *hall) Admit(_ context.Context, m replica.Member, _ time.Duration, most int) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.full || most < 1 {
		return false, nil
	}
	h.members = append(h.members, m)
	return true, nil
}

func (h *hall) Resign(_ context.Context, m replica.Member) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.members = slices.DeleteFunc(h.members, func(x replica.Member) bool { return x == m })
	return nil
}

func (h *hall) Roster(context.Context) ([]replica.Member, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.members), nil
}

func (h *hall) Say(_ context.Context, m replica.Message) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.said = append(h.said, m)
	return nil
}

func (h *hall) Listen(ctx context.Context, _ func(replica.Message), _ func(error)) { <-ctx.Done() }

// A sidecar reports under a name that is its own: neither a server's, nor that of
// one which somebody else reports for, nor of one whose name he does not know.
func TestSidecarsReportAboutThemselves(t *testing.T) {
	f := newFixture(t)
	one, other := f.serviceKey("one", "sidecar"), f.serviceKey("other", "sidecar")
	enrol := func(key, self, last string) string {
		return decode[Replica](f.do(post, "/v1/replicas/"+self, `{"name":"n","digest":"d","last":"`+last+`"}`, "Authorization", key).want(200)).ID
	}
	const self = "0123456789abcdef"
	ids := []string{enrol(one, self, "15s"), enrol(one, self+"0", "15s"), enrol(other, self, "15s")}
	shown := enrol(one, ids[0], "15s") // who knows of a sidecar from a receipt
	if slices.Contains(ids, shown) || ids[0] == ids[1] || ids[0] == ids[2] || !strings.HasPrefix(shown, "sidecar-") {
		t.Errorf("%v, %s", ids, shown)
	}
	f.do(post, "/v1/replicas/"+self+"/answers", `{"question":"q","serves":true}`, "Authorization", other).want(200)
	if got, want := f.hall.said, (replica.Message{Question: "q", From: ids[2], Answer: true, Serves: true}); len(got) != 1 || got[0] != want {
		t.Errorf("said %+v, want %+v", got, want)
	}
	enrol(other, self, "0s")
	if slices.ContainsFunc(f.hall.members, func(m replica.Member) bool { return m.ID == ids[2] }) || len(f.hall.members) != 3 {
		t.Errorf("enrolled are %v", f.hall.members)
	}
	f.hall.full = true
	f.do(post, "/v1/replicas/"+self, `{"name":"n","digest":"d","last":"15s"}`, "Authorization", one).problem(409, "TOO_MANY_REPLICAS", "")
}

// One whose store nobody else can read takes in no sidecar.
func TestSidecarsOfAStoreOfItsOwn(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Replicas = nil })
	f.do(post, "/v1/replicas/0123456789abcdef", `{"name":"n","digest":"d","last":"15s"}`).problem(409, "STORE_NOT_SHARED", "")
	f.do(post, "/v1/replicas/0123456789abcdef/answers", `{"question":"q","serves":true}`).problem(409, "STORE_NOT_SHARED", "")
}

// What is reported of a key takes effect if the key is there, forward only, and
// not beyond now.
func TestReportedUses(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	k := f.key(w)
	report := func(account, key string, at time.Time) {
		body := fmt.Sprintf(`{"uses":[{"account":%q,"key":%q,"at":%q}]}`, account, key, at.UTC().Format(time.RFC3339Nano))
		f.do(post, "/v1/replicas/0123456789abcdef/uses", body).want(200)
	}
	used := func() time.Time {
		return decode[Key](f.do(get, "/v1/keys/"+k.ID, "").want(200)).LastUsedAt.Time
	}
	now := time.Now()
	for _, account := range []string{"acc_none", "platform"} {
		report(account, k.ID, now)
	}
	report(w.Account.ID, "key_none", now)
	if !used().IsZero() {
		t.Error("a use of another account's key was taken for this one's")
	}
	if keys := f.lastUse(w.Account.ID, "key_none"); keys != 0 {
		t.Errorf("a key that is not there was used at %d", keys)
	}
	hourAgo := now.Add(-time.Hour).Truncate(time.Microsecond)
	report(w.Account.ID, k.ID, hourAgo)
	if got := used(); !got.Equal(hourAgo) {
		t.Errorf("used at %v, want %v", got, hourAgo)
	}
	report(w.Account.ID, k.ID, hourAgo.Add(-time.Hour))
	if got := used(); !got.Equal(hourAgo) {
		t.Errorf("used at %v, after a report of before", got)
	}
	report(w.Account.ID, k.ID, now.Add(time.Hour))
	if got := used(); got.Before(now.Add(-time.Minute)) || got.After(time.Now().Add(time.Minute)) {
		t.Errorf("used at %v, after a report of what is to come", got)
	}
}

// lastUse is when the store has it that a key was used.
func (f *fixture) lastUse(account, key string) int64 {
	f.t.Helper()
	at, err := f.store.LastUse(f.t.Context(), account, hierarchy.Ref{Type: hierarchy.TypeKey, ID: key})
	must(f.t, err)
	return at
}

// sidecar is a sidecar on the store of a fixture.
func (f *fixture) sidecar() Doors {
	f.t.Helper()
	d, err := NewSidecar(Config{Engine: f.engine})
	must(f.t, err)
	return d
}

// at asks a door of a sidecar.
func (f *fixture) at(door http.Handler, method, path, body string, header ...string) answer {
	f.t.Helper()
	return f.sendTo(door, request(method, path, body, header...))
}

// A sidecar answers as a server does, to who may ask; it has no operator, and all
// routes of a server beside those are refused, to who has a key, by their name.
func TestSidecar(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	gateway := f.serviceKey("gw", "gateway")
	d := f.sidecar()
	for path, body := range map[string]string{
		"/v1/check":         `{"subject":"user:bob","permission":"number.update","resource":"number:+4670"}`,
		"/v1/check/batch":   `{"checks":[{"subject":"user:bob","permission":"number.update","resource":"number:+4670"}]}`,
		"/v1/billing-owner": `{"resource":"number:+4670"}`,
		"/v1/authorize":     `{"subject":"user:bob","permission":"number.update","resource":"number:+4670"}`,
	} {
		want := f.do(post, path, body).want(200).text
		if got := f.at(d.API, post, path, body, "Authorization", gateway).want(200).text; got != want {
			t.Errorf("%s: %s, and a server answers %s", path, got, want)
		}
		if got := f.at(d.Local, post, path, body, "Authorization", "").want(200).text; got != want {
			t.Errorf("%s at the socket: %s, and a server answers %s", path, got, want)
		}
		f.at(d.API, post, path, body).problem(401, "UNAUTHENTICATED", "") // the operator's key is none here
		f.at(d.API, post, path, body, "Authorization", "").problem(401, "UNAUTHENTICATED", "")
	}
	for _, door := range []http.Handler{d.API, d.Local} {
		f.at(door, get, "/livez", "", "Authorization", "").want(200)
		f.at(door, get, "/readyz", "", "Authorization", "").want(200)
	}
	f.at(d.API, post, "/v1/billing-owner", `{"resource":"number:+4670","at":"2026-03-01T09:30:00Z"}`, "Authorization", gateway).problem(421, "ASK_A_SERVER", "")
	refused := 0
	for _, r := range f.handler.Routes() {
		name := r.Method + " " + r.Path
		if strings.Contains(name, "/v1/check") || slices.Contains([]string{"POST /v1/authorize", "POST /v1/billing-owner", "GET /livez", "GET /readyz", "GET /metrics"}, name) || r.Method == http.MethodHead {
			continue
		}
		path := strings.NewReplacer(":account", w.Account.ID, ":project", w.Project.ID, ":", "").Replace(r.Path)
		f.at(d.API, r.Method, path, "", "Authorization", gateway).problem(421, "ASK_A_SERVER", "")
		f.at(d.Local, r.Method, path, "", "Authorization", "").problem(421, "ASK_A_SERVER", "")
		f.at(d.API, r.Method, path, "", "Authorization", "").problem(401, "UNAUTHENTICATED", "")
		refused++
	}
	if refused < 80 {
		t.Errorf("only %d routes were refused", refused)
	}
	f.at(d.API, get, "/v1/check", "", "Authorization", gateway).problem(405, "METHOD_NOT_ALLOWED", "")
	f.at(d.API, get, "/metrics", "", "Authorization", gateway).problem(403, "PERMISSION_DENIED", "")
	if a := f.at(d.Local, get, "/metrics", "", "Authorization", "").want(200); !strings.Contains(a.text, "tollgate_decisions_total") {
		t.Errorf("metrics: %s", a.text)
	}
}

// A sidecar has no admin service, and a server does.
func TestSidecarConfig(t *testing.T) {
	f := newFixture(t)
	for name, c := range map[string]Config{"neither": {}, "a server's": {Admin: f.admin}, "both": {Admin: f.admin, Engine: f.engine}} {
		if _, err := NewSidecar(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := NewDoors(Config{Engine: f.engine, OperatorKey: testKey}); err == nil {
		t.Error("a server without administration")
	}
}
