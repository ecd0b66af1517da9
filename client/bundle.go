package client

import (
	"encoding/json"
	"time"
)

// Bundle is one whole account in the form in which it is imported and
// exported. IDs are bare where the field says the type, and "type:id" where
// any type can stand.
type Bundle struct {
	Account         BundleAccount          `json:"account"`
	Roles           []BundleRole           `json:"roles,omitempty"`
	Groups          []BundleGroup          `json:"groups,omitempty"`
	BillingAccounts []BundleBillingAccount `json:"billing_accounts,omitempty"`
	Projects        []BundleProject        `json:"projects,omitempty"`
	Subprojects     []BundleSubproject     `json:"subprojects,omitempty"`
	Resources       []BundleResource       `json:"resources,omitempty"`
	Bindings        []BundleBinding        `json:"bindings,omitempty"`
}

// Info is what every node may carry for people and programs.
type Info struct {
	DisplayName string            `json:"display_name,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
}

// BundleAccount is the account of a bundle.
type BundleAccount struct {
	ID string `json:"id"`
	Info
	Suspension
}

// Suspension says whether a node is suspended, and by whom.
type Suspension struct {
	Suspended           bool `json:"suspended,omitempty"` // by the customer
	SuspendedByOperator bool `json:"suspended_by_operator,omitempty"`
}

// BundleRole is a custom role of a bundle.
type BundleRole struct {
	ID          string   `json:"id"`
	DisplayName string   `json:"display_name,omitempty"`
	Description string   `json:"description,omitempty"`
	Permissions []string `json:"permissions"`
}

// BundleGroup is a group of a bundle, with its direct members.
type BundleGroup struct {
	ID          string   `json:"id"`
	DisplayName string   `json:"display_name,omitempty"`
	Description string   `json:"description,omitempty"`
	Members     []string `json:"members"`
}

// PostalAddress is where invoices go.
type PostalAddress struct {
	Lines      []string `json:"lines,omitempty"`
	PostalCode string   `json:"postal_code,omitempty"`
	City       string   `json:"city,omitempty"`
	Region     string   `json:"region,omitempty"`
	Country    string   `json:"country,omitempty"` // ISO 3166-1 alpha-2
}

// BillingAccount is what a billing account says of itself. Mode, "prepaid" or
// "postpaid", and Currency, of ISO 4217, are required.
type BillingAccount struct {
	Info
	Mode          string         `json:"mode"`
	Currency      string         `json:"currency"`
	Name          string         `json:"name,omitempty"`
	PostalAddress *PostalAddress `json:"postal_address,omitempty"`
	TaxID         string         `json:"tax_id,omitempty"`
}

// BundleBillingAccount is a billing account of a bundle.
type BundleBillingAccount struct {
	ID string `json:"id"`
	BillingAccount
	Suspension
}

// BundleProject is a project of a bundle, and who pays for it.
type BundleProject struct {
	ID string `json:"id"`
	Info
	Suspension
	BillingAccount string `json:"billing_account,omitempty"`
}

// BundleSubproject is a subproject of a bundle.
type BundleSubproject struct {
	ID      string `json:"id"`
	Project string `json:"project"`
	Info
	Suspension
}

// BundleResource is a product's resource of a bundle.
type BundleResource struct {
	Type       string            `json:"type"`
	ID         string            `json:"id"`
	Parent     string            `json:"parent"`
	Properties json.RawMessage   `json:"properties,omitempty"` // an object
	Labels     map[string]string `json:"labels,omitempty"`
}

// BundleBinding is a binding of a bundle.
type BundleBinding struct {
	Subject   string     `json:"subject"`
	Role      string     `json:"role"`
	Scope     string     `json:"scope"`
	Effect    string     `json:"effect,omitempty"` // "allow" by default, or "deny"
	NotBefore *time.Time `json:"not_before,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}
