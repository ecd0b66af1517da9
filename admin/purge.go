package admin

import (
	"context"
	"errors"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// What was deleted and can no longer be restored is gone, whether it was
// collected or not. It is collected in chunks, each of which is a commit like
// any other, by whichever replica holds the lease. The first chunk marks the
// node, so that from then on it cannot be restored by anyone's clock; the last
// one finds nothing left. What stays are the records of nodes, without what
// they said of themselves, so that their IDs are never used again; and all of
// history.

const (
	purgeLease = "purge"
	leaseTime  = time.Minute // renewed at every chunk
	purgeChunk = 500         // edits of one commit
	purgeNodes = 100         // nodes that one commit looks at, each with a call or two
	purgeBatch = 100         // deletions of one round
	retryPurge = time.Hour   // what could not be collected is left alone so long
)

// purger is who collects.
var purger = Caller{Name: "tollgate", Operator: true}

// Purge collects what was deleted and can no longer be restored, as far as it
// is due, unless another replica is at it; nodes is how many deletions that
// was. An error is of one of them, or of the store: what is left is collected
// another time.
func (s *Service) Purge(ctx context.Context) (nodes int, err error) {
	if held, err := s.store.Lease(ctx, purgeLease, s.name, leaseTime); err != nil || !held {
		return 0, err
	}
	defer func() {
		_, gone := s.store.Lease(context.WithoutCancel(ctx), purgeLease, s.name, 0)
		err = errors.Join(err, gone)
	}()
	due, err := s.store.Due(ctx, s.time(), purgeBatch)
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
		d.At = s.time() + retryPurge.Microseconds() // or it would stand before the others for ever
		err = errors.Join(err, s.store.Schedule(ctx, d))
	}
	return nodes, err
}

// errLeaseLost ends a round: another replica has begun one.
var errLeaseLost = errors.New("the lease of collecting was lost to another replica")

// purgeNode collects one deletion, chunk by chunk, and reports whether it did:
// the node may have been restored, or deleted again since.
func (s *Service) purgeNode(ctx context.Context, due authz.Due) (collected bool, err error) {
	if _, err := s.engine.Snapshot(ctx, due.Account, ""); errors.Is(err, authz.ErrNoAccount) {
		return false, s.store.Settled(ctx, due) // the store has lost it
	}
	for {
		var p purge
		written, err := s.write(ctx, purger, due.Account, due.Node.Type+".purge", func(d *draft) error {
			p = purge{draft: d, top: due.Node}
			return p.decide()
		})
		switch {
		case err != nil:
			return collected, err
		case p.later > 0:
			due.At = p.later
			return false, s.store.Schedule(ctx, due)
		case !written.Changed: // nothing is left
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

// purge is one chunk of a collection while it is decided.
type purge struct {
	*draft
	top    hierarchy.Ref
	later  int64                         // it is not due before then; 0 if it is
	bound  map[hierarchy.Ref][]authz.Key // bindings, by what they are bound on
	looked int                           // nodes
}

// decide finds the next chunk; an empty one is the last.
func (p *purge) decide() error {
	doc, err := emptyRecord(p.top.Type)
	if err != nil {
		return err
	}
	key := authz.KeyOf(p.top.Type, p.top.ID)
	records, err := p.read(key)
	if err != nil || len(records) == 0 {
		return err
	}
	if err := unmarshal(records[key], doc); err != nil {
		return err
	}
	p.commit.Terse, p.commit.Forget = true, p.top.Type == hierarchy.TypeAccount
	switch state := doc.NodeState(); {
	case !state.Deleted: // it was restored
		return nil
	case !state.Purged && RestorableUntil(records[key].Updated) > p.at: // it was deleted again since
		p.later = RestorableUntil(records[key].Updated)
		return nil
	case !state.Purged:
		p.bury(records[key], doc)
	}
	return p.collect()
}

// collect fills the chunk with what is below the node, and on it.
func (p *purge) collect() error {
	p.bound = map[hierarchy.Ref][]authz.Key{}
	for scope, ids := range p.snapshot.BoundAt(p.top) {
		for _, id := range ids {
			p.bound[scope] = append(p.bound[scope], authz.KeyOf(hierarchy.TypeBinding, id))
		}
	}
	subprojects, others := p.snapshot.Uncollected(p.top)
	for _, nodes := range [][]hierarchy.Ref{subprojects, others} {
		for _, node := range nodes {
			if full, err := p.node(node); full || err != nil {
				return err
			}
		}
	}
	if full, err := p.contents(p.top); full || err != nil || p.top.Type != hierarchy.TypeAccount {
		return err
	}
	_, err := p.policy()
	return err
}

// room is how many edits the chunk still takes.
func (p *purge) room() int { return max(0, purgeChunk-len(p.commit.Edits)) }

// node collects what is in a node and on it, and then the node. It reports
// whether the chunk is full.
func (p *purge) node(node hierarchy.Ref) (full bool, err error) {
	if p.looked++; p.looked > purgeNodes {
		return true, nil
	}
	if full, err := p.contents(node); full || err != nil {
		return full, err
	}
	if p.room() == 0 {
		return true, nil
	}
	doc, err := emptyRecord(node.Type)
	if err != nil {
		return false, err
	}
	was, err := p.one(authz.KeyOf(node.Type, node.ID), doc)
	if err == nil {
		p.bury(was, doc)
	}
	return false, err
}

// contents collects the resources of a container, each with what is bound to
// it, and what is bound to the node itself.
func (p *purge) contents(node hierarchy.Ref) (full bool, err error) {
	if isContainer(node) {
		room := p.room()
		records, err := p.service.store.Resources(p.ctx, p.snapshot.Account(), node, "", room+1)
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
	}
	var keys []authz.Key
	for _, id := range p.snapshot.Keys(node, "", 0) {
		keys = append(keys, authz.KeyOf(hierarchy.TypeKey, id))
	}
	if full, err := p.removeAll(keys); full || err != nil {
		return full, err
	}
	return p.removeAll(p.bound[node])
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
	if p.room() == 0 {
		return true, nil
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
func (p *purge) bury(was authz.Record, doc stateful) {
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

// policy collects groups, with their members, and roles.
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
