package authz_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/internal/oracle"
	"github.com/tollgate-dev/tollgate/internal/worlds"
	"github.com/tollgate-dev/tollgate/policy/stockcasbin"
)

// tally counts what a differential test compared.
type tally struct {
	checks, allowed, stock, explained int
	byKey, sponsored                  int // allowed to API keys; also asked of their sponsors, of a stock Casbin
	codes                             map[string]int
}

// telling fails a test that compared too little to show anything.
func (n *tally) telling(t *testing.T, atLeast int) {
	t.Helper()
	t.Logf("%d checks, %d allowed (%d %%), %d of them also by a stock Casbin, %d explained, %d allowed to API keys, %d sponsors asked; %v", n.checks, n.allowed, 100*n.allowed/n.checks, n.stock, n.explained, n.byKey, n.sponsored, n.codes)
	if n.checks < atLeast {
		t.Errorf("%d checks are fewer than %d", n.checks, atLeast)
	}
	if n.byKey < atLeast/100 {
		t.Errorf("%d checks of API keys are allowed", n.byKey)
	}
	if share := 100 * n.allowed / n.checks; share < 30 || share > 70 {
		t.Errorf("%d %% of the checks are allowed: agreeing on them shows little", share)
	}
}

// The engine answers as the oracle does, and as a stock Casbin does that
// reads the printed policy: decision, reason, payer and path, of single
// checks, batches, billing owners and explanations.
func TestEngineAnswersAsTheOracleAndAStockCasbin(t *testing.T) {
	t.Parallel()
	count, questions, least := 1_400, 90, 100_000
	if testing.Short() {
		count, least = 60, 5_000
	}
	source := worlds.NewMemory()
	engine, clock := newEngine(t, source, modelText(t), authz.Options{ShadowShare: 0.05, ShadowEffort: 1})
	n := tally{codes: map[string]int{}}
	var before *worlds.World
	for seed := range uint64(count) {
		d := differential{t: t, engine: engine, clock: clock, seed: seed, w: worlds.New(seed), n: &n}
		source.Put(&d.w.World)
		d.ask(questions)
		if before != nil {
			d.askForAnother(before)
		}
		before = d.w
	}
	engine.Close()
	n.telling(t, least)
	if n.stock < least*4/5 || (!testing.Short() && n.stock < least) {
		t.Errorf("a stock Casbin answered %d of them", n.stock)
	}
	c := engine.Counters()
	t.Logf("%d checks were decided again by Casbin in the background, %d otherwise, %d dropped, %d failed", c.ShadowChecked, c.ShadowMismatches, c.ShadowDropped, c.ShadowFailed)
	if c.ShadowMismatches != 0 || c.ShadowFailed != 0 || c.ShadowChecked == 0 {
		t.Errorf("of the checks in the background: %+v", c)
	}
}

// differential is one world under comparison.
type differential struct {
	t      *testing.T
	engine *authz.Engine
	clock  *clock
	seed   uint64
	w      *worlds.World
	n      *tally
}

// ask compares the answers to so many questions, in groups of one instant.
func (d *differential) ask(questions int) {
	d.t.Helper()
	r := rng(d.seed)
	byInstant := map[int64][]oracle.Question{}
	for range questions {
		q := d.w.Question(r)
		byInstant[q.At] = append(byInstant[q.At], q)
	}
	for at := d.w.Instant - 1; at <= d.w.Instant+1; at++ {
		d.clock.wall.Store(at)
		d.askAt(at, byInstant[at])
	}
}

func (d *differential) askAt(at int64, questions []oracle.Question) {
	d.t.Helper()
	ctx := context.Background()
	s, err := d.engine.Refresh(ctx, d.w.Account)
	if err != nil {
		d.t.Fatal(err)
	}
	casbin := stock(d.t, d.engine.Judge().Model(), facts(s, &d.w.World), at)
	requests := make([]authz.Request, len(questions))
	for i, q := range questions {
		requests[i] = request(q)
		requests[i].Account = []string{"", d.w.Account, "account:" + d.w.Account}[i%3]
		if at, _, _ := strings.Cut(q.Resource, ":"); at == "account" && q.Resource != "account:"+d.w.Account {
			requests[i].Account = ""
		}
	}
	results := d.engine.CheckBatch(ctx, requests)
	for i, q := range questions {
		want := oracle.Decide(&d.w.World, q)
		d.n.count(q, want)
		got, err := d.engine.Check(ctx, &requests[i])
		d.same(q, want, got, err, "a check")
		d.batched(q, want, results[i])
		d.payer(q, &requests[i])
		d.stock(casbin, q, want, &got)
		if i%10 == 0 {
			d.explain(q, want, &requests[i])
		}
	}
}

func (n *tally) count(q oracle.Question, want oracle.Answer) {
	n.checks++
	n.codes[want.Code]++
	if want.Allowed {
		n.allowed++
	}
	if want.Allowed && isKey(q) {
		n.byKey++
	}
}

func isKey(q oracle.Question) bool { return strings.HasPrefix(q.Subject, "key:") }

// batched compares an item of a batch. A batch names who asks, and takes no
// secret in place of that.
func (d *differential) batched(q oracle.Question, want oracle.Answer, got authz.Result) {
	d.t.Helper()
	if q.Secret == "" {
		d.same(q, want, got.Answer, got.Err, "a batch")
	} else if got.Err == nil || got.Answer.Allowed {
		d.t.Fatalf("seed %d: %+v: a batch answers a secret: %+v", d.seed, q, got)
	}
}

func (d *differential) same(q oracle.Question, want oracle.Answer, got authz.Answer, err error, by string) {
	d.t.Helper()
	if err != nil {
		d.t.Fatalf("seed %d: %+v: %s: %v", d.seed, q, by, err)
	}
	if diff := differs(want, &got); diff != "" {
		d.t.Fatalf("seed %d: %+v: by %s: %s\n%s", d.seed, q, by, diff, d.w)
	}
	if got.Account() != "" && got.Token() != authz.Token(got.Account(), got.Revision()) {
		d.t.Fatalf("seed %d: %+v: the token %s is not that of %+v", d.seed, q, got.Token(), got.Revision())
	}
	if cause, found := got.Cause(); found {
		if flaw := chainFlaw(&d.w.World, q.Subject, &cause); flaw != "" {
			d.t.Fatalf("seed %d: %+v: by %s: %s\n%s", d.seed, q, by, flaw, d.w)
		}
	}
}

// payer asks who pays, whoever asks.
func (d *differential) payer(q oracle.Question, req *authz.Request) {
	d.t.Helper()
	q.Secret = ""
	want := oracle.Decide(&d.w.World, q)
	got, err := d.engine.BillingOwner(context.Background(), &authz.Request{Resource: req.Resource, Account: req.Account, Parent: req.Parent})
	if err != nil || got.Billing.Code.String() != want.Billing || got.Billing.BillingAccount != want.Payer ||
		got.Billing.Project != want.Project || !slices.Equal(got.Path(), want.Path) {
		d.t.Fatalf("seed %d: %+v: the billing owner is %+v, %v; the oracle says %+v", d.seed, q, got.Billing, err, want)
	}
}

// stock asks a stock Casbin, of what the printed policy has: neither what is
// not there, nor what is deleted, nor what is not registered.
func (d *differential) stock(casbin *stockcasbin.Enforcer, q oracle.Question, want oracle.Answer, got *authz.Answer) {
	d.t.Helper()
	if want.Path == nil || oracle.Deleted(&d.w.World, want.Path) || strings.HasPrefix(q.Resource, "message:") {
		return
	}
	d.n.stock++
	if says := enforce(d.t, casbin, q); says != want.Policy {
		d.t.Fatalf("seed %d: %+v: a stock Casbin says %t\n%s", d.seed, q, says, d.w)
	}
	if says, asked := literal(d.t, casbin, &d.w.World, q, got); asked && says != policyAllows(got) {
		d.t.Fatalf("seed %d: %+v: a stock Casbin says %t, the sponsor taken in, and the engine %s\n%s", d.seed, q, says, got.Code, d.w)
	}
	if want.Sponsor != "" {
		d.n.sponsored++
	}
}

// literal is what a stock Casbin comes to: it allows who asks, and if that is an
// API key, its sponsor too. It is not asked where the state of nodes or of the
// key, or the key's reach, decided already: those are applied outside.
func literal(t *testing.T, casbin *stockcasbin.Enforcer, w *oracle.World, q oracle.Question, got *authz.Answer) (says, asked bool) {
	t.Helper()
	switch got.Code {
	case authz.Allowed, authz.NoBinding, authz.DeniedByBinding, authz.SponsorLacks, authz.Unbilled, authz.BillingSuspended:
	default:
		return false, false
	}
	says = enforce(t, casbin, q)
	for _, k := range w.Keys {
		if "key:"+k.ID == q.Subject {
			q.Subject = k.Sponsor
			says = enforce(t, casbin, q) && says
		}
	}
	return says, true
}

// policyAllows reports whether an answer is an allow, were it not for who pays.
func policyAllows(a *authz.Answer) bool {
	return a.Allowed || a.Code == authz.Unbilled || a.Code == authz.BillingSuspended
}

// explain asks why, and holds the reasons to the oracle's.
func (d *differential) explain(q oracle.Question, want oracle.Answer, req *authz.Request) {
	d.t.Helper()
	got, why, err := d.engine.Explain(context.Background(), req)
	d.same(q, want, got, err, "an explanation")
	d.n.explained++
	if want.Allowed != (why.Allow != nil) || want.Allowed != (len(why.Obstacles) == 0) {
		d.t.Fatalf("seed %d: %+v: explained as %+v", d.seed, q, why)
	}
	if by := why.Sponsor; (by != nil) != (want.Sponsor != "") || (by != nil && (by.Casbin.Allowed != want.SponsorPolicy || (by.Allow != nil) != want.SponsorPolicy)) {
		d.t.Fatalf("seed %d: %+v: the sponsor is explained as %+v, and the oracle says %+v\n%s", d.seed, q, why.Sponsor, want, d.w)
	}
	if (why.Casbin == nil) != (want.Path == nil) || (why.Casbin != nil && why.Casbin.Allowed != want.Policy) {
		d.t.Fatalf("seed %d: %+v: Casbin explains it as %+v, and the oracle says %+v\n%s", d.seed, q, why.Casbin, want, d.w)
	}
	if want.Path != nil && nothingAllows(why) {
		if flaw := missFlaw(&d.w.World, q, want.Path, why.NearestMiss); flaw != "" {
			d.t.Fatalf("seed %d: %+v: the nearest miss: %s\n%s", d.seed, q, flaw, d.w)
		}
	}
	if want.Code == "DENIED_BY_BINDING" {
		var denying []string
		for _, o := range why.Obstacles {
			if o.Code == authz.DeniedByBinding {
				denying = append(denying, o.Cause.Binding)
			}
		}
		slices.Sort(denying)
		slices.Sort(want.Deciders)
		if diff := cmp.Diff(want.Deciders, denying); diff != "" {
			d.t.Fatalf("seed %d: %+v: the denials explained (-oracle +engine):\n%s", d.seed, q, diff)
		}
	}
}

// nothingAllows reports whether an explanation is of a denial that no binding
// stands against: then it names the nearest miss.
func nothingAllows(why *authz.Explanation) bool {
	return slices.ContainsFunc(why.Obstacles, func(o authz.Obstacle) bool { return o.Code == authz.NoBinding })
}

// askForAnother names this account for the other's resources: there is no
// such thing in it.
func (d *differential) askForAnother(other *worlds.World) {
	d.t.Helper()
	for _, res := range other.Resources {
		req := authz.Request{Subject: "user:ann", Permission: "number.read", Resource: res.ID, Account: d.w.Account}
		if a := mustCheck(d.t, d.engine, req); a.Allowed || a.Code != authz.ResourceNotFound || a.Billing.BillingAccount != "" {
			d.t.Fatalf("seed %d: %s of another account: %+v", d.seed, res.ID, a)
		}
	}
}
