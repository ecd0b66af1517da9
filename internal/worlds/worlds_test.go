package worlds

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/apikey"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/oracle"
	"github.com/tollgate-dev/tollgate/policy"
)

const seeds = 300

func rng(seed uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, 2))
}

// One seed makes one world, and one sequence of questions and changes.
func TestASeedIsAWorld(t *testing.T) {
	make := func() (*World, []oracle.Question) {
		w, r := New(7), rng(7)
		var asked []oracle.Question
		for range 50 {
			asked = append(asked, w.Question(r))
			w.Mutate(r)
		}
		return w, asked
	}
	w1, q1 := make()
	w2, q2 := make()
	if diff := cmp.Diff(w1, w2, cmp.AllowUnexported(World{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(q1, q2); diff != "" {
		t.Error(diff)
	}
}

// What worlds hold is what a write would let in.
func TestWorldsAreLegal(t *testing.T) {
	for seed := range uint64(seeds) {
		w, r := New(seed), rng(seed)
		for range 20 {
			checkLegal(t, w)
			w.Mutate(r)
		}
	}
}

func checkLegal(t *testing.T, w *World) {
	t.Helper()
	var ids []string
	ids = append(ids, "account:"+w.Account)
	for _, x := range w.BillingAccounts {
		ids = append(ids, "billing_account:"+x.ID)
	}
	for _, x := range w.Projects {
		ids = append(ids, "project:"+x.ID)
	}
	for _, x := range w.Subprojects {
		ids = append(ids, "subproject:"+x.ID)
	}
	for _, x := range w.Resources {
		ids = append(ids, x.ID)
	}
	for _, x := range w.Groups {
		ids = append(append(ids, "group:"+x.ID), x.Members...)
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if err := ref(id).Check(); err != nil {
			t.Fatal(err)
		}
		if typ := ref(id).Type; typ != "user" && typ != "service" && typ != "group" && seen[id] {
			t.Fatalf("%s stands twice", id)
		}
		seen[id] = true
	}
	for _, x := range w.Keys {
		id := "key:" + x.ID
		if err := checkKey(x); err != nil || seen[id] || !seen[x.Parent] {
			t.Fatalf("%+v: %v", x, err)
		}
		seen[id] = true
	}
	for _, x := range w.Roles {
		role := policy.Role{Permissions: x.Permissions}
		if err := role.Check(); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range w.Bindings {
		b := bindingOf(x)
		if err := b.Check(); err != nil {
			t.Fatal(err)
		}
		if !seen[x.Scope] {
			t.Fatalf("%+v is bound to nothing", x)
		}
	}
}

// checkKey says what is wrong with a key, and with the texts of its secrets.
func checkKey(k oracle.Key) error {
	doc := keyOf(k)
	if err := doc.Check(); err != nil {
		return err
	}
	for i, s := range k.Secrets {
		p, err := apikey.Parse(s.Text)
		if err != nil {
			return err
		}
		if p.Subject() != "key:"+k.ID || !p.Matches(doc.Secrets[i].Hash) {
			return fmt.Errorf("%s is of %s, or its hash is not its own", s.Text, p.Subject())
		}
	}
	return nil
}

// The changes between two worlds lead from the records of one to those of
// the other.
func TestEditsLeadFromOneToTheOther(t *testing.T) {
	for seed := range uint64(seeds) {
		w, r := New(seed), rng(seed)
		records := map[authz.Key]string{}
		for _, rec := range allRecords(&w.World) {
			records[rec.Key] = string(rec.Body)
		}
		next := w.Clone()
		for range 20 {
			next.Mutate(r)
		}
		for _, e := range Edits(&w.World, &next.World) {
			if string(e.Before) != records[e.Key] {
				t.Fatalf("%s was %s, not %s", e.Key, records[e.Key], e.Before)
			}
			delete(records, e.Key)
			if e.After != nil {
				records[e.Key] = string(e.After)
			}
		}
		want := map[authz.Key]string{}
		for _, rec := range allRecords(&next.World) {
			want[rec.Key] = string(rec.Body)
		}
		if diff := cmp.Diff(want, records); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	}
}

// A bundle, written and read as JSON, is the live part of its world.
func TestABundleIsTheLivePartOfItsWorld(t *testing.T) {
	for seed := range uint64(seeds) {
		w, r := New(seed), rng(seed)
		text, err := json.Marshal(Bundle(&w.World))
		if err != nil {
			t.Fatal(err)
		}
		var b admin.Bundle
		if err := json.Unmarshal(text, &b); err != nil {
			t.Fatal(err)
		}
		read := FromBundle(&b)
		read.Unregistered = w.Unregistered
		for range 50 {
			q := w.Question(r)
			if q.RequireBilling = false; ref(q.Subject).Type == hierarchy.TypeKey {
				continue // a bundle has none
			}
			want, got := oracle.Decide(&w.World, q), oracle.Decide(read, q)
			if w.State.Deleted || oracle.Deleted(&w.World, want.Path) {
				continue
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(oracle.Answer{}, "Deciders", "Billing", "Payer", "PayerSuspended")); diff != "" && !inDeleted(w, q) {
				t.Fatalf("seed %d: %+v: %s", seed, q, diff)
			}
		}
	}
}

// inDeleted reports whether a question names a container that is deleted, and
// so not in the bundle.
func inDeleted(w *World, q oracle.Question) bool {
	return (q.Parent != "" && !live(&w.World, q.Parent)) || (oracle.Decide(&w.World, oracle.Question{Subject: q.Subject, Permission: q.Permission, Resource: q.Resource, At: q.At}).Code == "RESOURCE_DELETED")
}

// Between 30 and 70 % of the questions are allowed, and every reason occurs:
// otherwise agreeing on them shows little.
func TestQuestionsAreTelling(t *testing.T) {
	codes, asked, byKey := map[string]int{}, 0, 0
	for seed := range uint64(seeds) {
		w, r := New(seed), rng(seed)
		for range 50 {
			q := w.Question(r)
			a := oracle.Decide(&w.World, q)
			codes[a.Code]++
			asked++
			if a.Allowed && ref(q.Subject).Type == hierarchy.TypeKey {
				byKey++
			}
		}
	}
	t.Log(asked, codes, byKey)
	if byKey < asked/100 {
		t.Errorf("%d of keys are allowed", byKey)
	}
	if share := 100 * codes["ALLOWED"] / asked; share < 35 || share > 65 {
		t.Errorf("%d %% are allowed", share)
	}
	for _, code := range []string{"NO_BINDING", "DENIED_BY_BINDING", "RESOURCE_NOT_FOUND", "RESOURCE_DELETED", "RESOURCE_SUSPENDED", "PARENT_REQUIRED", "PARENT_MISMATCH", "PARENT_NOT_FOUND", "UNBILLED",
		"KEY_NOT_FOUND", "KEY_EXPIRED", "KEY_DISABLED", "ADDRESS_BLOCKED", "KEY_OUT_OF_REACH", "SPONSOR_MISSING", "SPONSOR_LACKS_PERMISSION"} {
		if codes[code] < asked/1000 {
			t.Errorf("%s occurs %d times", code, codes[code])
		}
	}
}
