package api

import (
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/apikey"
)

// When a key was used last is shown once it has come to the store: of one whose
// secret was accepted, here or for a gateway, whatever it then may; of no other.
// Neither the revision nor the ETag tells of it.
func TestLastUse(t *testing.T) {
	f := newFixture(t)
	w := f.world()
	edge := f.serviceKey("edge", "gateway")
	secret := f.projectKey(w.Project.ID)
	presented, err := apikey.Parse(secret)
	must(t, err)
	path := "/v1/keys/" + strings.TrimPrefix(presented.Subject(), "key:")
	read := func() (Key, answer) {
		t.Helper()
		must(t, f.uses.Flush(t.Context(), f.store))
		a := f.do(get, path, "").want(200)
		return decode[Key](a), a
	}
	never, before := read()
	f.authorize(edge, otherSecret(t, secret), "number:+4670")
	f.do(get, "/v1/projects/"+w.Project.ID, "", "Authorization", "Bearer "+otherSecret(t, secret)).want(401)
	if still, _ := read(); !never.LastUsedAt.IsZero() || !still.LastUsedAt.IsZero() {
		t.Errorf("it was used at %v, at %v", never.LastUsedAt, still.LastUsedAt)
	}
	f.authorize(edge, secret, "number:none")
	first, after := read()
	if first.LastUsedAt.IsZero() || after.header.Get("ETag") != before.header.Get("ETag") || first.Revision != never.Revision {
		t.Errorf("%+v with %v, before %+v with %v", first, after.header, never, before.header)
	}
	f.do(get, "/v1/projects/"+w.Project.ID, "", "Authorization", "Bearer "+secret).want(200)
	if second, _ := read(); second.LastUsedAt.micro() <= first.LastUsedAt.micro() {
		t.Errorf("it was used at %v, and then at %v", first.LastUsedAt, second.LastUsedAt)
	}
	was, _ := read()
	f.do(post, "/v1/leaked-keys", `{"api_key":"`+secret+`"}`).want(200)
	if found, _ := read(); found.LastUsedAt != was.LastUsedAt || !found.Disabled {
		t.Errorf("it was used at %v, and by who found it at %v", was.LastUsedAt, found.LastUsedAt)
	}
	if all := f.do(get, "/v1/projects/"+w.Project.ID+"/keys", "").want(200); strings.Contains(all.text, "last_used_at") {
		t.Error(all.text)
	}
}

// The secret of a key where an ID belongs is refused, and not repeated.
func TestSecretInAPath(t *testing.T) {
	f := newFixture(t)
	k := f.key(f.world())
	for _, path := range []string{"/v1/keys/", "/v1/projects/", "/v1/resources/number/"} {
		a := f.do(get, path+k.Secret, "").want(400)
		if p := decode[Problem](a); p.Reason != "IDENTIFIER_INVALID" || strings.Contains(a.text, k.Secret) {
			t.Errorf("%s: %s", path, strings.ReplaceAll(a.text, k.Secret, "SECRET"))
		}
	}
}
