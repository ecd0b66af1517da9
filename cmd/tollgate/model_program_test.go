package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/tollgate-dev/tollgate/internal/oracle"
	"github.com/tollgate-dev/tollgate/policy"
)

// program is what several clients do at once: each its deeds, one after
// another.
type program []deed

// deed is one thing that a client does. What it does it to are numbers
// until it is run: each stands for one of what there is then.
type deed struct {
	client int
	verb   string
	shared bool // in the account that all clients share, rather than in the client's own
	server int
	actor  string
	what   [4]int
}

func (c deed) String() string {
	where := "in an account of its own"
	if c.shared {
		where = "in the shared account"
	}
	return fmt.Sprintf("client %d: %s %v by %q at server %d %s", c.client, c.verb, c.what, c.actor, c.server, where)
}

func (p program) String() string {
	var out strings.Builder
	for _, d := range p {
		fmt.Fprintln(&out, d)
	}
	return out.String()
}

// clients is how many clients take part.
func (p program) clients() int {
	seen := map[int]bool{}
	for _, d := range p {
		seen[d.client] = true
	}
	return len(seen)
}

// verbs are what clients do, the simplest first: to that a program that fails
// is made smaller.
var verbs = []string{
	"check", "check", "check at least", "check at least", "check in full", "payer", "receipt",
	"bind", "bind", "bind", "unbind", "unbind", "suspend", "resume", "resume", "delete", "restore", "restore",
	"move", "move", "link", "unlink", "register", "register", "unregister",
	"open project", "open subproject", "open billing_account",
	"define group", "remove group", "enroll", "enroll", "expel", "define role", "remove role",
}

// actors are for whom writes are made; "" for the platform's operator.
var actors = []string{"", "", "", "user:ann", "user:ann", "user:ben", "user:eve"}

func anyDeed(clients, servers int) *rapid.Generator[deed] {
	return rapid.Custom(func(t *rapid.T) deed {
		c := deed{
			client: rapid.IntRange(0, clients-1).Draw(t, "client"),
			verb:   rapid.SampledFrom(verbs).Draw(t, "verb"),
			shared: rapid.SampledFrom([]bool{false, true, true, true}).Draw(t, "shared"),
			server: rapid.IntRange(0, servers-1).Draw(t, "server"),
			actor:  rapid.SampledFrom(actors).Draw(t, "actor"),
		}
		for i := range c.what {
			c.what[i] = rapid.IntRange(0, 11).Draw(t, "what")
		}
		return c
	})
}

// anyProgram is a program of so many clients at most. It is drawn in parts:
// rapid's lists are short as a rule.
func anyProgram(clients, servers int) *rapid.Generator[program] {
	return rapid.Custom(func(t *rapid.T) program {
		return slices.Concat(rapid.SliceOf(rapid.SliceOf(anyDeed(clients, servers))).Draw(t, "deeds")...)
	})
}

// firstWorld is what an account is like before a program.
func firstWorld(account string) *oracle.World {
	w := &oracle.World{Account: account}
	for _, p := range policy.Predefined {
		w.Roles = append(w.Roles, oracle.Role{ID: p.ID, Permissions: p.Permissions})
	}
	w.Roles = append(w.Roles, oracle.Role{ID: "agent", Permissions: []string{"number.read", "number.update"}})
	w.BillingAccounts = []oracle.BillingAccount{{ID: account + "-main"}, {ID: account + "-side"}}
	w.Projects = []oracle.Project{{ID: account + "-web", Payer: account + "-main"}, {ID: account + "-lab"}}
	w.Subprojects = []oracle.Subproject{{ID: account + "-one", Project: account + "-web"}}
	w.Resources = []oracle.Resource{{ID: number(account, 0), Parent: "subproject:" + account + "-one"}, {ID: number(account, 1), Parent: "project:" + account + "-web"}}
	w.Groups = []oracle.Group{{ID: "dev", Members: []string{"user:ben"}}, {ID: "staff", Members: []string{"group:dev"}}}
	for i, b := range []oracle.Binding{
		{Subject: "user:ann", Role: "owner", Scope: "account:" + account},
		{Subject: "user:ben", Role: "editor", Scope: "project:" + account + "-web"},
		{Subject: "group:staff", Role: "viewer", Scope: "account:" + account},
		{Subject: "user:eve", Role: "access-admin", Scope: "project:" + account + "-web"},
	} {
		b.ID, b.Effect = fmt.Sprint(i), "allow"
		w.Bindings = append(w.Bindings, b)
	}
	return w
}

func number(account string, i int) string { return fmt.Sprintf("number:%s-%d", account, i) }

// known is what a client knows of an account: what there was at first, and what
// it has made there.
type known struct {
	account                         string
	projects, subprojects, billings []string // as "type:id"
	bindings                        []string // IDs
	last                            string   // the token of its last write
}

func knownOf(w *oracle.World) *known {
	k := &known{account: w.Account}
	for _, p := range w.Projects {
		k.projects = append(k.projects, "project:"+p.ID)
	}
	for _, s := range w.Subprojects {
		k.subprojects = append(k.subprojects, "subproject:"+s.ID)
	}
	for _, b := range w.BillingAccounts {
		k.billings = append(k.billings, "billing_account:"+b.ID)
	}
	for _, b := range w.Bindings {
		k.bindings = append(k.bindings, b.ID)
	}
	return k
}

// note takes note of what a write of the client's own has made.
func (k *known) note(q *oracle.Write) {
	typ, id, _ := strings.Cut(q.Node, ":")
	switch {
	case q.Action == "bind":
		k.bindings = append(k.bindings, id)
	case q.Action == "open" && typ == "project":
		k.projects = append(k.projects, q.Node)
	case q.Action == "open" && typ == "subproject":
		k.subprojects = append(k.subprojects, q.Node)
	case q.Action == "open":
		k.billings = append(k.billings, q.Node)
	}
}

func at(list []string, i int) string { return list[i%len(list)] }

func (k *known) numbers() (all []string) {
	for i := range 3 {
		all = append(all, number(k.account, i))
	}
	return all
}

func (k *known) containers() []string {
	return append(append([]string{}, k.projects...), k.subprojects...)
}

func (k *known) nodes() []string {
	return append(append(k.containers(), k.billings...), "account:"+k.account)
}

var (
	someGroups      = []string{"group:dev", "group:staff", "group:night"}
	someSubjects    = []string{"user:ben", "user:eve", "user:ann", "service:bot", "group:dev", "group:staff", "group:night"}
	someRoles       = []string{"editor", "viewer", "owner", "agent", "access-admin", "night"}
	somePermissions = []string{"number.update", "number.read", "project.read", "binding.grant", "project.resume", "account.read"}
	somePatterns    = [][]string{{"number.read"}, {"number.*"}, {"*.read", "binding.grant"}}
)

// windows are when bindings hold, around an instant: always, no longer, now,
// not yet.
func windows(now time.Time) [][2]int64 {
	at := func(hours int) int64 {
		return now.Truncate(time.Second).Add(time.Duration(hours) * time.Hour).UnixMicro()
	}
	return [][2]int64{{}, {at(-2), at(-1)}, {at(-1), at(1)}, {at(1), 0}}
}

// question is what a deed asks; nil if it asks nothing.
func (c deed) question(k *known) *oracle.Question {
	if !strings.HasPrefix(c.verb, "check") && c.verb != "payer" {
		return nil
	}
	return &oracle.Question{
		Subject: at(someSubjects[:4], c.what[1]), Permission: at(somePermissions, c.what[2]),
		Resource: at(append(k.numbers(), k.nodes()...), c.what[0]), RequireBilling: c.what[3]%3 == 1, At: time.Now().UnixMicro(),
	}
}

// write is what a deed changes.
func (c deed) write(k *known) *oracle.Write {
	action, typ, _ := strings.Cut(c.verb, " ")
	q := &oracle.Write{Action: action, Actor: c.actor, At: time.Now().UnixMicro()}
	payer := func(i int) string { return strings.TrimPrefix(at(k.billings, i), "billing_account:") }
	switch action {
	case "open":
		q.Node, q.Parent = typ+":", at(k.projects, c.what[0])
		if typ == "project" && c.what[1]%2 == 1 {
			q.Payer = payer(c.what[2])
		}
	case "register", "unregister":
		q.Node, q.Parent = at(k.numbers(), c.what[0]), at(k.containers(), c.what[1])
	case "move":
		q.Node, q.Parent = at(append(k.numbers(), k.subprojects...), c.what[0]), at(k.containers(), c.what[1])
		if strings.HasPrefix(q.Node, "subproject:") {
			q.Parent = at(k.projects, c.what[1])
		}
	case "link", "unlink":
		q.Node, q.Payer = at(k.projects, c.what[0]), payer(c.what[1])
	case "suspend", "resume", "delete", "restore":
		q.Node = at(k.nodes(), c.what[0])
	case "unbind":
		q.Node = "binding:" + at(k.bindings, c.what[0])
	case "bind":
		effect := "allow"
		if c.what[3]%3 == 1 {
			effect = "deny"
		}
		window := windows(time.Now())[max(0, c.what[3]-8)]
		q.Node = "binding:"
		q.Binding = oracle.Binding{
			Subject: at(someSubjects, c.what[0]), Role: at(someRoles, c.what[1]), Scope: at(append(k.nodes(), k.numbers()...), c.what[2]),
			Effect: effect, From: window[0], Until: window[1],
		}
	case "define", "remove":
		q.Node, q.Permissions = at(someGroups, c.what[0]), somePatterns[c.what[1]%len(somePatterns)]
		if typ == "role" {
			q.Node = "role:" + at([]string{"agent", "night"}, c.what[0])
		}
	case "enroll", "expel":
		q.Node, q.Member = at(someGroups, c.what[0]), at(someSubjects, c.what[1])
	}
	return q
}
