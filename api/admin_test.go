package api

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func basic(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestSignUp(t *testing.T) {
	f := newFixture(t)
	one := decode[SignedUp](f.do(post, "/v1/accounts", signUpBody, "Idempotency-Key", "k1").want(201))
	if again := decode[SignedUp](f.do(post, "/v1/accounts", signUpBody, "Idempotency-Key", "k1").want(201)); again.Account.ID != one.Account.ID || again.Binding.ID != one.Binding.ID {
		t.Errorf("a second account: %+v", again)
	}
	if other := decode[SignedUp](f.do(post, "/v1/accounts", signUpBody, "Idempotency-Key", "k2").want(201)); other.Account.ID == one.Account.ID {
		t.Error("the same account for another key")
	}
	f.do(post, "/v1/accounts", strings.Replace(signUpBody, "ann", "eve", 1), "Idempotency-Key", "k1").problem(422, "IDEMPOTENCY_KEY_REUSED", "Idempotency-Key")
	f.do(post, "/v1/accounts", signUpBody, "Idempotency-Key", strings.Repeat("x", 256)).problem(400, "HEADER_INVALID", "Idempotency-Key")

	want := SignedUp{
		Account: Account{ID: one.Account.ID, DisplayName: "Example Ltd", Labels: Labels{"tier": "gold"}, CreatedAt: one.Account.CreatedAt, UpdatedAt: one.Account.CreatedAt},
		BillingAccount: BillingAccount{
			ID: one.BillingAccount.ID, Account: one.Account.ID, Mode: Postpaid, Currency: "EUR", Name: "Example Ltd", TaxID: "SE1",
			PostalAddress: PostalAddress{Lines: []string{"1 Example Street"}, City: "Stockholm", Country: "SE"}, CreatedAt: one.Account.CreatedAt, UpdatedAt: one.Account.CreatedAt,
		},
		Project: Project{ID: one.Project.ID, Account: one.Account.ID, DisplayName: "First project", Labels: Labels{"env": "live"}, BillingAccount: one.BillingAccount.ID, CreatedAt: one.Account.CreatedAt, UpdatedAt: one.Account.CreatedAt},
		Binding: Binding{ID: one.Binding.ID, Account: one.Account.ID, Subject: "user:ann", Role: "owner", Scope: "account:" + one.Account.ID, Effect: Allow, CreatedAt: one.Account.CreatedAt, UpdatedAt: one.Account.CreatedAt}, Revision: one.Revision,
	}
	if diff := cmp.Diff(want, one); diff != "" || one.Account.CreatedAt.IsZero() || one.Revision == "" {
		t.Error(diff)
	}
}

// What a patch leaves out stays, null clears, labels and properties are
// replaced whole.
func TestPatch(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	path := "/v1/billing-accounts/" + w.BillingAccount.ID
	if b := decode[BillingAccount](f.do(patch, path, `{}`).want(200)); b.Name != "Example Ltd" || b.PostalAddress.City != "Stockholm" || b.Revision == "" {
		t.Errorf("%+v", b)
	}
	if b := decode[BillingAccount](f.do(patch, path, `{"name":null,"postal_address":{"country":"NO"}}`).want(200)); b.Name != "" || b.PostalAddress.City != "" || b.PostalAddress.Country != "NO" || b.TaxID != "SE1" {
		t.Errorf("%+v", b)
	}
	account := "/v1/accounts/" + w.Account.ID
	if a := decode[Account](f.do(patch, account, `{"labels":{"new":"1"}}`).want(200)); len(a.Labels) != 1 || a.DisplayName != "Example Ltd" {
		t.Errorf("%+v", a)
	}
	number := "/v1/resources/number/%2B4670"
	if r := f.do(patch, number, `{"labels":null}`).want(200); !strings.Contains(r.text, `"properties":{"n":12345678901234567890}`) || strings.Contains(r.text, "labels") {
		t.Error(r.text)
	}
	if r := f.do(patch, number, `{"properties":null}`).want(200); strings.Contains(r.text, "properties") {
		t.Error(r.text)
	}
}

// The patches are written by hand, and have the fields that the document says.
func TestPatchesFollowTheDocument(t *testing.T) {
	doc, err := loadDocument()
	must(t, err)
	for name, v := range map[string]any{
		"AccountPatch": AccountPatch{}, "BillingAccountPatch": BillingAccountPatch{}, "ProjectPatch": ProjectPatch{}, "SubprojectPatch": SubprojectPatch{},
		"ResourcePatch": ResourcePatch{}, "GroupPatch": GroupPatch{}, "RolePatch": RolePatch{},
	} {
		want := map[string]bool{}
		for field := range doc.Components.Schemas[name].Value.Properties {
			want[field] = true
		}
		got := map[string]bool{}
		for _, field := range reflect.VisibleFields(reflect.TypeOf(v)) {
			if tag := field.Tag.Get("json"); tag != "" {
				got[tag] = true
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestPaging(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	list := "/v1/accounts/" + w.Account.ID + "/projects"
	want := map[string]bool{w.Project.ID: true}
	for range 4 {
		want[f.project(w)] = true
	}
	got := map[string]bool{}
	pages, token := 0, ""
	for ; pages == 0 || token != ""; pages++ {
		p := decode[ProjectList](f.do(get, list+"?page_size=2&page_token="+token, "").want(200))
		for _, item := range p.Items {
			if got[item.ID] || item.Revision != "" || item.Account != w.Account.ID {
				t.Errorf("%+v", item)
			}
			got[item.ID] = true
		}
		token = p.NextPageToken
	}
	if diff := cmp.Diff(want, got); diff != "" || pages != 3 {
		t.Errorf("%d pages: %s", pages, diff)
	}
	for _, size := range []string{"", "0", "1000", "1001", "99999999999999999999999"} {
		f.do(get, list+"?page_size="+size, "").want(200)
	}
	for _, size := range []string{"-1", "-0", "+1", "1.0", "0x1", "many", "%201"} {
		f.do(get, list+"?page_size="+size, "").problem(400, "PAGE_SIZE_INVALID", "page_size")
	}
}

func TestPageTokensAreTheirLists(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	other := decode[SignedUp](f.do(post, "/v1/accounts", signUpBody).want(201))
	f.project(w)
	next := func(path string) string {
		token := decode[ProjectList](f.do(get, path, "").want(200)).NextPageToken
		if token == "" {
			t.Fatalf("%s has one page", path)
		}
		return token
	}
	account := "/v1/accounts/" + w.Account.ID
	projects := next(account + "/projects?page_size=1")
	f.do(get, account+"/projects?page_token="+projects, "").want(200)
	f.do(get, "/v1/accounts/account:"+w.Account.ID+"/projects?page_token="+projects, "").want(200) // the same list
	for _, elsewhere := range []string{account + "/billing-accounts?", "/v1/accounts/" + other.Account.ID + "/projects?", "/v1/bindings?account=" + w.Account.ID + "&"} {
		f.do(get, elsewhere+"page_token="+projects, "").problem(400, "PAGE_TOKEN_INVALID", "page_token")
	}
	bindings := next("/v1/bindings?page_size=1&account=" + w.Account.ID)
	f.do(get, "/v1/bindings?page_token="+bindings+"&account="+w.Account.ID, "").want(200)
	f.do(get, "/v1/bindings?page_token="+bindings+"&account="+w.Account.ID+"&subject=user:ann", "").problem(400, "PAGE_TOKEN_INVALID", "page_token")
	for _, broken := range []string{"x", projects + "A", projects[:8], "%00", strings.Repeat("A", 5000)} {
		f.do(get, account+"/projects?page_token="+broken, "").problem(400, "PAGE_TOKEN_INVALID", "page_token")
	}
}

// An actor has its own rights, and no more.
func TestActor(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	project, account := "/v1/projects/"+w.Project.ID, "/v1/accounts/"+w.Account.ID
	f.do(get, project, "", "Tollgate-Actor", "user:bob").want(200)
	f.do(patch, project, `{"display_name":"Bob's"}`, "Tollgate-Actor", "user:bob").problem(403, "PERMISSION_DENIED", "")
	f.do(get, project, "", "Tollgate-Actor", "user:eve").problem(404, "NOT_FOUND", "")
	f.do(get, account, "", "Tollgate-Actor", "user:bob").problem(404, "NOT_FOUND", "")
	f.do(patch, account, `{"operator_managed":true}`, "Tollgate-Actor", "user:ann").problem(403, "PERMISSION_DENIED", "")
	f.do(post, "/v1/import", `{"account":{"id":"x"}}`, "Tollgate-Actor", "user:ann").problem(403, "PERMISSION_DENIED", "")
	for _, actor := range []string{"ann", "group:x", "user:", "user:a,b", "*"} {
		f.do(get, project, "", "Tollgate-Actor", actor).want(400)
	}
	r := request(get, project, "", "Tollgate-Actor", "user:ann")
	r.Header.Add("Tollgate-Actor", "user:bob")
	f.send(r).problem(400, "ACTOR_AMBIGUOUS", "Tollgate-Actor")
}

func TestRolesArePredefinedOrNot(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	f.do(post, "/v1/accounts/"+w.Account.ID+"/roles", `{"id":"role:agent","permissions":["number.*"]}`).want(201)
	roles := decode[RoleList](f.do(get, "/v1/accounts/"+w.Account.ID+"/roles", "").want(200))
	for _, r := range roles.Items {
		if r.Predefined == (r.ID == "agent") || r.Predefined != r.CreatedAt.IsZero() || r.Revision != "" {
			t.Errorf("%+v", r)
		}
	}
	f.do(post, "/v1/bindings", `{"subject":"user:hal","role":"role:agent","scope":"number:+4670"}`).want(201)
	if d := decode[Decision](f.do(post, "/v1/check", `{"subject":"user:hal","permission":"number.update","resource":"number:+4670"}`).want(200)); !d.Allowed || d.Reason.Role != "agent" {
		t.Errorf("%+v", d)
	}
}

func TestExportIsImportable(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	f.do(post, "/v1/accounts/"+w.Account.ID+"/groups", `{"id":"empty"}`).want(201)
	bundle := f.do(get, "/v1/accounts/"+w.Account.ID+"/export", "").want(200).text
	again := decode[Imported](f.do(post, "/v1/import", bundle).want(200))
	if again.Changed || again.Unchanged == 0 || again.Account != w.Account.ID {
		t.Errorf("%+v", again)
	}
	fresh := strings.NewReplacer(w.Account.ID, "acc-copy", w.Project.ID, "prj-copy", w.BillingAccount.ID, "bil-copy", w.subproject, "sub-copy", "+4670", "+4671").Replace(bundle)
	dry := decode[Imported](f.do(post, "/v1/import?dry_run=true", fresh).want(200))
	f.do(get, "/v1/accounts/acc-copy", "").want(404)
	made := decode[Imported](f.do(post, "/v1/import?dry_run=false", fresh).want(200))
	if !dry.DryRun || !dry.Changed || !made.Changed || made.Revision == "" || cmp.Diff(dry.Created, made.Created) != "" {
		t.Errorf("dry %+v, made %+v", dry, made)
	}
	f.do(get, "/v1/accounts/acc-copy", "").want(200)
	f.do(post, "/v1/import?dry_run=yes", fresh).problem(400, "QUERY_INVALID", "dry_run")
	f.do(post, "/v1/import?owner=root", fresh).problem(400, "IDENTIFIER_INVALID", "owner")
}

func TestCasbin(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	f.do(post, "/v1/bindings", `{"subject":"user:a\"b\\c/å","role":"viewer","scope":"project:`+w.Project.ID+`","expires_at":"2060-01-01T00:00:00Z"}`).want(201)
	path := "/v1/accounts/" + w.Account.ID + "/casbin"
	p := decode[CasbinPolicy](f.do(get, path, "").want(200))
	if p.Model != f.engine.Judge().Model() || p.AsOf.IsZero() || stampText(p.ValidUntil) != "2060-01-01T00:00:00.000000Z" || p.Revision == "" {
		t.Errorf("%+v", p)
	}
	if !strings.Contains(p.Policy, `user:a""b\c/å`) || !strings.Contains(p.Policy, "user:ann") {
		t.Error(p.Policy)
	}
	later := decode[CasbinPolicy](f.do(get, path+"?at=2060-01-01T01:00:00%2B01:00", "").want(200))
	if strings.Contains(later.Policy, "å") || stampText(later.AsOf) != "2060-01-01T00:00:00.000000Z" || !later.ValidUntil.IsZero() {
		t.Errorf("%+v", later)
	}
	under := decode[CasbinPolicy](f.do(get, path+"?under=subproject:"+w.subproject, "").want(200))
	if !strings.Contains(under.Policy, "subproject:"+w.subproject) || len(under.Policy) > len(p.Policy) {
		t.Error(under.Policy)
	}
	f.do(get, path+"?under=project:none", "").problem(404, "NOT_FOUND", "under")
}

// Errors of a body say where and what, and repeat nothing at length.
func TestMisfits(t *testing.T) {
	f := newFixture(t)
	long := strings.Repeat("x", 10_000)
	for _, c := range []struct{ path, body, reason, field, detail string }{
		{"/v1/bindings", `{}`, "FIELD_REQUIRED", "subject", "is required"},
		{"/v1/bindings", `{"subject":1,"role":"r","scope":"s:1"}`, "FIELD_INVALID", "subject", "must be a string"},
		{"/v1/bindings", `{"subject":null,"role":"r","scope":"s:1"}`, "FIELD_INVALID", "subject", "must not be null; leave it out instead"},
		{"/v1/bindings", `{"subject":"user:a","role":"r","scope":"s:1","effect":"` + long + `"}`, "FIELD_INVALID", "effect", "must be one of allow, deny"},
		{"/v1/bindings", `{"subject":"user:a","role":"r","scope":"s:1","expires_at":"tomorrow"}`, "FIELD_INVALID", "expires_at", instantDemand},
		{"/v1/accounts", `{"owner":"user:a","billing_account":{"mode":"prepaid","currency":"EUR","labels":{"a":[]}}}`, "FIELD_INVALID", "billing_account.labels.a", "must be a string"},
		{"/v1/accounts", `{"owner":"user:a","billing_account":[]}`, "FIELD_INVALID", "billing_account", "must be an object"},
		{"/v1/resources", `{"type":"t","id":"i","parent":"project:p","` + long + `":1}`, "FIELD_UNKNOWN", long[:64] + "…", ""},
		{"/v1/accounts", `{"owner":"user:a","billing_account":{"mode":"prepaid","currency":"EUR","labels":{"` + long + `":1}}}`, "FIELD_INVALID", show("billing_account.labels." + long), "must be a string"},
	} {
		a := f.do(post, c.path, c.body).problem(400, c.reason, c.field)
		var p Problem
		must(t, json.Unmarshal([]byte(a.text), &p))
		if c.detail != "" && p.Detail != c.detail {
			t.Errorf("%s: %q", c.field, p.Detail)
		}
		if len(a.text) > 1000 {
			t.Errorf("%d bytes of error", len(a.text))
		}
	}
}
