package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate-dev/tollgate/client"
	"github.com/tollgate-dev/tollgate/internal/history"
)

// office is an account with facts, each of which one writer makes true and
// false by turns: of every kind of state that a check depends on.
type office struct {
	id    string
	facts []*fact
	keys  []*fact // API keys, which are revoked one after the other; see revokes

	revoked atomic.Int64 // how many of those

	mu     sync.Mutex
	newest *history.Revision // that anybody was told of, for those who ask by token
}

// fact is one. Only its writer uses the last two.
type fact struct {
	name     string
	question client.Question
	secret   string // of an API key, by which it is asked instead of by its subject
	write    func(ctx context.Context, m *member, value bool) (token string, err error)

	next    bool // what it is to be made next
	settled bool // whether it is known that it is the opposite now
}

// perKind is how many facts of each kind an office has.
const perKind = 2

// settle makes an account in which all facts are true.
func (f *fleet) settle(id string) *office {
	f.t.Helper()
	o := &office{id: id}
	in := furniture{
		Account:     map[string]any{"id": id},
		Billing:     []any{map[string]any{"id": id + "-b", "mode": "prepaid", "currency": "EUR"}},
		Projects:    []any{map[string]any{"id": id + "-p"}},
		Subprojects: []any{o.subproject("open"), o.subproject("closed")},
		Bindings: []any{
			o.binding("user:ann", "owner", "account:"+id), o.binding("group:team", "editor", "project:"+id+"-p"), o.binding("user:guest", "editor", "subproject:"+id+"-open"),
		},
	}
	var members []string
	for i := range perKind {
		members = append(members, fmt.Sprint("user:m", i))
		in.Subprojects = append(in.Subprojects, o.subproject(fmt.Sprint("s", i)))
		in.Resources = append(in.Resources, o.resource(o.name("r", i), "project:"+id+"-p"), o.resource(o.name("p", i), "subproject:"+id+"-open"))
		o.facts = append(o.facts, o.active(i), o.enrolled(i), o.registered(i), o.placed(i))
	}
	in.Groups = []any{map[string]any{"id": "team", "members": members}}
	text, err := json.Marshal(in)
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.servers[0].client.ImportJSON(f.t.Context(), text, client.ImportOptions{}); err != nil {
		f.t.Fatal(err)
	}
	return o
}

// furniture is an account to import.
type furniture struct {
	Account     map[string]any `json:"account"`
	Billing     []any          `json:"billing_accounts"`
	Projects    []any          `json:"projects"`
	Groups      []any          `json:"groups"`
	Subprojects []any          `json:"subprojects"`
	Resources   []any          `json:"resources"`
	Bindings    []any          `json:"bindings"`
}

func (o *office) name(kind string, i int) string { return fmt.Sprint(o.id, "-", kind, i) }

func (o *office) subproject(name string) any {
	return map[string]any{"id": o.id + "-" + name, "project": o.id + "-p"}
}

func (o *office) resource(id, parent string) any {
	return map[string]any{"type": "number", "id": id, "parent": parent}
}

func (o *office) binding(subject, role, scope string) any {
	return map[string]any{"subject": subject, "role": role, "scope": scope}
}

// asks is the question whether a subject may use something.
func (o *office) asks(subject, resource string) client.Question {
	return client.Question{Subject: subject, Permission: "number.update", Resource: resource, Account: "account:" + o.id}
}

// active is that a subproject is not suspended.
func (o *office) active(i int) *fact {
	node := "subproject:" + o.name("s", i)
	return &fact{name: node, question: o.asks("user:ann", node), write: func(ctx context.Context, m *member, value bool) (string, error) {
		step := m.client.Suspend
		if value {
			step = m.client.Resume
		}
		done, err := step(ctx, node)
		if err != nil {
			return "", err
		}
		return done.Revision, nil
	}}
}

// enrolled is that a user is in the group that gives access.
func (o *office) enrolled(i int) *fact {
	user := fmt.Sprint("user:m", i)
	path := "/v1/accounts/" + o.id + "/groups/team/members/" + user
	return &fact{name: user, question: o.asks(user, "project:"+o.id+"-p"), write: func(ctx context.Context, m *member, value bool) (string, error) {
		if value {
			return m.send(ctx, http.MethodPut, path)
		}
		return m.send(ctx, http.MethodDelete, path)
	}}
}

// registered is that a resource exists.
func (o *office) registered(i int) *fact {
	name := o.name("r", i)
	return &fact{name: "number:" + name, question: o.asks("user:ann", "number:"+name), write: func(ctx context.Context, m *member, value bool) (string, error) {
		if !value {
			return m.send(ctx, http.MethodDelete, "/v1/resources/number/"+name)
		}
		done, err := m.client.RegisterResource(ctx, client.Resource{Type: "number", ID: name, Parent: "project:" + o.id + "-p"})
		if err != nil {
			return "", err
		}
		return done.Revision, nil
	}}
}

// placed is that a resource stands where a guest has access, and not
// elsewhere.
func (o *office) placed(i int) *fact {
	node := "number:" + o.name("p", i)
	return &fact{name: node, question: o.asks("user:guest", node), write: func(ctx context.Context, m *member, value bool) (string, error) {
		parent := o.id + "-closed"
		if value {
			parent = o.id + "-open"
		}
		done, err := m.client.Move(ctx, node, "subproject:"+parent)
		if err != nil {
			return "", err
		}
		return done.Revision, nil
	}}
}

// effect is what a record of the log says of a fact: which, and whether it is
// true from then on.
func (o *office) effect(changes []client.LogRecord) (fact string, value bool) {
	c := changes[0]
	if i := slices.IndexFunc(changes, func(c client.LogRecord) bool { return c.Kind == "key" }); i >= 0 { // with what it is bound to
		c = changes[i]
	}
	var after struct {
		Parent    string `json:"parent"`
		Suspended bool   `json:"suspended_by_operator"`
		Disabled  bool   `json:"disabled"`
	}
	there := len(c.After) > 0
	if there && json.Unmarshal(c.After, &after) != nil {
		panic("a record of the log: " + string(c.After))
	}
	switch {
	case c.Kind == "key":
		return "key:" + c.ID, there && !after.Disabled
	case c.Kind == "subproject":
		return "subproject:" + c.ID, !after.Suspended
	case c.Kind == "member":
		return strings.TrimSuffix(c.ID, ",team"), there
	case strings.HasPrefix(c.ID, "number:"+o.id+"-p"):
		return c.ID, after.Parent == "subproject:"+o.id+"-open"
	default:
		return c.ID, there
	}
}

// log reads what an account's log has after a revision, from whichever server
// has it to give; not ok if that revision was lost.
func (f *fleet) log(o *office, after *history.Revision) (changes []history.Entry, ok bool) {
	f.t.Helper()
	f.until(func() bool {
		for _, m := range f.servers {
			var err error
			changes, err = o.read(f.t.Context(), m, after)
			if ok = err == nil; ok || f.refusedFor(err) == history.ReasonLost {
				return true
			}
		}
		return false
	})
	return changes, ok
}

func (o *office) read(ctx context.Context, m *member, after *history.Revision) (changes []history.Entry, err error) {
	q := client.LogQuery{After: o.token(after), PageSize: 1000}
	for {
		page, err := m.client.Log(ctx, o.id, q)
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			e := history.Entry{Kind: history.Change, Account: o.id, Revision: o.revision(item.Revision), Previous: after}
			e.Fact, e.Value = o.effect(item.Changes)
			changes, after = append(changes, e), e.Revision
		}
		if q.PageToken = page.NextPageToken; q.PageToken == "" {
			return changes, nil
		}
	}
}

// base takes down what holds before anybody writes, and has every server know.
// It returns the revision.
func (f *fleet) base(o *office) *history.Revision {
	f.t.Helper()
	var entries []history.Entry
	for _, m := range f.members() {
		f.until(func() bool {
			entries = o.all(f.t.Context(), m)
			return len(entries) > 0
		})
	}
	for i, e := range entries {
		f.rec.Add(e)
		x := slices.Concat(o.facts, o.keys)[i]
		x.next, x.settled = !e.Value, true
	}
	o.newest = entries[0].Revision
	return o.newest
}

// all asks a server in full for all facts; none if it cannot tell.
func (o *office) all(ctx context.Context, m *member) (entries []history.Entry) {
	for _, fact := range slices.Concat(o.facts, o.keys) {
		q := fact.question
		q.Freshness = client.Full
		a, err := m.ask(ctx, fact, q)
		if err != nil {
			return nil
		}
		entries = append(entries, history.Entry{Kind: history.Change, Account: o.id, Fact: fact.name, Value: a.Allowed, Revision: o.revision(a.Revision)})
	}
	return entries
}

// told notes a revision that somebody was told of.
func (o *office) told(r *history.Revision) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.newest == nil || r.Number > o.newest.Number {
		o.newest = r
	}
}

// ask is the newest revision that anybody was told of.
func (o *office) ask() *history.Revision {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.newest
}

// gone forgets a revision that was lost.
func (o *office) gone(r *history.Revision) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.newest == r {
		o.newest = nil
	}
}

// write has a server make a fact what it is to be next, and takes it down.
func (f *fleet) write(ctx context.Context, m *member, o *office, x *fact) {
	e := history.Entry{Kind: history.Write, Account: o.id, Server: m.number, Fact: x.name, Value: x.next, Changed: x.settled, Start: f.rec.Now()}
	token, err := x.write(ctx, m, x.next)
	e.End, e.Refused = f.rec.Now(), f.refusedFor(err)
	x.next, x.settled = !x.next, err == nil
	if err == nil {
		e.Revision = o.revision(token)
		o.told(e.Revision)
		if e.Changed { // or it may have waited for nobody
			m.wrote.Store(int64(e.Start))
		}
	}
	f.rec.Add(e)
}

// check asks a server, and takes the answer down.
func (f *fleet) check(ctx context.Context, m *member, o *office, x *fact, atLeast *history.Revision, full bool) history.Entry {
	q := x.question
	if !f.careless.tokens {
		q.AtLeast = o.token(atLeast)
	}
	if full && !f.careless.full {
		q.Freshness = client.Full
	}
	e := history.Entry{Kind: history.Check, Account: o.id, Server: m.number, Fact: x.name, Full: full, AtLeast: atLeast, Start: f.rec.Now()}
	a, err := m.ask(ctx, x, q)
	e.End, e.Refused = f.rec.Now(), f.refusedFor(err)
	switch {
	case err == nil && x.secret != "" && a.Revision == "" && !a.Allowed: // whose key is not accepted is told nothing
		e.Refused = a.Reason.Code
		m.answered.Store(int64(e.Start))
	case err == nil && a.Revision == "":
		f.t.Errorf("an answer without a revision: %+v", a)
	case err == nil:
		e.Value, e.Revision = a.Allowed, o.revision(a.Revision)
		o.told(e.Revision)
		m.answered.Store(int64(e.Start))
	case e.Refused == history.ReasonLost:
		o.gone(atLeast)
	}
	f.rec.Add(e)
	return e
}

// receipt asks a server for the receipt of a revision, and takes it down if all
// servers have confirmed it.
func (f *fleet) receipt(ctx context.Context, m *member, o *office, r *history.Revision) {
	e := history.Entry{Kind: history.Receipt, Account: o.id, Server: m.number, Revision: r, Start: f.rec.Now()}
	wait := time.Second
	if f.careless.receipts {
		wait = 0
	}
	got, err := m.client.Receipt(ctx, o.id, o.token(r), wait)
	if e.End = f.rec.Now(); err == nil && (got.Confirmed || f.careless.receipts) {
		f.rec.Add(e)
	}
}

func decodeBody(body io.Reader, out any) error {
	return json.NewDecoder(io.LimitReader(body, 1<<20)).Decode(out)
}
