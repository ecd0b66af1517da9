package store_test

import (
	"fmt"
	"slices"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// askedBefore compares what was answered while writers wrote with what the
// logs say of then.
func (l *look) askedBefore() {
	l.totals.compared("answers of then", len(l.past)+len(l.yes))
	for _, a := range l.past {
		s, known := l.accounts[a.paid.Account]
		if !known {
			continue
		}
		if owner, _ := s.history.paid(a.resource.String(), a.at); owner.Code == authz.NotCreatedYet && a.paid.Billing.Code == authz.PayerUnknown {
			continue // it was not known then that it would ever be created
		}
		if diff := l.differs(s, a.resource.String(), a.at, &a.paid); diff != "" {
			l.find(answeredThen, "who paid for %s at %d: %s", a.resource, a.at, diff)
		}
	}
	asked := map[string][]decided{}
	for _, a := range l.yes {
		asked[a.revision] = append(asked[a.revision], a)
	}
	for _, id := range sorted(l.accounts) {
		l.decidedOn(l.accounts[id], asked)
	}
	for _, rest := range asked {
		l.find(answeredThen, "the check of %s was answered at a revision that is in no log", rest[0].container)
	}
	l.past, l.yes = nil, nil
}

// decidedOn follows an account through its changes, and decides again what was
// decided at each.
func (l *look) decidedOn(s *seen, asked map[string][]decided) {
	snapshot, err := authz.NewSnapshot(s.id, l.fresh.engine.Model(), &authz.State{})
	for _, c := range s.log {
		if err == nil {
			snapshot, err = snapshot.Apply(authz.Head{Revision: c.Revision}, c.Edits)
		}
		if err != nil {
			l.find(replayed, "account %s, revision %d: %v", s.id, c.Number, err)
			return
		}
		token := authz.Token(s.id, c.Revision)
		for _, a := range asked[token] {
			if again := snapshot.Allows(a.subject, a.permission, a.container, a.resource, s.head.Now); again != a.allowed {
				l.find(answeredThen, "%s may %v on %s %s at revision %d: answered %v, was %v", a.subject, a.permission, a.resource, a.container, c.Number, a.allowed, again)
			}
		}
		delete(asked, token)
	}
}

// follow brings the server that has followed everything to where all accounts
// now are. Without that it may answer from a second ago.
func (l *look) follow() {
	for _, id := range sorted(l.accounts) {
		if _, err := l.follower.engine.Refresh(l.ctx, id); err != nil {
			l.find(agreed, "account %s cannot be followed: %v", id, err)
		}
	}
}

// agree asks a server that has followed everything and one that has just begun,
// in every way.
func (l *look) agree(s *seen) {
	var reqs []authz.Request
	nodes := s.history.asked()
	for range 25 {
		req := authz.Request{Subject: oneOf(l.rng, users...).String(), Permission: oneOf(l.rng, "number.read", "number.update", "project.read", "project.link", "binding.grant"), Resource: oneOf(l.rng, nodes...)}
		if l.rng.IntN(3) > 0 { // who has left for another account is asked for there
			req.Account = s.id
		}
		reqs = append(reqs, req)
	}
	l.totals.compared("questions", len(reqs))
	one, other := l.follower.engine.CheckBatch(l.ctx, reqs), l.fresh.engine.CheckBatch(l.ctx, reqs)
	for i := range reqs {
		want := textOf(&one[i].Answer, one[i].Err)
		for _, e := range []*authz.Engine{l.follower.engine, l.fresh.engine} {
			a, err := e.Check(l.ctx, &reqs[i])
			x, _, xerr := e.Explain(l.ctx, &reqs[i])
			for way, got := range map[string]string{"alone": textOf(&a, err), "explained": textOf(&x, xerr), "in a batch, elsewhere": textOf(&other[i].Answer, other[i].Err)} {
				if got != want {
					l.find(agreed, "%+v: %s; %s: %s", reqs[i], want, way, got)
				}
			}
		}
	}
}

// textOf is what an answer says. Its cause is left out: where several bindings
// allow, each server names the one that it met first.
func textOf(a *authz.Answer, err error) string {
	return fmt.Sprint(a.Allowed, a.Code, a.Path(), a.Billing, err)
}

// differs compares an answer to who paid with the history.
func (l *look) differs(s *seen, node string, at int64, paid *admin.Paid) string {
	owner, path := s.history.paid(node, at)
	return gocmp.Diff(owner, paid.Billing) + gocmp.Diff(path, paid.Path)
}

// pastOf asks who paid at every instant at which anything changed, just before
// and just after it, and at random ones; and who pays now.
func (l *look) pastOf(s *seen) {
	first, settled := s.log[0].At, s.head.Settled()
	for _, node := range s.history.asked() {
		var instants []int64
		for _, at := range s.history.instants(node) {
			instants = append(instants, at-1, at, at+1)
		}
		for range 3 {
			instants = append(instants, first+l.rng.Int64N(settled-first+1))
		}
		for _, at := range append(instants, settled) {
			if at <= settled {
				l.askAt(s, node, at)
			}
		}
		l.periods(s, node)
	}
}

func (l *look) askAt(s *seen, node string, at int64) {
	l.totals.compared("instants", 1)
	paid, err := l.fresh.BillingOwnerAt(l.ctx, &authz.Request{Resource: node, Account: s.id}, at)
	if err != nil {
		l.find(onePayer, "account %s: %s at %d: %v", s.id, node, at, err)
		return
	}
	if diff := l.differs(s, node, at, &paid); diff != "" {
		l.find(onePayer, "account %s: %s at %d (-log +answer): %s", s.id, node, at, diff)
	}
	if at != s.head.Settled() {
		return
	}
	now, err := l.fresh.engine.BillingOwner(l.ctx, &authz.Request{Resource: node, Account: s.id})
	if code := paid.Billing.Code; code == authz.AlreadyDeleted || code == authz.NotCreatedYet {
		paid.Billing.Code = authz.PayerUnknown // of what is not there now nothing more is said
	}
	now.Billing.Suspended = false // which is said of now only
	if err != nil || now.Billing != paid.Billing {
		l.find(onePayer, "account %s: for %s pays %+v now, and %+v until now: %v", s.id, node, now.Billing, paid.Billing, err)
	}
}

// periods compares the lists of who held a node when.
func (l *look) periods(s *seen, node string) {
	ref := refOf(node)
	var want []period
	var list func(span admin.Span) (admin.Page[admin.Period], error)
	operator := admin.Caller{Name: "operator", Operator: true}
	switch ref.Type {
	case hierarchy.TypeAccount, hierarchy.TypeBillingAccount:
		return
	case hierarchy.TypeProject:
		want = s.history.payers[node]
		list = func(span admin.Span) (admin.Page[admin.Period], error) {
			return l.fresh.BillingLinks(l.ctx, operator, ref.ID, span)
		}
	case hierarchy.TypeSubproject:
		want = s.history.parents[node]
		list = func(span admin.Span) (admin.Page[admin.Period], error) {
			return l.fresh.SubprojectParents(l.ctx, operator, ref.ID, span)
		}
	default:
		if want = s.history.parents[node]; len(want) == 0 {
			return
		}
		list = func(span admin.Span) (admin.Page[admin.Period], error) {
			return l.fresh.ResourceParents(l.ctx, operator, ref, s.id, span)
		}
	}
	var got []period
	for span := (admin.Span{Limit: 7}); ; {
		page, err := list(span)
		if err != nil {
			l.find(onePayer, "account %s: the history of %s: %v", s.id, node, err)
			return
		}
		for _, item := range page.Items {
			got = append(got, period{item.Doc.Holder, item.Doc.From, item.Doc.To})
		}
		if span.After = page.Next; span.After == "" {
			break
		}
	}
	if !slices.Equal(want, got) {
		l.find(onePayer, "account %s: the history of %s: the log says %+v, the answer %+v", s.id, node, want, got)
	}
}
