package api

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// The hot endpoints are decoded by hand, and refuse exactly what the document
// refuses.
func TestHotBodiesFollowTheDocument(t *testing.T) {
	doc, err := loadDocument()
	must(t, err)
	read := map[string]func([]byte) error{
		"/v1/check": func(b []byte) error { return readQuestion(b, new(question), &checkShape) },
		"/v1/billing-owner": func(b []byte) error {
			return readQuestion(b, new(question), &billingShape)
		},
		"/v1/check/batch": func(b []byte) error {
			batch, err := readBatch(b)
			for _, wrong := range batch.wrong {
				err = first(err, wrong)
			}
			return err
		},
	}
	accepted := map[string]int{}
	for path, ours := range read {
		op, err := doc.operation(post, path)
		must(t, err)
		for _, body := range hotBodies() {
			if checkJSON([]byte(body)) != nil {
				continue // nothing that a schema could speak of
			}
			d := json.NewDecoder(strings.NewReader(body))
			d.UseNumber()
			var value any
			must(t, d.Decode(&value))
			theirs := op.body.VisitJSON(value, openapi3.VisitAsRequest())
			if err := ours([]byte(body)); (err == nil) != (theirs == nil) {
				t.Errorf("%s: %s\nby hand: %v\nby the document: %v", path, body, err, theirs)
			} else if err == nil {
				accepted[path]++
			}
		}
		if accepted[path] == 0 {
			t.Errorf("%s: no body was accepted, so nothing was shown", path)
		}
	}
}

// hotBodies are bodies in which one thing after the other is wrong.
func hotBodies() []string {
	good := map[string]string{"subject": `"user:ann"`, "permission": `"number.update"`, "resource": `"number:1"`}
	more := []string{"account", "parent", "at_least", "freshness", "at", "require_billing", "explain", "Subject", "unknown", ""}
	values := []string{`"x"`, `"full"`, `""`, `null`, `true`, `1`, `[]`, `{}`}
	var all []string
	add := func(fields map[string]string) {
		var parts []string
		for name, value := range fields {
			parts = append(parts, strconv.Quote(name)+":"+value)
		}
		one := "{" + strings.Join(parts, ",") + "}"
		all = append(all, one, `{"checks":[`+one+`]}`, `{"checks":[`+one+`,`+one+`]}`)
	}
	with := func(name, value string) {
		fields := map[string]string{}
		for k, v := range good {
			fields[k] = v
		}
		if fields[name] = value; value == "" {
			delete(fields, name)
		}
		add(fields)
	}
	for name := range good {
		with(name, "")
		for _, v := range values {
			with(name, v)
		}
	}
	for _, name := range more {
		for _, v := range values {
			if name != "explain" || v != "true" { // which only a batch refuses, for another reason
				with(name, v)
			}
		}
	}
	add(map[string]string{"resource": `"number:1"`})
	add(map[string]string{"resource": `"number:1"`, "account": `"a"`, "parent": `"project:1"`, "at_least": `"x"`})
	return append(all, texts...)
}

func TestCheckAnswers(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	path := []string{"number:+4670", "subproject:" + w.subproject, "project:" + w.Project.ID, "account:" + w.Account.ID}
	allowed := decode[Decision](f.do(post, "/v1/check", checkBody).want(200))
	if !allowed.Allowed || allowed.Reason.Code != "ALLOWED" || allowed.Reason.Role != "editor" || allowed.Reason.Subject != "user:bob" || allowed.Reason.Scope != "project:"+w.Project.ID ||
		allowed.Billing.Status != Billed || allowed.Billing.BillingAccount != w.BillingAccount.ID || allowed.Billing.Project != w.Project.ID ||
		strings.Join(allowed.Path, " ") != strings.Join(path, " ") || allowed.Account != w.Account.ID || allowed.Revision == "" {
		t.Errorf("%+v", allowed)
	}
	denied := decode[Decision](f.do(post, "/v1/check", `{"subject":"user:cat","permission":"number.update","resource":"number:+4670","at_least":"`+allowed.Revision+`"}`).want(200))
	if denied.Allowed || denied.Reason.Code != "NO_BINDING" || denied.Reason.Detail == "" || denied.Billing != allowed.Billing {
		t.Errorf("%+v", denied)
	}
	nowhere := decode[Decision](f.do(post, "/v1/check", `{"subject":"user:cat","permission":"number.update","resource":"number:none"}`).want(200))
	if nowhere.Allowed || nowhere.Reason.Code != "RESOURCE_NOT_FOUND" || nowhere.Billing.Reason != "RESOURCE_NOT_FOUND" || len(nowhere.Path) != 0 {
		t.Errorf("%+v", nowhere)
	}
	owner := decode[BillingOwner](f.do(post, "/v1/billing-owner", `{"resource":"number:+4670"}`).want(200))
	if owner.Billing != allowed.Billing || strings.Join(owner.Path, " ") != strings.Join(path, " ") || owner.Revision == "" {
		t.Errorf("%+v", owner)
	}
	unregistered := decode[Decision](f.do(post, "/v1/check", `{"subject":"user:bob","permission":"message.read","resource":"message:1","parent":"project:`+w.Project.ID+`"}`).want(200))
	if !unregistered.Allowed || unregistered.Path[0] != "message:1" {
		t.Errorf("%+v", unregistered)
	}
}

func TestCheckRefuses(t *testing.T) {
	f := newFixture(t)
	f.world()
	other := decode[SignedUp](f.do(post, "/v1/accounts", signUpBody).want(201))
	for _, c := range []struct{ body, reason, field string }{
		{`{"subject":"group:x","permission":"a.b","resource":"number:+4670"}`, "SUBJECT_INVALID", "subject"},
		{`{"subject":"ann","permission":"a.b","resource":"number:+4670"}`, "IDENTIFIER_INVALID", "subject"},
		{`{"subject":"user:ann","permission":"*.*","resource":"number:+4670"}`, "PERMISSION_WILDCARD", "permission"},
		{`{"subject":"user:ann","permission":"update","resource":"number:+4670"}`, "PERMISSION_INVALID", "permission"},
		{`{"subject":"user:ann","permission":"a.b","resource":"number:+4670","at_least":"x"}`, "REVISION_INVALID", "at_least"},
		{`{"subject":"user:ann","permission":"a.b","resource":"number:+4670","at_least":"` + other.Revision + `"}`, "REVISION_OF_ANOTHER_ACCOUNT", "at_least"},
		{`{"subject":"user:ann","permission":"a.b","resource":"number:+4670","freshness":"stale"}`, "FIELD_INVALID", "freshness"},
		{`{"subject":"user:ann","permission":"a.b"}`, "FIELD_REQUIRED", "resource"},
		{`{"subject":"user:ann","permission":"a.b","resource":7}`, "FIELD_INVALID", "resource"},
		{`{"subject":"user:ann","permission":"a.b","resource":"a:b","explained":true}`, "FIELD_UNKNOWN", "explained"},
		{`{"subject":"user:ann","permission":"a.b","resource":"a:b"} {}`, "BODY_INVALID", ""},
		{`"user:ann"`, "BODY_INVALID", ""},
	} {
		f.do(post, "/v1/check", c.body).problem(400, c.reason, c.field)
	}
	f.do(post, "/v1/check?pretty=1", checkBody).problem(400, "QUERY_UNKNOWN", "pretty")
	f.do(post, "/v1/check", checkBody, "Tollgate-Actor", "ann").problem(400, "IDENTIFIER_INVALID", "Tollgate-Actor")
	f.do(post, "/v1/check", checkBody, "Tollgate-Actor", "user:ann").want(200)
}

func TestExplain(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	f.do(post, "/v1/accounts/"+w.Account.ID+"/groups", `{"id":"inner","members":["user:dan"]}`).want(201)
	f.do(post, "/v1/accounts/"+w.Account.ID+"/groups", `{"id":"outer","members":["group:inner"]}`).want(201)
	f.do(post, "/v1/bindings", `{"subject":"group:outer","role":"editor","scope":"account:`+w.Account.ID+`"}`).want(201)
	f.do(post, "/v1/bindings", `{"subject":"user:eve","role":"editor","scope":"account:`+w.Account.ID+`","expires_at":"2020-01-01T00:00:00Z"}`).want(201)
	explain := func(subject, resource string) Decision {
		return decode[Decision](f.do(post, "/v1/check", `{"subject":"`+subject+`","permission":"number.update","resource":"`+resource+`","explain":true}`).want(200))
	}
	dan := explain("user:dan", "number:+4670")
	if dan.Explanation.Allow.Subject != "group:outer" || strings.Join(dan.Explanation.Allow.Groups, " ") != "inner outer" || !dan.Explanation.Casbin.Allowed || len(dan.Explanation.Casbin.Rule) == 0 {
		t.Errorf("%+v", dan)
	}
	eve := explain("user:eve", "number:+4670").Explanation
	if len(eve.Obstacles) != 1 || eve.NearestMiss.Kind != "EXPIRED" || stampText(eve.NearestMiss.ExpiresAt) != "2020-01-01T00:00:00.000000Z" || eve.Casbin.Allowed {
		t.Errorf("%+v", eve)
	}
	f.do(post, "/v1/bindings", `{"subject":"group:inner","role":"editor","scope":"project:`+w.Project.ID+`","effect":"deny"}`).want(201)
	dan = explain("user:dan", "number:+4670")
	if o := dan.Explanation.Obstacles; dan.Allowed || len(o) != 1 || o[0].Code != "DENIED_BY_BINDING" || o[0].Binding != dan.Reason.Binding || o[0].Node != "project:"+w.Project.ID {
		t.Errorf("%+v", dan)
	}
	if nowhere := explain("user:dan", "number:none"); len(nowhere.Explanation.Obstacles) != 1 || nowhere.Explanation.Casbin.Rule != nil {
		t.Errorf("%+v", nowhere)
	}
}

func stampText(t Timestamp) string {
	text, _ := t.MarshalJSON()
	return string(bytes.Trim(text, `"`))
}

func TestBatch(t *testing.T) {
	f := newFixture(t)
	f.world()
	bad := `{"subject":"user:bob","permission":"number.update","resource":"number:+4670","explain":true}`
	a := decode[BatchDecision](f.do(post, "/v1/check/batch", `{"checks":[`+checkBody+`,7,`+bad+`,{"subject":"user:bob","permission":"*.*","resource":"number:+4670"},{"subject":"user:bob","x":[{}],"y":1},`+checkBody+`]}`).want(200))
	reasons := []string{"", "FIELD_INVALID", "EXPLAIN_IN_BATCH", "PERMISSION_WILDCARD", "FIELD_UNKNOWN", ""}
	if len(a.Results) != len(reasons) {
		t.Fatalf("%+v", a)
	}
	for i, r := range a.Results {
		if r.Error.Reason != reasons[i] || r.Allowed != (reasons[i] == "") || (reasons[i] != "" && r.Error.Status != 400) {
			t.Errorf("%d: %+v", i, r)
		}
	}
	if a := f.do(post, "/v1/check/batch", `{"checks":[]}`).want(200); a.text != `{"results":[]}` {
		t.Error(a.text)
	}
	many := func(n int) string { return `{"checks":[` + strings.Repeat(checkBody+",", n-1) + checkBody + `]}` }
	if a := decode[BatchDecision](f.do(post, "/v1/check/batch", many(1000)).want(200)); len(a.Results) != 1000 || !a.Results[999].Allowed {
		t.Errorf("%d results", len(a.Results))
	}
	f.do(post, "/v1/check/batch", many(1001)).problem(400, "BATCH_TOO_LARGE", "checks")
	f.do(post, "/v1/check/batch", `{"checks":[`+checkBody+`,{"subject":}]}`).problem(400, "BODY_INVALID", "")
	f.do(post, "/v1/check/batch", `{}`).problem(400, "FIELD_REQUIRED", "checks")
	f.do(post, "/v1/check/batch", `{"checks":[],"checks":[]}`).problem(400, "FIELD_INVALID", "checks")
	f.do(post, "/v1/check/batch", `{"checks":[],"semantics":"x"}`).problem(400, "FIELD_UNKNOWN", "semantics")
}
