package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/client"
	"github.com/tollgate-dev/tollgate/internal/history"
	"github.com/tollgate-dev/tollgate/store/storetest"
)

// ask asks a member whether a fact is so: about a subject, or by an API key.
func (m *member) ask(ctx context.Context, x *fact, q client.Question) (*client.Answer, error) {
	if x.secret == "" {
		return m.client.Check(ctx, q)
	}
	body := map[string]string{"api_key": x.secret, "permission": q.Permission, "resource": q.Resource, "account": q.Account}
	if q.AtLeast != "" {
		body["at_least"] = q.AtLeast
	}
	if q.Freshness != "" {
		body["freshness"] = string(q.Freshness)
	}
	answer := &client.Answer{}
	return answer, m.post(ctx, "/v1/authorize", body, answer)
}

// post sends what the client has no method for.
func (m *member) post(ctx context.Context, path string, body, out any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+m.addr+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+m.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := m.wire.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		var p struct{ Reason, Detail string }
		_ = json.Unmarshal(got, &p) // or it has none
		return &client.Error{Status: resp.StatusCode, Reason: p.Reason, Detail: p.Detail}
	}
	return json.Unmarshal(got, out)
}

// perSafe is how many keys a subproject has: as many as it may.
const perSafe = 10

// equip gives an office API keys: two that are disabled and enabled by turns, and
// others to be revoked.
func (f *fleet) equip(o *office, keys int) {
	f.t.Helper()
	for i := range keys + 2 {
		parent := fmt.Sprint("safe", i/perSafe)
		if i%perSafe == 0 {
			f.settleSafe(o, parent)
		}
		x := f.mint(o, o.id+"-"+parent)
		if i >= 2 {
			x.write = func(ctx context.Context, m *member, _ bool) (string, error) {
				return m.send(ctx, http.MethodDelete, "/v1/keys/"+strings.TrimPrefix(x.name, "key:"))
			}
			o.keys = append(o.keys, x)
			continue
		}
		x.write = func(ctx context.Context, m *member, value bool) (string, error) {
			step := "/disable"
			if value {
				step = "/enable"
			}
			return m.send(ctx, http.MethodPost, "/v1/keys/"+strings.TrimPrefix(x.name, "key:")+step)
		}
		o.facts = append(o.facts, x)
	}
}

// settleSafe makes a subproject for keys.
func (f *fleet) settleSafe(o *office, name string) {
	f.t.Helper()
	in := map[string]any{"account": map[string]any{"id": o.id}, "subprojects": []any{o.subproject(name)}}
	text, err := json.Marshal(in)
	must(f.t, err)
	_, err = f.servers[0].client.ImportJSON(f.t.Context(), text, client.ImportOptions{})
	must(f.t, err)
}

// mint makes a key of a subproject that may use what is in it.
func (f *fleet) mint(o *office, subproject string) *fact {
	f.t.Helper()
	var key struct{ ID, Secret string }
	must(f.t, f.servers[0].post(f.t.Context(), "/v1/subprojects/"+subproject+"/keys", map[string]string{"sponsor": "user:ann"}, &key))
	must(f.t, f.servers[0].post(f.t.Context(), "/v1/bindings", o.binding("key:"+key.ID, "editor", "subproject:"+subproject), &struct{}{}))
	return &fact{name: "key:" + key.ID, question: o.asks("", "subproject:"+subproject), secret: key.Secret}
}

// revokes revokes keys, until there are none left.
func (r *recording) revokes(m *member, o *office) {
	for _, x := range o.keys {
		if !r.again(2 * writerPause) {
			return
		}
		if !x.next { // or it was, in a recording before
			r.write(r.t.Context(), m, o, x)
		}
		o.revoked.Add(1)
	}
}

// any is any fact; of keys that are revoked, one that just was, or is about to be.
func (o *office) any() *fact {
	if len(o.keys) == 0 || rand.IntN(2) == 0 {
		return o.facts[rand.IntN(len(o.facts))]
	}
	i := int(o.revoked.Load()) - 2 + rand.IntN(4)
	return o.keys[max(0, min(i, len(o.keys)-1))]
}

// newAccompanied is a fleet with two servers and two sidecars, each with a way of
// its own to Redis: those of the sidecars come after those of the servers. The
// sidecars have the second server report for them, unless they are alone.
func newAccompanied(t *testing.T, keys int, alone bool, args ...string) *networked {
	t.Helper()
	a := newNetworked(t, 2)
	for _, o := range a.offices {
		a.equip(o, keys)
	}
	a.redis.Do(sidecarRules(t)...)
	network := storetest.NewNetwork(t)
	gateway, reports := a.service("gateway"), a.service("sidecar")
	for i := range 2 {
		way := network.To(a.redis.Addr)
		a.ways = append(a.ways, way)
		m := &member{number: 3 + i, addr: freeAddr(t), verb: []string{"sidecar", "--listen"}, key: gateway, args: append([]string{"--redis", "redis://tollgate-sidecar:hunter2@" + way.Addr + "?" + impatient}, args...)}
		if !alone {
			m.args, m.env = append(m.args, "--server", "http://"+a.servers[1].addr), []string{"TOLLGATE_SERVER_KEY=" + reports}
		}
		m.connect(t)
		a.sidecars = append(a.sidecars, m)
		a.start(m)
		m.await(t)
		if !alone {
			m.log.waitFor(t, "a server knows of this sidecar", m.gone)
		}
	}
	a.redis.Do("acl", "log", "reset")
	return a
}

// service makes a key of a service that has the role of its own name.
func (f *fleet) service(role string) string {
	f.t.Helper()
	first := f.servers[0]
	must(f.t, first.post(f.t.Context(), "/v1/bindings", map[string]string{"subject": "service:" + role, "role": role, "scope": "account:platform"}, &struct{}{}))
	var key struct{ Secret string }
	must(f.t, first.post(f.t.Context(), "/v1/platform/keys", map[string]string{"service": "service:" + role}, &key))
	return key.Secret
}

func (a *networked) deafenSidecars() {
	a.redis.Do(words("acl setuser tollgate-sidecar resetchannels &tg:replicas")...)
}

func (a *networked) hearSidecars() {
	a.redis.Do(words("acl setuser tollgate-sidecar &tg:feed")...)
}

// unheardBySidecars drops every message of the feed to the sidecars.
func (a *networked) unheardBySidecars(r *recording) {
	r.t.Helper()
	during, _, _ := r.during("the feed dropped to sidecars", hold, a.deafenSidecars, a.hearSidecars)
	if refused := a.redis.Refused("tollgate-sidecar"); during.Written == 0 || len(refused) == 0 {
		r.t.Errorf("%d writes, and to listen was refused %d times", during.Written, len(refused))
	}
	a.redis.Do("acl", "log", "reset")
}

// A key that is revoked through one server is refused by the sidecars on another:
// with the token at once, without it within the bound; whatever is dropped, and
// whoever stops and goes on. Once a receipt has them all, none lets it by.
func TestChaosOfSidecars(t *testing.T) {
	t.Parallel()
	a := newAccompanied(t, 200, false)
	first, second := a.sidecars[0], a.sidecars[1]
	faults := []fault{
		{"the feed is dropped to sidecars", a.unheardBySidecars},
		{"a sidecar stops and goes on", func(r *recording) { a.stopped(r, first) }},
		{"a sidecar's server stops and goes on", func(r *recording) { a.stopped(r, a.servers[1]) }},
		{"a sidecar is cut off", func(r *recording) { a.away(r, "a sidecar cut off", second.number, a.ways[3].Cut, a.ways[3].Mend) }},
		{"a sidecar is killed", func(r *recording) { a.restarted(r, first, syscall.SIGKILL) }},
	}
	if testing.Short() {
		faults = faults[:2]
	}
	report := a.record(within, func(r *recording) { r.suffer(faults, soak(t)) })
	a.hold(report)
	a.holdKeys(report)
	if what := a.redis.Refused("tollgate-sidecar"); len(what) > 0 {
		t.Errorf("Redis has refused the sidecars %q", what)
	}
}

// holdKeys fails the test if keys were refused that were not revoked, or too few
// were for it to say anything.
func (f *fleet) holdKeys(report history.Report) {
	f.t.Helper()
	begun, allowed := map[string]time.Duration{}, 0
	for _, e := range f.rec.Entries() {
		if e.Kind == history.Write && strings.HasPrefix(e.Fact, "key:") {
			if at, ok := begun[e.Fact]; !ok || e.Start < at {
				begun[e.Fact] = e.Start
			}
		}
	}
	for _, e := range f.rec.Entries() {
		if e.Kind != history.Check || !strings.HasPrefix(e.Fact, "key:") || e.Server <= len(f.servers) {
			continue
		}
		if e.Value {
			allowed++
		}
		if at, ok := begun[e.Fact]; e.Refused == "KEY_NOT_FOUND" && (!ok || e.End < at) {
			f.t.Errorf("a key was refused before it was revoked: %+v", e)
		}
	}
	f.t.Logf("sidecars let keys by %d times; of all answers %d were that there is no such key, %d that it is disabled", allowed, report.Refused["KEY_NOT_FOUND"], report.Refused["KEY_DISABLED"])
	if allowed < 20 || report.Refused["KEY_NOT_FOUND"] < 20 || report.Refused["KEY_DISABLED"] < 20 {
		f.t.Error("which shows little")
	}
}

// What keeps a sidecar from letting a key by that was revoked is switched off, and
// that is found: the bound, the feed, tokens, and that a server reports for it,
// for which receipts wait. With the last alone nothing is found.
func TestChaosOfSidecarsIsFound(t *testing.T) {
	t.Parallel()
	const long = 3 * time.Second // than the bound that is checked
	deafened := func(a *networked) func(*recording) {
		return func(r *recording) {
			a.deafenSidecars()
			r.pass(long)
			a.hearSidecars()
		}
	}
	t.Run("alone", func(t *testing.T) {
		a := newAccompanied(t, 60, true, "--freshness-bound", "20m")
		a.careless = careless{tokens: true}
		for _, o := range a.offices { // a resource that is not known has the account read anew, by who hears nothing too
			o.facts = slices.DeleteFunc(o.facts, func(x *fact) bool { return strings.HasPrefix(x.name, "number:") })
		}
		report := a.record(history.Rules{Bound: time.Hour}, deafened(a))
		expect(t, report, history.RuleToken, history.RuleReceipt)
		expect(t, history.Verify(a.rec.Entries(), within), history.RuleToken, history.RuleReceipt, history.RuleBound)
	})
	t.Run("known to a server", func(t *testing.T) {
		a := newAccompanied(t, 60, false, "--freshness-bound", "20m")
		report := a.record(history.Rules{Bound: time.Hour}, deafened(a))
		expect(t, report)
		if report.Receipts == 0 {
			t.Error("there were no receipts")
		}
	})
}
