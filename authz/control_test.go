package authz_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/internal/oracle"
	"github.com/tollgate-dev/tollgate/internal/worlds"
	"github.com/tollgate-dev/tollgate/policy"
)

// Negative controls: with one fault in the product, or one wrong rule in the
// oracle, the comparison that the differential tests make finds it.

// A product that does not know the deny twins is found out.
func TestTheComparisonFindsIgnoredDenials(t *testing.T) {
	found := 0
	for seed := range uint64(50) {
		w := worlds.New(seed)
		s, err := authz.NewSnapshot(w.Account, authz.NewModel(policy.Meaning{IgnoreDeny: true}), worlds.State(&w.World, authz.Head{}))
		if err != nil {
			t.Fatal(err)
		}
		found += mismatches(t, &version{seed, w, s, ask(w, rng(seed), 50)}, &w.World)
	}
	mustFind(t, found)
}

// A product that does not compute again which groups are in which, when one
// goes into another or out of it, is found out.
func TestTheComparisonFindsStaleGroups(t *testing.T) {
	found, sound := 0, 0
	for seed := range uint64(150) {
		r := rng(seed)
		w := worlds.New(seed)
		head := authz.Head{Revision: authz.Revision{Number: 1}}
		s := load(t, &w.World, head)
		for range 10 {
			next := w.Clone()
			if next.Mutate(r) != "nest or un-nest" {
				continue
			}
			applied, err := s.Apply(head, worlds.Edits(&w.World, &next.World))
			if err != nil {
				t.Fatal(err)
			}
			v := version{seed, next, applied, ask(next, r, 50)}
			sound += mismatches(t, &v, &next.World)
			v.s = applied.WithNestingOf(s)
			found += mismatches(t, &v, &next.World)
			w, s = next, applied
		}
	}
	mustFind(t, found)
	if sound != 0 {
		t.Errorf("without the fault there are %d mismatches", sound)
	}
}

// A product that does not ask a key's sponsor, or lets a key reach the whole
// account, is found out.
func TestTheComparisonFindsKeysThatMayTooMuch(t *testing.T) {
	for name, broken := range map[string]func(*authz.Snapshot) *authz.Snapshot{
		"the sponsor is not asked":    (*authz.Snapshot).WithoutSponsors,
		"a key reaches everything":    (*authz.Snapshot).WithoutReach,
		"anybody's secret is a key's": (*authz.Snapshot).WithoutSecrets,
	} {
		t.Run(name, func(t *testing.T) {
			found, sound := 0, 0
			for seed := range uint64(60) {
				w := worlds.New(seed)
				s := load(t, &w.World, authz.Head{})
				v := version{seed, w, s, ask(w, rng(seed), 50)}
				sound += mismatches(t, &v, &w.World)
				v.s = broken(s)
				found += mismatches(t, &v, &w.World)
			}
			mustFind(t, found)
			if sound != 0 {
				t.Errorf("without the fault there are %d mismatches", sound)
			}
		})
	}
}

// A stock Casbin that is not told of what denies, or of who is in which group,
// is found out.
func TestTheComparisonFindsAPolicyThatLacksSomething(t *testing.T) {
	for name, lacks := range map[string]func(f *policy.Facts){
		"denials": func(f *policy.Facts) {
			all := f.Bindings
			f.Bindings = func(yield func(policy.Binding) bool) {
				for b := range all {
					if b.Effect == policy.Allow && !yield(b) {
						return
					}
				}
			}
		},
		"memberships": func(f *policy.Facts) { f.Members = nil },
	} {
		t.Run(name, func(t *testing.T) {
			found := 0
			for seed := range uint64(40) {
				w := worlds.New(seed)
				f := facts(load(t, &w.World, authz.Head{}), &w.World)
				lacks(&f)
				casbin := stock(t, modelText(t), f, w.Instant)
				for _, q := range ask(w, rng(seed), 50) {
					q.At = w.Instant
					if want := oracle.Decide(&w.World, q); want.Path != nil && !oracle.Deleted(&w.World, want.Path) && enforce(t, casbin, q) != want.Policy {
						found++
					}
				}
			}
			mustFind(t, found)
		})
	}
}

// Each wrong reading of a rule, in the oracle, is found out.
func TestTheComparisonFindsEachWrongRule(t *testing.T) {
	wrong := map[string]func(w *oracle.World){
		"a deny does not win": func(w *oracle.World) {
			w.Bindings = slices.DeleteFunc(w.Bindings, func(b oracle.Binding) bool { return b.Effect == "deny" })
		},
		"a deny allows": func(w *oracle.World) {
			for i := range w.Bindings {
				w.Bindings[i].Effect = "allow"
			}
		},
		"groups do not nest": func(w *oracle.World) {
			for i := range w.Groups {
				w.Groups[i].Members = slices.DeleteFunc(w.Groups[i].Members, func(m string) bool { return strings.HasPrefix(m, "group:") })
			}
		},
		"a window includes its end": func(w *oracle.World) {
			for i := range w.Bindings {
				if w.Bindings[i].Until != 0 {
					w.Bindings[i].Until++
				}
			}
		},
		"a window excludes its beginning": func(w *oracle.World) {
			for i := range w.Bindings {
				if w.Bindings[i].From != 0 {
					w.Bindings[i].From++
				}
			}
		},
		"a half-wild pattern is wholly wild": func(w *oracle.World) {
			for i := range w.Roles {
				for k, p := range w.Roles[i].Permissions {
					if strings.HasPrefix(p, "*.") {
						w.Roles[i].Permissions[k] = "*.*"
					}
				}
			}
		},
		"a binding on a resource does not hold": func(w *oracle.World) {
			w.Bindings = slices.DeleteFunc(w.Bindings, func(b oracle.Binding) bool { return refOf(b.Scope).Type == "number" })
		},
		"a binding on a billing account does not hold": func(w *oracle.World) {
			w.Bindings = slices.DeleteFunc(w.Bindings, func(b oracle.Binding) bool { return refOf(b.Scope).Type == "billing_account" })
		},
		"deletion of a project does not reach below": func(w *oracle.World) {
			for i := range w.Projects {
				w.Projects[i].Deleted = false
			}
		},
		"suspension of a project does not reach below": func(w *oracle.World) {
			for i := range w.Projects {
				w.Projects[i].Suspended, w.Projects[i].SuspendedByOperator = false, false
			}
		},
		"the operator's suspension does not count": func(w *oracle.World) {
			w.State.SuspendedByOperator = false
			for i := range w.Projects {
				w.Projects[i].SuspendedByOperator = false
			}
			for i := range w.Subprojects {
				w.Subprojects[i].SuspendedByOperator = false
			}
		},
		"a suspended billing account pays as if it were not": func(w *oracle.World) {
			for i := range w.BillingAccounts {
				w.BillingAccounts[i].Suspended, w.BillingAccounts[i].SuspendedByOperator = false, false
			}
		},
		"a key's sponsor may do everything": func(w *oracle.World) {
			w.Bindings = append(w.Bindings, oracle.Binding{ID: "all", Subject: "user:almighty", Role: policy.Owner, Scope: "account:" + w.Account, Effect: "allow"})
			eachKey(w, func(k *oracle.Key) { k.Sponsor = "user:almighty" })
		},
		"a key needs no sponsor": func(w *oracle.World) {
			eachKey(w, func(k *oracle.Key) {
				if k.Sponsor == "" {
					k.Sponsor = "key:" + k.ID
				}
			})
		},
		"a key reaches everything": func(w *oracle.World) { eachKey(w, func(k *oracle.Key) { k.Parent = "account:" + w.Account }) },
		"a disabled key works":     func(w *oracle.World) { eachKey(w, func(k *oracle.Key) { k.Disabled = false }) },
		"a key includes its end": func(w *oracle.World) {
			eachKey(w, func(k *oracle.Key) {
				if k.Until != 0 {
					k.Until++
				}
			})
		},
		"an overlap includes its end": func(w *oracle.World) {
			eachKey(w, func(k *oracle.Key) {
				for i := range k.Secrets {
					if k.Secrets[i].Until != 0 {
						k.Secrets[i].Until++
					}
				}
			})
		},
		"a secret that is rotated out ends at once": func(w *oracle.World) { eachKey(w, func(k *oracle.Key) { k.Secrets = k.Secrets[:1] }) },
		"a key may be used from anywhere":           func(w *oracle.World) { eachKey(w, func(k *oracle.Key) { k.Sources = nil }) },
		"an unlinked project is paid for": func(w *oracle.World) {
			for i := range w.Projects {
				if w.Projects[i].Payer == "" {
					w.Projects[i].Payer = w.BillingAccounts[0].ID
				}
			}
		},
	}
	for name, breakIt := range wrong {
		t.Run(name, func(t *testing.T) {
			found := 0
			for seed := range uint64(60) {
				w := worlds.New(seed)
				v := version{seed, w, load(t, &w.World, authz.Head{}), ask(w, rng(seed), 50)}
				broken := w.Clone()
				breakIt(&broken.World)
				found += mismatches(t, &v, &broken.World)
			}
			mustFind(t, found)
		})
	}
}

func eachKey(w *oracle.World, change func(*oracle.Key)) {
	for i := range w.Keys {
		change(&w.Keys[i])
	}
}

// mismatches counts the questions that a snapshot and an oracle's world
// answer differently.
func mismatches(t *testing.T, v *version, judged *oracle.World) int {
	t.Helper()
	found := 0
	for _, q := range v.questions {
		if v.differs(t, q, oracle.Decide(judged, q)) != "" {
			found++
		}
	}
	return found
}

func mustFind(t *testing.T, mismatches int) {
	t.Helper()
	t.Logf("%d mismatches", mismatches)
	if mismatches == 0 {
		t.Error("the fault was not found: a comparison that cannot fail shows nothing")
	}
}
