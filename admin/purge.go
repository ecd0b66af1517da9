package admin

import (
	"context"
	"errors"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// What was deleted and can no longer be restored is gone, whether it was
// collected or not: nothing shows when that happens. It is collected in chunks,
// each of which is a commit like any other, by whichever replica holds the
// lease. What stays are the records of nodes, without what they said of
// themselves, so that their IDs are never used again; and all of history.

const (
	purgeLease = "purge"
	leaseTime  = time.Minute // renewed at every chunk
	purgeChunk = 200         // edits of one commit
	purgeBatch = 100         // nodes of one round
	retryPurge = time.Hour   // what could not be collected is left alone so long
)

// purger is who collects.
var purger = Caller{Name: "tollgate"}

// Purge collects what was deleted and can no longer be restored, as far as it
// is due, unless another replica is at it; nodes is how much that was. An error
// is of one node, or of the store: what is left is collected another time.
func (s *Service) Purge(ctx context.Context) (nodes int, err error) {
	if held, err := s.store.Lease(ctx, purgeLease, s.name, leaseTime); err != nil || !held {
		return 0, err
	}
	defer func() {
		_, gone := s.store.Lease(context.WithoutCancel(ctx), purgeLease, s.name, 0)
		err = errors.Join(err, gone)
	}()
	due, err := s.store.Due(ctx, s.clock(), purgeBatch)
	for _, d := range due {
		collected, failed := s.purgeNode(ctx, d)
		if collected {
			nodes++
		}
		if failed == nil {
			continue
		}
		err = errors.Join(err, failed)
		if ctx.Err() != nil || errors.Is(failed, errLeaseLost) {
			return nodes, err
		}
		d.At = s.clock() + retryPurge.Microseconds() // or it would stand before the others for ever
		err = errors.Join(err, s.store.Schedule(ctx, d))
	}
	return nodes, err
}

// errLeaseLost ends a round: another replica has begun one.
var errLeaseLost = errors.New("the lease of collecting was lost to another replica")

// purgeNode collects one node, chunk by chunk, and reports whether it did: it
// may have been restored, or deleted again since.
func (s *Service) purgeNode(ctx context.Context, due authz.Due) (collected bool, err error) {
	for {
		var p purge
		_, err = s.write(ctx, purger, due.Account, due.Node.Type+".purge", func(d *draft) error {
			p = purge{draft: d, top: due.Node}
			return p.decide()
		})
		switch {
		case reasonOf(err) == hierarchy.KindNotFound: // the account was lost by the store
			return false, s.store.Settled(ctx, due)
		case err != nil:
			return false, err
		case p.later > 0:
			due.At = p.later
			return false, s.store.Schedule(ctx, due)
		case p.done:
			return collected, s.store.Settled(ctx, due)
		}
		collected = true
		held, err := s.store.Lease(ctx, purgeLease, s.name, leaseTime)
		if err != nil {
			return false, err
		}
		if !held {
			return false, errLeaseLost
		}
	}
}

func reasonOf(err error) hierarchy.Kind {
	var known *hierarchy.Error
	if errors.As(err, &known) {
		return known.Kind
	}
	return 0
}

// purge is one chunk of a collection while it is decided.
type purge struct {
	*draft
	top   hierarchy.Ref
	done  bool                          // nothing is left to do
	later int64                         // it is not due before then; 0 if it is
	bound map[hierarchy.Ref][]authz.Key // bindings, by what they are bound on
}

// decide finds the next chunk: from the bottom up, so that what is left hangs
// on something.
func (p *purge) decide() error {
	doc, err := emptyRecord(p.top.Type)
	if err != nil {
		return err
	}
	records, err := p.read(authz.KeyOf(p.top.Type, p.top.ID))
	if err != nil || len(records) == 0 {
		p.done = err == nil
		return err
	}
	was := records[authz.KeyOf(p.top.Type, p.top.ID)]
	if err := unmarshal(was, doc); err != nil {
		return err
	}
	state := *doc.NodeState()
	switch until := RestorableUntil(was.Updated); {
	case !state.Deleted || state.Purged: // restored, or collected already
		p.done = true
		return nil
	case until > p.at: // deleted again since
		p.later = until
		return nil
	}
	return p.collect()
}

// collect fills a chunk. The node itself goes last, once nothing is left.
func (p *purge) collect() error {
	p.bound = map[hierarchy.Ref][]authz.Key{}
	for _, b := range p.snapshot.FindBindings("", "", func(policy.Binding) bool { return true }) {
		p.bound[b.Scope] = append(p.bound[b.Scope], authz.KeyOf(hierarchy.TypeBinding, b.ID))
	}
	subprojects, others := p.snapshot.Uncollected(p.top)
	for _, nodes := range [][]hierarchy.Ref{subprojects, others} {
		for _, node := range nodes {
			if full, err := p.node(node); full || err != nil {
				return err
			}
		}
	}
	if p.top.Type == hierarchy.TypeAccount {
		if full, err := p.policy(); full || err != nil {
			return err
		}
	}
	_, err := p.node(p.top) // that it is done shows in the next chunk
	return err
}

// room is how many edits the chunk still takes.
func (p *purge) room() int { return max(0, purgeChunk-len(p.commit.Edits)) }

// node collects the resources of a node and what is bound to it, and then the
// node. It reports whether the chunk is full.
func (p *purge) node(node hierarchy.Ref) (full bool, err error) {
	if isContainer(node) {
		if full, err := p.resources(node); full || err != nil {
			return full, err
		}
	}
	if full, err := p.removeAll(p.bound[node]); full || err != nil {
		return full, err
	}
	if p.room() == 0 {
		return true, nil
	}
	return false, p.bury(node)
}

// resources collects the resources of a container, each with what is bound to
// it.
func (p *purge) resources(container hierarchy.Ref) (full bool, err error) {
	room := p.room()
	records, err := p.service.store.Resources(p.ctx, p.snapshot.Account(), container, "", room+1)
	if err != nil {
		return false, err
	}
	for _, r := range records {
		if p.room() == 0 {
			return true, nil
		}
		if full, err := p.resource(r); full || err != nil {
			return full, err
		}
	}
	return len(records) > room, nil
}

func (p *purge) resource(r authz.Record) (full bool, err error) {
	_, id := r.Key.Split()
	ref, err := hierarchy.ParseRef(id)
	if err != nil {
		return false, err
	}
	if full, err := p.removeAll(p.bound[ref]); full || err != nil {
		return full, err
	}
	var doc hierarchy.Resource
	if err := unmarshal(r, &doc); err != nil {
		return false, err
	}
	if p.commit.Versions == nil {
		p.commit.Versions = map[authz.Key]uint64{}
	}
	p.commit.Versions[r.Key] = r.Version
	p.unregister(ref, r, &doc)
	return false, nil
}

// bury leaves of a node's record what keeps its ID from being used again.
func (p *purge) bury(node hierarchy.Ref) error {
	doc, err := emptyRecord(node.Type)
	if err != nil {
		return err
	}
	was, err := p.one(authz.KeyOf(node.Type, node.ID), doc)
	if err != nil {
		return err
	}
	state := hierarchy.State{Deleted: true, Purged: true}
	switch doc := doc.(type) {
	case *hierarchy.Account:
		*doc = hierarchy.Account{State: state}
	case *billing.Account:
		*doc = billing.Account{State: state, Mode: doc.Mode, Currency: doc.Currency, Linked: doc.Linked}
	case *hierarchy.Project:
		*doc = hierarchy.Project{State: state}
	case *hierarchy.Subproject:
		*doc = hierarchy.Subproject{State: state, Project: doc.Project}
	}
	p.replace(was, doc)
	return nil
}

// removeAll removes records, as far as the chunk takes them, and reports
// whether some are left.
func (p *purge) removeAll(keys []authz.Key) (full bool, err error) {
	fit := keys[:min(p.room(), len(keys))]
	if len(fit) == 0 {
		return len(keys) > 0, nil
	}
	records, err := p.read(fit...)
	if err != nil {
		return false, err
	}
	for _, key := range fit {
		if r, ok := records[key]; ok {
			p.remove(r)
		}
	}
	return len(fit) < len(keys), nil
}

// policy collects groups, with their members, and roles. Their bindings may
// outlive them by a chunk or two, in an account that denies everything.
func (p *purge) policy() (full bool, err error) {
	var keys []authz.Key
	for _, group := range p.snapshot.Groups("") {
		for _, m := range p.snapshot.MembersOf(group, "") {
			ref, err := hierarchy.ParseRef(m)
			if err != nil {
				return false, err
			}
			keys = append(keys, authz.MemberKey(ref, group))
		}
		keys = append(keys, authz.KeyOf(hierarchy.TypeGroup, group))
		if len(keys) >= purgeChunk {
			break
		}
	}
	for _, role := range p.snapshot.CustomRoles("") {
		keys = append(keys, authz.KeyOf(hierarchy.TypeRole, role))
	}
	return p.removeAll(keys)
}
