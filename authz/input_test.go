package authz_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Nothing malformed is answered, whatever field it is in and whatever memory
// knows, and nothing of it reaches the store.
func TestNothingMalformedReachesTheStore(t *testing.T) {
	h := newHouse(t, authz.Options{})
	h.may(annUpdatesNumber, true)
	h.source.Before = func(method string, about ...string) error {
		for _, id := range about {
			if _, err := hierarchy.ParseRef(id); err != nil {
				t.Errorf("%s was asked about %q", method, id)
			}
		}
		return nil
	}
	fields := map[string]func(r *authz.Request, bad string){
		"subject":   func(r *authz.Request, bad string) { r.Subject = "user:" + bad },
		"resource":  func(r *authz.Request, bad string) { r.Resource = "number:" + bad },
		"account":   func(r *authz.Request, bad string) { r.Account = "account:" + bad },
		"a node":    func(r *authz.Request, bad string) { r.Resource, r.Account = "project:"+bad, "" },
		"the root":  func(r *authz.Request, bad string) { r.Resource, r.Account = "account:"+bad, "" },
		"parent":    func(r *authz.Request, bad string) { r.Parent = "project:" + bad },
		"container": func(r *authz.Request, bad string) { r.Resource, r.Account, r.Parent = "message:1", "", "project:"+bad },
		"message":   func(r *authz.Request, bad string) { r.Resource, r.Parent = "message:"+bad, "project:web" },
	}
	for _, bad := range []string{"a\x00b", "a,b", "$", "", "a\xff", " a", "a ", "..", strings.Repeat("a", 300)} {
		for field, set := range fields {
			t.Run(fmt.Sprintf("%s %.8q", field, bad), func(t *testing.T) {
				h.t = t
				req := annUpdatesNumber
				set(&req, bad)
				h.refused(req, "IDENTIFIER_INVALID")
			})
		}
	}
}

// Requests that name accounts which are not there, or cannot be read, leave
// nothing behind.
func TestUnknownAccountsAreNotKept(t *testing.T) {
	h := newHouse(t, authz.Options{})
	for i := range 100 {
		req := annUpdatesNumber
		req.Account = fmt.Sprint("nowhere", i)
		h.may(req, false)
	}
	h.source.Before = func(string, ...string) error { return errors.New("connection refused") }
	for i := range 100 {
		req := annUpdatesNumber
		req.Account = fmt.Sprint("unread", i)
		h.refused(req, "STATE_UNAVAILABLE")
	}
	if n := h.Counters().Residents; n != 0 {
		t.Errorf("%d accounts are kept that were never read", n)
	}
}
