package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/client"
	"github.com/tollgate-dev/tollgate/internal/scenario"
)

// Every scenario runs again over HTTP: its account is imported, and its checks
// are asked of a server. Checks as of another instant are left to the core,
// where the clock can be set.
func TestScenariosOverHTTP(t *testing.T) {
	all, err := scenario.Load("../../authz/testdata/scenarios")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			site := serve(t, environment{"TOLLGATE_UNREGISTERED_TYPES": strings.Join(s.Unregistered, ",")})
			bundle, err := json.Marshal(&s.Bundle)
			if err != nil {
				t.Fatal(err)
			}
			site.want(t, exitYes, "import", file(t, s.Name+".json", string(bundle)))
			c, err := client.New(site.environment["TOLLGATE_SERVER"], site.environment["TOLLGATE_KEY"])
			if err != nil {
				t.Fatal(err)
			}
			for _, check := range s.Checks {
				if check.At == nil {
					t.Run(check.Name(), func(t *testing.T) { askOverHTTP(t, c, &check) })
				}
			}
		})
	}
}

func askOverHTTP(t *testing.T, c *client.Client, want *scenario.Check) {
	t.Helper()
	got, err := c.Explain(t.Context(), client.Question{
		Subject: want.Subject, Permission: want.Permission, Resource: want.Resource,
		Account: want.Account, Parent: want.Parent, RequireBilling: want.RequireBilling,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Allowed != want.Allowed || got.Reason.Code != want.Code {
		t.Errorf("allowed is %t, %s; want %t, %s", got.Allowed, got.Reason.Code, want.Allowed, want.Code)
	}
	billing := scenario.Billing{Status: got.Billing.Status, BillingAccount: got.Billing.BillingAccount, Project: got.Billing.Project, Reason: got.Billing.Reason}
	if diff := cmp.Diff(want.Billing, billing); diff != "" {
		t.Errorf("billing (-want +got):\n%s", diff)
	}
	if want.Path != nil && !slices.Equal(want.Path, got.Path) {
		t.Errorf("the path is %q", got.Path)
	}
}
