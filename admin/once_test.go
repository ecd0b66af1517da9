package admin_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// creations are all routes that make something in an account. Each makes one
// thing; name is its ID where the caller chooses it, text is the rest of what
// is asked for.
var creations = map[string]func(ctx context.Context, s *house, who admin.Caller, c *admin.SignedUp, name, text string) (made hierarchy.Ref, revision string, err error){
	"billing account": func(ctx context.Context, s *house, who admin.Caller, c *admin.SignedUp, _, text string) (hierarchy.Ref, string, error) {
		i, err := s.CreateBillingAccount(ctx, who, c.Account.Ref.ID, billing.Account{Mode: billing.Prepaid, Currency: "SEK", Name: text})
		return i.Ref, i.Revision, err
	},
	"project": func(ctx context.Context, s *house, who admin.Caller, c *admin.SignedUp, _, text string) (hierarchy.Ref, string, error) {
		i, err := s.CreateProject(ctx, who, c.Account.Ref.ID, hierarchy.Project{Info: hierarchy.Info{DisplayName: text}}, c.Billing.Ref.ID)
		return i.Ref, i.Revision, err
	},
	"subproject": func(ctx context.Context, s *house, who admin.Caller, c *admin.SignedUp, _, text string) (hierarchy.Ref, string, error) {
		i, err := s.CreateSubproject(ctx, who, c.Project.Ref.ID, hierarchy.Info{DisplayName: text})
		return i.Ref, i.Revision, err
	},
	"resource": func(ctx context.Context, s *house, who admin.Caller, c *admin.SignedUp, name, text string) (hierarchy.Ref, string, error) {
		i, err := s.RegisterResource(ctx, who, hierarchy.Ref{Type: "number", ID: name}, hierarchy.Resource{Parent: c.Project.Ref, Labels: map[string]string{"text": text}})
		return i.Ref, i.Revision, err
	},
	"group": func(ctx context.Context, s *house, who admin.Caller, c *admin.SignedUp, name, text string) (hierarchy.Ref, string, error) {
		i, err := s.CreateGroup(ctx, who, c.Account.Ref.ID, name, policy.Group{DisplayName: text}, []hierarchy.Ref{ann, ben})
		return i.Ref, i.Revision, err
	},
	"role": func(ctx context.Context, s *house, who admin.Caller, c *admin.SignedUp, name, text string) (hierarchy.Ref, string, error) {
		i, err := s.CreateRole(ctx, who, c.Account.Ref.ID, name, policy.Role{DisplayName: text, Permissions: []string{"number.read"}})
		return i.Ref, i.Revision, err
	},
	"binding": func(ctx context.Context, s *house, who admin.Caller, c *admin.SignedUp, name, text string) (hierarchy.Ref, string, error) {
		i, err := s.CreateBinding(ctx, who, policy.Binding{Subject: hierarchy.Ref{Type: "user", ID: name + text}, Role: "viewer", Scope: c.Project.Ref})
		return i.Ref, i.Revision, err
	},
	"import": func(ctx context.Context, s *house, who admin.Caller, c *admin.SignedUp, name, text string) (hierarchy.Ref, string, error) {
		b := &admin.Bundle{Account: admin.BundleAccount{ID: c.Account.Ref.ID}, Groups: []admin.BundleGroup{{ID: name, Group: policy.Group{DisplayName: text}}},
			Bindings: []admin.BundleBinding{{Subject: hierarchy.Ref{Type: "group", ID: name}, Role: "viewer", Scope: c.Project.Ref}}}
		did, err := s.Import(ctx, who, b, admin.ImportOptions{})
		if err == nil && (did.Created["group"] != 1 || did.Created["binding"] != 1) {
			err = fmt.Errorf("the import says that it made %v", did.Created)
		}
		return hierarchy.Ref{Type: "group", ID: name}, did.Revision, err
	},
}

// removals remove what creations made.
var removals = map[string]func(ctx context.Context, s *house, c *admin.SignedUp, made hierarchy.Ref) error{
	"billing account": deleteNode, "project": deleteNode, "subproject": deleteNode,
	"resource": func(ctx context.Context, s *house, _ *admin.SignedUp, made hierarchy.Ref) error {
		_, err := s.DeleteResource(ctx, operator, made)
		return err
	},
	"group": func(ctx context.Context, s *house, c *admin.SignedUp, made hierarchy.Ref) error {
		_, err := s.DeleteGroup(ctx, operator, c.Account.Ref.ID, made.ID)
		return err
	},
	"role": func(ctx context.Context, s *house, c *admin.SignedUp, made hierarchy.Ref) error {
		_, err := s.DeleteRole(ctx, operator, c.Account.Ref.ID, made.ID)
		return err
	},
	"binding": func(ctx context.Context, s *house, _ *admin.SignedUp, made hierarchy.Ref) error {
		_, err := s.DeleteBinding(ctx, operator, made.ID)
		return err
	},
}

func deleteNode(ctx context.Context, s *house, _ *admin.SignedUp, made hierarchy.Ref) error {
	_, err := s.Delete(ctx, operator, made)
	return err
}

// eachCreation runs a test of every creation, on both stores.
func eachCreation(t *testing.T, test func(t *testing.T, h *house, kind string)) {
	onBoth(t, func(t *testing.T, h *house) {
		for kind := range creations {
			t.Run(kind, func(t *testing.T) { test(t, h, kind) })
		}
	})
}

// things is how many records an account has, resources of its project included.
func (h *house) things(t *testing.T, c *admin.SignedUp) int {
	t.Helper()
	state := must(h.store.Load(t.Context(), c.Account.Ref.ID))(t)
	return len(state.Records) + len(must(h.store.Store.Resources(t.Context(), c.Account.Ref.ID, c.Project.Ref, "", 1000))(t))
}

// A creation that is repeated under its key is the same one, and answers the
// revision that it made.
func TestOnce(t *testing.T) {
	eachCreation(t, func(t *testing.T, h *house, kind string) {
		make, c := creations[kind], h.customer(t)
		first, revision, err := make(t.Context(), h, under(operator, "k"), &c, "one", "text")
		if err != nil {
			t.Fatal(err)
		}
		made := h.things(t, &c)
		again, same, err := make(t.Context(), h, under(operator, "k"), &c, "one", "text")
		if err != nil || again != first || same != revision || h.things(t, &c) != made {
			t.Errorf("repeated, it made %s at %s, not %s at %s: %v", again, same, first, revision, err)
		}
		_, _, err = make(t.Context(), h, under(operator, "k"), &c, "one", "other text")
		want(t, "another request under the same key", "IDEMPOTENCY_KEY_REUSED", err)
		for name, who := range map[string]admin.Caller{"two": under(operator, "other"), "three": under(as(ann), "k"), "four": operator, "five": operator} {
			if kind == "import" && who.Actor == ann {
				continue
			}
			if other, _, err := make(t.Context(), h, who, &c, name, "text"); err != nil || other == first {
				t.Errorf("%s under %q made %s: %v", who.Actor, who.IdempotencyKey, other, err)
			}
		}
	})
}

// The negative control: where the caller chooses the ID, a repeat without a
// key is refused.
func TestOnceIsForTheKeyOnly(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	for kind, make := range creations {
		if _, _, err := make(t.Context(), h, operator, &c, "one-"+kind, "text"); err != nil {
			t.Fatal(err)
		}
		made := h.things(t, &c)
		_, _, err := make(t.Context(), h, operator, &c, "one-"+kind, "text")
		switch kind {
		case "resource", "group", "role", "binding":
			want(t, kind+" without a key", "ALREADY_EXISTS", err)
		case "import":
			if err == nil || h.things(t, &c) != made {
				t.Errorf("a second import made something: %v", err)
			}
		default:
			if err != nil || h.things(t, &c) == made {
				t.Errorf("%s without a key made nothing: %v", kind, err)
			}
		}
	}
	if h.store.asked != 0 {
		t.Errorf("the store was asked %d times about keys that there were not", h.store.asked)
	}
}

// What was made under a key and deleted since is not made again.
func TestOnceDeletedSince(t *testing.T) {
	eachCreation(t, func(t *testing.T, h *house, kind string) {
		remove := removals[kind]
		if remove == nil {
			t.Skip("an import deletes nothing")
		}
		make, c := creations[kind], h.customer(t)
		first, _, err := make(t.Context(), h, under(operator, "k"), &c, "one", "text")
		if err != nil {
			t.Fatal(err)
		}
		if err := remove(t.Context(), h, &c, first); err != nil {
			t.Fatal(err)
		}
		made := h.things(t, &c)
		_, _, err = make(t.Context(), h, under(operator, "k"), &c, "one", "text")
		want(t, "what was deleted", "ID_DELETED", err)
		if h.things(t, &c) != made {
			t.Error("it was made again")
		}
		if _, _, err := make(t.Context(), h, operator, &c, "one", "text"); err != nil {
			t.Fatal(err)
		}
		_, _, err = make(t.Context(), h, under(operator, "k"), &c, "one", "text")
		want(t, "what was made anew by somebody else", "ID_DELETED", err)
	})
}

// A creation that is interrupted at any call, or loses any reply, is finished
// by its repeat, at a replica of which nothing is left or at another one.
func TestOnceInterrupted(t *testing.T) {
	eachCreation(t, func(t *testing.T, h *house, kind string) {
		make, c := creations[kind], h.customer(t)
		other := replica(t, h.store, h.faults)
		before := h.things(t, &c)
		var first hierarchy.Ref
		interruptions(t, h, func(run string) (err error) {
			first, _, err = make(t.Context(), h, under(operator, run), &c, strings.ReplaceAll(run, " ", "-"), "text")
			return err
		}, func(run string, err error) {
			after := h.things(t, &c)
			again, revision, retried := make(t.Context(), other, under(operator, run), &c, strings.ReplaceAll(run, " ", "-"), "text")
			if retried != nil {
				t.Fatalf("%s: %v; the repeat: %v", run, err, retried)
			}
			if now := h.things(t, &c); now <= before || (after > before && now != after) {
				t.Errorf("%s: %d things, then %d, then %d", run, before, after, now)
			}
			if err == nil && again != first {
				t.Errorf("%s: made %s, then %s", run, first, again)
			}
			if third, same, err := make(t.Context(), h, under(operator, run), &c, strings.ReplaceAll(run, " ", "-"), "text"); err != nil || third != again || same != revision {
				t.Errorf("%s: made %s, then %s: %v", run, again, third, err)
			}
			before = h.things(t, &c)
		})
	})
}

// The negative control: without a key, a request whose reply is lost for good
// makes a second thing when it is repeated.
func TestWithoutKeyTwiceIsTwo(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	for _, who := range []admin.Caller{operator, under(operator, "k")} {
		before := len(must(h.Projects(t.Context(), operator, c.Account.Ref.ID, admin.Span{Limit: 100}))(t).Items)
		h.faults.LoseRepliesOf("evalsha", 2) // the store itself asks once more
		_, err := h.CreateProject(t.Context(), who, c.Account.Ref.ID, hierarchy.Project{}, "")
		h.faults.Clear()
		want(t, "the reply is lost", "STORE_UNAVAILABLE", err)
		must(h.CreateProject(t.Context(), who, c.Account.Ref.ID, hierarchy.Project{}, ""))(t)
		made := len(must(h.Projects(t.Context(), operator, c.Account.Ref.ID, admin.Span{Limit: 100}))(t).Items) - before
		if wanted := map[bool]int{true: 1, false: 2}[who.IdempotencyKey != ""]; made != wanted {
			t.Errorf("under the key %q it made %d projects", who.IdempotencyKey, made)
		}
	}
}

// Duplicates that come at the same time, at two replicas, make one thing.
func TestOnceTogether(t *testing.T) {
	eachCreation(t, func(t *testing.T, h *house, kind string) {
		make, c := creations[kind], h.customer(t)
		replicas := []*house{h, replica(t, h.store, h.faults)}
		before := h.things(t, &c)
		if _, _, err := make(t.Context(), h, operator, &c, "control", "text"); err != nil {
			t.Fatal(err)
		}
		each := h.things(t, &c) - before
		for round := range 5 {
			name := fmt.Sprint("round-", round)
			before := h.things(t, &c)
			var mu sync.Mutex
			answers := map[string]int{}
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() {
					made, revision, err := make(t.Context(), replicas[i%2], under(operator, name), &c, name, "text")
					mu.Lock()
					defer mu.Unlock()
					answers[fmt.Sprint(made, revision, err)]++
				})
			}
			all.Wait()
			if made := h.things(t, &c) - before; len(answers) != 1 || made != each {
				t.Fatalf("%d records were made, of %d, and answered was %v", made, each, answers)
			}
		}
	})
}

// A refusal poisons no key, and rights are asked for each time.
func TestOnceIsAuthorisedEachTime(t *testing.T) {
	eachCreation(t, func(t *testing.T, h *house, kind string) {
		if kind == "import" {
			t.Skip("for operators only")
		}
		make, c := creations[kind], h.customer(t)
		if _, err := h.CreateBinding(t.Context(), operator, policy.Binding{Subject: ben, Role: "viewer", Scope: c.Account.Ref}); err != nil {
			t.Fatal(err)
		}
		_, _, err := make(t.Context(), h, under(as(ben), "k"), &c, "one", "text")
		if reason(err) != "PERMISSION_DENIED" && reason(err) != "NOT_FOUND" {
			t.Fatalf("a viewer: %v", err)
		}
		right := must(h.CreateBinding(t.Context(), operator, policy.Binding{Subject: ben, Role: policy.Owner, Scope: c.Account.Ref}))(t)
		first, _, err := make(t.Context(), h, under(as(ben), "k"), &c, "one", "text")
		if err != nil {
			t.Fatalf("after a refusal: %v", err)
		}
		must(h.DeleteBinding(t.Context(), operator, right.Ref.ID))(t)
		_, _, err = make(t.Context(), h, under(as(ben), "k"), &c, "one", "text")
		if reason(err) != "PERMISSION_DENIED" && reason(err) != "NOT_FOUND" {
			t.Errorf("one who has lost his rights is shown %s: %v", first, err)
		}
	})
}

// Without a key a creation sends what it always did; a key costs one command.
func TestKeyCostsOneCommand(t *testing.T) {
	h := build(t)
	c := h.customer(t)
	for kind, make := range creations {
		calls := func(who admin.Caller, name string) int {
			h.faults.Clear()
			if _, _, err := make(t.Context(), h, who, &c, kind+"-"+name, "text"); err != nil {
				t.Fatal(err)
			}
			return h.faults.Calls()
		}
		calls(operator, "warm")
		without, with := calls(operator, "without"), calls(under(operator, kind), "with")
		if with != without+1 && kind != "import" {
			t.Errorf("%s: %d commands, and %d with a key", kind, without, with)
		}
	}
}
