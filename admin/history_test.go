package admin_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// past is a world that changes at random, and beside it what an oracle notes:
// the periods of every node's parent and payer, in plain slices.
type past struct {
	*house
	t         *testing.T
	rng       *rand.Rand
	account   string
	payers    []string        // billing accounts
	projects  []string        // bare
	places    []hierarchy.Ref // projects and subprojects
	resources []hierarchy.Ref
	born      map[string]int64 // of nodes that are not resources
	times     []int64          // of all changes
	links     map[string][]admin.Period
	parents   map[string][]admin.Period
}

// moment notes when the last change was made, and that it was after the one
// before.
func (p *past) moment() int64 {
	p.t.Helper()
	changes, err := p.store.LogBefore(p.t.Context(), p.account, 0, 1)
	if err != nil || len(changes) != 1 {
		p.t.Fatal(changes, err)
	}
	at := changes[0].At
	if n := len(p.times); n > 0 && at < p.times[n-1] {
		p.t.Fatalf("a change at %d after one at %d", at, p.times[n-1])
	}
	p.times = append(p.times, at)
	return at
}

func newPast(t *testing.T, h *house, seed uint64) *past {
	t.Helper()
	made := h.customer(t)
	p := &past{
		house: h, t: t, rng: rand.New(rand.NewPCG(seed, 7)), account: made.Account.Ref.ID, payers: []string{made.Billing.Ref.ID},
		born: map[string]int64{}, links: map[string][]admin.Period{}, parents: map[string][]admin.Period{},
	}
	first := made.Project.Ref
	p.born[first.String()], p.born[made.Billing.Ref.String()] = p.moment(), made.Billing.Created
	p.born["account:"+p.account] = made.Account.Created
	p.links[first.String()] = []admin.Period{{Holder: made.Billing.Ref.ID, From: made.Project.Created}}
	p.projects, p.places = []string{first.ID}, []hierarchy.Ref{first}
	for range 2 {
		b := must(h.CreateBillingAccount(t.Context(), operator, p.account, billing.Account{Mode: billing.Prepaid, Currency: "SEK"}))(t)
		p.payers, p.born[b.Ref.String()] = append(p.payers, b.Ref.ID), p.moment()
		project := must(h.CreateProject(t.Context(), operator, p.account, hierarchy.Project{}, ""))(t)
		p.projects, p.places, p.born[project.Ref.String()] = append(p.projects, project.Ref.ID), append(p.places, project.Ref), p.moment()
	}
	for i := range 3 {
		sub := must(h.CreateSubproject(t.Context(), operator, p.projects[i], hierarchy.Info{}))(t)
		p.places, p.born[sub.Ref.String()] = append(p.places, sub.Ref), p.moment()
		p.parents[sub.Ref.String()] = []admin.Period{{Holder: "project:" + p.projects[i], From: p.moment()}}
	}
	for i := range 4 {
		p.resources = append(p.resources, hierarchy.Ref{Type: "number", ID: fmt.Sprintf("+%d", i)})
	}
	return p
}

// begin and end note that something holds from now on, or no longer.
func begin(of map[string][]admin.Period, node, holder string, at int64) {
	end(of, node, at)
	of[node] = append(of[node], admin.Period{Holder: holder, From: at})
}

func end(of map[string][]admin.Period, node string, at int64) {
	if list := of[node]; len(list) > 0 && list[len(list)-1].To == 0 {
		list[len(list)-1].To = at
	}
}

func open(of map[string][]admin.Period, node string) string {
	if list := of[node]; len(list) > 0 && list[len(list)-1].To == 0 {
		return list[len(list)-1].Holder
	}
	return ""
}

// moveSubproject moves some subproject to a project.
func (p *past) moveSubproject(projectID string) {
	p.t.Helper()
	sub := p.places[3+p.rng.IntN(len(p.places)-3)]
	moved := must(p.MoveSubproject(p.t.Context(), operator, sub.ID, projectID))(p.t)
	if at := p.moment(); moved.Changed {
		begin(p.parents, sub.String(), "project:"+projectID, at)
	}
}

// step changes something at random.
func (p *past) step() {
	p.t.Helper()
	ctx := p.t.Context()
	id := p.projects[p.rng.IntN(len(p.projects))]
	project := "project:" + id
	ref := p.resources[p.rng.IntN(len(p.resources))]
	switch linked, where := open(p.links, project), open(p.parents, ref.String()); {
	case p.rng.IntN(8) == 0:
		p.moveSubproject(id)
	case p.rng.IntN(2) == 0 && linked != "" && p.rng.IntN(3) == 0:
		must(p.RemoveLink(ctx, operator, id))(p.t)
		end(p.links, project, p.moment())
	case p.rng.IntN(2) == 0:
		payer := p.payers[p.rng.IntN(len(p.payers))]
		must(p.SetLink(ctx, operator, id, payer))(p.t)
		if at := p.moment(); payer != linked {
			begin(p.links, project, payer, at)
		}
	case where == "":
		place := p.places[p.rng.IntN(len(p.places))]
		must(p.RegisterResource(ctx, operator, ref, hierarchy.Resource{Parent: place}))(p.t)
		begin(p.parents, ref.String(), place.String(), p.moment())
	case p.rng.IntN(2) == 0:
		place := p.places[p.rng.IntN(len(p.places))]
		moved := must(p.MoveResource(ctx, operator, ref, place))(p.t)
		if at := p.moment(); moved.Changed {
			begin(p.parents, ref.String(), place.String(), at)
		}
	case p.rng.IntN(2) == 0: // which changes neither parent nor payer
		must(p.UpdateResource(ctx, operator, ref, func(l *map[string]string, _ *jsonText) error {
			*l = map[string]string{"n": fmt.Sprint(p.rng.IntN(100))}
			return nil
		}))(p.t)
		p.moment()
	default:
		must(p.DeleteResource(ctx, operator, ref))(p.t)
		end(p.parents, ref.String(), p.moment())
	}
}

// held is the period of an instant; count is how many there are.
func held(list []admin.Period, at int64) (holder string, count int) {
	for _, x := range list {
		if x.From <= at && (x.To == 0 || at < x.To) {
			holder, count = x.Holder, count+1
		}
	}
	return holder, count
}

// owner is what the oracle says of an instant.
func (p *past) owner(node string, at int64) (billing authz.Billing, path []string) {
	p.t.Helper()
	ref, err := hierarchy.ParseRef(node)
	if err != nil {
		p.t.Fatal(err)
	}
	for ref.Type != hierarchy.TypeProject {
		list := p.parents[ref.String()]
		parent, count := held(list, at)
		switch {
		case count > 1:
			p.t.Fatalf("%s has %d parents at %d", ref, count, at)
		case len(list) == 0:
			return authz.Billing{}, nil
		case at < list[0].From:
			return authz.Billing{Code: authz.NotCreatedYet}, nil
		case count == 0:
			return authz.Billing{Code: authz.AlreadyDeleted}, nil
		}
		path = append(path, ref.String())
		ref, _ = hierarchy.ParseRef(parent)
	}
	if at < p.born[ref.String()] {
		return authz.Billing{Code: authz.NotCreatedYet}, nil
	}
	payer, count := held(p.links[ref.String()], at)
	if count > 1 {
		p.t.Fatalf("%s has %d payers at %d", ref, count, at)
	}
	billing = authz.Billing{Code: authz.NoBillingLink, Project: ref.ID}
	if count == 1 {
		billing.Code, billing.BillingAccount = authz.Billed, payer
	}
	return billing, append(path, ref.String(), "account:"+p.account)
}

// compare asks for one instant.
func (p *past) compare(node string, at int64) {
	p.t.Helper()
	paid, err := p.BillingOwnerAt(p.t.Context(), &authz.Request{Resource: node, Account: p.account}, at)
	if err != nil {
		p.t.Fatalf("%s at %d: %v", node, at, err)
	}
	billing, path := p.owner(node, at)
	if diff := cmp.Diff(billing, paid.Billing) + cmp.Diff(path, paid.Path); diff != "" || paid.Account != p.account || paid.Revision == "" {
		p.t.Fatalf("%s at %d (-oracle +answer): %s", node, at, diff)
	}
}

// nodes are all that can be asked about.
func (p *past) nodes() []string {
	nodes := []string{"number:never"}
	for _, r := range slices.Concat(p.places, p.resources) {
		nodes = append(nodes, r.String())
	}
	return nodes
}

// Whatever was relinked, unlinked, registered, deleted and registered again:
// at every instant every resource has exactly one payer or an explicit reason
// why nobody paid, the one that the oracle noted (M17).
func TestWhoPaid(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		p := newPast(t, h, 1)
		for range 120 {
			p.step()
		}
		must(h.UpdateAccount(t.Context(), operator, p.account, func(a *hierarchy.Account) error { // time goes on
			a.DisplayName = "end"
			return nil
		}))(t)
		asked := 0
		for _, node := range p.nodes() {
			for _, at := range p.times {
				for _, instant := range []int64{at - 1, at, at + 1} {
					p.compare(node, instant)
					asked++
				}
			}
		}
		t.Logf("%d instants of %d nodes asked, after %d changes", asked, len(p.nodes()), len(p.times))
		p.lists()
		p.now()
	})
}

// lists compares the histories, on pages of several sizes.
func (p *past) lists() {
	p.t.Helper()
	read := func(what string, want []admin.Period, list func(admin.Span) (admin.Page[admin.Period], error)) {
		p.t.Helper()
		for _, size := range []int{1, 2, 1000} {
			var got []admin.Period
			for span := (admin.Span{Limit: size}); ; {
				page, err := list(span)
				if err != nil {
					p.t.Fatalf("%s: %v", what, err)
				}
				if len(page.Items) > size {
					p.t.Fatalf("%s: %d items on a page of %d", what, len(page.Items), size)
				}
				for _, item := range page.Items {
					got = append(got, item.Doc)
				}
				if span.After = page.Next; page.Next == "" {
					break
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				p.t.Errorf("%s, pages of %d (-oracle +answer): %s", what, size, diff)
			}
			for i, x := range got {
				if (x.To != 0 && x.To <= x.From) || (i > 0 && (got[i-1].To == 0 || got[i-1].To > x.From)) {
					p.t.Errorf("%s: the times of %+v do not increase", what, got)
				}
			}
		}
	}
	ctx := p.t.Context()
	for _, id := range p.projects {
		read(id, p.links["project:"+id], func(s admin.Span) (admin.Page[admin.Period], error) { return p.BillingLinks(ctx, operator, id, s) })
	}
	for _, ref := range p.places[3:] {
		read(ref.ID, p.parents[ref.String()], func(s admin.Span) (admin.Page[admin.Period], error) {
			return p.SubprojectParents(ctx, operator, ref.ID, s)
		})
	}
	for _, ref := range p.resources {
		read(ref.ID, p.parents[ref.String()], func(s admin.Span) (admin.Page[admin.Period], error) {
			return p.ResourceParents(ctx, operator, ref, p.account, s)
		})
	}
}

// now compares who paid at the last settled instant with who pays now.
func (p *past) now() {
	p.t.Helper()
	head, _, err := p.store.Read(p.t.Context(), p.account)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, node := range append(p.nodes(), "account:"+p.account, "billing_account:"+p.payers[1]) {
		req := authz.Request{Resource: node, Account: p.account}
		paid := must(p.BillingOwnerAt(p.t.Context(), &req, head.Settled()))(p.t)
		pays := must(p.engine.BillingOwner(p.t.Context(), &req))(p.t)
		if paid.Billing.Code == authz.AlreadyDeleted || paid.Billing.Code == authz.NotCreatedYet {
			paid.Billing.Code = authz.PayerUnknown // of what is not there now nothing more is said
		}
		if diff := cmp.Diff(pays.Billing, paid.Billing) + cmp.Diff(pays.Path(), paid.Path); diff != "" && len(pays.Path())+len(paid.Path) > 0 {
			p.t.Errorf("%s (-pays +paid): %s", node, diff)
		}
	}
	for node, born := range map[string]int64{"account:" + p.account: p.born["account:"+p.account], "billing_account:" + p.payers[1]: p.born["billing_account:"+p.payers[1]]} {
		req := authz.Request{Resource: node}
		if paid := must(p.BillingOwnerAt(p.t.Context(), &req, born-1))(p.t); paid.Billing.Code != authz.NotCreatedYet {
			p.t.Errorf("%s before it was created: %+v", node, paid)
		}
	}
}
