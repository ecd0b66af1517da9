package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/client"
)

// example is a server that holds examples/acme.yaml.
func example(t *testing.T) site {
	s := serve(t, environment{})
	s.want(t, exitYes, "import", "../../examples/acme.yaml")
	return s
}

func TestExitCodesOfCheck(t *testing.T) {
	s := example(t)
	const number, other = "number:+46700000007", "number:+46700000099"
	for _, tc := range []struct {
		code int
		out  string
		args []string
	}{
		{exitYes, "allowed  user:ben may number.update on", []string{"check", "user:ben", "number.update", number}},
		{exitYes, "allowed", []string{"explain", "user:ben", "number.update", number, "--account", "acme"}},
		{exitYes, "billing_account:acme-eu, through project:acme-shop", []string{"billing-owner", number}},
		{exitNo, "reason  NO_BINDING", []string{"check", "user:zoe", "number.update", number}},
		{exitNo, "reason  DENIED_BY_BINDING", []string{"check", "user:ben", "number.update", "number:+46700000001"}},
		{exitNo, "nearest miss, NOT_YET", []string{"explain", "user:finn", "number.read", number}},
		{exitNo, "reason  UNBILLED", []string{"check", "user:ann", "number.read", other, "--require-billing"}},
		{exitYes, "payer   nobody: NO_BILLING_LINK", []string{"check", "user:ann", "number.read", other}},
		{exitNo, "reason  PARENT_MISMATCH", []string{"check", "user:ann", "number.read", other, "--parent", "project:acme-shop"}},
		{exitNo, "nobody: NOT_BILLABLE", []string{"billing-owner", "account:acme"}},
		{exitNo, "reason  RESOURCE_NOT_FOUND", []string{"check", "user:ann", "number.read", "number:none"}},
		{exitError, "", []string{"check", "ann", "number.read", number}},
		{exitError, "", []string{"check", "user:ann", "number.*", number}},
		{exitError, "", []string{"check", "user:ann", "number.read"}},
		{exitError, "", []string{"check", "--colour"}},
	} {
		got := s.run(t, tc.args...)
		if got.code != tc.code || !strings.Contains(got.out, tc.out) || (tc.code == exitError) != (got.err != "") {
			t.Errorf("tollgate %s: exit code %d, want %d\n%s%s", strings.Join(tc.args, " "), got.code, tc.code, got.out, got.err)
		}
		if strings.Contains(got.err, "Usage:") || strings.ContainsAny(got.out+got.err, "\x1b\r") {
			t.Errorf("tollgate %s prints its usage, or colours where there is no terminal: %q", strings.Join(tc.args, " "), got.err+got.out)
		}
	}
}

// The life of a node, from the command line.
func TestLifecycleCommands(t *testing.T) {
	s := example(t)
	const shop, client7, number = "project:acme-shop", "subproject:acme-client-7", "number:+46700000007"
	for _, step := range []struct {
		code int
		out  string
		args []string
	}{
		{exitYes, shop + " is suspended, by the operator", []string{"suspend", shop}},
		{exitYes, shop + " is suspended, by the operator", []string{"suspend", shop}},
		{exitNo, "reason  RESOURCE_SUSPENDED", []string{"check", "user:ben", "number.update", number}},
		{exitError, "", []string{"resume", shop, "--as", "user:ann"}},
		{exitYes, shop + " is active", []string{"resume", shop}},
		{exitYes, shop + " is suspended, by the customer", []string{"suspend", shop, "--as", "user:ann"}},
		{exitYes, shop + " is active", []string{"resume", shop, "--as", "user:ann"}},
		{exitYes, client7 + " is deleted; it can be restored until 20", []string{"delete", client7}},
		{exitNo, "reason  RESOURCE_DELETED", []string{"check", "user:ben", "number.update", number}},
		{exitYes, client7 + " is active", []string{"restore", client7}},
		{exitYes, "allowed  user:ben may number.update on", []string{"check", "user:ben", "number.update", number}},
		{exitYes, "after   project:acme-lab, paid for by nobody: NO_BILLING_LINK", []string{"move", client7, "project:acme-lab"}},
		{exitYes, client7 + " stands in project:acme-lab\n", []string{"move", client7, "project:acme-lab"}},
		{exitError, "", []string{"move", client7, "project:none"}},
		{exitError, "", []string{"suspend", "acme"}},
		{exitError, "", []string{"suspend", number}},
		{exitYes, number + " is deleted\n", []string{"delete", number}},
		{exitNo, "reason  RESOURCE_NOT_FOUND", []string{"check", "user:ben", "number.update", number}},
	} {
		if got := s.run(t, step.args...); got.code != step.code || !strings.Contains(got.out, step.out) || (step.code == exitError) != (got.err != "") {
			t.Errorf("tollgate %s: exit code %d, want %d\n%s%s", strings.Join(step.args, " "), got.code, step.code, got.out, got.err)
		}
	}
}

func TestAnswersForPrograms(t *testing.T) {
	s := example(t)
	answer := decoded[client.Answer](t, s.want(t, exitYes, "explain", "user:dora", "call.answer", "number:+46700000007", "--json").out)
	if !answer.Allowed || answer.Billing.BillingAccount != "acme-eu" || len(answer.Path) != 4 || answer.Explanation.Allow == nil || strings.Join(answer.Reason.Groups, " ") != "night-shift support" {
		t.Errorf("%+v", answer)
	}
	payer := decoded[client.Payer](t, s.want(t, exitNo, "billing-owner", "account:acme", "--json").out)
	if payer.Billing.Reason != "NOT_BILLABLE" || payer.Account != "acme" {
		t.Errorf("%+v", payer)
	}
	failed := s.want(t, exitError, "export", "none", "--json")
	problem := decoded[map[string]client.Error](t, failed.err)["error"]
	if failed.out != "" || problem.Status != 404 || problem.Reason != "NOT_FOUND" || problem.RequestID == "" {
		t.Errorf("%+v", failed)
	}
	if v := decoded[build](t, s.want(t, exitYes, "version", "--json").out); v.Go == "" || v.Version == "" {
		t.Errorf("%+v", v)
	}
}

// A customer is signed up, and has what a sign-up makes.
func TestSignUpAndBind(t *testing.T) {
	s := serve(t, environment{})
	sign := []string{"signup", "--owner", "user:ann", "--currency", "EUR", "--name", "Example", "--idempotency-key", "once", "--json"}
	made := decoded[client.SignedUp](t, s.want(t, exitYes, sign...).out)
	if again := decoded[client.SignedUp](t, s.want(t, exitYes, sign...).out); again.Account.ID != made.Account.ID {
		t.Errorf("the same sign-up made %s and %s", made.Account.ID, again.Account.ID)
	}
	project := "project:" + made.Project.ID
	s.want(t, exitYes, "check", "user:ann", "binding.grant", "account:"+made.Account.ID)
	s.want(t, exitNo, "check", "user:ben", "number.create", project)
	bound := decoded[client.Binding](t, s.want(t, exitYes, "bind", "user:ben", "editor", project, "--expires-at", "2100-01-01T00:00:00Z", "--json").out)
	if bound.ExpiresAt == nil || bound.Effect != "allow" || bound.ID == "" {
		t.Errorf("%+v", bound)
	}
	s.want(t, exitYes, "check", "user:ben", "number.create", project, "--at-least", bound.Revision)
	s.want(t, exitYes, "bind", "user:ben", "editor", project, "--deny")
	s.want(t, exitNo, "check", "user:ben", "number.create", project)
	for _, wrong := range [][]string{
		{"bind", "user:ben", "none", project}, {"bind", "user:ben", "editor", project, "--expires-at", "tomorrow"},
		{"bind", "user:ben", "editor", project, "--expires-at", "9999-12-31T23:59:59-12:00"}, {"bind", "user:ben", "editor", project, "--not-before", "2100-01-01T00:00:00,5Z"},
		{"signup", "--owner", "user:ann"}, {"signup", "--owner", "user:ann", "--currency", "XXX"}, {"signup", "x"},
	} {
		s.want(t, exitError, wrong...)
	}
}

func TestCasbinFiles(t *testing.T) {
	s := example(t)
	dir := filepath.Join(t.TempDir(), "new")
	said := s.want(t, exitYes, "casbin", "acme", "--dir", dir).out
	if !strings.Contains(said, "at most until 2100-01-01T00:00:00Z") {
		t.Errorf("does not say until when it is valid: %s", said)
	}
	policy, err := os.ReadFile(filepath.Join(dir, "policy.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if printed := s.want(t, exitYes, "casbin", "acme").out; printed != string(policy) || !strings.Contains(printed, "g,user:eve,role:viewer,account:acme\n") {
		t.Errorf("printed\n%sand wrote\n%s", printed, policy)
	}
	if model, err := os.ReadFile(filepath.Join(dir, "model.conf")); err != nil || !strings.Contains(string(model), "[matchers]") {
		t.Errorf("%v: %s", err, model)
	}
	if later := s.want(t, exitYes, "casbin", "acme", "--at", "2100-01-01T00:00:00Z").out; strings.Contains(later, "user:eve") || !strings.Contains(later, "user:finn") {
		t.Errorf("after 2100 the policy is\n%s", later)
	}
	narrow := decoded[client.CasbinPolicy](t, s.want(t, exitYes, "casbin", "acme", "--under", "project:acme-lab", "--json").out)
	if strings.Contains(narrow.Policy, "acme-shop") || narrow.ValidUntil == nil {
		t.Errorf("under the lab: %+v", narrow)
	}
	s.want(t, exitError, "casbin", "acme", "--at", "now")
	s.want(t, exitError, "casbin", "acme", "--under", "project:none")
}

func TestVersionAndHelpNeedNoServer(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--help"}, {}, {"check", "--help"}, {"help", "serve"}} {
		if got := command(t, environment{}, "", args...); got.code != exitYes || got.out == "" {
			t.Errorf("%v: %+v", args, got)
		}
	}
	if got := command(t, environment{}, "", "chekc"); got.code != exitError || !strings.Contains(got.err, "chekc") {
		t.Errorf("%+v", got)
	}
}

// What is printed for programs is one line of JSON.
func TestJSONIsOneLine(t *testing.T) {
	s := example(t)
	for _, args := range [][]string{
		{"check", "user:ann", "number.read", "number:+46700000007"}, {"import", "../../examples/acme.yaml"}, {"casbin", "acme"}, {"billing-owner", "project:acme-shop"},
	} {
		out := s.want(t, exitYes, append(args, "--json")...).out
		if strings.Count(out, "\n") != 1 || !json.Valid([]byte(out)) {
			t.Errorf("tollgate %s: %q", strings.Join(args, " "), out)
		}
	}
}
