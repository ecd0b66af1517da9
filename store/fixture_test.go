package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/store/storetest"
)

// A pool whose Redis has gone notices only after a second that it is closed.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// world is a store under test, and what stands between it and its Redis.
type world struct {
	*Store
	t      *testing.T
	faults *storetest.Faults
}

// opener opens a store that holds nothing.
type opener func(t *testing.T, o Options) *Store

func openEmbedded(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := OpenEmbedded(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// openAt opens the Redis at a URL, and empties it.
func openAt(url string) opener {
	return func(t *testing.T, o Options) *Store {
		t.Helper()
		s := open(t, url, o)
		s.empty(t)
		return s
	}
}

func open(t *testing.T, url string, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// masters calls f of each master that there is, one after the other.
func (s *Store) masters(t *testing.T, f func(*redis.Client) error) {
	t.Helper()
	var one sync.Mutex
	do := func(_ context.Context, c *redis.Client) error {
		one.Lock()
		defer one.Unlock()
		return f(c)
	}
	var err error
	switch c := s.client.(type) {
	case *redis.ClusterClient:
		err = c.ForEachMaster(t.Context(), do)
	case *redis.Client:
		err = do(t.Context(), c)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// empty forgets everything but the scripts.
func (s *Store) empty(t *testing.T) {
	t.Helper()
	s.masters(t, func(c *redis.Client) error { return c.FlushAll(t.Context()).Err() })
}

func newWorld(t *testing.T, open opener, o Options) *world {
	t.Helper()
	faults := &storetest.Faults{}
	o.Fault = faults
	w := &world{open(t, o), t, faults}
	t.Cleanup(func() {
		faults.Clear()
		faults.Up()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func identity() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// made is an edit that creates a record.
func made(key authz.Key, body string) authz.Edit {
	return authz.Edit{Key: key, After: []byte(body)}
}

func resource(id string) authz.Key { return authz.Key("resource:number:" + id) }

func in(container string) string { return `{"parent":"` + container + `"}` }

// signUp is the commit that makes an account with a billing account, a project
// and an owner, whose IDs end in the account's.
func signUp(account string) *authz.Commit {
	return &authz.Commit{
		Account: account, Identity: identity(), New: true,
		Edits: []authz.Edit{
			made(authz.KeyOf(hierarchy.TypeAccount, account), `{"display_name":"<ACME> & sons"}`),
			made(authz.KeyOf(hierarchy.TypeBillingAccount, "bil_"+account), `{"mode":"prepaid","currency":"EUR"}`),
			made(authz.KeyOf(hierarchy.TypeProject, "prj_"+account), `{}`),
			made(authz.KeyOf(authz.KindLink, "prj_"+account), `{}`),
			made("binding:bnd_1", `{}`),
		},
		Payers: []authz.Transition{{Node: "project:prj_" + account, To: "bil_" + account}},
		Actor:  "user:ann", Caller: "service:shop", Action: "account.create",
	}
}

// register is the commit that creates a resource in the account's project.
func register(account, id string) *authz.Commit {
	container := "project:prj_" + account
	return &authz.Commit{
		Account: account, Identity: identity(),
		Versions: map[authz.Key]uint64{resource(id): 0},
		Present:  []authz.Key{authz.Key(container)},
		Edits:    []authz.Edit{made(resource(id), in(container))},
		Parents:  []authz.Transition{{Node: "number:" + id, To: container}},
		Actor:    "user:ann", Caller: "user:ann", Action: "resource.create",
	}
}

// remove is the commit that deletes a resource of the account's project, as it
// now is.
func (w *world) remove(account, id string) *authz.Commit {
	w.t.Helper()
	container := "project:prj_" + account
	_, records, err := w.Read(w.t.Context(), account, resource(id))
	if err != nil || len(records) != 1 {
		w.t.Fatalf("reading what is to be deleted: %v, %v", records, err)
	}
	r := records[0]
	return &authz.Commit{
		Account: account, Identity: identity(),
		Versions: map[authz.Key]uint64{r.Key: r.Version},
		Edits:    []authz.Edit{{Key: r.Key, Created: r.Created, Before: r.Body}},
		Parents:  []authz.Transition{{Node: "number:" + id, From: container}},
		Action:   "resource.delete",
	}
}

// set is an administrative commit that writes one record, decided on a basis.
func set(account string, basis uint64, key authz.Key, body string) *authz.Commit {
	return &authz.Commit{
		Account: account, Identity: identity(), Guarded: true, Basis: basis,
		Edits: []authz.Edit{made(key, body)}, Action: "role.define",
	}
}

// must commits what is expected to succeed.
func (w *world) must(c *authz.Commit) authz.Head {
	w.t.Helper()
	head, _, err := w.Commit(w.t.Context(), c)
	if err != nil {
		w.t.Fatalf("%s: %v", c.Action, err)
	}
	return head
}

// load is the state of an account that exists.
func (w *world) load(account string, resources ...authz.Key) *authz.State {
	w.t.Helper()
	state, err := w.Load(w.t.Context(), account, resources...)
	if err != nil {
		w.t.Fatal(err)
	}
	return state
}

// bodies is the text of records by key.
func bodies(records []authz.Record) map[authz.Key]string {
	m := map[authz.Key]string{}
	for _, r := range records {
		m[r.Key] = string(r.Body)
	}
	return m
}

// locate is the account of one identifier.
func (w *world) locate(ref string) string {
	w.t.Helper()
	parsed, err := hierarchy.ParseRef(ref)
	if err != nil {
		w.t.Fatal(err)
	}
	accounts, err := w.Locate(w.t.Context(), parsed)
	if err != nil {
		w.t.Fatal(err)
	}
	return accounts[0]
}

// locator is the raw claim of an identifier, "" if there is none.
func (w *world) locator(ref string) string {
	w.t.Helper()
	parsed, _ := hierarchy.ParseRef(ref)
	return w.client.Get(w.t.Context(), locatorKey(parsed)).Val()
}

// setLocator writes a raw claim, aged by a duration.
func (w *world) setLocator(ref string, c claim, age time.Duration) {
	w.t.Helper()
	parsed, _ := hierarchy.ParseRef(ref)
	c.at = w.clock.now() - age.Microseconds()
	if err := w.client.Set(w.t.Context(), locatorKey(parsed), c.String(), 0).Err(); err != nil {
		w.t.Fatal(err)
	}
}

// dump is all that Redis holds under a pattern, readably.
func (w *world) dump(pattern string) map[string]string {
	w.t.Helper()
	ctx := w.t.Context()
	var keys []string
	w.masters(w.t, func(c *redis.Client) error {
		found, err := c.Keys(ctx, pattern).Result()
		keys = append(keys, found...)
		return err
	})
	held := map[string]string{}
	for _, key := range keys {
		switch kind := w.client.Type(ctx, key).Val(); kind {
		case "string":
			held[key] = w.client.Get(ctx, key).Val()
		case "hash":
			m := w.client.HGetAll(ctx, key).Val()
			for _, field := range slices.Sorted(maps.Keys(m)) {
				held[key] += field + "=" + m[field] + "\n"
			}
		case "zset":
			held[key] = fmt.Sprint(w.client.ZRangeWithScores(ctx, key, 0, -1).Val())
		case "stream":
			held[key] = fmt.Sprint(w.client.XRange(ctx, key, "-", "+").Val())
		default:
			held[key] = kind
		}
	}
	return held
}

// account is all that Redis holds of an account. Revocations are left out: they
// are about commits, and say nothing of the account.
func (w *world) account(id string) map[string]string {
	w.t.Helper()
	held := w.dump(accountKey(id, "*"))
	maps.DeleteFunc(held, func(key, _ string) bool { return strings.HasPrefix(key, revokedKey(id, "")) })
	return held
}

// reason is the reason of a *hierarchy.Error, or "".
func reason(err error) string {
	var e *hierarchy.Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

// retry commits what decide makes of the account's state, until nothing stands
// in its way.
func (w *world) retry(account string, decide func(*authz.State) *authz.Commit) (authz.Head, error) {
	for {
		state, err := w.Load(context.Background(), account)
		if err != nil {
			return authz.Head{}, err
		}
		head, _, err := w.Commit(context.Background(), decide(state))
		if !errors.Is(err, authz.ErrConflict) {
			return head, err
		}
	}
}

func skipUnlessCI(t *testing.T, what string) {
	t.Helper()
	if testing.Short() && os.Getenv("CI") != "true" {
		t.Skip("SKIPPED by -short: " + what)
	}
}
