package api

import (
	"net/url"
	"testing"
)

var instantCases = []struct {
	text, read string // "" if it is refused
}{
	{"2036-01-01T01:00:00.5+01:00", "2036-01-01T00:00:00.500000Z"},
	{"2036-01-01t01:00:00z", "2036-01-01T01:00:00.000000Z"},
	{"9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
	{"9999-12-31T23:59:59+12:00", "9999-12-31T11:59:59.000000Z"},
	{"9999-12-31T23:59:59-12:00", ""},
	{"9999-12-31T23:59:59-00:01", ""},
	{"10000-01-01T00:00:00Z", ""},
	{"1970-01-01T00:00:00Z", ""},
	{"1970-01-01T00:30:00+01:00", ""},
	{"0001-01-01T00:00:00Z", ""},
	{"2036-01-01T01:00:00,5Z", ""},
	{"2036-01-01T1:00:00Z", ""},
	{"2036-01-01T01:00:00+25:00", ""},
	{"2036-01-01 01:00:00Z", ""},
	{"2036-01-01T01:00:00", ""},
}

// Whatever takes an instant takes the same ones, and an account that has one can
// be exported.
func TestInstants(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	account := "/v1/accounts/" + w.Account.ID
	for _, c := range instantCases {
		bind := f.do(post, "/v1/bindings", `{"subject":"user:gil","role":"viewer","scope":"project:`+w.Project.ID+`","expires_at":"`+c.text+`"}`)
		bundle := f.do(post, "/v1/import?dry_run=true", `{"account":{"id":"timed"},"billing_accounts":[{"id":"timed-b","mode":"prepaid","currency":"EUR"}],"projects":[{"id":"timed-p"}],"bindings":[{"subject":"user:gil","role":"viewer","scope":"account:timed","expires_at":"`+c.text+`"}]}`)
		casbin := f.do(get, account+"/casbin?at="+url.QueryEscape(c.text), "")
		owner := f.do(post, "/v1/billing-owner", `{"resource":"number:+4670","at":"`+c.text+`"}`)
		if c.read == "" {
			bind.problem(400, "FIELD_INVALID", "expires_at")
			bundle.problem(400, "FIELD_INVALID", "bindings.0.expires_at")
			casbin.problem(400, "QUERY_INVALID", "at")
			owner.problem(400, "FIELD_INVALID", "at")
			continue
		}
		if made := decode[Binding](bind.want(201)); stampText(made.ExpiresAt) != c.read {
			t.Errorf("%s is read as %s", c.text, stampText(made.ExpiresAt))
		}
		bundle.want(200)
		if at := decode[CasbinPolicy](casbin.want(200)).AsOf; stampText(at) != c.read {
			t.Errorf("%s is read as %s", c.text, stampText(at))
		}
		owner.problem(400, "AT_IN_FUTURE", "at")
	}
	f.do(post, "/v1/bindings", `{"subject":"user:gil","role":"viewer","scope":"project:`+w.Project.ID+`","not_before":"9999-12-31T23:59:59-12:00"}`).problem(400, "FIELD_INVALID", "not_before")
	f.do(post, "/v1/import", `{"account":{"id":"timed"},"billing_accounts":[{"id":"timed-b","mode":"prepaid","currency":"EUR"}],"projects":[{"id":"timed-p"}],"bindings":[{"subject":"user:gil","role":"viewer","scope":"account:timed","not_before":"2036-01-01t00:00:00z"}]}`).want(200)
	exported := decode[Bundle](f.do(get, "/v1/accounts/timed/export", "").want(200))
	if b := exported.Bindings; len(b) != 1 || b[0].ExpiresAt != nil || b[0].NotBefore == nil || b[0].NotBefore.Year() != 2036 {
		t.Errorf("%+v", b)
	}
	f.do(get, account+"/export", "").want(200)
}
