package scenario

import (
	"strings"
	"testing"
)

const good = `
shows: [M19]
story: Ann owns acme.
bundle: {account: {id: acme}, bindings: [{subject: "user:ann", role: owner, scope: "account:acme"}]}
checks:
- {subject: "user:ann", permission: account.read, resource: "account:acme", allowed: true, code: ALLOWED, billing: {status: unbilled, reason: NOT_BILLABLE}}
`

func TestParse(t *testing.T) {
	s, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if b := s.Bundle.Bindings[0]; b.Role != "owner" || b.Scope.String() != "account:acme" {
		t.Errorf("the binding is %+v", b)
	}
}

// A file that expects something impossible, or that misspells it, is refused.
func TestParseRefuses(t *testing.T) {
	for name, oldNew := range map[string][2]string{
		"a misspelt expectation":   {"code: ALLOWED", "cod: ALLOWED"},
		"a misspelt bundle":        {"bindings:", "grants:"},
		"a code that contradicts":  {"code: ALLOWED", "code: NO_BINDING"},
		"a payer without billing":  {"status: unbilled", "status: billed"},
		"no billing":               {"billing: {status: unbilled, reason: NOT_BILLABLE}", "billing: {}"},
		"an obstacle to an allow":  {"code: ALLOWED", "code: ALLOWED, obstacles: [NO_BINDING]"},
		"no story":                 {"story: Ann owns acme.", ""},
		"a question without a who": {`subject: "user:ann", permission`, "permission"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(good, oldNew[0], oldNew[1], 1)
			if s, err := Parse([]byte(text)); err == nil {
				t.Errorf("read as %+v", s)
			}
		})
	}
}
