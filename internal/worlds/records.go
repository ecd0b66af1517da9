package worlds

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/oracle"
	"github.com/tollgate-dev/tollgate/policy"
)

// Records are the records of a world as a store keeps them, in the order of
// their keys; resources come apart, as snapshots are made without them.
func Records(w *oracle.World) (records, resources []authz.Record) {
	add := func(kind, id string, body any) {
		records = append(records, authz.Record{Key: authz.KeyOf(kind, id), Created: Epoch, Updated: Epoch, Version: 1, Body: encode(body)})
	}
	add(hierarchy.TypeAccount, w.Account, hierarchy.Account{State: stateOf(w.State)})
	for _, b := range w.BillingAccounts {
		add(hierarchy.TypeBillingAccount, b.ID, billing.Account{Mode: billing.Postpaid, Currency: "EUR", State: stateOf(b.State)})
	}
	for _, p := range w.Projects {
		add(hierarchy.TypeProject, p.ID, hierarchy.Project{State: stateOf(p.State)})
		if p.Payer != "" {
			add(authz.KindLink, p.ID, billing.Link{BillingAccount: p.Payer})
		}
	}
	for _, s := range w.Subprojects {
		add(hierarchy.TypeSubproject, s.ID, hierarchy.Subproject{Project: s.Project, State: stateOf(s.State)})
	}
	for _, r := range w.Roles {
		if !policy.IsPredefined(r.ID) {
			add(hierarchy.TypeRole, r.ID, policy.Role{Permissions: r.Permissions})
		}
	}
	for _, g := range w.Groups {
		add(hierarchy.TypeGroup, g.ID, policy.Group{})
		for _, m := range g.Members {
			_, id := authz.MemberKey(ref(m), g.ID).Split()
			add(authz.KindMember, id, struct{}{})
		}
	}
	for _, k := range w.Keys {
		add(hierarchy.TypeKey, k.ID, keyOf(k))
	}
	for _, b := range w.Bindings {
		add(hierarchy.TypeBinding, b.ID, bindingOf(b))
	}
	byKey := func(a, b authz.Record) int { return cmp.Compare(a.Key, b.Key) }
	slices.SortFunc(records, byKey)
	for _, res := range w.Resources {
		resources = append(resources, authz.Record{Key: authz.KeyOf(authz.KindResource, res.ID), Created: Epoch, Updated: Epoch, Version: 1, Body: encode(hierarchy.Resource{Parent: ref(res.Parent)})})
	}
	slices.SortFunc(resources, byKey)
	return records, resources
}

func stateOf(s oracle.State) hierarchy.State {
	return hierarchy.State{Suspended: s.Suspended, SuspendedByOperator: s.SuspendedByOperator, Deleted: s.Deleted}
}

func bindingOf(b oracle.Binding) policy.Binding {
	return policy.Binding{
		Subject: ref(b.Subject), Role: b.Role, Scope: ref(b.Scope), Effect: policy.Effect(b.Effect),
		Window: policy.Window{NotBefore: b.From, ExpiresAt: b.Until},
	}
}

// State is a world as a source loads it, as of a head.
func State(w *oracle.World, head authz.Head) *authz.State {
	records, resources := Records(w)
	return &authz.State{Head: head, Records: records, Resources: resources}
}

// Edits are the changes that lead from one world to another of the same
// account.
func Edits(before, after *oracle.World) []authz.Edit {
	was, is := allRecords(before), allRecords(after)
	var edits []authz.Edit
	for _, rec := range is {
		i := slices.IndexFunc(was, func(x authz.Record) bool { return x.Key == rec.Key })
		if i < 0 {
			edits = append(edits, authz.Edit{Key: rec.Key, After: rec.Body})
		} else if string(was[i].Body) != string(rec.Body) {
			edits = append(edits, authz.Edit{Key: rec.Key, Created: was[i].Created, Before: was[i].Body, After: rec.Body})
		}
	}
	for _, rec := range was {
		if !slices.ContainsFunc(is, func(x authz.Record) bool { return x.Key == rec.Key }) {
			edits = append(edits, authz.Edit{Key: rec.Key, Created: rec.Created, Before: rec.Body})
		}
	}
	return edits
}

func allRecords(w *oracle.World) []authz.Record {
	records, resources := Records(w)
	return append(records, resources...)
}

// ref takes apart an identifier of a world, which is well formed.
func ref(s string) hierarchy.Ref {
	typ, id, _ := strings.Cut(s, ":")
	return hierarchy.Ref{Type: typ, ID: id}
}

// encode writes a body, of a type that always can be.
func encode(body any) json.RawMessage {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return text
}
