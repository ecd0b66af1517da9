package admin

import (
	"context"
	"errors"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Report is the permission on the platform without which nobody reports what a
// replica has done that may not write to the store itself.
const Report = "replica.report"

// ReportUses takes in when keys were used, as such a replica has noted it. It
// needs Report. What is no key of its account is passed over, and no time counts
// that is later than now: all that a report can do is to make a key look used
// that is there, and no later than it is reported.
func (s *Service) ReportUses(ctx context.Context, who Caller, uses []authz.Use) error {
	if err := who.OnPlatform(Report, s.time()); err != nil {
		return err
	}
	byAccount := map[string][]authz.Use{}
	for _, u := range uses {
		byAccount[u.Account] = append(byAccount[u.Account], u)
	}
	var known []authz.Use
	for account, of := range byAccount {
		there, err := s.usesThere(ctx, account, of)
		if err != nil {
			return err
		}
		known = append(known, there...)
	}
	return s.store.Used(ctx, known)
}

// usesThere are the uses of keys that an account has.
func (s *Service) usesThere(ctx context.Context, account string, uses []authz.Use) ([]authz.Use, error) {
	records := make([]authz.Key, len(uses))
	for i, u := range uses {
		records[i] = authz.KeyOf(hierarchy.TypeKey, u.Key.ID)
	}
	head, found, err := s.store.Read(ctx, account, records...)
	if errors.Is(err, authz.ErrNoAccount) {
		return nil, nil
	}
	there := map[authz.Key]bool{}
	for _, r := range found {
		there[r.Key] = true
	}
	var all []authz.Use
	for i, u := range uses {
		if there[records[i]] {
			u.At = min(u.At, head.Now)
			all = append(all, u)
		}
	}
	return all, err
}
