package oracle

import (
	"slices"
	"testing"
)

// small is an account whose right answers are plain to see: ann owns it, bob
// edits the web project through two groups, but for its secret subproject.
func small() *World {
	return &World{
		Account:         "acme",
		BillingAccounts: []BillingAccount{{ID: "main"}, {ID: "late", State: State{SuspendedByOperator: true}}},
		Projects:        []Project{{ID: "web", Payer: "main"}, {ID: "lab"}, {ID: "old", Payer: "main", State: State{Deleted: true}}, {ID: "idle", Payer: "late", State: State{Suspended: true}}, {ID: "debtor", Payer: "late"}},
		Subprojects:     []Subproject{{ID: "open", Project: "web"}, {ID: "secret", Project: "web"}, {ID: "inold", Project: "old"}},
		Resources:       []Resource{{"number:1", "project:web"}, {"number:2", "subproject:secret"}, {"number:3", "subproject:inold"}},
		Roles: []Role{
			{"owner", []string{"*.*"}},
			{"editor", []string{"number.*", "*.read"}},
			{"instances", []string{"compute.instances.get"}},
		},
		Groups: []Group{{"dev", []string{"user:bob"}}, {"staff", []string{"group:dev"}}},
		Bindings: []Binding{
			{ID: "b1", Subject: "user:ann", Role: "owner", Scope: "account:acme", Effect: "allow"},
			{ID: "b2", Subject: "group:staff", Role: "editor", Scope: "project:web", Effect: "allow"},
			{ID: "b3", Subject: "group:dev", Role: "editor", Scope: "subproject:secret", Effect: "deny"},
			{ID: "b4", Subject: "user:eve", Role: "instances", Scope: "project:lab", Effect: "allow", From: 10, Until: 20},
			{ID: "b5", Subject: "key:k1", Role: "owner", Scope: "account:acme", Effect: "allow"},
			{ID: "b6", Subject: "key:k2", Role: "owner", Scope: "subproject:open", Effect: "allow"},
			{ID: "b7", Subject: "key:k3", Role: "owner", Scope: "project:web", Effect: "allow"},
		},
		Keys: []Key{
			{ID: "k1", Parent: "project:web", Sponsor: "user:bob", Until: 100, Sources: []string{"192.0.2.0/24"}, Secrets: []Secret{{Text: "new"}, {Text: "old", Until: 50}}},
			{ID: "k2", Parent: "subproject:open", Sponsor: "user:ann", Disabled: true, Secrets: []Secret{{Text: "s2"}}},
			{ID: "k3", Parent: "project:web", Secrets: []Secret{{Text: "s3"}}},
		},
		Unregistered: []string{"message"},
	}
}

func TestDecide(t *testing.T) {
	cases := []struct {
		name    string
		q       Question
		allowed bool
		code    string
		billing string
		path    []string
	}{
		{"an owner, on the account", Question{Subject: "user:ann", Permission: "account.close", Resource: "account:acme"}, true, "ALLOWED", "NOT_BILLABLE", []string{"account:acme"}},
		{"an owner, far below", Question{Subject: "user:ann", Permission: "number.read", Resource: "number:2"}, true, "ALLOWED", "BILLED", []string{"number:2", "subproject:secret", "project:web", "account:acme"}},
		{"through two groups", Question{Subject: "user:bob", Permission: "number.update", Resource: "number:1"}, true, "ALLOWED", "BILLED", []string{"number:1", "project:web", "account:acme"}},
		{"a deny below wins", Question{Subject: "user:bob", Permission: "number.read", Resource: "number:2"}, false, "DENIED_BY_BINDING", "BILLED", []string{"number:2", "subproject:secret", "project:web", "account:acme"}},
		{"never above", Question{Subject: "user:bob", Permission: "account.read", Resource: "account:acme"}, false, "NO_BINDING", "NOT_BILLABLE", []string{"account:acme"}},
		{"never beside", Question{Subject: "user:bob", Permission: "project.read", Resource: "project:lab"}, false, "NO_BINDING", "NO_BILLING_LINK", []string{"project:lab", "account:acme"}},
		{"before its window", Question{Subject: "user:eve", Permission: "compute.instances.get", Resource: "project:lab", At: 9}, false, "NO_BINDING", "NO_BILLING_LINK", []string{"project:lab", "account:acme"}},
		{"from its first instant", Question{Subject: "user:eve", Permission: "compute.instances.get", Resource: "project:lab", At: 10}, true, "ALLOWED", "NO_BILLING_LINK", []string{"project:lab", "account:acme"}},
		{"until its last", Question{Subject: "user:eve", Permission: "compute.instances.get", Resource: "project:lab", At: 20}, false, "NO_BINDING", "NO_BILLING_LINK", []string{"project:lab", "account:acme"}},
		{"split at the last dot", Question{Subject: "user:eve", Permission: "compute.get", Resource: "project:lab", At: 10}, false, "NO_BINDING", "NO_BILLING_LINK", []string{"project:lab", "account:acme"}},
		{"nobody pays, and somebody must", Question{Subject: "user:ann", Permission: "project.read", Resource: "project:lab", RequireBilling: true}, false, "UNBILLED", "NO_BILLING_LINK", []string{"project:lab", "account:acme"}},
		{"in a deleted project", Question{Subject: "user:ann", Permission: "number.read", Resource: "number:3"}, false, "RESOURCE_DELETED", "BILLED", []string{"number:3", "subproject:inold", "project:old", "account:acme"}},
		{"restoring a deleted project", Question{Subject: "user:ann", Permission: "project.restore", Resource: "project:old"}, true, "ALLOWED", "BILLED", []string{"project:old", "account:acme"}},
		{"restoring what is in it", Question{Subject: "user:ann", Permission: "subproject.restore", Resource: "subproject:inold"}, false, "RESOURCE_DELETED", "BILLED", []string{"subproject:inold", "project:old", "account:acme"}},
		{"a suspended project", Question{Subject: "user:ann", Permission: "project.configure", Resource: "project:idle"}, false, "RESOURCE_SUSPENDED", "BILLED", []string{"project:idle", "account:acme"}},
		{"reading a suspended project", Question{Subject: "user:ann", Permission: "number.read", Resource: "project:idle"}, true, "ALLOWED", "BILLED", []string{"project:idle", "account:acme"}},
		{"resuming a suspended project", Question{Subject: "user:ann", Permission: "project.resume", Resource: "project:idle"}, true, "ALLOWED", "BILLED", []string{"project:idle", "account:acme"}},
		{"a product's resuming", Question{Subject: "user:ann", Permission: "number.resume", Resource: "project:idle"}, false, "RESOURCE_SUSPENDED", "BILLED", []string{"project:idle", "account:acme"}},
		{"resuming without a right", Question{Subject: "user:bob", Permission: "project.resume", Resource: "project:idle"}, false, "NO_BINDING", "BILLED", []string{"project:idle", "account:acme"}},
		{"a suspended payer", Question{Subject: "user:ann", Permission: "number.update", Resource: "project:debtor"}, true, "ALLOWED", "BILLED", []string{"project:debtor", "account:acme"}},
		{"a suspended payer, and somebody must pay", Question{Subject: "user:ann", Permission: "number.update", Resource: "project:debtor", RequireBilling: true}, false, "BILLING_SUSPENDED", "BILLED", []string{"project:debtor", "account:acme"}},
		{"no such resource", Question{Subject: "user:ann", Permission: "number.read", Resource: "number:9"}, false, "RESOURCE_NOT_FOUND", "RESOURCE_NOT_FOUND", nil},
		{"another account", Question{Subject: "user:ann", Permission: "account.read", Resource: "account:other"}, false, "RESOURCE_NOT_FOUND", "RESOURCE_NOT_FOUND", nil},
		{"a billing account pays for itself", Question{Subject: "user:ann", Permission: "billing_account.read", Resource: "billing_account:main"}, true, "ALLOWED", "BILLED", []string{"billing_account:main", "account:acme"}},
		{"the wrong parent", Question{Subject: "user:ann", Permission: "number.read", Resource: "number:1", Parent: "project:lab"}, false, "PARENT_MISMATCH", "RESOURCE_NOT_FOUND", nil},
		{"the right parent", Question{Subject: "user:ann", Permission: "number.read", Resource: "number:1", Parent: "project:web"}, true, "ALLOWED", "BILLED", []string{"number:1", "project:web", "account:acme"}},
		{"unregistered, without a parent", Question{Subject: "user:ann", Permission: "message.read", Resource: "message:1"}, false, "PARENT_REQUIRED", "RESOURCE_NOT_FOUND", nil},
		{"unregistered, with one", Question{Subject: "user:ann", Permission: "message.read", Resource: "message:1", Parent: "subproject:open"}, true, "ALLOWED", "BILLED", []string{"message:1", "subproject:open", "project:web", "account:acme"}},
		{"unregistered, in no container", Question{Subject: "user:ann", Permission: "message.read", Resource: "message:1", Parent: "account:acme"}, false, "PARENT_NOT_FOUND", "RESOURCE_NOT_FOUND", nil},
		{"a key, with its sponsor", Question{Subject: "key:k1", Permission: "number.update", Resource: "number:1"}, true, "ALLOWED", "BILLED", []string{"number:1", "project:web", "account:acme"}},
		{"a key, without its sponsor", Question{Subject: "key:k1", Permission: "project.configure", Resource: "project:web"}, false, "SPONSOR_LACKS_PERMISSION", "BILLED", []string{"project:web", "account:acme"}},
		{"a key whose sponsor is denied", Question{Subject: "key:k1", Permission: "number.read", Resource: "number:2"}, false, "SPONSOR_LACKS_PERMISSION", "BILLED", []string{"number:2", "subproject:secret", "project:web", "account:acme"}},
		{"a key beside what it belongs to", Question{Subject: "key:k1", Permission: "project.read", Resource: "project:lab"}, false, "KEY_OUT_OF_REACH", "NO_BILLING_LINK", []string{"project:lab", "account:acme"}},
		{"a key above what it belongs to", Question{Subject: "key:k1", Permission: "account.read", Resource: "account:acme"}, false, "KEY_OUT_OF_REACH", "NOT_BILLABLE", []string{"account:acme"}},
		{"a key at its end", Question{Subject: "key:k1", Permission: "number.read", Resource: "project:web", At: 100}, false, "KEY_EXPIRED", "BILLED", []string{"project:web", "account:acme"}},
		{"a disabled key", Question{Subject: "key:k2", Permission: "number.read", Resource: "subproject:open"}, false, "KEY_DISABLED", "BILLED", []string{"subproject:open", "project:web", "account:acme"}},
		{"a key without a sponsor", Question{Subject: "key:k3", Permission: "number.read", Resource: "project:web"}, false, "SPONSOR_MISSING", "BILLED", []string{"project:web", "account:acme"}},
		{"a key that is not there", Question{Subject: "key:none", Permission: "number.read", Resource: "project:web"}, false, "KEY_NOT_FOUND", "BILLED", []string{"project:web", "account:acme"}},
		{"a secret", Question{Subject: "key:k1", Permission: "number.read", Resource: "project:web", Secret: "new", Source: "192.0.2.7"}, true, "ALLOWED", "BILLED", []string{"project:web", "account:acme"}},
		{"a secret, the address written as IPv6", Question{Subject: "key:k1", Permission: "number.read", Resource: "project:web", Secret: "new", Source: "::ffff:192.0.2.7"}, true, "ALLOWED", "BILLED", []string{"project:web", "account:acme"}},
		{"an old secret in the overlap", Question{Subject: "key:k1", Permission: "number.read", Resource: "project:web", Secret: "old", Source: "192.0.2.7", At: 49}, true, "ALLOWED", "BILLED", []string{"project:web", "account:acme"}},
		{"an old secret", Question{Subject: "key:k1", Permission: "number.read", Resource: "project:web", Secret: "old", Source: "192.0.2.7", At: 50}, false, "KEY_NOT_FOUND", "RESOURCE_NOT_FOUND", nil},
		{"another key's secret", Question{Subject: "key:k1", Permission: "number.read", Resource: "project:web", Secret: "s3"}, false, "KEY_NOT_FOUND", "RESOURCE_NOT_FOUND", nil},
		{"a secret from elsewhere", Question{Subject: "key:k1", Permission: "number.read", Resource: "project:web", Secret: "new", Source: "198.51.100.1"}, false, "ADDRESS_BLOCKED", "RESOURCE_NOT_FOUND", nil},
		{"a secret from nobody knows where", Question{Subject: "key:k1", Permission: "number.read", Resource: "project:web", Secret: "new"}, false, "ADDRESS_BLOCKED", "RESOURCE_NOT_FOUND", nil},
		{"a disabled key's secret", Question{Subject: "key:k2", Permission: "number.read", Resource: "nothing:1", Secret: "s2"}, false, "KEY_DISABLED", "RESOURCE_NOT_FOUND", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := Decide(small(), c.q)
			if a.Allowed != c.allowed || a.Code != c.code || a.Billing != c.billing || !slices.Equal(a.Path, c.path) {
				t.Errorf("got %+v", a)
			}
		})
	}
}

func TestHasEffectiveOwner(t *testing.T) {
	w := small()
	if !HasEffectiveOwner(w) {
		t.Error("ann owns the account")
	}
	w.Bindings = append(w.Bindings, Binding{ID: "b5", Subject: "user:ann", Role: "instances", Scope: "account:acme", Effect: "deny", Until: 1})
	if HasEffectiveOwner(w) {
		t.Error("a deny at the account reaches ann, at some time")
	}
}
