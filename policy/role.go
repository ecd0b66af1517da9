package policy

import (
	"slices"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Limits of one role and one account.
const (
	MaxRolePermissions = 16_384
	MaxDescription     = 1024
)

// Role is a named set of permission patterns. It holds permissions only:
// whether they are allowed or denied is the binding's.
type Role struct {
	DisplayName string   `json:"display_name,omitempty"`
	Description string   `json:"description,omitempty"`
	Permissions []string `json:"permissions"`
}

// Check applies the rules of roles, or returns a *hierarchy.Error of
// KindInvalid.
func (r *Role) Check() error {
	if len(r.Permissions) > MaxRolePermissions {
		return hierarchy.Invalid("ROLE_TOO_LARGE", "permissions", "has %d permissions; a role holds at most %d", len(r.Permissions), MaxRolePermissions)
	}
	for _, text := range r.Permissions {
		if _, err := ParsePattern(text); err != nil {
			return err
		}
	}
	if err := hierarchy.CheckText("display_name", r.DisplayName, hierarchy.MaxDisplayName); err != nil {
		return err
	}
	return hierarchy.CheckText("description", r.Description, MaxDescription)
}

// Owner is the predefined role that an account must not be left without.
const Owner = "owner"

// PredefinedRole is a role that every account has.
type PredefinedRole struct {
	ID string
	Role
}

// Predefined are the roles that every account has, for the people who run it.
// Tollgate's own nodes share with products only the action read; every
// administrative action is a word of its own, so that a product's *.create,
// *.update or *.delete administers nothing.
var Predefined = []PredefinedRole{
	{Owner, Role{"Owner", "Everything, and the only role that an account cannot be left without.",
		[]string{"*.*"}}},
	{"admin", Role{"Admin", "Runs projects, subprojects, resources and API keys, and does everything with products. Neither access nor billing.",
		[]string{
			"*.read", "*.list", "*.get", "*.create", "*.update", "*.delete", "*.use",
			"account.configure", "project.open", "project.configure", "project.close", "project.suspend", "project.resume", "project.restore",
			"subproject.*", "resource.*", "key.*", "binding.inspect", "role.inspect", "group.inspect", "log.inspect", "policy.export",
		}}},
	{"editor", Role{"Editor", "Uses products and changes their resources. Administers nothing.",
		[]string{"*.read", "*.list", "*.get", "*.create", "*.update", "*.delete", "*.use"}}},
	{"viewer", Role{"Viewer", "Sees projects, with the billing account that pays for each, subprojects and product resources. Neither bindings nor billing accounts.",
		[]string{"*.read", "*.list", "*.get"}}},
	{"provisioner", Role{"Provisioner", "Opens and closes subprojects and registers resources: for the program of a provider that serves its own customers.",
		[]string{"project.read", "subproject.*", "resource.*"}}},
	{"access-admin", Role{"Access admin", "Gives and takes roles, and keeps groups, custom roles and API keys.",
		[]string{"account.read", "project.read", "subproject.read", "binding.*", "role.*", "group.*", "key.*", "log.inspect", "policy.export"}}},
	{"gateway", Role{"Gateway", "Asks what others may do, and who pays: for the services and proxies of the platform.",
		[]string{"access.check"}}},
	{"sidecar", Role{"Sidecar", "Reports what a sidecar serves, and when API keys were used there: for sidecars, on the platform.",
		[]string{"replica.report"}}},
	{"billing-admin", Role{"Billing admin", "Keeps billing accounts and says which of them pays for which project.",
		[]string{"account.read", "project.read", "project.link", "billing_account.*"}}},
	{"billing-viewer", Role{"Billing viewer", "Sees billing accounts and which of them pays for which project.",
		[]string{"account.read", "project.read", "billing_account.inspect"}}},
}

// IsPredefined reports whether every account has a role of this ID.
func IsPredefined(role string) bool {
	return slices.ContainsFunc(Predefined, func(p PredefinedRole) bool { return p.ID == role })
}
