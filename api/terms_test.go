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
