package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// The account that all are measured on: 1,000 bindings of 200 users to 50
// roles of 30 permissions, at the account, 10 projects and 50 subprojects.
const (
	users         = 200
	roles         = 50
	permsOfRole   = 30
	permissions   = 400
	projects      = 10
	subprojects   = 50
	bindings      = 1000
	deniesPercent = 5
	accountID     = "acc_bench"
)

// world is the account in plain data.
type world struct {
	nodes    map[string]string // "type:id" of every node to its parent
	roles    map[string][]string
	bindings []policy.Binding
	queries  []query
	more     []authz.Record // what some measurement needs besides
}

// query is one of many distinct questions.
type query struct{ subject, permission, node string }

func permission(i int) string { return fmt.Sprintf("type%d.action%d", i%40, i/40) }

// makeWorld makes the same world for the same seed.
func makeWorld(seed uint64) *world {
	r := rand.New(rand.NewPCG(seed, 1))
	w := &world{nodes: map[string]string{}, roles: map[string][]string{}}
	root := "account:" + accountID
	scopes := []string{root}
	for p := range projects {
		id := fmt.Sprintf("project:prj_%02d", p)
		w.nodes[id] = root
		scopes = append(scopes, id)
	}
	for s := range subprojects {
		id := fmt.Sprintf("subproject:sub_%02d", s)
		w.nodes[id] = fmt.Sprintf("project:prj_%02d", s%projects)
		scopes = append(scopes, id)
	}
	for i := range roles {
		for _, p := range r.Perm(permissions)[:permsOfRole] {
			w.roles[fmt.Sprintf("role%02d", i)] = append(w.roles[fmt.Sprintf("role%02d", i)], permission(p))
		}
	}
	seen := map[policy.Binding]bool{}
	for len(w.bindings) < bindings {
		b := policy.Binding{Subject: ref(fmt.Sprintf("user:u%03d", r.IntN(users))), Role: fmt.Sprintf("role%02d", r.IntN(roles)), Scope: ref(scopes[r.IntN(len(scopes))]), Effect: policy.Allow}
		if r.IntN(100) < deniesPercent {
			b.Effect = policy.Deny
		}
		if !seen[b] {
			seen[b] = true
			w.bindings = append(w.bindings, b)
		}
	}
	w.ask(r, scopes)
	return w
}

// ask makes distinct questions, about half of them near a binding.
func (w *world) ask(r *rand.Rand, scopes []string) {
	seen := map[query]bool{}
	for len(w.queries) < 20_000 {
		q := query{fmt.Sprintf("user:u%03d", r.IntN(users)), permission(r.IntN(permissions)), scopes[1+r.IntN(len(scopes)-1)]}
		if r.IntN(2) == 0 {
			b := w.bindings[r.IntN(len(w.bindings))]
			held := w.roles[b.Role]
			q.subject, q.permission = b.Subject.String(), held[r.IntN(len(held))]
			if b.Scope.Type != hierarchy.TypeAccount {
				q.node = b.Scope.String()
			}
		}
		if !seen[q] {
			seen[q] = true
			w.queries = append(w.queries, q)
		}
	}
}

func ref(s string) hierarchy.Ref {
	typ, id, _ := strings.Cut(s, ":")
	return hierarchy.Ref{Type: typ, ID: id}
}

// records is the world as the store has it.
func (w *world) records() []authz.Record {
	var out []authz.Record
	add := func(kind, id string, body any) {
		b, err := json.Marshal(body)
		if err != nil {
			panic(err)
		}
		out = append(out, authz.Record{Key: authz.KeyOf(kind, id), Body: b})
	}
	add(hierarchy.TypeAccount, accountID, hierarchy.Account{OperatorManaged: true})
	add(hierarchy.TypeBillingAccount, "bil_1", billing.Account{Mode: billing.Postpaid, Currency: "EUR"})
	for node, parent := range w.nodes {
		switch n := ref(node); n.Type {
		case hierarchy.TypeProject:
			add(n.Type, n.ID, hierarchy.Project{})
			add(authz.KindLink, n.ID, billing.Link{BillingAccount: "bil_1"})
		case hierarchy.TypeSubproject:
			add(n.Type, n.ID, hierarchy.Subproject{Project: ref(parent).ID})
		}
	}
	for id, held := range w.roles {
		add(hierarchy.TypeRole, id, policy.Role{Permissions: held})
	}
	for i, b := range w.bindings {
		var u hierarchy.UID
		u[14], u[15] = byte(i>>8), byte(i)
		add(hierarchy.TypeBinding, hierarchy.BindingID(u, accountID), b)
	}
	out = append(out, w.more...)
	return out
}
