package admin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// bundle is a small organisation that uses every list, under IDs that end in
// suffix.
func bundle(t *testing.T, suffix string) *admin.Bundle {
	t.Helper()
	text := strings.ReplaceAll(`{
		"account": {"id": "acme~", "display_name": "Acme"},
		"roles": [{"id": "caller", "permissions": ["number.call", "number.read"]}],
		"groups": [{"id": "all", "members": ["group:team", "user:cleo"]}, {"id": "team", "members": ["user:ben"]}],
		"billing_accounts": [{"id": "eu~", "mode": "postpaid", "currency": "EUR"}, {"id": "us~", "mode": "prepaid", "currency": "USD"}],
		"projects": [{"id": "shop~", "billing_account": "eu~"}, {"id": "lab~"}],
		"subprojects": [{"id": "client~", "project": "project:shop~", "labels": {"tier": "gold"}}],
		"resources": [{"type": "number", "id": "+1~", "parent": "subproject:client~", "properties": {"b": 1, "a": [1.50, "x"]}}],
		"bindings": [
			{"subject": "group:all", "role": "caller", "scope": "project:shop~"},
			{"subject": "user:ben", "role": "role:viewer", "scope": "number:+1~", "effect": "deny", "expires_at": "2999-01-01T00:00:00Z"},
			{"subject": "user:cleo", "role": "billing-viewer", "scope": "billing_account:us~"}
		]}`, "~", suffix)
	var b admin.Bundle
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		t.Fatal(err)
	}
	return &b
}

func TestImport(t *testing.T) {
	h := build(t)
	first, err := h.Import(t.Context(), operator, bundle(t, ""), admin.ImportOptions{Owner: ann})
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Updated) != 0 || first.Created["binding"] != 4 || first.OperatorManaged {
		t.Errorf("the first import did %+v", first)
	}
	number := hierarchy.Ref{Type: "number", ID: "+1"}
	cleo := hierarchy.Ref{Type: "user", ID: "cleo"}
	if a := h.allowed(t, cleo, "number.call", number, first.Revision); !a.Allowed || a.Billing.BillingAccount != "eu" {
		t.Errorf("cleo: %v, paid by %v", a.Code, a.Billing)
	}
	if a := h.allowed(t, ben, "number.read", number, ""); a.Code != authz.DeniedByBinding {
		t.Errorf("ben: %v", a.Code)
	}
	second, err := h.Import(t.Context(), operator, bundle(t, ""), admin.ImportOptions{Owner: ann})
	if err != nil {
		t.Fatal(err)
	}
	if len(second.Created)+len(second.Updated) != 0 || second.Revision != first.Revision {
		t.Errorf("the second import did %+v", second)
	}
}

// An import brings in what is new and what differs, and deletes nothing.
func TestImportAddsAndChanges(t *testing.T) {
	h := build(t)
	must(h.Import(t.Context(), operator, bundle(t, ""), admin.ImportOptions{Owner: ann}))(t)
	b := bundle(t, "")
	b.Roles[0].Permissions = []string{"number.read"}
	b.Projects[1].BillingAccount = "billing_account:us"
	b.Groups = b.Groups[:0]
	b.Bindings = b.Bindings[:0]
	dry := must(h.Import(t.Context(), operator, b, admin.ImportOptions{DryRun: true}))(t)
	done := must(h.Import(t.Context(), operator, b, admin.ImportOptions{}))(t)
	if diff := cmp.Diff(dry.Updated, done.Updated); diff != "" {
		t.Errorf("a dry run says otherwise than the import does:\n%s", diff)
	}
	wantUpdated := map[string]int{"role": 1, "billing_account": 1}
	if diff := cmp.Diff(wantUpdated, done.Updated); diff != "" {
		t.Error(diff)
	}
	number := hierarchy.Ref{Type: "number", ID: "+1"}
	cleo := hierarchy.Ref{Type: "user", ID: "cleo"}
	if a := h.allowed(t, cleo, "number.call", number, done.Revision); a.Allowed {
		t.Error("the role still has what was taken from it")
	}
	if a := h.allowed(t, cleo, "number.read", hierarchy.Ref{Type: "project", ID: "lab"}, ""); a.Billing.BillingAccount != "us" {
		t.Errorf("lab is paid by %+v", a.Billing)
	}
}

func TestImportRefuses(t *testing.T) {
	h := build(t)
	must(h.Import(t.Context(), operator, bundle(t, ""), admin.ImportOptions{Owner: ann}))(t)
	must(h.Import(t.Context(), operator, bundle(t, "2"), admin.ImportOptions{Owner: ann}))(t)
	cases := map[string]struct {
		reason string
		change func(*admin.Bundle)
	}{
		"another account's project":   {"ID_TAKEN", func(b *admin.Bundle) { b.Projects = append(b.Projects, admin.BundleProject{ID: "shop2"}) }},
		"another account's scope":     {"REFERENCE_UNKNOWN", func(b *admin.Bundle) { b.Bindings[0].Scope.ID = "shop2" }},
		"a second parent":             {"IMPORT_WOULD_MOVE", func(b *admin.Bundle) { b.Subprojects[0].Project = "lab" }},
		"a second parent, resource":   {"IMPORT_WOULD_MOVE", func(b *admin.Bundle) { b.Resources[0].Parent = hierarchy.Ref{Type: "project", ID: "lab"} }},
		"a cycle":                     {"GROUP_CYCLE", func(b *admin.Bundle) { b.Groups[1].Members = []hierarchy.Ref{{Type: "group", ID: "all"}} }},
		"an unknown role":             {"REFERENCE_UNKNOWN", func(b *admin.Bundle) { b.Bindings[0].Role = "none" }},
		"an unknown group":            {"REFERENCE_UNKNOWN", func(b *admin.Bundle) { b.Groups[1].Members = []hierarchy.Ref{{Type: "group", ID: "none"}} }},
		"a predefined role":           {"ROLE_PREDEFINED", func(b *admin.Bundle) { b.Roles[0].ID = "owner" }},
		"a currency once linked":      {"CURRENCY_FIXED", func(b *admin.Bundle) { b.BillingAccounts[0].Currency = "USD" }},
		"the same project twice":      {"BUNDLE_DUPLICATE", func(b *admin.Bundle) { b.Projects = append(b.Projects, b.Projects[0]) }},
		"half a wildcard":             {"PERMISSION_INVALID", func(b *admin.Bundle) { b.Roles[0].Permissions = []string{"num*.read"} }},
		"a resource of our own type":  {"TYPE_RESERVED", func(b *admin.Bundle) { b.Resources[0].Type = "project" }},
		"a type that is unregistered": {"TYPE_NOT_REGISTERED", func(b *admin.Bundle) { b.Resources[0].Type = "message" }},
		"a resource in an account":    {"PARENT_INVALID", func(b *admin.Bundle) { b.Resources[0].Parent = hierarchy.Ref{Type: "account", ID: "acme"} }},
		"an ID with a comma":          {"IDENTIFIER_INVALID", func(b *admin.Bundle) { b.Projects[1].ID = "a,b" }},
		"a new account, nothing in it": {"BUNDLE_INCOMPLETE", func(b *admin.Bundle) {
			*b = admin.Bundle{Account: admin.BundleAccount{ID: "empty"}}
		}},
	}
	before := must(h.Export(t.Context(), operator, "acme"))(t)
	for name, c := range cases {
		b := bundle(t, "")
		c.change(b)
		_, err := h.Import(t.Context(), operator, b, admin.ImportOptions{})
		want(t, name, c.reason, err)
	}
	after := must(h.Export(t.Context(), operator, "acme"))(t)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("a refused import changed the account:\n%s", diff)
	}
	_, err := h.Import(t.Context(), as(ann), bundle(t, ""), admin.ImportOptions{})
	want(t, "an import by a customer", "PERMISSION_DENIED", err)
}

// What is exported is imported elsewhere as the same account.
func TestExportRoundTrips(t *testing.T) {
	from, to := build(t), build(t)
	must(from.Import(t.Context(), operator, bundle(t, ""), admin.ImportOptions{Owner: ann}))(t)
	out := must(from.Export(t.Context(), operator, "acme"))(t)
	must(to.Import(t.Context(), operator, out, admin.ImportOptions{}))(t)
	again := must(to.Export(t.Context(), operator, "acme"))(t)
	if diff := cmp.Diff(out, again); diff != "" {
		t.Error(diff)
	}
}

// An import that is interrupted at any call, or loses any reply, has brought
// in all of its bundle or nothing, and a retry completes it.
func TestImportInterrupted(t *testing.T) { onBoth(t, importInterrupted) }

func importInterrupted(t *testing.T, h *house) {
	runs := 0
	interruptions(t, h, func(string) error {
		runs++
		_, err := h.Import(t.Context(), operator, bundle(t, fmt.Sprint(runs)), admin.ImportOptions{Owner: ann})
		return err
	}, func(run string, err error) {
		b := bundle(t, fmt.Sprint(runs))
		s, loadErr := h.store.Load(t.Context(), b.Account.ID)
		none := errors.Is(loadErr, authz.ErrNoAccount)
		if !none && (loadErr != nil || len(s.Records) != 17) {
			t.Errorf("%s: the account is half done: %d records, %v", run, len(s.Records), loadErr)
		}
		if none && err == nil {
			t.Errorf("%s: success was answered, and nothing was made", run)
		}
		done, err := h.Import(t.Context(), operator, b, admin.ImportOptions{Owner: ann})
		if err != nil {
			t.Fatalf("%s: the retry fails: %v", run, err)
		}
		if !none && len(done.Created) != 0 {
			t.Errorf("%s: the retry made again what was there: %v", run, done.Created)
		}
		number := hierarchy.Ref{Type: "number", ID: "+1" + fmt.Sprint(runs)}
		if a := h.allowed(t, hierarchy.Ref{Type: "user", ID: "cleo"}, "number.call", number, done.Revision); !a.Allowed || a.Billing.Code != authz.Billed {
			t.Errorf("%s: after the retry: %v, %v", run, a.Code, a.Billing.Code)
		}
	})
}
