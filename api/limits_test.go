package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// x is text of so many bytes.
func x(n int) string { return strings.Repeat("x", n) }

// listed is a JSON array of n strings.
func listed(n int, text func(i int) string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = text(i)
	}
	out, _ := json.Marshal(all)
	return string(out)
}

// labelled is a JSON object of n labels.
func labelled(n int) string {
	labels := map[string]string{}
	for i := range n {
		labels[fmt.Sprint("l", i)] = ""
	}
	out, _ := json.Marshal(labels)
	return string(out)
}

// propertied is a JSON object of n bytes.
func propertied(n int) string { return `{"p":"` + x(n-len(`{"p":""}`)) + `"}` }

// At each limit a request is taken, and over it it is refused, with a reason
// and the field at fault.
func TestLimitsAtTheirEdges(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	account, project, number := "/v1/accounts/"+w.Account.ID, "/v1/projects/"+w.Project.ID, "/v1/resources/number/%2B4670"
	payer := "/v1/billing-accounts/" + w.BillingAccount.ID
	for name, l := range map[string]struct {
		most          int
		method, path  string
		body          func(n int) string
		reason, field string
	}{
		"identifier": {hierarchy.MaxIdentifier - len("number:"), post, "/v1/resources", func(n int) string {
			return `{"type":"number","parent":"project:` + w.Project.ID + `","id":"` + x(n) + `"}`
		}, "IDENTIFIER_INVALID", "id"},
		"display name":       {hierarchy.MaxDisplayName, patch, project, func(n int) string { return `{"display_name":"` + x(n) + `"}` }, "TEXT_TOO_LONG", "display_name"},
		"labels":             {hierarchy.MaxLabels, patch, project, func(n int) string { return `{"labels":` + labelled(n) + `}` }, "TOO_MANY_LABELS", "labels"},
		"label's name":       {hierarchy.MaxLabelKey, patch, account, func(n int) string { return `{"labels":{"` + x(n) + `":""}}` }, "TEXT_TOO_LONG", "labels"},
		"label's value":      {hierarchy.MaxLabelValue, patch, number, func(n int) string { return `{"labels":{"a":"` + x(n) + `"}}` }, "TEXT_TOO_LONG", "labels.a"},
		"properties":         {hierarchy.MaxPropertiesBytes, patch, number, func(n int) string { return `{"properties":` + propertied(n) + `}` }, "PROPERTIES_TOO_LARGE", "properties"},
		"billing name":       {billing.MaxText, patch, payer, func(n int) string { return `{"name":"` + x(n) + `"}` }, "TEXT_TOO_LONG", "name"},
		"tax ID":             {billing.MaxText, patch, payer, func(n int) string { return `{"tax_id":"` + x(n) + `"}` }, "TEXT_TOO_LONG", "tax_id"},
		"part of an address": {billing.MaxText, patch, payer, func(n int) string { return `{"postal_address":{"city":"` + x(n) + `"}}` }, "TEXT_TOO_LONG", "postal_address"},
		"lines of an address": {billing.MaxLines, patch, payer, func(n int) string {
			return `{"postal_address":{"lines":` + listed(n, func(int) string { return "x" }) + `}}`
		}, "ADDRESS_INVALID", "postal_address.lines"},
		"permissions": {policy.MaxRolePermissions, post, account + "/roles", func(n int) string {
			return `{"id":"r","permissions":` + listed(n, func(i int) string { return fmt.Sprint("p.a", i) }) + `}`
		}, "ROLE_TOO_LARGE", "permissions"},
		"description of a role": {policy.MaxDescription, post, account + "/roles", func(n int) string { return `{"id":"d","permissions":[],"description":"` + x(n) + `"}` }, "TEXT_TOO_LONG", "description"},
		"members at once": {admin.MaxMembersAtOnce, post, account + "/groups", func(n int) string {
			return `{"id":"g","members":` + listed(n, func(i int) string { return fmt.Sprint("user:u", i) }) + `}`
		}, "TOO_MANY_MEMBERS_AT_ONCE", "members"},
		"checks in a batch": {MaxBatch, post, "/v1/check/batch", func(n int) string {
			one := `{"subject":"user:ann","permission":"number.read","resource":"number:1"}`
			return `{"checks":[` + strings.Repeat(one+",", n-1) + one + `]}`
		}, "BATCH_TOO_LARGE", "checks"},
	} {
		f.do(l.method, l.path, l.body(l.most+1)).problem(400, l.reason, l.field)
		if a := f.do(l.method, l.path, l.body(l.most)); a.status/100 != 2 {
			t.Errorf("%s: %d are refused: %s", name, l.most, a.text)
		}
	}
}

// A body of just the limit is read, and one of a byte more is not.
func TestBodiesAtTheirEdges(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	for path, l := range map[string]struct {
		body string
		most int
	}{
		"/v1/check":       {checkBody, MaxBody},
		"/v1/bindings":    {`{"subject":"user:x","role":"viewer","scope":"project:` + w.Project.ID + `"}`, MaxBody},
		"/v1/check/batch": {`{"checks":[` + checkBody + `]}`, MaxBatchBody},
		"/v1/import":      {`{"account":{"id":"` + w.Account.ID + `"}}`, MaxBundleBody},
	} {
		padded := l.body + strings.Repeat(" ", l.most-len(l.body))
		f.do(post, path, padded+" ").problem(413, "BODY_TOO_LARGE", "")
		if a := f.do(post, path, padded); a.status/100 != 2 {
			t.Errorf("%s: %d bytes are refused: %s", path, l.most, a.text)
		}
	}
}

// Headers, pages and nesting at their limits.
func TestOtherLimitsAtTheirEdges(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	account := "/v1/accounts/" + w.Account.ID
	f.do(post, account+"/projects", `{}`, "Idempotency-Key", x(MaxIdempotencyKey)).want(201)
	f.do(post, account+"/projects", `{}`, "Idempotency-Key", x(MaxIdempotencyKey+1)).problem(400, "HEADER_INVALID", "Idempotency-Key")

	f.do(post, account+"/groups", `{"id":"crowd","members":`+listed(MaxPage+1, func(i int) string { return fmt.Sprint("user:u", i) })+`}`).want(201)
	for size, want := range map[string]int{"1000": MaxPage, "1001": MaxPage, "999": MaxPage - 1, "0": DefaultPage} {
		if got := decode[MemberList](f.do(get, account+"/groups/crowd/members?page_size="+size, "").want(200)); len(got.Items) != want || got.NextPageToken == "" {
			t.Errorf("a page of size %s has %d items", size, len(got.Items))
		}
	}

	for i := range policy.MaxGroupNesting + 1 {
		f.do(post, account+"/groups", fmt.Sprintf(`{"id":"g%d"}`, i)).want(201)
	}
	into := func(i int) string { return fmt.Sprintf("%s/groups/g%d/members/group:g%d", account, i+1, i) }
	for i := range policy.MaxGroupNesting - 1 { // so that as many groups are inside one another
		f.do(put, into(i), "").want(200)
	}
	f.do(put, into(policy.MaxGroupNesting-1), "").problem(409, "GROUP_TOO_DEEP", "")
}
