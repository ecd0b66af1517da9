// Package hierarchy has the nodes of an account, their identifiers, and the
// rules of what may stand where. It knows no store, no server and no policy.
//
// An account is a tree of four kinds of node:
//
//	account ── billing account
//	        └─ project ── resource
//	                   └─ subproject ── resource
//
// Every node but the account has exactly one parent (M9). A resource is
// registered by its product's own type and ID (M8). Which billing account
// pays for a project is a link, which package billing keeps.
package hierarchy

import (
	"encoding/json"
	"slices"
	"strings"
)

// Types of the nodes and other things that Tollgate itself keeps. A product
// cannot register resources of these types.
const (
	TypeAccount        = "account"
	TypeBillingAccount = "billing_account"
	TypeProject        = "project"
	TypeSubproject     = "subproject"
	TypeGroup          = "group"
	TypeRole           = "role"
	TypeBinding        = "binding"
	TypeUser           = "user"
	TypeService        = "service"
	TypeKey            = "key"
)

// reserved are the types that no product may register.
var reserved = []string{TypeAccount, TypeBillingAccount, TypeProject, TypeSubproject, TypeGroup, TypeRole, TypeBinding, TypeKey}

// CheckResourceType refuses a type that is Tollgate's own.
func CheckResourceType(typ string) error {
	if IsOwn(typ) {
		return Invalid("TYPE_RESERVED", "type", "%q is a type of Tollgate's own; register resources under a type of your product", typ)
	}
	return nil
}

// Info is what every node may carry for people and programs. It decides
// nothing.
type Info struct {
	DisplayName string            `json:"display_name,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
}

// Account is the root of a customer's hierarchy (M2).
type Account struct {
	Info
	State
	// OperatorManaged accounts need no effective owner: the platform's
	// operators administer them.
	OperatorManaged bool `json:"operator_managed,omitempty"`
}

// Project groups resources, and is a boundary for access, usage and billing
// (M5). Its parent is the account.
type Project struct {
	Info
	State
}

// Subproject is a project inside a project, without billing and without
// subprojects (M6).
type Subproject struct {
	Info
	State
	Project string `json:"project"` // the bare ID of its parent
}

// Resource is a product's own thing, registered under a project or a
// subproject (M8).
type Resource struct {
	Parent     Ref               `json:"parent"`
	Labels     map[string]string `json:"labels,omitempty"`
	Properties json.RawMessage   `json:"properties,omitempty"` // a JSON object, or absent
	// Moved is set once the resource has had another parent.
	Moved bool `json:"moved,omitempty"`
}

// CheckParent refuses a parent of a kind that cannot hold the child (M4, M6,
// M8): resources stand in projects and subprojects, subprojects in projects.
func CheckParent(child, parent string) error {
	ok := parent == TypeProject || (parent == TypeSubproject && child != TypeSubproject)
	if !ok {
		return Invalid("PARENT_INVALID", "parent", "%s cannot stand in %s", withArticle(child), withArticle(parent))
	}
	return nil
}

// withArticle is a type as a sentence has it.
func withArticle(typ string) string {
	if strings.ContainsAny(typ[:min(1, len(typ))], "aeiou") {
		return "an " + typ
	}
	return "a " + typ
}

// MarshalText writes r as "type:id", so that a Ref is a string in JSON.
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads "type:id", under the one rule of identifiers.
func (r *Ref) UnmarshalText(text []byte) error {
	parsed, err := ParseRef(string(text))
	*r = parsed
	return err
}

// IsOwn reports whether a type is one that Tollgate itself keeps.
func IsOwn(typ string) bool { return slices.Contains(reserved, typ) }
