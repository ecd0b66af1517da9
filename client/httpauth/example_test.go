package httpauth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/tollgate-dev/tollgate/client"
	"github.com/tollgate-dev/tollgate/client/httpauth"
)

// all allows everybody everything; a service has a *client.Client in its place.
type all struct{}

func (all) Authorize(context.Context, client.HeldRequest) (*client.Verdict, error) {
	v := &client.Verdict{Status: http.StatusOK, Principal: "key:key_1"}
	v.Allowed, v.Reason.Code, v.Billing.BillingAccount = true, client.CodeAllowed, "bil_eu"
	return v, nil
}

func Example() {
	service := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		who, _ := httpauth.From(r.Context())
		fmt.Println(who.Principal, "asks, and", who.Billing.BillingAccount, "pays")
	})
	guarded := httpauth.New(all{}).Handler(service)

	request := httptest.NewRequest(http.MethodGet, "/v1/numbers/+4670123", http.NoBody)
	request.Header.Set("Authorization", "Bearer tg_live_…")
	guarded.ServeHTTP(httptest.NewRecorder(), request)
	guarded.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody)) // without a key
	// Output: key:key_1 asks, and bil_eu pays
}
