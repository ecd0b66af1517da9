package admin

import (
	"encoding/json"
	"time"

	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// Bundle is one whole account in the form in which it is imported and
// exported. IDs are bare where the field says the type, and "type:id" where
// any type can stand; either is accepted on the way in.
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

// BundleAccount is the account of a bundle.
type BundleAccount struct {
	ID string `json:"id"`
	hierarchy.Info
	BundleState
}

// BundleState says that a node is suspended, and by whom. An import suspends,
// and never resumes.
type BundleState struct {
	Suspended           bool `json:"suspended,omitempty"`
	SuspendedByOperator bool `json:"suspended_by_operator,omitempty"`
}

func (b BundleState) overlay(s *hierarchy.State) {
	s.Suspended = s.Suspended || b.Suspended
	s.SuspendedByOperator = s.SuspendedByOperator || b.SuspendedByOperator
}

func bundleState(s hierarchy.State) BundleState {
	return BundleState{s.Suspended, s.SuspendedByOperator}
}

// BundleRole is a custom role of a bundle.
type BundleRole struct {
	ID string `json:"id"`
	policy.Role
}

// BundleGroup is a group of a bundle, with its direct members.
type BundleGroup struct {
	ID string `json:"id"`
	policy.Group
	Members []hierarchy.Ref `json:"members"`
}

// BundleBillingAccount is a billing account of a bundle.
type BundleBillingAccount struct {
	ID string `json:"id"`
	hierarchy.Info
	BundleState
	Mode          billing.Mode           `json:"mode"`
	Currency      string                 `json:"currency"`
	Name          string                 `json:"name,omitempty"`
	PostalAddress *billing.PostalAddress `json:"postal_address,omitempty"`
	TaxID         string                 `json:"tax_id,omitempty"`
}

// BundleProject is a project of a bundle, and who pays for it.
type BundleProject struct {
	ID string `json:"id"`
	hierarchy.Info
	BundleState
	BillingAccount string `json:"billing_account,omitempty"`
}

// BundleSubproject is a subproject of a bundle.
type BundleSubproject struct {
	ID      string `json:"id"`
	Project string `json:"project"`
	hierarchy.Info
	BundleState
}

// BundleResource is a product resource of a bundle.
type BundleResource struct {
	Type       string            `json:"type"`
	ID         string            `json:"id"`
	Parent     hierarchy.Ref     `json:"parent"`
	Properties json.RawMessage   `json:"properties,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
}

// BundleBinding is a binding of a bundle. It has no ID: two of the same
// content are the same binding.
type BundleBinding struct {
	Subject   hierarchy.Ref `json:"subject"`
	Role      string        `json:"role"`
	Scope     hierarchy.Ref `json:"scope"`
	Effect    policy.Effect `json:"effect,omitempty"` // allow by default
	NotBefore *time.Time    `json:"not_before,omitempty"`
	ExpiresAt *time.Time    `json:"expires_at,omitempty"`
}

// ImportOptions say how a bundle is imported.
type ImportOptions struct {
	// Owner is a user who becomes owner of the account; zero leaves an
	// account that has no owner to the platform's operators.
	Owner hierarchy.Ref
	// DryRun decides everything and writes nothing.
	DryRun bool
}

// Imported is what an import did, or with DryRun would do.
type Imported struct {
	Account         string         // bare ID
	Created         map[string]int // records by kind
	Updated         map[string]int // likewise
	Unchanged       int
	OperatorManaged bool
	Revision        string // a token; "" for a dry run of an account that does not exist
}
