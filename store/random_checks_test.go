package store_test

import (
	"cmp"
	"fmt"
	"slices"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/store"
)

// chain checks that the revisions lead from the first to the head.
func (l *look) chain(s *seen) {
	l.totals.compared("revisions", len(s.log))
	at, last := authz.Revision{}, int64(0)
	for _, c := range s.log {
		if c.Number != at.Number+1 || c.Previous != at.Identity || c.At <= last {
			l.find(chained, "account %s: %+v at %d, after %q, follows %+v at %d", s.id, c.Revision, c.At, c.Previous, at, last)
		}
		if s.identities[c.Identity] != c.Number {
			l.find(chained, "account %s: revision %d is known by its identity as %d", s.id, c.Number, s.identities[c.Identity])
		}
		at, last = c.Revision, c.At
	}
	if at != s.head.Revision || last != s.head.At || len(s.identities) != len(s.log) {
		l.find(chained, "account %s: the log ends with %+v, the head is %+v, %d identities", s.id, at, s.head, len(s.identities))
	}
}

// replay checks that the changes lead to the records.
func (l *look) replay(s *seen) {
	l.totals.compared("records", len(s.records))
	for _, flaw := range s.unfit {
		l.find(replayed, "account %s: %s", s.id, flaw)
	}
	if diff := gocmp.Diff(s.history.records, s.records); diff != "" {
		l.find(replayed, "account %s (-log +records): %s", s.id, diff)
	}
}

// paths checks that each resource is in the index of its parent, which is
// there, and in no other.
func (l *look) paths(s *seen) {
	in := map[string][]string{}
	for container, members := range s.index {
		for _, m := range members {
			in[m] = append(in[m], container)
		}
	}
	for _, key := range sorted(s.records) {
		kind, id := key.Split()
		if kind != authz.KindResource {
			continue
		}
		l.totals.compared("resources", 1)
		var doc hierarchy.Resource
		decode(s.records[key].Body, &doc)
		if !slices.Equal(in[id], []string{doc.Parent.String()}) {
			l.find(onePath, "account %s: %s is recorded in %s, and listed in %v", s.id, id, doc.Parent, in[id])
		}
		if _, there := s.records[authz.KeyOf(doc.Parent.Type, doc.Parent.ID)]; !there {
			l.find(onePath, "account %s: %s stands in %s, which is not there", s.id, id, doc.Parent)
		}
		delete(in, id)
	}
	for id, containers := range in {
		l.find(onePath, "account %s: %s is listed in %v, and not recorded", s.id, id, containers)
	}
}

// unique checks that no node is in two accounts, nor was any resource ever at
// one time.
func (l *look) unique() {
	type life struct {
		account  string
		from, to int64
	}
	lives := map[string][]life{}
	for _, id := range sorted(l.accounts) {
		h := l.accounts[id].history
		for node, born := range h.born {
			if ref := refOf(node); store.HasLocator(ref) && hierarchy.IsOwn(ref.Type) {
				lives[node] = append(lives[node], life{id, born, 0})
			}
		}
		for node, periods := range h.parents {
			for _, p := range periods {
				if !hierarchy.IsOwn(refOf(node).Type) {
					lives[node] = append(lives[node], life{id, p.from, p.to})
				}
			}
		}
	}
	l.totals.compared("lives", len(lives))
	for node, all := range lives {
		slices.SortFunc(all, func(a, b life) int { return cmp.Compare(a.from, b.from) })
		for i := 1; i < len(all); i++ {
			if before := all[i-1]; before.to == 0 || before.to > all[i].from {
				l.find(oneAccount, "%s: %+v, and %+v", node, before, all[i])
			}
		}
	}
}

// claims checks what the locators say.
func (l *look) claims() {
	l.totals.compared("locators", len(l.locators))
	for _, name := range sorted(l.locators) {
		l.claim(refOf(name), l.locators[name])
	}
	for _, id := range sorted(l.accounts) {
		for _, key := range sorted(l.accounts[id].records) {
			ref := refOfRecord(key)
			if !store.HasLocator(ref) || ref.IsZero() {
				continue
			}
			accounts, err := l.truth.Locate(l.ctx, ref)
			if err != nil || accounts[0] != id {
				l.find(truthful, "%s of account %s is located in %q: %v", ref, id, accounts, err)
			}
		}
	}
}

// claim checks one locator. One that was confirmed may outlive its resource,
// if the commit that holds it is what deleted it.
func (l *look) claim(ref hierarchy.Ref, c store.Locator) {
	s, known := l.accounts[c.Account]
	key := authz.KeyOf(ref.Type, ref.ID)
	if !hierarchy.IsOwn(ref.Type) {
		key = authz.ResourceKey(ref)
	}
	if known {
		if _, recorded := s.records[key]; recorded {
			return
		}
		ends := func(e authz.Edit) bool { return e.Key == key && e.After == nil }
		if slices.ContainsFunc(s.log, func(ch authz.Change) bool { return ch.Identity == c.Identity && slices.ContainsFunc(ch.Edits, ends) }) {
			return
		}
	}
	if c.Confirmed {
		l.find(truthful, "%s is confirmed for account %q, which does not have it", ref, c.Account)
	}
	if accounts, err := l.truth.Locate(l.ctx, ref); err != nil || accounts[0] != "" {
		l.find(truthful, "%s, which nobody has, is located in %v: %v", ref, accounts, err)
	}
}

// outcomes compares what the writers were told with the logs, which name them.
func (l *look) outcomes() {
	found := map[string][]string{} // revisions by caller
	for _, s := range l.accounts {
		for i := range s.log {
			found[s.log[i].Caller] = append(found[s.log[i].Caller], authz.Token(s.id, s.log[i].Revision))
		}
	}
	l.totals.compared("outcomes", len(l.told))
	asked := map[string][]told{}
	for _, d := range l.told {
		asked[d.caller] = append(asked[d.caller], d)
	}
	for _, caller := range sorted(asked) {
		if why := unkept(asked[caller], found[caller]); why != "" {
			l.find(kept, "%s, %s: %s: %+v; in the log: %d entries", caller, asked[caller][0].kind.name, why, asked[caller], len(found[caller]))
		}
		delete(found, caller)
	}
	delete(found, collector) // what it collects, it collects for nobody
	for caller := range found {
		l.find(kept, "nobody is known to have asked for what the log says of %q", caller)
	}
}

// unkept says in what the log differs from what was answered to an operation,
// which may have been asked for several times. One that was made may be refused
// when it is asked for again: what it made may be gone, or the right to make it.
func unkept(all []told, entries []string) string {
	refusals := 0
	var created hierarchy.Ref
	for _, d := range all {
		switch {
		case d.outcome == refused:
			refusals++
		case d.outcome != acknowledged:
		case d.kind.does == writes && len(entries) == 0:
			return "acknowledged, and not made"
		case len(entries) == 1 && !d.kind.later && !d.same && entries[0] != d.revision:
			return "acknowledged with another revision"
		case !created.IsZero() && d.created != created:
			return "made something, and then something else"
		default:
			created = d.created
		}
	}
	switch n := len(entries); {
	case n > 1:
		return "made more than once"
	case n > 0 && all[0].kind.does == nothing:
		return "made, and only asked"
	case n > 0 && refusals == len(all):
		return "refused, and made"
	}
	return ""
}

// uncollected finds what was deleted too long ago, and is still there.
func (r *round) uncollected() (found []problem) {
	r.t.Helper()
	for id, s := range r.seen() {
		for key, rec := range s.records {
			var doc struct {
				hierarchy.State
				Parent hierarchy.Ref
			}
			decode(rec.Body, &doc)
			if doc.Deleted && !doc.Purged && admin.RestorableUntil(rec.Updated) <= s.head.Now {
				found = append(found, problem{collected, fmt.Sprintf("account %s: %s", id, key)})
			}
			var above hierarchy.State
			decode(s.records[authz.KeyOf(doc.Parent.Type, doc.Parent.ID)].Body, &above)
			if above.Purged {
				found = append(found, problem{collected, fmt.Sprintf("account %s: %s, in %s", id, key, doc.Parent)})
			}
		}
	}
	return found
}
