package store_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
	"github.com/tollgate-dev/tollgate/store"
)

// Each invariant of random operations is broken on purpose, in every way that
// it is meant to notice, and is seen to notice.
func TestRandomOperationsAreLookedAt(t *testing.T) {
	for name, c := range map[string]struct {
		breaks invariant
		how    func(*broken)
	}{
		"a log entry is dropped":            {chained, (*broken).dropEntry},
		"the head runs ahead":               {chained, (*broken).advanceHead},
		"an identity is forgotten":          {chained, (*broken).forgetIdentity},
		"a record is changed past the log":  {replayed, (*broken).changeRecord},
		"a record is dropped past the log":  {replayed, (*broken).dropRecord},
		"a resource is not listed":          {onePath, (*broken).unlist},
		"a resource is listed twice":        {onePath, (*broken).listTwice},
		"what is gone is listed":            {onePath, (*broken).listGhost},
		"a link without its history":        {onePayer, (*broken).linkSilently},
		"an unlink without its history":     {onePayer, (*broken).unlinkSilently},
		"a removal without its history":     {onePayer, (*broken).unregisterSilently},
		"a history that begins too late":    {onePayer, (*broken).linkLate},
		"a resource in two accounts":        {oneAccount, (*broken).registerTwice},
		"a locator of another account":      {truthful, (*broken).overwriteLocator},
		"a locator is lost":                 {truthful, (*broken).loseLocator},
		"a locator of nothing":              {truthful, (*broken).inventLocator},
		"acknowledged, and not made":        {kept, (*broken).pretend},
		"refused, and made":                 {kept, (*broken).deny},
		"made twice":                        {kept, (*broken).repeat},
		"made by nobody":                    {kept, (*broken).act},
		"a server that misses changes":      {agreed, (*broken).missChanges},
		"a deletion that nobody has noted":  {collected, (*broken).dropNotes},
		"answers of a state that never was": {answeredThen, (*broken).answerWrongly},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := store.OpenEmbedded(store.Options{LogLength: endless})
			r := newRound(t, must(t, s, err), 1, newTotals())
			r.write(250)
			r.known.learn(r.seen())
			if found := r.check(false); len(found) > 0 {
				t.Fatalf("found before anything was broken: %v", found)
			}
			c.how(&broken{r})
			found := append(r.check(c.breaks == onePayer), r.uncollected()...)
			if !slices.ContainsFunc(found, func(p problem) bool { return p.invariant == c.breaks }) {
				t.Errorf("%q is not noticed; found: %v", c.breaks, found)
			}
		})
	}
}

// broken is a round in which something is broken.
type broken struct{ *round }

// account is one that has what is looked for.
func (b *broken) account(has func(*seen) bool) *seen {
	b.t.Helper()
	all := b.seen()
	for _, id := range sorted(all) {
		if has(all[id]) {
			return all[id]
		}
	}
	b.t.Fatal("no account has what is to be broken; take another seed")
	return nil
}

// resource is a registered one that nothing above is deleted of, its account and
// its container.
func (b *broken) resource() (account string, ref, container hierarchy.Ref) {
	b.t.Helper()
	s := b.account(func(s *seen) bool { return s.resource() != "" })
	id := s.resource()
	var doc hierarchy.Resource
	decode(s.records[authz.KeyOf(authz.KindResource, id)].Body, &doc)
	return s.id, refOf(id), doc.Parent
}

func (b *broken) dropEntry() {
	s := b.account(func(s *seen) bool { return len(s.log) > 2 })
	b.raw(b.truth.Raw().XDel(b.t.Context(), store.LogKey(s.id), store.EntryID(2)).Err())
}

func (b *broken) raw(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *broken) advanceHead() {
	s := b.account(func(*seen) bool { return true })
	b.raw(b.truth.Raw().HIncrBy(b.t.Context(), store.HeadKey(s.id), "num", 1).Err())
}

func (b *broken) forgetIdentity() {
	s := b.account(func(*seen) bool { return true })
	b.raw(b.truth.Raw().ZRem(b.t.Context(), store.IdentitiesKey(s.id), s.head.Identity).Err())
}

func (b *broken) changeRecord() {
	s := b.account(func(*seen) bool { return true })
	b.raw(b.truth.Raw().HSet(b.t.Context(), store.DocsKey(s.id), "account:"+s.id, "1 1 1 {}").Err())
}

func (b *broken) dropRecord() {
	account, project := b.billed()
	b.raw(b.truth.Raw().HDel(b.t.Context(), store.DocsKey(account), string(authz.KeyOf(authz.KindLink, project))).Err())
}

func (b *broken) unlist() {
	account, ref, container := b.resource()
	b.raw(b.truth.Raw().ZRem(b.t.Context(), store.ContainerKey(account, container.String()), ref.String()).Err())
}

func (b *broken) list(account string, container, ref hierarchy.Ref) {
	b.raw(b.truth.Raw().Do(b.t.Context(), "zadd", store.ContainerKey(account, container.String()), 0, ref.String()).Err())
}

func (b *broken) listTwice() {
	account, ref, _ := b.resource()
	b.list(account, hierarchy.Ref{Type: "project", ID: "other"}, ref)
}

func (b *broken) listGhost() {
	account, _, container := b.resource()
	b.list(account, container, hierarchy.Ref{Type: "number", ID: "ghost"})
}

// tampered is a store that does something else than what it is asked.
type tampered struct {
	*store.Store
	commit func(ctx context.Context, c *authz.Commit) (authz.Head, string, error)
	since  func(changes []authz.Change)
}

func (s *tampered) Commit(ctx context.Context, c *authz.Commit) (authz.Head, string, error) {
	if s.commit == nil {
		return s.Store.Commit(ctx, c)
	}
	return s.commit(ctx, c)
}

func (s *tampered) Since(ctx context.Context, account string, after authz.Revision) (authz.Head, []authz.Change, error) {
	head, changes, err := s.Store.Since(ctx, account, after)
	if s.since != nil {
		s.since(changes)
	}
	return head, changes, err
}

// server is one whose store is tampered with.
func (b *broken) server(tamper func(*tampered)) *replica {
	s := b.truth.Replica(store.Options{LogLength: endless})
	through := &tampered{Store: s}
	tamper(through)
	p := b.newReplicaOn(s, through)
	b.t.Cleanup(p.close)
	return p
}

// caller is one whom nobody else is named like.
var caller = admin.Caller{Name: "breaker", Operator: true}

// billed is a project that is paid for, and its account.
func (b *broken) billed() (account, project string) {
	b.t.Helper()
	linked := func(s *seen) string {
		for _, node := range sorted(s.history.payers) {
			if list := s.history.payers[node]; list[len(list)-1].to == 0 && s.history.live(node) {
				return refOf(node).ID
			}
		}
		return ""
	}
	s := b.account(func(s *seen) bool { return linked(s) != "" })
	return s.id, linked(s)
}

// resource is one whose project is live, "" if there is none.
func (s *seen) resource() string {
	for _, key := range sorted(s.records) {
		kind, id := key.Split()
		if kind != authz.KindResource {
			continue
		}
		var doc hierarchy.Resource
		decode(s.records[key].Body, &doc)
		if s.history.liveNode(doc.Parent) {
			return id
		}
	}
	return ""
}

// liveNode reports whether a project or subproject is not deleted, nor what it is in.
func (h *history) liveNode(node hierarchy.Ref) bool {
	if node.Type != hierarchy.TypeSubproject {
		return h.live(node.String())
	}
	var doc hierarchy.Subproject
	decode(h.records[authz.Key(node.String())].Body, &doc)
	return !doc.Deleted && h.live(hierarchy.TypeProject+":"+doc.Project)
}

// live reports whether a project is not deleted, nor its account.
func (h *history) live(project string) bool {
	var doc hierarchy.Project
	var account hierarchy.Account
	decode(h.records[authz.Key(project)].Body, &doc)
	decode(h.records[authz.KeyOf(hierarchy.TypeAccount, h.account)].Body, &account)
	return !doc.Deleted && !account.Deleted
}

// relink links a billed project to a new billing account, through a server
// that does something else with the history than it should.
func (b *broken) relink(alter func(*authz.Commit)) {
	b.t.Helper()
	account, project := b.billed()
	p := b.server(func(s *tampered) {
		s.commit = func(ctx context.Context, c *authz.Commit) (authz.Head, string, error) {
			alter(c)
			return s.Store.Commit(ctx, c)
		}
	})
	payer, err := p.CreateBillingAccount(b.t.Context(), caller, account, billing.Account{Mode: billing.Prepaid, Currency: "EUR"})
	b.raw(err)
	_, err = p.SetLink(b.t.Context(), caller, project, payer.Ref.ID)
	b.raw(err)
}

func (b *broken) linkSilently() { b.relink(func(c *authz.Commit) { c.Payers = nil }) }

func (b *broken) linkLate() {
	b.relink(func(c *authz.Commit) {
		for i := range c.Payers {
			c.Payers[i].At = b.follower.engine.Now() + 1_000_000
		}
	})
}

func (b *broken) unlinkSilently() {
	_, project := b.billed()
	p := b.server(func(s *tampered) {
		s.commit = func(ctx context.Context, c *authz.Commit) (authz.Head, string, error) {
			c.Payers = nil
			return s.Store.Commit(ctx, c)
		}
	})
	_, err := p.RemoveLink(b.t.Context(), caller, project)
	b.raw(err)
}

func (b *broken) unregisterSilently() {
	_, ref, _ := b.resource()
	p := b.server(func(s *tampered) {
		s.commit = func(ctx context.Context, c *authz.Commit) (authz.Head, string, error) {
			c.Parents = nil
			return s.Store.Commit(ctx, c)
		}
	})
	_, err := p.DeleteResource(b.t.Context(), caller, ref)
	b.raw(err)
}

func (b *broken) registerTwice() {
	account, ref, _ := b.resource()
	b.raw(b.truth.Raw().Del(b.t.Context(), store.LocatorKey(ref)).Err())
	other := b.account(func(s *seen) bool { return s.id != account && s.project() != "" })
	_, err := b.follower.RegisterResource(b.t.Context(), caller, ref, hierarchy.Resource{Parent: refOf(other.project())})
	b.raw(err)
}

// project is a live project, "" if there is none.
func (s *seen) project() string {
	for _, key := range sorted(s.records) {
		if kind, _ := key.Split(); kind == hierarchy.TypeProject && s.history.live(string(key)) {
			return string(key)
		}
	}
	return ""
}

func (b *broken) overwriteLocator() {
	_, ref, _ := b.resource()
	b.raw(b.truth.Raw().Set(b.t.Context(), store.LocatorKey(ref), store.ConfirmedLocator("0123456789abcdef", "other"), 0).Err())
}

func (b *broken) loseLocator() {
	_, _, container := b.resource()
	b.raw(b.truth.Raw().Del(b.t.Context(), store.LocatorKey(container)).Err())
}

func (b *broken) inventLocator() {
	account, _, _ := b.resource()
	b.raw(b.truth.Raw().Set(b.t.Context(), store.LocatorKey(hierarchy.Ref{Type: "number", ID: "none"}), store.ConfirmedLocator("0123456789abcdef", account), 0).Err())
}

// tell has a server define a role, and notes what it answered.
func (b *broken) tell(p *replica) {
	b.t.Helper()
	s := b.account(func(s *seen) bool { return s.project() != "" })
	item, err := p.CreateRole(b.t.Context(), caller, s.id, "made-once", policy.Role{Permissions: []string{"number.read"}})
	b.told = append(b.told, told{kind: kindOf("define a role"), caller: caller.Name, outcome: outcomeOf(err), did: did{revision: item.Revision, err: err}})
}

func kindOf(name string) *operation {
	return &operations[slices.IndexFunc(operations, func(o operation) bool { return o.name == name })]
}

func (b *broken) pretend() {
	p := b.server(func(s *tampered) {
		s.commit = func(ctx context.Context, c *authz.Commit) (authz.Head, string, error) {
			head, _, err := s.Read(ctx, c.Account)
			return head, "", err
		}
	})
	_, project := b.billed()
	written, err := p.RemoveLink(b.t.Context(), caller, project)
	b.raw(err)
	b.told = append(b.told, told{kind: kindOf("unlink a project"), caller: caller.Name, outcome: acknowledged, did: did{revision: written.Revision}})
}

func (b *broken) deny() {
	b.tell(b.server(func(s *tampered) {
		s.commit = func(ctx context.Context, c *authz.Commit) (authz.Head, string, error) {
			_, _, err := s.Store.Commit(ctx, c)
			return authz.Head{}, "", errors.Join(err, hierarchy.Conflict("NO", "no"))
		}
	}))
}

func (b *broken) repeat() {
	b.tell(b.server(func(s *tampered) {
		s.commit = func(ctx context.Context, c *authz.Commit) (authz.Head, string, error) {
			again := *c
			again.Identity, again.Guarded = "0123456789abcdef", false
			if _, _, err := s.Store.Commit(ctx, &again); err != nil {
				return authz.Head{}, "", err
			}
			c.Guarded = false
			return s.Store.Commit(ctx, c)
		}
	}))
}

func (b *broken) act() {
	s := b.account(func(s *seen) bool { return s.project() != "" })
	_, err := b.follower.CreateRole(b.t.Context(), admin.Caller{Name: "nobody", Operator: true}, s.id, "by-nobody", policy.Role{Permissions: []string{"number.read"}})
	b.raw(err)
}

// misled is a server that knows a project's account, and misses that all users
// become its owners.
func (b *broken) misled() (p *replica, project hierarchy.Ref) {
	b.t.Helper()
	account, id := b.billed()
	p = b.server(func(s *tampered) { s.since = forgetBindings })
	_, err := p.engine.Refresh(b.t.Context(), account)
	b.raw(err)
	for _, user := range users {
		owns := policy.Binding{Subject: user, Role: policy.Owner, Scope: hierarchy.Ref{Type: hierarchy.TypeAccount, ID: account}}
		if _, err := b.follower.CreateBinding(b.t.Context(), caller, owns); outcomeOf(err) == unknown {
			b.t.Fatal(err)
		}
	}
	_, err = p.engine.Refresh(b.t.Context(), account)
	b.raw(err)
	return p, hierarchy.Ref{Type: hierarchy.TypeProject, ID: id}
}

// forgetBindings takes bindings out of changes.
func forgetBindings(changes []authz.Change) {
	for i := range changes {
		changes[i].Edits = slices.DeleteFunc(changes[i].Edits, func(e authz.Edit) bool {
			kind, _ := e.Key.Split()
			return kind == hierarchy.TypeBinding
		})
	}
}

// dropNotes deletes a node, drops the notes of what is to be collected, and has
// a month pass.
func (b *broken) dropNotes() {
	_, project := b.billed()
	made, err := b.follower.CreateSubproject(b.t.Context(), caller, project, hierarchy.Info{})
	b.raw(err)
	_, err = b.follower.Delete(b.t.Context(), caller, made.Ref)
	b.raw(err)
	b.raw(b.truth.Raw().Del(b.t.Context(), store.DueKey).Err())
	b.pass(hierarchy.Retention + time.Minute)
	_, err = b.follower.Purge(b.t.Context())
	b.raw(err)
}

func (b *broken) missChanges() {
	follower := b.follower
	b.follower, _ = b.misled()
	b.t.Cleanup(func() { b.follower = follower })
}

func (b *broken) answerWrongly() {
	p, project := b.misled()
	for _, user := range users {
		if d := b.ask(p, user, "project.link", project); d.err != nil {
			b.t.Fatal(d.err)
		}
	}
}
