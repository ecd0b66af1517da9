package store_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/store"
)

// What must hold, whatever was done and wherever it was interrupted.
type invariant string

const (
	chained      invariant = "revisions chain"
	replayed     invariant = "what the log says is what there is"
	onePath      invariant = "every resource has exactly one path"
	onePayer     invariant = "every resource has exactly one payer or is unbilled, now and at every past instant"
	oneAccount   invariant = "nothing is in two accounts"
	truthful     invariant = "no locator lies"
	kept         invariant = "what was acknowledged is there, once; what was refused is not"
	agreed       invariant = "check, batch and explain answer alike, on every server"
	collected    invariant = "what is gone for good is collected"
	answeredThen invariant = "what was answered at a revision is what held at it"
)

// problem is what does not hold.
type problem struct {
	invariant
	text string
}

func (p problem) String() string { return string(p.invariant) + ": " + p.text }

// seen is an account as the Redis has it.
type seen struct {
	id         string
	head       authz.Head
	log        []authz.Change
	records    map[authz.Key]authz.Record // resources too
	state      *authz.State
	index      map[string][]string // resources by container
	identities map[string]uint64
	history    *history
	unfit      []string // changes that do not fit what was there before
}

// look is one look at everything, and what it finds.
type look struct {
	*round
	ctx      context.Context
	fresh    *replica // that has seen nothing before
	accounts map[string]*seen
	locators map[string]store.Locator // by "type:id"
	problems []problem
}

// seen reads all accounts.
func (r *round) seen() map[string]*seen {
	r.t.Helper()
	all := map[string]*seen{}
	for _, key := range r.keys("tg:{*}:head") {
		id := strings.TrimSuffix(strings.TrimPrefix(key, "tg:{"), "}:head")
		all[id] = r.see(id)
	}
	return all
}

func (r *round) keys(pattern string) []string {
	r.t.Helper()
	keys, err := r.truth.Raw().Keys(r.t.Context(), pattern).Result()
	keys = must(r.t, keys, err)
	slices.Sort(keys)
	return keys
}

// see reads an account: whole, and past everything that is under test where
// that can be.
func (r *round) see(id string) *seen {
	r.t.Helper()
	ctx := r.t.Context()
	state, err := r.truth.Load(ctx, id)
	s := &seen{id: id, state: must(r.t, state, err), records: map[authz.Key]authz.Record{}, index: map[string][]string{}, identities: map[string]uint64{}, history: newHistory(id)}
	s.head = s.state.Head
	s.log = r.remember(ctx, id)
	for _, rec := range s.state.Records {
		s.records[rec.Key] = rec
	}
	for field, value := range r.truth.Raw().HGetAll(ctx, store.ResourcesKey(id)).Val() {
		key := authz.KeyOf(authz.KindResource, field)
		rec, err := store.DecodeRecord(key, value)
		s.records[key] = must(r.t, rec, err)
	}
	prefix := store.ContainerKey(id, "")
	for _, key := range r.keys(prefix + "*") {
		s.index[strings.TrimPrefix(key, prefix)] = r.truth.Raw().ZRange(ctx, key, 0, -1).Val()
	}
	for _, z := range r.truth.Raw().ZRangeWithScores(ctx, store.IdentitiesKey(id), 0, -1).Val() {
		s.identities[z.Member.(string)] = uint64(z.Score)
	}
	for i := range s.log {
		s.unfit = append(s.unfit, s.history.apply(&s.log[i])...)
	}
	return s
}

// remember is an account's whole log, what was dropped of it too: the collection
// of an account drops what there was before.
func (r *round) remember(ctx context.Context, id string) []authz.Change {
	log, err := r.truth.Log(ctx, id, 0, endless)
	if err != nil {
		panic(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if before := r.logs[id]; len(log) > 0 && log[0].Action == "account.purge" && uint64(len(before)) >= log[0].Number-1 {
		log = slices.Concat(before[:log[0].Number-1], log)
	}
	r.logs[id] = log
	return log
}

// check looks at everything.
func (r *round) check(past bool) []problem {
	r.t.Helper()
	l := &look{round: r, ctx: r.t.Context(), fresh: r.newReplica(nil), accounts: r.seen(), locators: map[string]store.Locator{}}
	defer l.fresh.close()
	for _, key := range r.keys(store.LocatorKey(hierarchy.Ref{Type: "*", ID: "*"})) {
		c, err := store.ParseLocator(r.truth.Raw().Get(l.ctx, key).Val())
		if err != nil {
			l.find(truthful, "%s: %v", key, err)
		}
		l.locators[strings.TrimPrefix(key, "tg:loc:")] = c
	}
	for _, id := range sorted(l.accounts) {
		s := l.accounts[id]
		l.chain(s)
		l.replay(s)
		l.paths(s)
	}
	l.unique()
	l.claims()
	l.outcomes()
	l.askedBefore()
	l.follow()
	for _, id := range sorted(l.accounts) {
		l.agree(l.accounts[id])
		if past {
			l.pastOf(l.accounts[id])
		}
	}
	return l.problems
}

func (l *look) find(i invariant, format string, args ...any) {
	l.problems = append(l.problems, problem{i, fmt.Sprintf(format, args...)})
}

// refOfRecord is what a record is the record of, as far as it has a locator.
func refOfRecord(key authz.Key) hierarchy.Ref {
	kind, id := key.Split()
	switch kind {
	case authz.KindResource:
		return refOf(id)
	case hierarchy.TypeProject, hierarchy.TypeSubproject, hierarchy.TypeBillingAccount:
		return hierarchy.Ref{Type: kind, ID: id}
	}
	return hierarchy.Ref{}
}

func refOf(s string) hierarchy.Ref {
	typ, id, _ := strings.Cut(s, ":")
	return hierarchy.Ref{Type: typ, ID: id}
}

// decode reads a body that was read before, or none.
func decode(body json.RawMessage, doc any) {
	if body == nil {
		return
	}
	if err := json.Unmarshal(body, doc); err != nil {
		panic(err)
	}
}

func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
