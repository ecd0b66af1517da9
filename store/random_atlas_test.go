package store_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// atlas is what the writers know of what there is: what they were told, and at
// each look what is really there. Some of what it knows is deleted.
type atlas struct {
	mu       sync.Mutex
	accounts []string
	nodes    map[string][]string // by account and type
}

func newAtlas() *atlas { return &atlas{nodes: map[string][]string{}} }

// add notes a node of an account; the newest stands last.
func (a *atlas) add(account string, ref hierarchy.Ref) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ref.Type == hierarchy.TypeAccount {
		if !slices.Contains(a.accounts, ref.ID) {
			a.accounts = append(a.accounts, ref.ID)
		}
		return
	}
	place := account + " " + ref.Type
	if !slices.Contains(a.nodes[place], ref.ID) {
		a.nodes[place] = append(a.nodes[place], ref.ID)
	}
}

// drop forgets a node, most often.
func (a *atlas) drop(rng *rand.Rand, account string, ref hierarchy.Ref) {
	if rng.IntN(6) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	gone := func(id string) bool { return id == ref.ID }
	if ref.Type == hierarchy.TypeAccount {
		a.accounts = slices.DeleteFunc(a.accounts, gone)
		return
	}
	place := account + " " + ref.Type
	a.nodes[place] = slices.DeleteFunc(a.nodes[place], gone)
}

// learn adds what a look has seen, in the order in which it was created: it
// does not depend on IDs, which are random, what writers do next.
func (a *atlas) learn(all map[string]*seen) {
	for _, s := range slices.SortedFunc(maps.Values(all), func(x, y *seen) int { return cmp.Compare(x.log[0].At, y.log[0].At) }) {
		var account hierarchy.Account
		if decode(s.records[authz.KeyOf(hierarchy.TypeAccount, s.id)].Body, &account); account.Deleted {
			continue
		}
		a.add(s.id, hierarchy.Ref{Type: hierarchy.TypeAccount, ID: s.id})
		byAge := func(x, y authz.Record) int {
			return cmp.Or(cmp.Compare(x.Created, y.Created), cmp.Compare(x.Key, y.Key))
		}
		for _, rec := range slices.SortedFunc(maps.Values(s.records), byAge) {
			kind, name := rec.Key.Split()
			if slices.Contains([]string{hierarchy.TypeProject, hierarchy.TypeSubproject, hierarchy.TypeBillingAccount, hierarchy.TypeBinding}, kind) {
				a.add(s.id, hierarchy.Ref{Type: kind, ID: name})
			}
		}
	}
}

// account is one of the accounts; most often one of the few that all writers
// are busy with.
func (a *atlas) account(rng *rand.Rand) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := len(a.accounts)
	switch {
	case n == 0:
		return "acc_none"
	case rng.IntN(8) > 0:
		n = min(n, 3)
	}
	return a.accounts[rng.IntN(n)]
}

// node is one of an account's nodes of a type; most often a recent one.
func (a *atlas) node(rng *rand.Rand, account, typ string) hierarchy.Ref {
	a.mu.Lock()
	defer a.mu.Unlock()
	known := a.nodes[account+" "+typ]
	if len(known) == 0 {
		return hierarchy.Ref{Type: typ, ID: "none"}
	}
	if rng.IntN(8) > 0 {
		known = known[max(0, len(known)-6):]
	}
	return hierarchy.Ref{Type: typ, ID: known[rng.IntN(len(known))]}
}

// count is how many nodes of a type are known in an account.
func (a *atlas) count(account, typ string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.nodes[account+" "+typ])
}

// container is one of an account's projects or subprojects.
func (a *atlas) container(rng *rand.Rand, account string) hierarchy.Ref {
	typ := hierarchy.TypeProject
	if rng.IntN(2) == 0 && a.count(account, hierarchy.TypeSubproject) > 0 {
		typ = hierarchy.TypeSubproject
	}
	return a.node(rng, account, typ)
}

// users are who acts; the first of them signs up.
var users = []hierarchy.Ref{{Type: "user", ID: "ann"}, {Type: "user", ID: "ben"}, {Type: "user", ID: "cleo"}, {Type: "service", ID: "shop"}}

// number is one of few resources, which all accounts want.
func number(rng *rand.Rand) hierarchy.Ref {
	return hierarchy.Ref{Type: "number", ID: fmt.Sprint("+", rng.IntN(80))}
}

// word is one of few names of groups and roles.
func word(rng *rand.Rand) string { return fmt.Sprint("w", rng.IntN(5)) }

// oneOf chooses.
func oneOf[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }
