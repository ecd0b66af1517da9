package authz_test

import (
	"testing"

	"github.com/tollgate-dev/tollgate/authz"
)

// A token that is read is the one that its revision is written as, in its own
// account and no other.
func FuzzParseToken(f *testing.F) {
	for _, r := range []authz.Revision{{Number: 1, Identity: "0123456789abcdef"}, {Number: 1<<64 - 1, Identity: "ffffffffffffffff"}} {
		f.Add("acme", authz.Token("acme", r))
		f.Add("globex", authz.Token("acme", r))
	}
	f.Add("acme", "")
	f.Add("", "AQ")
	f.Fuzz(func(t *testing.T, account, token string) {
		r, err := authz.ParseToken(account, token)
		if err != nil {
			if reason(err) == "" || r != (authz.Revision{}) {
				t.Fatalf("%q: %+v, %v", token, r, err)
			}
			return
		}
		if written := authz.Token(account, r); written != token {
			t.Fatalf("%q is read as %+v, which is written as %q", token, r, written)
		}
		if r, err := authz.ParseToken(account+"x", token); err == nil {
			t.Fatalf("%q of %q is read of another account, as %+v", token, account, r)
		}
	})
}
