package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tollgate-dev/tollgate/client"
)

// tollgate allows one key everything, and has no answer for others.
type tollgate struct{ client.Authorizer }

func (tollgate) Authorize(_ context.Context, r client.HeldRequest) (*client.Verdict, error) {
	if r.APIKey != "good" {
		return nil, &client.Error{Status: http.StatusServiceUnavailable, Reason: "STATE_UNAVAILABLE"}
	}
	v := &client.Verdict{Status: http.StatusOK, Principal: "key:key_1"}
	v.Allowed, v.Reason.Code, v.Billing.BillingAccount = true, client.CodeAllowed, "bil_eu"
	return v, nil
}

func TestGuarded(t *testing.T) {
	for key, want := range map[string]string{"good": `{"for":"key:key_1","number":"+46","paid_by":"bil_eu"}` + "\n", "bad": ""} {
		r := httptest.NewRequest(http.MethodGet, "/v1/projects/prj_1/numbers/+46", http.NoBody)
		r.Header.Set("X-API-Key", key)
		answer := httptest.NewRecorder()
		guarded(tollgate{}).ServeHTTP(answer, r)
		if got := answer.Body.String(); (answer.Code == http.StatusOK) != (want != "") || (want != "" && got != want) {
			t.Errorf("%s: %d %s", key, answer.Code, got)
		}
	}
}
