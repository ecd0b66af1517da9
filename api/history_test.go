package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// Who paid is answered for the very instants at which that changed, and just
// before them.
func TestBillingOwnerOfThePast(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	link := "/v1/projects/" + w.Project.ID + "/billing-link"
	other := f.billingAccount(w)
	f.do(put, link, `{"billing_account":"`+other+`"}`).want(200)
	f.do(remove, link, "").want(200)
	f.project(w) // what came last is settled by this
	periods := decode[BillingLinkHistory](f.do(get, link+"s", "").want(200))
	if len(periods.Items) != 2 || periods.Items[0].BillingAccount != w.BillingAccount.ID || periods.Items[1].BillingAccount != other || !periods.Items[0].To.Equal(periods.Items[1].From.Time) {
		t.Fatalf("%+v", periods)
	}
	first, second := periods.Items[0], periods.Items[1]
	for _, c := range []struct {
		at    time.Time
		payer string
		why   string
	}{
		{first.From.Add(-time.Microsecond), "", "NOT_CREATED_YET"},
		{first.From.Time, first.BillingAccount, ""},
		{first.To.Add(-time.Microsecond), first.BillingAccount, ""},
		{second.From.Time, second.BillingAccount, ""},
		{second.To.Add(-time.Microsecond), second.BillingAccount, ""},
		{second.To.Time, "", "NO_BILLING_LINK"},
	} {
		body := `{"resource":"project:` + w.Project.ID + `","at":"` + c.at.Format(time.RFC3339Nano) + `"}`
		o := decode[BillingOwner](f.do(post, "/v1/billing-owner", body).want(200))
		if o.Billing.BillingAccount != c.payer || o.Billing.Reason != c.why || (o.Billing.Status == Billed) != (c.why == "") || !o.At.Equal(c.at) || o.Revision == "" {
			t.Errorf("at %v: %+v; want %q %s", c.at, o, c.payer, c.why)
		}
	}
}

// A period that has not ended has no end.
func TestHistoriesOnPages(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	parents := "/v1/resources/number/%2B4670/parents"
	a := f.do(get, parents, "").want(200)
	if p := decode[ParentHistory](a); len(p.Items) != 1 || p.Items[0].Parent != "subproject:"+w.subproject || strings.Contains(a.text, `"to"`) {
		t.Error(a.text)
	}
	link := "/v1/projects/" + w.Project.ID + "/billing-link"
	for range 2 {
		f.do(remove, link, "").want(200)
		f.do(put, link, `{"billing_account":"`+w.BillingAccount.ID+`"}`).want(200)
	}
	seen, token := 0, ""
	for pages := 0; pages == 0 || token != ""; pages++ {
		p := decode[BillingLinkHistory](f.do(get, link+"s?page_size=1&page_token="+token, "").want(200))
		seen, token = seen+len(p.Items), p.NextPageToken
		if token != "" {
			f.do(get, "/v1/subprojects/"+w.subproject+"/parents?page_token="+token, "").problem(400, "PAGE_TOKEN_INVALID", "page_token")
		}
	}
	if seen != 3 {
		t.Errorf("%d links on all pages", seen)
	}
}

func TestLogOnTheWire(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	log := "/v1/accounts/" + w.Account.ID + "/log"
	f.do(patch, "/v1/resources/number/%2B4670", `{"properties":{"n":12345678901234567890,"x":[1.50]}}`, "Tollgate-Actor", "user:ann").want(200)
	p := decode[LogPage](f.do(get, log+"?page_size=1", "").want(200))
	want := LogRecord{
		Kind: "resource", ID: "number:+4670",
		Before: json.RawMessage(`{"parent":"subproject:` + w.subproject + `","labels":{"a":"b"},"properties":{"n":12345678901234567890}}`),
		After:  json.RawMessage(`{"parent":"subproject:` + w.subproject + `","labels":{"a":"b"},"properties":{"n":12345678901234567890,"x":[1.50]}}`),
	}
	got := p.Items[0].Changes
	if e := p.Items[0]; len(got) != 1 || got[0].Kind != want.Kind || got[0].ID != want.ID || string(got[0].Before) != string(want.Before) || string(got[0].After) != string(want.After) ||
		e.Actor != "user:ann" || e.Caller != "operator" || e.Action != "resource.configure" || e.At.IsZero() || e.Revision != p.Revision || p.NextPageToken == "" {
		t.Errorf("%+v", p)
	}
	f.do(get, log+"?page_token="+p.NextPageToken, "").want(200)
	f.do(get, log+"?actor=user:ann&page_token="+p.NextPageToken, "").problem(400, "PAGE_TOKEN_INVALID", "page_token")
	if after := decode[LogPage](f.do(get, log+"?after="+p.Revision, "").want(200)); len(after.Items) != 0 || after.Revision != p.Revision || after.NextPageToken != "" {
		t.Errorf("%+v", after)
	}
	other := decode[SignedUp](f.do(post, "/v1/accounts", signUpBody).want(201))
	f.do(get, log+"?after="+other.Revision, "").problem(400, "REVISION_OF_ANOTHER_ACCOUNT", "after")

	f.do(post, "/v1/bindings", `{"subject":"user:hal","role":"access-admin","scope":"account:`+w.Account.ID+`"}`).want(201)
	signUp := f.do(get, log+"?action=account.sign_up", "", "Tollgate-Actor", "user:hal").want(200)
	if strings.Contains(signUp.text, "SE1") || !strings.Contains(signUp.text, `"withheld":true`) {
		t.Errorf("hal may not inspect billing: %s", signUp.text)
	}
	f.do(get, log, "", "Tollgate-Actor", "user:bob").problem(404, "NOT_FOUND", "")
}
