package admin

import (
	"context"
	"io"
	"slices"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// CasbinPolicy is what Tollgate derives for Casbin from an account.
type CasbinPolicy struct {
	Model      string
	At         int64  // the instant it is derived as of, in microseconds since 1970
	ValidUntil int64  // when the next window begins or ends; 0 for never
	Revision   string // a token
	// Print writes the policy as Casbin's CSV, line by line.
	Print func(io.Writer) error
}

// Casbin derives the Casbin policy of an account, or of the part of it under
// one node: its ancestors, itself and what is below. At 0 is now. It needs
// policy.export on the account.
func (s *Service) Casbin(ctx context.Context, who Caller, account string, under hierarchy.Ref, at int64) (*CasbinPolicy, error) {
	v, err := s.view(ctx, who, hierarchy.Ref{Type: hierarchy.TypeAccount, ID: account})
	if err == nil {
		err = v.may("policy.export", v.account())
	}
	if err != nil {
		return nil, err
	}
	if at == 0 {
		at = v.at
	}
	facts, err := s.facts(ctx, v.snapshot, under)
	if err != nil {
		return nil, err
	}
	return &CasbinPolicy{
		Model: s.engine.Judge().Model(), At: at, ValidUntil: policy.ValidUntil(facts.Bindings, at),
		Revision: authz.Token(account, v.snapshot.Revision()),
		Print:    func(w io.Writer) error { return policy.Print(w, facts, at) },
	}, nil
}

// facts are the facts of an account, narrowed to under unless it is zero.
func (s *Service) facts(ctx context.Context, snapshot *authz.Snapshot, under hierarchy.Ref) (policy.Facts, error) {
	scopes := snapshot.BoundResources()
	if !under.IsZero() && !hierarchy.IsOwn(under.Type) {
		scopes = append(scopes, under.String())
	}
	places, err := s.places(ctx, snapshot, scopes)
	if err != nil {
		return policy.Facts{}, err
	}
	facts := snapshot.Facts(func(resource string) (string, bool) {
		container, ok := places[resource]
		return container, ok
	})
	if under.IsZero() {
		return facts, nil
	}
	parents := map[hierarchy.Ref]hierarchy.Ref{}
	for node, parent := range facts.Nodes {
		parents[node] = parent
	}
	if container, ok := places[under.String()]; ok { // it may carry no binding
		parents[under], _ = hierarchy.ParseRef(container)
	}
	if _, ok := parents[under]; !ok && under.Type != hierarchy.TypeAccount {
		return policy.Facts{}, fieldOf("under", hierarchy.NotFound(under))
	}
	return narrow(facts, parents, under), nil
}

// narrow leaves of facts what is above, at and below one node.
func narrow(f policy.Facts, parents map[hierarchy.Ref]hierarchy.Ref, under hierarchy.Ref) policy.Facts {
	line := func(node hierarchy.Ref) (up []hierarchy.Ref) {
		for ok := true; ok; node, ok = parents[node] {
			up = append(up, node)
		}
		return up
	}
	above := line(under)
	keep := func(node hierarchy.Ref) bool {
		return slices.Contains(above, node) || slices.Contains(line(node), under)
	}
	nodes, bindings := f.Nodes, f.Bindings
	f.Nodes = func(yield func(node, parent hierarchy.Ref) bool) {
		asked := false
		for node, parent := range nodes {
			asked = asked || node == under
			if keep(node) && !yield(node, parent) {
				return
			}
		}
		if parent, ok := parents[under]; ok && !asked { // a resource without bindings
			yield(under, parent)
		}
	}
	f.Bindings = func(yield func(policy.Binding) bool) {
		for b := range bindings {
			if keep(b.Scope) && !yield(b) {
				return
			}
		}
	}
	return f
}

// places reads in which containers resources stand, all by "type:id".
func (s *Service) places(ctx context.Context, snapshot *authz.Snapshot, resources []string) (map[string]string, error) {
	places := make(map[string]string, len(resources))
	for chunk := range slices.Chunk(resources, exportPage) {
		keys := make([]authz.Key, len(chunk))
		for i, id := range chunk {
			keys[i] = authz.KeyOf(authz.KindResource, id)
		}
		_, records, err := s.store.Read(ctx, snapshot.Account(), keys...)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			var doc hierarchy.Resource
			if err := unmarshal(r, &doc); err != nil {
				return nil, err
			}
			if _, id := r.Key.Split(); snapshot.Has(doc.Parent) {
				places[id] = doc.Parent.String()
			}
		}
	}
	return places, nil
}
