package admin_test

import (
	"flag"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/apikey"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// A search for escalation. A coalition of users, a service and an API key, of
// whom none may grant anything whatever nor end a deny, does what it likes, in
// any order. After each of its commands it must hold nothing that it did not
// hold at the start. These are the exceptions, and there are no others:
//
//   - binding.grant_any, and binding.deny above a deny: whoever has those may
//     give himself what he likes there, and end the deny. The coalition has
//     neither.
//   - A right that may be granted on a node reaches below it. Who is denied it
//     further down may give it, above, to one who is not.
//   - Windows: who holds something for a time may give it for longer.
//   - State: to resume, restore or enable something gives back what was given
//     before. The search looks at rights as if nothing were suspended, deleted
//     or disabled.
//   - What is made anew: whoever opens a node has there what he has above it,
//     and a resource that is unregistered is another one when it comes back.

// tools are permissions to administer with; goods are what is worth having.
var (
	tools = []string{
		"account.read", "project.read", "subproject.read", "binding.inspect", "binding.revoke", "group.define", "group.enroll", "role.define",
		"key.inspect", "key.mint", "key.rotate", "key.transfer", "key.suspend", "key.resume", "key.revoke", "subproject.open", "subproject.move",
		"resource.register", "resource.move", "resource.unregister", "project.link", "project.suspend", "project.resume",
		"subproject.suspend", "subproject.resume", "subproject.close", "subproject.restore",
	}
	goods  = []string{"number.read", "number.update", "number.delete"}
	others = []string{"binding.grant", "binding.grant_any", "binding.deny", "account.close", "billing_account.link"}
)

// gain is a permission on a node.
type gain struct {
	permission string
	node       hierarchy.Ref
}

// heist is one run of the search.
type heist struct {
	*house
	t       *rapid.T
	lax     string // the rule that is switched off; "" for none
	account string
	project []hierarchy.Ref
	sub     []hierarchy.Ref
	number  []hierarchy.Ref
	payer   hierarchy.Ref
	all     []hierarchy.Ref // nodes there were at the start
	parent  map[hierarchy.Ref]hierarchy.Ref
	groups  []string
	roles   []string
	keys    []hierarchy.Ref
	gang    []hierarchy.Ref
	choices []int // that are left of the step under way
	trace   []string
}

// newHeist lays out an account with something to gain, in each of the ways in
// which it might be gained, and with bindings at random.
func newHeist(h *house, t *rapid.T, lax string) *heist {
	x := &heist{house: h, t: t, lax: lax, parent: map[hierarchy.Ref]hierarchy.Ref{}}
	c := done(h.SignUp(t.Context(), operator, newcomer()))
	x.account, x.payer = c.Account.Ref.ID, c.Billing.Ref
	x.project = []hierarchy.Ref{c.Project.Ref, done(h.CreateProject(t.Context(), operator, x.account, hierarchy.Project{}, c.Billing.Ref.ID)).Ref}
	for _, p := range x.project {
		x.parent[p] = c.Account.Ref
		s := done(h.CreateSubproject(t.Context(), operator, p.ID, hierarchy.Info{})).Ref
		x.sub, x.parent[s] = append(x.sub, s), p
	}
	for i, in := range []hierarchy.Ref{x.project[0], x.sub[1]} {
		n := hierarchy.Ref{Type: "number", ID: fmt.Sprintf("+%d-%s", i, x.account)}
		done(h.RegisterResource(t.Context(), operator, n, hierarchy.Resource{Parent: in}))
		x.number, x.parent[n] = append(x.number, n), in
	}
	user := func(id string) hierarchy.Ref { return hierarchy.Ref{Type: "user", ID: id} }
	x.gang = []hierarchy.Ref{user("mia"), user("max"), {Type: "service", ID: "moe"}}
	x.all = x.nodes()
	x.people(c.Account.Ref)
	x.random()
	return x
}

// people are the roles, groups and keys that every run has.
func (x *heist) people(root hierarchy.Ref) {
	ctx := x.t.Context()
	role := func(id string, permissions ...string) {
		done(x.CreateRole(ctx, operator, x.account, id, policy.Role{Permissions: permissions}))
		x.roles = append(x.roles, id)
	}
	has := []string{}
	for _, p := range tools {
		if rapid.IntRange(0, 9).Draw(x.t, p) > 0 {
			has = append(has, p)
		}
	}
	role("tools", has...)
	role("reader", "number.read")
	role("writer", "number.update", "number.delete")
	role("granter", "project.read", "binding.grant")
	role("ban", "number.read", "number.update")
	for _, g := range []string{"owners", "barred", "inner", "crew"} {
		done(x.CreateGroup(ctx, operator, x.account, g, policy.Group{}, nil))
		x.groups = append(x.groups, g)
	}
	enrol := func(group string, m hierarchy.Ref) { done(x.AddMember(ctx, operator, x.account, group, m)) }
	enrol("owners", ann)
	enrol("barred", hierarchy.Ref{Type: "group", ID: "inner"})
	enrol("inner", x.gang[1])
	enrol("barred", x.gang[2])
	key := func(sponsor hierarchy.Ref) hierarchy.Ref {
		k := done(x.CreateKey(ctx, operator, admin.NewKey{Parent: x.project[0], Environment: "live", Sponsor: sponsor})).Ref
		x.keys = append(x.keys, k)
		return k
	}
	mine, theirs := key(x.gang[0]), key(ann)
	x.gang = append(x.gang, mine)
	group := func(id string) hierarchy.Ref { return hierarchy.Ref{Type: "group", ID: id} }
	for _, b := range []policy.Binding{
		{Subject: x.gang[0], Role: "tools", Scope: root},
		{Subject: x.gang[1], Role: "reader", Scope: root},
		{Subject: x.gang[2], Role: "reader", Scope: root},
		{Subject: group("owners"), Role: "owner", Scope: root},
		{Subject: group("barred"), Role: "ban", Scope: x.project[0], Effect: policy.Deny},
		{Subject: x.gang[0], Role: "granter", Scope: x.project[1]},
		{Subject: x.gang[1], Role: "writer", Scope: x.project[1]},
		{Subject: mine, Role: "writer", Scope: x.project[0]},
		{Subject: theirs, Role: "owner", Scope: x.project[0]},
	} {
		done(x.CreateBinding(ctx, operator, b))
	}
}

// random binds roles that are no owner's to the coalition and to others.
func (x *heist) random() {
	for _, s := range steps([]string{"bind"}, 5).Draw(x.t, "bindings") {
		x.choices = s.choices
		b := policy.Binding{
			Subject: pick(x, append(slices.Clone(x.gang), ben, hierarchy.Ref{Type: "group", ID: "crew"}, hierarchy.Ref{Type: "group", ID: "inner"})),
			Role:    pick(x, x.roles), Scope: pick(x, x.nodes()),
		}
		if pick(x, []int{0, 1, 2, 3, 4}) == 4 {
			b.Effect = policy.Deny
		}
		if b.Subject.Type == hierarchy.TypeKey {
			b.Scope = x.project[0]
		}
		_, err := x.CreateBinding(x.t.Context(), operator, b)
		if got := reason(err); got != "" && got != "ALREADY_EXISTS" {
			x.t.Fatal(err)
		}
	}
}

// done is what was made, of what cannot fail.
func done[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// step is one thing to do, and choices for what it needs. They are drawn before
// it is known among what they choose, so that steps can be left out when what
// was found is shrunk.
type step struct {
	name    string
	choices []int
}

func steps(names []string, atMost int) *rapid.Generator[[]step] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{rapid.SampledFrom(names).Draw(t, "what"), rapid.SliceOfN(rapid.IntRange(0, 5_039), 6, 6).Draw(t, "choices")}
	}), 0, atMost)
}

// pick makes the next choice of the step under way.
func pick[T any](x *heist, from []T) T {
	i := x.choices[0]
	x.choices = x.choices[1:]
	return from[i%len(from)]
}

func (x *heist) root() hierarchy.Ref {
	return hierarchy.Ref{Type: hierarchy.TypeAccount, ID: x.account}
}

func (x *heist) nodes() []hierarchy.Ref {
	return slices.Concat([]hierarchy.Ref{x.root(), x.payer}, x.project, x.sub, x.number)
}

// can reports whether a subject has been given a permission on a node, as how
// says.
func (x *heist) can(how func(*authz.Snapshot, hierarchy.Ref, policy.Permission, hierarchy.Ref, hierarchy.Ref, int64) authz.Code, s *authz.Snapshot, who hierarchy.Ref, g gain) bool {
	p := done(policy.ParsePermission(g.permission))
	node, resource := g.node, hierarchy.Ref{}
	if !hierarchy.IsOwn(node.Type) {
		node, resource = x.parent[node], node
	}
	return how(s, who, p, node, resource, x.engine.Now()) == authz.Allowed
}

// held is all that the coalition has been given.
func (x *heist) held() map[gain]bool {
	s := done(x.engine.Refresh(x.t.Context(), x.account))
	all := map[gain]bool{}
	for _, p := range slices.Concat(tools, goods, others) {
		for _, n := range x.nodes() {
			for _, who := range x.gang {
				if g := (gain{p, n}); !all[g] && x.can((*authz.Snapshot).RightsGiven, s, who, g) {
					all[g] = true
				}
			}
		}
	}
	return all
}

// grantable is what is held, and what can be granted above: see the exceptions.
func (x *heist) grantable(held map[gain]bool) map[gain]bool {
	all := maps.Clone(held)
	for _, p := range slices.Concat(tools, goods, others) {
		for _, n := range x.nodes() {
			for at, ok := n, true; ok; at, ok = x.parent[at] {
				if held[gain{p, at}] && held[gain{"binding.grant", at}] {
					all[gain{p, n}] = true
				}
			}
		}
	}
	return all
}

// run does what the coalition likes, and fails if it gains something by it.
func (x *heist) run() {
	start := x.grantable(x.held())
	for _, p := range []string{"binding.grant_any", "binding.deny"} {
		for _, n := range x.nodes() {
			if start[gain{p, n}] {
				x.t.Fatalf("the coalition has %s on %s from the start: the search shows nothing", p, n)
			}
		}
	}
	names := slices.Sorted(maps.Keys(commands))
	for _, s := range steps(names, 24).Draw(x.t, "commands") {
		x.choices = s.choices
		name, who := s.name, pick(x, append([]hierarchy.Ref{x.gang[0], x.gang[0], x.gang[0]}, x.gang...))
		what, err := commands[name](x, who)
		x.trace = append(x.trace, x.plain(fmt.Sprintf("%s: %s %s: %s", who, name, what, reason(err))))
		if err != nil {
			continue
		}
		var gained []string
		for g := range x.held() {
			if !start[g] {
				gained = append(gained, x.plain(g.permission+" on "+g.node.String()))
			}
		}
		if slices.Sort(gained); len(gained) > 0 {
			x.t.Fatalf("the coalition has gained %s by:\n%s", gained[0], strings.Join(x.trace, "\n"))
		}
	}
}

// as is somebody of the coalition, on his own.
func (x *heist) as(who hierarchy.Ref) admin.Caller {
	if who.Type == hierarchy.TypeUser {
		return as(who)
	}
	return admin.Caller{Name: who.String(), Principal: who}
}

// by does a command as somebody. Where it breaks a rule that is switched off, it
// is done all the same, if he has the permissions that it takes beside.
func (x *heist) by(who hierarchy.Ref, rule string, beside []gain, do func(admin.Caller) error) error {
	err := do(x.as(who))
	if x.lax != rule || reason(err) != "PERMISSION_DENIED" {
		return err
	}
	s := done(x.engine.Refresh(x.t.Context(), x.account))
	for _, g := range beside {
		if !x.can((*authz.Snapshot).Rights, s, who, g) {
			return err
		}
	}
	return do(operator)
}

// commands are what the coalition can try. Each returns what it was about.
var commands = map[string]func(x *heist, who hierarchy.Ref) (string, error){
	"bind": func(x *heist, who hierarchy.Ref) (string, error) {
		b := policy.Binding{Subject: x.anybody(), Role: pick(x, append(slices.Clone(x.roles), policy.Owner)), Scope: pick(x, x.nodes())}
		if pick(x, []int{0, 1, 2, 3, 4, 5}) == 5 {
			b.Effect = policy.Deny
		}
		return fmt.Sprintf("%s %s on %s %s", b.Subject, b.Role, b.Scope, b.Effect), x.by(who, "granting", []gain{{"binding.grant", b.Scope}}, func(c admin.Caller) error {
			_, err := x.CreateBinding(x.t.Context(), c, b)
			return err
		})
	},
	"unbind": func(x *heist, who hierarchy.Ref) (string, error) {
		s := done(x.engine.Refresh(x.t.Context(), x.account))
		var known []policy.Binding
		ids := map[policy.Binding]string{}
		for _, b := range s.FindBindings("", "", func(policy.Binding) bool { return true }) {
			known, ids[b.Binding] = append(known, b.Binding), b.ID
		}
		slices.SortFunc(known, func(a, b policy.Binding) int {
			return strings.Compare(x.plain(fmt.Sprint(a)), x.plain(fmt.Sprint(b)))
		})
		b := pick(x, known)
		return fmt.Sprintf("%s %s %s on %s", b.Effect, b.Subject, b.Role, b.Scope), x.by(who, "ending a deny", []gain{{"binding.revoke", b.Scope}}, func(c admin.Caller) error {
			_, err := x.DeleteBinding(x.t.Context(), c, ids[b])
			return err
		})
	},
	"enrol": func(x *heist, who hierarchy.Ref) (string, error) {
		group, m := pick(x, x.groups), x.anybody()
		return m.String() + " in " + group, x.by(who, "enrolling", []gain{{"group.enroll", x.root()}}, func(c admin.Caller) error {
			_, err := x.AddMember(x.t.Context(), c, x.account, group, m)
			return err
		})
	},
	"expel": func(x *heist, who hierarchy.Ref) (string, error) {
		group, m := pick(x, x.groups), x.anybody()
		return m.String() + " from " + group, x.by(who, "expelling", []gain{{"group.enroll", x.root()}}, func(c admin.Caller) error {
			_, err := x.RemoveMember(x.t.Context(), c, x.account, group, m)
			return err
		})
	},
	"disband": func(x *heist, who hierarchy.Ref) (string, error) {
		group := pick(x, x.groups)
		return group, x.by(who, "disbanding", []gain{{"group.define", x.root()}}, func(c admin.Caller) error {
			_, err := x.DeleteGroup(x.t.Context(), c, x.account, group)
			return err
		})
	},
	"widen": func(x *heist, who hierarchy.Ref) (string, error) {
		role, p := pick(x, x.roles), pick(x, slices.Concat(goods, tools, []string{"number.*"}))
		return role + " by " + p, x.redefine(who, "widening", role, func(r *policy.Role) { r.Permissions = append(r.Permissions, p) })
	},
	"narrow": func(x *heist, who hierarchy.Ref) (string, error) {
		role, p := pick(x, x.roles), pick(x, goods)
		return role + " by " + p, x.redefine(who, "narrowing", role, func(r *policy.Role) {
			r.Permissions = slices.DeleteFunc(r.Permissions, func(has string) bool { return has == p })
		})
	},
	"drop role": func(x *heist, who hierarchy.Ref) (string, error) {
		role := pick(x, x.roles)
		_, err := x.DeleteRole(x.t.Context(), x.as(who), x.account, role)
		return role, err
	},
	"move subproject": func(x *heist, who hierarchy.Ref) (string, error) {
		s, to := pick(x, x.sub), pick(x, x.project)
		err := x.by(who, "moving", []gain{{"subproject.move", s}, {"subproject.open", to}}, func(c admin.Caller) error {
			_, err := x.MoveSubproject(x.t.Context(), c, s.ID, to.ID)
			return err
		})
		if err == nil {
			x.parent[s] = to
		}
		return s.String() + " to " + to.String(), err
	},
	"move number": func(x *heist, who hierarchy.Ref) (string, error) {
		if len(x.number) == 0 {
			return "", hierarchy.Conflict("NONE_LEFT", "")
		}
		n, to := pick(x, x.number), pick(x, slices.Concat(x.project, x.sub))
		err := x.by(who, "moving", []gain{{"resource.move", n}, {"resource.register", to}}, func(c admin.Caller) error {
			_, err := x.MoveResource(x.t.Context(), c, n, to)
			return err
		})
		if err == nil {
			x.parent[n] = to
		}
		return n.String() + " to " + to.String(), err
	},
	"unregister": func(x *heist, who hierarchy.Ref) (string, error) {
		if len(x.number) == 0 {
			return "", hierarchy.Conflict("NONE_LEFT", "")
		}
		n := pick(x, x.number)
		_, err := x.DeleteResource(x.t.Context(), x.as(who), n)
		if err == nil {
			x.number = slices.DeleteFunc(x.number, func(m hierarchy.Ref) bool { return m == n })
		}
		return n.String(), err
	},
	"mint": func(x *heist, who hierarchy.Ref) (string, error) {
		in := pick(x, slices.Concat(x.project, x.sub))
		k, err := x.CreateKey(x.t.Context(), x.as(who), admin.NewKey{Parent: in, Environment: "live"})
		if err == nil {
			x.keys = append(x.keys, k.Ref)
			x.joins(k)
		}
		return "a key of " + in.String(), err
	},
	"rotate": func(x *heist, who hierarchy.Ref) (string, error) {
		k := pick(x, x.keys)
		return k.String(), x.by(who, "rotating", []gain{{"key.rotate", x.of(k)}, {"key.inspect", x.of(k)}}, func(c admin.Caller) error {
			next, err := x.RotateKey(x.t.Context(), c, k.ID, "live", 0)
			if err == nil {
				x.joins(next)
			}
			return err
		})
	},
	"transfer": func(x *heist, who hierarchy.Ref) (string, error) {
		k, to := pick(x, x.keys), pick(x, []hierarchy.Ref{ann, ben, x.gang[0], x.gang[1], x.gang[2]})
		return k.String() + " to " + to.String(), x.by(who, "transferring", []gain{{"key.transfer", x.of(k)}, {"key.inspect", x.of(k)}}, func(c admin.Caller) error {
			_, err := x.TransferKey(x.t.Context(), c, k.ID, to)
			return err
		})
	},
	"disable or enable": func(x *heist, who hierarchy.Ref) (string, error) {
		k := pick(x, x.keys)
		do := pick(x, []func(admin.Caller) error{
			func(c admin.Caller) error { _, err := x.DisableKey(x.t.Context(), c, k.ID); return err },
			func(c admin.Caller) error { _, err := x.EnableKey(x.t.Context(), c, k.ID); return err },
		})
		return k.String(), do(x.as(who))
	},
	"change state": func(x *heist, who hierarchy.Ref) (string, error) {
		node := pick(x, slices.Concat(x.project, x.sub))
		how := pick(x, []string{"suspend", "resume", "close", "restore"})
		do := map[string]func(*admin.Service) (admin.Stated, error){
			"suspend": func(s *admin.Service) (admin.Stated, error) { return s.Suspend(x.t.Context(), x.as(who), node) },
			"resume":  func(s *admin.Service) (admin.Stated, error) { return s.Resume(x.t.Context(), x.as(who), node) },
			"close":   func(s *admin.Service) (admin.Stated, error) { return s.Delete(x.t.Context(), x.as(who), node) },
			"restore": func(s *admin.Service) (admin.Stated, error) { return s.Restore(x.t.Context(), x.as(who), node) },
		}[how]
		_, err := do(x.Service)
		return how + " " + node.String(), err
	},
	"link": func(x *heist, who hierarchy.Ref) (string, error) {
		p := pick(x, x.project)
		if pick(x, []bool{false, true}) {
			_, err := x.RemoveLink(x.t.Context(), x.as(who), p.ID)
			return p.String(), err
		}
		_, err := x.SetLink(x.t.Context(), x.as(who), p.ID, x.payer.ID)
		return p.String(), err
	},
	"open group": func(x *heist, who hierarchy.Ref) (string, error) {
		id, m := fmt.Sprint("g", len(x.groups)), x.anybody()
		_, err := x.CreateGroup(x.t.Context(), x.as(who), x.account, id, policy.Group{}, []hierarchy.Ref{m})
		if err == nil {
			x.groups = append(x.groups, id)
		}
		return id + " with " + m.String(), err
	},
	"define role": func(x *heist, who hierarchy.Ref) (string, error) {
		id, p := fmt.Sprint("r", len(x.roles)), pick(x, slices.Concat(goods, tools, others))
		_, err := x.CreateRole(x.t.Context(), x.as(who), x.account, id, policy.Role{Permissions: []string{p}})
		if err == nil {
			x.roles = append(x.roles, id)
		}
		return id + " of " + p, err
	},
}

func (x *heist) redefine(who hierarchy.Ref, rule, role string, change func(*policy.Role)) error {
	return x.by(who, rule, []gain{{"role.define", x.root()}}, func(c admin.Caller) error {
		_, err := x.UpdateRole(x.t.Context(), c, x.account, role, func(r *policy.Role) error {
			change(r)
			return nil
		})
		return err
	})
}

// anybody is somebody to whom something can be bound.
func (x *heist) anybody() hierarchy.Ref {
	all := append(slices.Clone(x.gang), ben)
	for _, g := range x.groups {
		all = append(all, hierarchy.Ref{Type: hierarchy.TypeGroup, ID: g})
	}
	return pick(x, all)
}

// joins makes a key whose secret was shown one of the coalition.
func (x *heist) joins(k admin.Minted) {
	if !k.Shown && k.Secret != (apikey.Secret{}) && !slices.Contains(x.gang, k.Ref) {
		x.gang = append(x.gang, k.Ref)
	}
}

// of is what a key belongs to.
func (x *heist) of(key hierarchy.Ref) hierarchy.Ref {
	parent, _ := done(x.engine.Refresh(x.t.Context(), x.account)).KeyParent(key)
	return parent
}

// plain is a text with names in it that are the same in every run, so that to
// draw the same is to find the same.
func (x *heist) plain(text string) string {
	for i, n := range x.all {
		text = strings.ReplaceAll(text, n.String(), fmt.Sprintf("%s %d", n.Type, i))
	}
	for i, k := range x.keys {
		text = strings.ReplaceAll(text, k.String(), fmt.Sprint("key ", i))
	}
	return text
}

// No sequence of commands gives a coalition what it had not.
func TestNoEscalationIsFound(t *testing.T) {
	h := build(t)
	ran, made := 0, map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		x := newHeist(h, rt, "")
		x.run()
		ran += len(x.trace)
		for _, line := range x.trace {
			if name, ok := strings.CutSuffix(line, ": "); ok {
				_, name, _ = strings.Cut(name, ": ")
				made[strings.Join(strings.Fields(name)[:1], " ")]++
			}
		}
	})
	t.Logf("%d commands, and what was done: %v", ran, made)
}

// With one rule switched off, the same search finds how to gain by it, in few
// commands.
func TestTheSearchFindsEscalations(t *testing.T) {
	for _, rule := range []string{"granting", "ending a deny", "enrolling", "expelling", "disbanding", "widening", "narrowing", "rotating", "transferring", "moving"} {
		t.Run(rule, func(t *testing.T) {
			h := build(t)
			var last []string
			if !fails(t, func(rt *rapid.T) {
				x := newHeist(h, rt, rule)
				defer func() { last = x.trace }()
				x.run()
			}) {
				t.Fatal("nothing is gained by it: a search that cannot find shows nothing")
			}
			did := slices.DeleteFunc(last, func(line string) bool { return !strings.HasSuffix(line, ": ") }) // the others were refused
			t.Logf("found:\n%s", strings.Join(did, "\n"))
			if len(did) > 4 {
				t.Errorf("it was not shrunk to few commands, but to %d", len(did))
			}
		})
	}
}

// fails reports whether a property is refuted, by runs that are the same each
// time.
func fails(t *testing.T, property func(*rapid.T)) bool {
	t.Helper()
	checks := "1000"
	if testing.Short() {
		checks = "5000" // of which rapid then makes a fifth
	}
	for name, value := range map[string]string{"rapid.nofailfile": "true", "rapid.checks": checks, "rapid.seed": "5", "rapid.shrinktime": (2 * time.Second).String()} {
		f := flag.Lookup(name)
		was := f.Value.String()
		if err := f.Value.Set(value); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Value.Set(was) }()
	}
	silent := &refuted{TB: t}
	ended := make(chan struct{})
	go func() { // a check that fails ends its goroutine
		defer close(ended)
		rapid.Check(silent, property)
	}()
	<-ended
	return silent.failed
}

// refuted is a test whose failure is what is wanted.
type refuted struct {
	testing.TB
	failed bool
}

func (r *refuted) Errorf(string, ...any) { r.failed = true }
func (r *refuted) Fatalf(string, ...any) { r.FailNow() }
func (r *refuted) Fail()                 { r.failed = true }
func (r *refuted) Failed() bool          { return r.failed }
func (r *refuted) Logf(string, ...any)   {}
func (r *refuted) Log(...any)            {}
func (r *refuted) FailNow() {
	r.failed = true
	runtime.Goexit()
}
