package api

import (
	"slices"
	"strings"
	"testing"
)

// Whatever creates something takes an idempotency key, and nothing else does.
func TestWhatCreatesTakesAKey(t *testing.T) {
	doc, err := loadDocument()
	must(t, err)
	for path, item := range doc.Paths.Map() {
		for method, described := range item.Operations() {
			op, err := doc.operation(method, path)
			must(t, err)
			creates := described.Responses.Status(201) != nil || op.id == "importBundle"
			if takes := slices.Contains(op.headers, "Idempotency-Key"); takes != creates {
				t.Errorf("%s takes an Idempotency-Key: %v; creates: %v", op.id, takes, creates)
			}
		}
	}
}

// A request that is repeated under its key answers the same thing.
func TestIdempotencyKey(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	account, project := "/v1/accounts/"+w.Account.ID, "/v1/projects/"+w.Project.ID
	for path, body := range map[string]string{
		account + "/billing-accounts": `{"mode":"prepaid","currency":"SEK","name":"x"}`,
		account + "/projects":         `{"display_name":"x"}`,
		account + "/groups":           `{"id":"g","display_name":"x","members":["user:ann"]}`,
		account + "/roles":            `{"id":"r","display_name":"x","permissions":["number.read"]}`,
		project + "/subprojects":      `{"display_name":"x"}`,
		"/v1/resources":               `{"type":"number","id":"1","parent":"project:` + w.Project.ID + `","labels":{"a":"x"}}`,
		"/v1/bindings":                `{"subject":"user:x","role":"viewer","scope":"project:` + w.Project.ID + `"}`,
		"/v1/import":                  `{"account":{"id":"` + w.Account.ID + `","display_name":"x"}}`,
	} {
		success := 201
		if path == "/v1/import" {
			success = 200
		}
		one := f.do(post, path, body, "Idempotency-Key", "k").want(success)
		if again := f.do(post, path, " "+body, "Idempotency-Key", "k").want(success); again.text != one.text {
			t.Errorf("%s, repeated:\n%s\n%s", path, one.text, again.text)
		}
		f.do(post, path, strings.Replace(body, `x"`, `y"`, 1), "Idempotency-Key", "k").problem(422, "IDEMPOTENCY_KEY_REUSED", "Idempotency-Key")
		f.do(post, path, body, "Idempotency-Key", "\t").problem(400, "HEADER_INVALID", "Idempotency-Key")
		r := request(post, path, body, "Idempotency-Key", "k")
		r.Header.Add("Idempotency-Key", "k")
		f.send(r).problem(400, "HEADER_INVALID", "Idempotency-Key")
	}
}

// Whatever is read alone has a tag, and whatever replaces it takes a condition.
func TestWhatReplacesTakesACondition(t *testing.T) {
	doc, err := loadDocument()
	must(t, err)
	without := []string{"addMember", "removeMember"} // a member has nothing to show but itself
	for path, item := range doc.Paths.Map() {
		for method, described := range item.Operations() {
			op, err := doc.operation(method, path)
			must(t, err)
			ok := described.Responses.Status(op.success)
			tagged := ok != nil && ok.Value.Headers["ETag"] != nil
			replaces := method == put || method == patch || method == remove || strings.HasPrefix(path, "/v1/keys/{key}/") || strings.HasSuffix(path, "/move") || strings.HasSuffix(path, "/suspend") || strings.HasSuffix(path, "/resume")
			replaces = replaces && !slices.Contains(without, op.id)
			if takes := slices.Contains(op.headers, "If-Match"); takes != replaces {
				t.Errorf("%s takes If-Match: %v; replaces something: %v", op.id, takes, replaces)
			}
			if takes := slices.Contains(op.headers, "If-None-Match") && method == get; takes != (method == get && tagged) {
				t.Errorf("%s takes If-None-Match: %v; has a tag: %v", op.id, takes, tagged)
			}
		}
	}
}

// thing is something that is read alone. Its patch changes it; step is a route
// of its own that does, with its body.
type thing struct{ path, patch, step, body string }

// things are one of each kind, as a world has it; patch changes it to other
// words each time.
func (w *world) things(f *fixture) map[string]thing {
	f.do(post, "/v1/accounts/"+w.Account.ID+"/groups", `{"id":"g"}`).want(201)
	f.do(post, "/v1/accounts/"+w.Account.ID+"/roles", `{"id":"r","permissions":["number.read"]}`).want(201)
	other := decode[BillingAccount](f.do(post, "/v1/accounts/"+w.Account.ID+"/billing-accounts", `{"mode":"prepaid","currency":"SEK"}`).want(201))
	binding := decode[Binding](f.do(post, "/v1/bindings", `{"subject":"user:x","role":"viewer","scope":"project:`+w.Project.ID+`"}`).want(201))
	project := f.project(*w)
	return map[string]thing{
		"account":         {"/v1/accounts/" + w.Account.ID, `{"display_name":"NEW"}`, "/suspend", ""},
		"billing account": {"/v1/billing-accounts/" + other.ID, `{"name":"NEW"}`, "/suspend", ""},
		"project":         {"/v1/projects/" + project, `{"display_name":"NEW"}`, "/resume", ""},
		"subproject":      {"/v1/subprojects/" + w.subproject, `{"display_name":"NEW"}`, "/move", `{"parent":"project:` + w.Project.ID + `"}`},
		"resource":        {"/v1/resources/number/%2B4670", `{"labels":{"a":"NEW"}}`, "/move", `{"parent":"project:` + w.Project.ID + `"}`},
		"group":           {"/v1/accounts/" + w.Account.ID + "/groups/g", `{"display_name":"NEW"}`, "", ""},
		"role":            {"/v1/accounts/" + w.Account.ID + "/roles/r", `{"display_name":"NEW"}`, "", ""},
		"binding":         {"/v1/bindings/" + binding.ID, "", "", ""},
	}
}

func TestConditions(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	tagOf := func(a answer) string {
		tag := a.header.Get("ETag")
		if len(tag) < 10 || tag[0] != '"' || tag[len(tag)-1] != '"' {
			t.Errorf("the tag %q is none, or weak", tag)
		}
		return tag
	}
	for name, x := range w.things(f) {
		tag := tagOf(f.do(get, x.path, "").want(200))
		if head := tagOf(f.do("HEAD", x.path, "").want(200)); head != tag {
			t.Errorf("%s: the tag is %s, and of HEAD %s", name, tag, head)
		}
		for _, same := range []string{tag, "*", "W/" + tag, `"x", ` + tag, `"x",,W/"y" ,` + tag + ","} {
			if a := f.do(get, x.path, "", "If-None-Match", same).want(304); a.text != "" || tagOf(a) != tag {
				t.Errorf("%s, not modified: %q %v", name, a.text, a.header)
			}
		}
		f.do(get, x.path, "", "If-None-Match", `"x", W/"y"`).want(200)
		for _, malformed := range []string{"x", `"x`, `"x" "y"`, `*,"x"`, "w/" + tag, ",", `"a b"`, "\"x\x7f\""} {
			f.do(get, x.path, "", "If-None-Match", malformed).problem(400, "HEADER_INVALID", "If-None-Match")
			f.do(remove, x.path, "", "If-Match", malformed).problem(400, "HEADER_INVALID", "If-Match")
		}
		for _, other := range []string{`"x"`, "W/" + tag, `W/` + tag + `, "x"`, `""`} {
			if x.patch != "" {
				f.do(patch, x.path, x.patch, "If-Match", other).problem(412, "PRECONDITION_FAILED", "If-Match")
			}
			f.do(remove, x.path, "", "If-Match", other).problem(412, "PRECONDITION_FAILED", "If-Match")
			if x.step != "" {
				f.do(post, x.path+x.step, x.body, "If-Match", other).problem(412, "PRECONDITION_FAILED", "If-Match")
			}
		}
		if now := tagOf(f.do(get, x.path, "").want(200)); now != tag {
			t.Errorf("%s has changed nevertheless", name)
		}
		for i, more := range []string{"", `, "x"`} {
			if x.patch == "" {
				break
			}
			was := tag
			tag = tagOf(f.do(patch, x.path, strings.Replace(x.patch, "NEW", strings.Repeat("n", i+1), 1), "If-Match", was+more).want(200))
			if now := tagOf(f.do(get, x.path, "", "If-None-Match", was).want(200)); tag == was || now != tag {
				t.Errorf("%s: the tag was %s, of the change %s, and now %s", name, was, tag, now)
			}
			f.do(patch, x.path, x.patch, "If-Match", was).problem(412, "PRECONDITION_FAILED", "If-Match")
		}
		if x.patch != "" {
			f.do(patch, x.path, x.patch, "If-Match", "*").want(200)
			tag = tagOf(f.do(get, x.path, "").want(200))
		}
		if name != "account" && name != "subproject" { // others are in them
			f.do(remove, x.path, "", "If-Match", tag).want(200)
			gone := 404
			if name == "project" || name == "billing account" { // which can be restored, and are not as the tag says
				gone = 412
			}
			f.do(remove, x.path, "", "If-Match", tag).want(gone)
		}
	}
}

// A project is shown with its payer, and its tag is of both.
func TestTagOfAProject(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	path := "/v1/projects/" + w.Project.ID
	tag := f.do(get, path, "").header.Get("ETag")
	f.do(remove, path+"/billing-link", "", "If-Match", "*").want(200)
	unpaid := f.do(get, path, "").header.Get("ETag")
	if tag == unpaid {
		t.Error("the payer went, and the tag stayed")
	}
	f.do(patch, path, `{"display_name":"x"}`, "If-Match", tag).problem(412, "PRECONDITION_FAILED", "If-Match")
	f.do(patch, path, `{"display_name":"x"}`, "If-Match", unpaid).want(200)
}

// Who pays can be set on the condition that nobody does.
func TestConditionsOfLinks(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	link, body := "/v1/projects/"+w.Project.ID+"/billing-link", `{"billing_account":"`+w.BillingAccount.ID+`"}`
	tag := f.do(get, link, "").want(200).header.Get("ETag")
	f.do(get, link, "", "If-None-Match", tag).want(304)
	f.do(put, link, body, "If-None-Match", "*").problem(412, "PRECONDITION_FAILED", "If-None-Match")
	f.do(put, link, body, "If-None-Match", tag).problem(400, "HEADER_INVALID", "If-None-Match")
	f.do(put, link, body, "If-None-Match", "*", "If-Match", "*").problem(400, "HEADER_INVALID", "If-None-Match")
	f.do(put, link, body, "If-Match", `"x"`).problem(412, "PRECONDITION_FAILED", "If-Match")
	f.do(put, link, body, "If-Match", tag).want(200)
	f.do(remove, link, "", "If-Match", `"x"`).problem(412, "PRECONDITION_FAILED", "If-Match")
	f.do(remove, link, "", "If-Match", tag).want(200)
	f.do(put, link, body, "If-Match", "*").problem(412, "PRECONDITION_FAILED", "If-Match")
	f.do(put, link, body, "If-None-Match", "*").want(200)
}

// A condition tells nothing to those who may not see, or may not do it.
func TestConditionsTellNothing(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	for name, x := range w.things(f) {
		a := f.do(remove, x.path, "", "Tollgate-Actor", "user:eve", "If-Match", `"x"`)
		a.problem(404, "NOT_FOUND", "")
		if b := f.do(remove, x.path, "", "Tollgate-Actor", "user:eve"); strings.ReplaceAll(a.text, a.header.Get("X-Request-Id"), "") != strings.ReplaceAll(b.text, b.header.Get("X-Request-Id"), "") {
			t.Errorf("%s: %s, and without a condition %s", name, a.text, b.text)
		}
	}
	f.do(patch, "/v1/projects/"+w.Project.ID, `{}`, "Tollgate-Actor", "user:bob", "If-Match", `"x"`).problem(403, "PERMISSION_DENIED", "")
}
