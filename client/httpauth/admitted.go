package httpauth

import (
	"context"

	"github.com/tollgate-dev/tollgate/client"
)

// Admitted is what is known of a request that was let by.
type Admitted struct {
	Principal  string // who asks, as "type:id": the key itself, or the service of a service key
	Sponsor    string // of the key, as "type:id"; "" for none
	Account    string // bare, as are the next ones
	Project    string // "" if the resource is in none
	Subproject string // likewise
	Billing    client.Billing
	Path       []string // the resource and its ancestors, nearest first, as "type:id"
	Revision   string
	// Stale is that Tollgate's store was away, and the answer from memory.
	Stale bool
	// BillingFailedOpen is that nobody was known to pay, and the request was let
	// by all the same; see BillingFailsOpen.
	BillingFailedOpen bool
}

type admittedKey struct{}

// From reads what is known of the request with this context. It reports false
// for one that no guard has let by.
func From(ctx context.Context) (Admitted, bool) {
	a, ok := ctx.Value(admittedKey{}).(Admitted)
	return a, ok
}

func admittedOf(v *client.Verdict, open bool) Admitted {
	return Admitted{
		Principal: v.Principal, Sponsor: v.Sponsor, Account: v.Account, Project: v.Project, Subproject: v.Subproject,
		Billing: v.Billing, Path: v.Path, Revision: v.Revision, Stale: v.Stale, BillingFailedOpen: open,
	}
}
