package main

import (
	"context"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// still is a source of one account that never changes.
type still struct{ state authz.State }

func newStill(w *world) *still {
	return &still{authz.State{Head: authz.Head{Revision: authz.Revision{Number: 1, Identity: "0000000000000001"}, Basis: 1}, Records: w.records()}}
}

func (s *still) head() authz.Head {
	h := s.state.Head
	h.Now = time.Now().UnixMicro()
	return h
}

func (s *still) Load(context.Context, string, ...authz.Key) (*authz.State, error) {
	state := s.state
	state.Head = s.head()
	return &state, nil
}

func (s *still) Since(context.Context, string, authz.Revision) (authz.Head, []authz.Change, error) {
	return s.head(), nil, nil
}

func (s *still) Read(context.Context, string, ...authz.Key) (authz.Head, []authz.Record, error) {
	return s.head(), nil, nil
}

func (s *still) Heads(_ context.Context, accounts []string) ([]authz.Revision, error) {
	revisions := make([]authz.Revision, len(accounts))
	for i := range revisions {
		revisions[i] = s.state.Revision
	}
	return revisions, nil
}

func (s *still) RevisionAt(context.Context, string, uint64) (string, bool, error) {
	return s.state.Identity, true, nil
}

func (s *still) Locate(_ context.Context, refs ...hierarchy.Ref) ([]string, error) {
	accounts := make([]string, len(refs))
	for i := range refs {
		accounts[i] = accountID
	}
	return accounts, nil
}
