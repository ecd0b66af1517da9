package authz_test

import (
	"encoding/json"
	"testing"

	"github.com/tollgate-dev/tollgate/authz"
)

// A record that lost its content is an error, and not the absence of what it
// said: a deny that cannot be read must not allow.
func TestTamperedRecordsAreErrors(t *testing.T) {
	for key, body := range map[authz.Key]string{
		"binding:bnd_00000000000000000000000000@acme": `{}`,
		"binding:bnd_00000000000000000000000001@acme": `{"subject":"user:ann","role":"viewer","scope":"account:acme","effect":"maybe"}`,
		"subproject:s": `{}`,
		"link:p":       `{}`,
		"project:p":    `[]`,
		"unheard:of":   `{}`,
	} {
		state := &authz.State{Records: []authz.Record{{Key: "account:acme", Body: json.RawMessage(`{}`)}, {Key: key, Body: json.RawMessage(body)}}}
		if _, err := authz.NewSnapshot("acme", shipped(), state); err == nil {
			t.Errorf("%s: %s is taken for good", key, body)
		}
	}
}
