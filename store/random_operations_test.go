package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// operation is one kind of thing that writers do.
type operation struct {
	name   string
	weight int
	does   does
	do     func(w *writer, who admin.Caller) did
	// later operations answer a revision that is not of their own change, but
	// of a later reading.
	later bool
}

// does says what an acknowledged operation leaves in a log.
type does int

const (
	writes  does = iota // one entry
	maybe               // one, or none if all was so already
	nothing             // none: it only reads
)

// did is what an operation was answered.
type did struct {
	revision string // a token
	created  hierarchy.Ref
	same     bool // there was nothing to change, and nothing is remembered of it
	err      error
}

// operations are all kinds of them. Whatever is added to what Tollgate can do
// is added here.
var operations = []operation{
	{name: "sign up", weight: 3, do: signUp, later: true},
	{name: "configure an account", weight: 2, do: configureAccount},
	{name: "close an account", weight: 1, does: maybe, do: closeAccount},
	{name: "open a billing account", weight: 3, do: openBillingAccount},
	{name: "configure a billing account", weight: 3, do: configureBillingAccount},
	{name: "close a billing account", weight: 2, does: maybe, do: closeBillingAccount},
	{name: "open a project", weight: 4, do: openProject},
	{name: "configure a project", weight: 2, do: configureProject},
	{name: "close a project", weight: 4, does: maybe, do: closeProject},
	{name: "link a project", weight: 10, does: maybe, do: link},
	{name: "unlink a project", weight: 5, do: unlink},
	{name: "open a subproject", weight: 5, do: openSubproject},
	{name: "configure a subproject", weight: 2, do: configureSubproject},
	{name: "close a subproject", weight: 5, does: maybe, do: closeSubproject},
	{name: "register a resource", weight: 14, do: register},
	{name: "configure a resource", weight: 5, do: configureResource},
	{name: "unregister a resource", weight: 10, do: unregister},
	{name: "move a subproject", weight: 5, does: maybe, do: moveSubproject},
	{name: "move a resource", weight: 8, does: maybe, do: moveResource},
	{name: "suspend", weight: 3, does: maybe, do: suspend},
	{name: "resume", weight: 8, does: maybe, do: resume},
	{name: "restore", weight: 6, does: maybe, do: restore},
	{name: "collect", weight: 4, does: nothing, do: collect},
	{name: "bind", weight: 6, do: bind},
	{name: "bind to a resource", weight: 4, do: bindToResource},
	{name: "unbind", weight: 6, do: unbind},
	{name: "define a group", weight: 4, do: defineGroup},
	{name: "describe a group", weight: 2, do: describeGroup},
	{name: "disband a group", weight: 2, do: disband},
	{name: "enroll a member", weight: 4, does: maybe, do: enroll},
	{name: "remove a member", weight: 6, do: removeMember},
	{name: "define a role", weight: 3, do: defineRole},
	{name: "change a role", weight: 3, do: changeRole},
	{name: "delete a role", weight: 2, do: deleteRole},
	{name: "import", weight: 5, does: maybe, do: importBundle},
	{name: "try an import", weight: 2, does: nothing, do: tryImport},
	{name: "ask who paid", weight: 4, does: nothing, do: askWhoPaid},
	{name: "check", weight: 4, does: nothing, do: check},
}

// choose chooses a kind of operation by its weight.
func choose(rng *rand.Rand) *operation {
	sum := 0
	for i := range operations {
		sum += operations[i].weight
	}
	n := rng.IntN(sum)
	for i := range operations {
		if n -= operations[i].weight; n < 0 {
			return &operations[i]
		}
	}
	panic("weights do not add up")
}

// made is what the creation of something was answered; the writers know of it
// from now on.
func made[T any](w *writer, item admin.Item[T], err error) did {
	if err == nil {
		w.round.known.add(item.Account, item.Ref)
	}
	return did{revision: item.Revision, created: item.Ref, err: err}
}

// changed is what the change of something was answered.
func changed[T any](item admin.Item[T], err error) did {
	return did{revision: item.Revision, err: err}
}

// removed is what the end of a node was answered.
func removed(w *writer, account string, ref hierarchy.Ref, written admin.Written, err error) did {
	if err == nil {
		w.round.known.drop(w.rng, account, ref)
	}
	return did{revision: written.Revision, err: err}
}

// delete deletes a node, which can then be restored.
func (w *writer) delete(account string, ref hierarchy.Ref, who admin.Caller) did {
	stated, err := w.Delete(w.round.t.Context(), who, ref)
	if err == nil {
		w.round.known.add(account, gone(ref))
		w.round.known.add("", gone(hierarchy.Ref{Type: hierarchy.TypeAccount, ID: account}))
	}
	return removed(w, account, ref, stated.Written, err)
}

// gone is what the atlas has of a node that was deleted.
func gone(ref hierarchy.Ref) hierarchy.Ref { return hierarchy.Ref{Type: "gone", ID: ref.String()} }

// site is a place where something is done.
func (w *writer) site(typ string) (ctx context.Context, account string, ref hierarchy.Ref) {
	account = w.round.known.account(w.rng)
	return w.round.t.Context(), account, w.round.known.node(w.rng, account, typ)
}

// registered is a resource; most often one that is registered somewhere.
func (w *writer) registered() hierarchy.Ref {
	if ref := w.round.known.node(w.rng, "", "number"); ref.ID != "none" && w.rng.IntN(8) > 0 {
		return ref
	}
	return number(w.rng)
}

// renamed gives a node a name that it has not had.
func renamed(info *hierarchy.Info, who admin.Caller) error {
	info.DisplayName = who.Name
	return nil
}

// asked is a creation under an idempotency key. It is asked for again, just as
// it was, until its outcome is known; and now and then by somebody else who
// goes by the same name, at the same time or later.
type asked struct {
	kind   *operation
	caller string
	again  func(*writer) did
}

// once asks for a creation under a key.
func (w *writer) once(who admin.Caller, create func(*writer, admin.Caller) did) did {
	who.IdempotencyKey = who.Name
	w.pending.again = func(w *writer) did { return create(w, who) }
	w.round.mu.Lock()
	w.round.latest = w.pending
	w.round.mu.Unlock()
	return create(w, who)
}

func signUp(w *writer, who admin.Caller) did {
	who.Actor = hierarchy.Ref{}
	in := admin.SignUp{Owner: users[0], Billing: billing.Account{Mode: billing.Prepaid, Currency: "EUR"}}
	return w.once(who, func(w *writer, who admin.Caller) did {
		out, err := w.SignUp(w.round.t.Context(), who, in)
		if err != nil {
			return did{err: err}
		}
		made(w, out.Billing, nil)
		made(w, out.Project, nil)
		made(w, out.Binding, nil)
		return made(w, out.Account, nil)
	})
}

func configureAccount(w *writer, who admin.Caller) did {
	ctx, account, _ := w.site("")
	return changed(w.UpdateAccount(ctx, who, account, func(doc *hierarchy.Account) error { return renamed(&doc.Info, who) }))
}

func closeAccount(w *writer, who admin.Caller) did {
	_, account, _ := w.site("")
	return w.delete(account, hierarchy.Ref{Type: hierarchy.TypeAccount, ID: account}, who)
}

func openBillingAccount(w *writer, who admin.Caller) did {
	ctx, account, _ := w.site("")
	return w.once(who, func(w *writer, who admin.Caller) did {
		item, err := w.CreateBillingAccount(ctx, who, account, billing.Account{Mode: billing.Postpaid, Currency: "SEK"})
		return made(w, item, err)
	})
}

func configureBillingAccount(w *writer, who admin.Caller) did {
	ctx, _, ref := w.site(hierarchy.TypeBillingAccount)
	return changed(w.UpdateBillingAccount(ctx, who, ref.ID, func(doc *billing.Account) error {
		if w.rng.IntN(3) == 0 {
			doc.Currency = "USD"
		}
		return renamed(&doc.Info, who)
	}))
}

func closeBillingAccount(w *writer, who admin.Caller) did {
	_, account, ref := w.site(hierarchy.TypeBillingAccount)
	return w.delete(account, ref, who)
}

func openProject(w *writer, who admin.Caller) did {
	ctx, account, payer := w.site(hierarchy.TypeBillingAccount)
	if w.rng.IntN(2) == 0 {
		payer.ID = ""
	}
	return w.once(who, func(w *writer, who admin.Caller) did {
		item, err := w.CreateProject(ctx, who, account, hierarchy.Project{}, payer.ID)
		return made(w, item, err)
	})
}

func configureProject(w *writer, who admin.Caller) did {
	ctx, _, ref := w.site(hierarchy.TypeProject)
	return changed(w.UpdateProject(ctx, who, ref.ID, func(doc *hierarchy.Project) error { return renamed(&doc.Info, who) }))
}

func closeProject(w *writer, who admin.Caller) did {
	_, account, ref := w.site(hierarchy.TypeProject)
	return w.delete(account, ref, who)
}

func link(w *writer, who admin.Caller) did {
	ctx, account, ref := w.site(hierarchy.TypeProject)
	return changed(w.SetLink(ctx, who, ref.ID, w.round.known.node(w.rng, account, hierarchy.TypeBillingAccount).ID))
}

func unlink(w *writer, who admin.Caller) did {
	ctx, _, ref := w.site(hierarchy.TypeProject)
	written, err := w.RemoveLink(ctx, who, ref.ID)
	return did{revision: written.Revision, err: err}
}

func openSubproject(w *writer, who admin.Caller) did {
	ctx, _, ref := w.site(hierarchy.TypeProject)
	return w.once(who, func(w *writer, who admin.Caller) did {
		item, err := w.CreateSubproject(ctx, who, ref.ID, hierarchy.Info{})
		return made(w, item, err)
	})
}

func configureSubproject(w *writer, who admin.Caller) did {
	ctx, _, ref := w.site(hierarchy.TypeSubproject)
	return changed(w.UpdateSubproject(ctx, who, ref.ID, func(info *hierarchy.Info) error { return renamed(info, who) }))
}

func closeSubproject(w *writer, who admin.Caller) did {
	_, account, ref := w.site(hierarchy.TypeSubproject)
	return w.delete(account, ref, who)
}

func register(w *writer, who admin.Caller) did {
	ctx, account, _ := w.site("")
	ref, doc := number(w.rng), hierarchy.Resource{Parent: w.round.known.container(w.rng, account)}
	return w.once(who, func(w *writer, who admin.Caller) did {
		item, err := w.RegisterResource(ctx, who, ref, doc)
		if err == nil {
			w.round.known.add("", item.Ref)
		}
		return did{revision: item.Revision, err: err}
	})
}

func configureResource(w *writer, who admin.Caller) did {
	return changed(w.UpdateResource(w.round.t.Context(), who, w.registered(), func(labels *map[string]string, _ *json.RawMessage) error {
		*labels = map[string]string{"by": who.Name}
		return nil
	}))
}

func unregister(w *writer, who admin.Caller) did {
	ref := w.registered()
	written, err := w.DeleteResource(w.round.t.Context(), who, ref)
	return removed(w, "", ref, written, err)
}

func moveSubproject(w *writer, who admin.Caller) did {
	ctx, account, ref := w.site(hierarchy.TypeSubproject)
	moved, err := w.MoveSubproject(ctx, who, ref.ID, w.round.known.node(w.rng, account, hierarchy.TypeProject).ID)
	return did{revision: moved.Revision, err: err}
}

// moveResource moves a resource within its account, if the writer has guessed
// that well.
func moveResource(w *writer, who admin.Caller) did {
	ctx, account, _ := w.site("")
	ref := w.registered()
	if accounts, err := w.round.truth.Locate(ctx, ref); err == nil && accounts[0] != "" {
		account = accounts[0]
	}
	moved, err := w.MoveResource(ctx, who, ref, w.round.known.container(w.rng, account))
	return did{revision: moved.Revision, err: err}
}

// node is an account or something in it.
func (w *writer) node() hierarchy.Ref {
	_, account, ref := w.site(oneOf(w.rng, hierarchy.TypeProject, hierarchy.TypeProject, hierarchy.TypeSubproject, hierarchy.TypeSubproject, hierarchy.TypeBillingAccount, hierarchy.TypeAccount))
	if ref.Type == hierarchy.TypeAccount {
		ref.ID = account
	}
	return ref
}

func suspend(w *writer, who admin.Caller) did {
	stated, err := w.Suspend(w.round.t.Context(), who, w.node())
	return did{revision: stated.Revision, err: err}
}

func resume(w *writer, who admin.Caller) did {
	stated, err := w.Resume(w.round.t.Context(), who, w.node())
	return did{revision: stated.Revision, err: err}
}

func restore(w *writer, who admin.Caller) did {
	ctx, account, _ := w.site("")
	if w.rng.IntN(3) == 0 {
		account = "" // an account that was deleted, or that something was deleted in
	}
	known := w.round.known.node(w.rng, account, "gone")
	ref := refOf(known.ID)
	if known.ID == "none" {
		ref = w.node()
	}
	stated, err := w.Restore(ctx, who, ref)
	if err == nil && ref.Type == hierarchy.TypeAccount {
		w.round.known.add("", ref)
	} else if err == nil {
		w.round.known.add(account, ref)
	}
	return did{revision: stated.Revision, err: err}
}

// collect collects what is due. What it removes, the log says that the service
// did itself.
func collect(w *writer, _ admin.Caller) did {
	_, err := w.Purge(w.round.t.Context())
	return did{err: err}
}

// someone is a subject of bindings and a member of groups.
func someone(rng *rand.Rand) hierarchy.Ref {
	if rng.IntN(3) == 0 {
		return hierarchy.Ref{Type: hierarchy.TypeGroup, ID: word(rng)}
	}
	return oneOf(rng, users...)
}

// binding is one at random; its window has ended long ago, begins in a distant
// future, or is always open, so that it does not matter when it is asked about.
func (w *writer) binding(scope hierarchy.Ref) policy.Binding {
	b := policy.Binding{Subject: someone(w.rng), Role: oneOf(w.rng, "owner", "admin", "editor", "viewer", "access-admin", "billing-admin", word(w.rng)), Scope: scope}
	switch w.rng.IntN(6) {
	case 0:
		b.Effect = policy.Deny
		b.Role = oneOf(w.rng, "viewer", word(w.rng)) // or nobody could do much soon
	case 1:
		b.ExpiresAt = 1_000_000
	case 2:
		b.NotBefore = 200_000_000_000_000_000
	}
	return b
}

func bind(w *writer, who admin.Caller) did {
	_, _, scope := w.site(oneOf(w.rng, hierarchy.TypeProject, hierarchy.TypeSubproject, hierarchy.TypeBillingAccount))
	if w.rng.IntN(3) == 0 {
		scope = hierarchy.Ref{Type: hierarchy.TypeAccount, ID: w.round.known.account(w.rng)}
	}
	return w.bind(who, scope)
}

func bindToResource(w *writer, who admin.Caller) did {
	return w.bind(who, w.registered())
}

func (w *writer) bind(who admin.Caller, scope hierarchy.Ref) did {
	b := w.binding(scope)
	return w.once(who, func(w *writer, who admin.Caller) did {
		item, err := w.CreateBinding(w.round.t.Context(), who, b)
		return made(w, item, err)
	})
}

func unbind(w *writer, who admin.Caller) did {
	ctx, account, ref := w.site(hierarchy.TypeBinding)
	if ref.ID == "none" {
		ref.ID = hierarchy.BindingID(hierarchy.UID{}, account)
	}
	written, err := w.DeleteBinding(ctx, who, ref.ID)
	return removed(w, account, ref, written, err)
}

func defineGroup(w *writer, who admin.Caller) did {
	ctx, account, _ := w.site("")
	id, members := word(w.rng), []hierarchy.Ref{oneOf(w.rng, users...), someone(w.rng)}[:w.rng.IntN(3)]
	return w.once(who, func(w *writer, who admin.Caller) did {
		return changed(w.CreateGroup(ctx, who, account, id, policy.Group{}, members))
	})
}

func describeGroup(w *writer, who admin.Caller) did {
	ctx, account, _ := w.site("")
	return changed(w.UpdateGroup(ctx, who, account, word(w.rng), func(doc *policy.Group) error {
		doc.Description = who.Name
		return nil
	}))
}

func disband(w *writer, who admin.Caller) did {
	ctx, account, _ := w.site("")
	written, err := w.DeleteGroup(ctx, who, account, word(w.rng))
	return did{revision: written.Revision, err: err}
}

func enroll(w *writer, who admin.Caller) did {
	ctx, account, _ := w.site("")
	written, err := w.AddMember(ctx, who, account, word(w.rng), someone(w.rng))
	return did{revision: written.Revision, err: err}
}

func removeMember(w *writer, who admin.Caller) did {
	ctx, account, _ := w.site("")
	written, err := w.RemoveMember(ctx, who, account, word(w.rng), someone(w.rng))
	return did{revision: written.Revision, err: err}
}

// patterns are permissions of a custom role, and of questions.
var patterns = []string{"number.read", "number.update", "*.read", "project.read", "project.link", "number.*", "resource.register"}

func (w *writer) role() policy.Role {
	return policy.Role{Permissions: patterns[w.rng.IntN(3):][:1+w.rng.IntN(4)]}
}

func defineRole(w *writer, who admin.Caller) did {
	ctx, account, _ := w.site("")
	id, doc := word(w.rng), w.role()
	return w.once(who, func(w *writer, who admin.Caller) did { return changed(w.CreateRole(ctx, who, account, id, doc)) })
}

func changeRole(w *writer, who admin.Caller) did {
	ctx, account, _ := w.site("")
	return changed(w.UpdateRole(ctx, who, account, word(w.rng), func(doc *policy.Role) error {
		*doc = w.role()
		doc.Description = who.Name
		return nil
	}))
}

func deleteRole(w *writer, who admin.Caller) did {
	ctx, account, _ := w.site("")
	written, err := w.DeleteRole(ctx, who, account, word(w.rng))
	return did{revision: written.Revision, err: err}
}

// bundle is one of few accounts as operators import them. Some of what is in
// it, two bundles want.
func (w *writer) bundle() *admin.Bundle {
	id := fmt.Sprint("imp", w.rng.IntN(3))
	project := hierarchy.Ref{Type: hierarchy.TypeProject, ID: fmt.Sprint(id, "-p", w.rng.IntN(12))}
	if w.rng.IntN(5) == 0 {
		project.ID = fmt.Sprint("shared-p", w.rng.IntN(6))
	}
	sub := hierarchy.Ref{Type: hierarchy.TypeSubproject, ID: project.ID + "-s"}
	b := &admin.Bundle{
		Account:         admin.BundleAccount{ID: id, Info: hierarchy.Info{DisplayName: fmt.Sprint(w.rng.IntN(3))}},
		BillingAccounts: []admin.BundleBillingAccount{{ID: fmt.Sprint(id, "-b", w.rng.IntN(4)), Mode: billing.Prepaid, Currency: "EUR"}},
		Projects:        []admin.BundleProject{{ID: project.ID}},
	}
	if w.rng.IntN(3) > 0 {
		b.Projects[0].BillingAccount = b.BillingAccounts[0].ID
	}
	if w.rng.IntN(2) == 0 {
		b.Subprojects = []admin.BundleSubproject{{ID: sub.ID, Project: project.ID}}
		b.Resources = append(b.Resources, admin.BundleResource{Type: "number", ID: number(w.rng).ID, Parent: sub})
	}
	if w.rng.IntN(4) == 0 {
		b.Groups = []admin.BundleGroup{{ID: word(w.rng), Members: []hierarchy.Ref{oneOf(w.rng, users...)}}}
		b.Roles = []admin.BundleRole{{ID: word(w.rng), Role: w.role()}}
		b.Bindings = []admin.BundleBinding{{Subject: hierarchy.Ref{Type: hierarchy.TypeGroup, ID: b.Groups[0].ID}, Role: b.Roles[0].ID, Scope: project}}
	}
	return b
}

func importBundle(w *writer, who admin.Caller) did {
	who.Actor = hierarchy.Ref{}
	b, owner := w.bundle(), oneOf(w.rng, users[0], hierarchy.Ref{})
	return w.once(who, func(w *writer, who admin.Caller) did {
		out, err := w.Import(w.round.t.Context(), who, b, admin.ImportOptions{Owner: owner})
		if err == nil {
			w.round.known.add(b.Account.ID, hierarchy.Ref{Type: hierarchy.TypeAccount, ID: b.Account.ID})
			w.round.known.add(b.Account.ID, hierarchy.Ref{Type: hierarchy.TypeProject, ID: b.Projects[0].ID})
			w.round.known.add(b.Account.ID, hierarchy.Ref{Type: hierarchy.TypeBillingAccount, ID: b.BillingAccounts[0].ID})
		}
		return did{revision: out.Revision, same: len(out.Created)+len(out.Updated) == 0, err: err}
	})
}

func tryImport(w *writer, who admin.Caller) did {
	who.Actor = hierarchy.Ref{}
	_, err := w.Import(w.round.t.Context(), who, w.bundle(), admin.ImportOptions{DryRun: true})
	return did{err: err}
}

// paidAt is the answer to who paid for something at an instant.
type paidAt struct {
	resource hierarchy.Ref
	at       int64
	paid     admin.Paid
}

// askWhoPaid asks about an instant that is over; the answer is compared later.
func askWhoPaid(w *writer, _ admin.Caller) did {
	ctx, account, ref := w.site(oneOf(w.rng, hierarchy.TypeProject, hierarchy.TypeSubproject))
	if w.rng.IntN(2) == 0 {
		ref = w.registered()
	}
	at := w.engine.Now() - w.rng.Int64N(oneOf(w.rng, int64(1_000), 100_000, time.Minute.Microseconds())) - 1
	paid, err := w.BillingOwnerAt(ctx, &authz.Request{Resource: ref.String(), Account: account}, at)
	var public *hierarchy.Error
	if errors.As(err, &public) && public.Reason == "AT_IN_FUTURE" {
		return did{} // this server's clock was ahead of the store's
	}
	if err == nil {
		w.round.mu.Lock()
		w.round.past = append(w.round.past, paidAt{ref, at, paid})
		w.round.mu.Unlock()
	}
	return did{err: err}
}

// decided is the answer to a check of a node, at a revision.
type decided struct {
	account, revision   string
	subject             hierarchy.Ref
	permission          policy.Permission
	resource, container hierarchy.Ref
	allowed             bool
}

// check asks about a node or a resource; the answer is compared later.
func check(w *writer, _ admin.Caller) did {
	_, _, ref := w.site(oneOf(w.rng, hierarchy.TypeProject, hierarchy.TypeSubproject, hierarchy.TypeBillingAccount))
	if w.rng.IntN(2) == 0 {
		ref = w.registered()
	}
	return w.round.ask(w.replica, oneOf(w.rng, users...), oneOf(w.rng, "number.read", "number.update", "project.read", "project.link"), ref)
}

// ask has a server decide, and notes what it answers.
func (r *round) ask(p *replica, subject hierarchy.Ref, asked string, ref hierarchy.Ref) did {
	a, err := p.engine.Check(r.t.Context(), &authz.Request{Subject: subject.String(), Permission: asked, Resource: ref.String()})
	path := a.Path()
	if err != nil || len(path) < 2 {
		return did{err: err}
	}
	permission, err := policy.ParsePermission(asked)
	d := decided{account: a.Account(), revision: a.Token(), subject: subject, permission: permission, allowed: a.Allowed, container: ref}
	if !hierarchy.IsOwn(ref.Type) {
		d.resource, d.container = ref, refOf(path[1])
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.yes = append(r.yes, d)
	return did{err: err}
}
