package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/authz"
)

// An answer says that it is stale, and only then, wherever answers are.
func TestStaleAnswersSaySo(t *testing.T) {
	for _, stale := range []bool{true, false} {
		a := authz.Answer{Stale: stale}
		var decision Decision
		text := appendDecision(nil, &a, nil)
		must(t, json.Unmarshal(text, &decision))
		var owner BillingOwner
		must(t, json.Unmarshal(append(appendPayer([]byte{'{'}, &a), '}'), &owner))
		if decision.Stale != stale || owner.Stale != stale || strings.Contains(string(text), "stale") != stale {
			t.Errorf("stale is %t: %s, %+v", stale, text, owner)
		}
	}
}
