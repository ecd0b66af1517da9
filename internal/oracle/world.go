// Package oracle answers as Tollgate must, by brute force: it reads the rules
// of the account model word by word, looks at everything for every question,
// and remembers nothing. Tests hold the product to it.
//
// It shares no line with the product and imports nothing but the standard
// library, so that the two cannot be wrong together by sharing a mistake.
// Slowness is no concern here. Whoever makes a rule faster or shorter here
// takes its worth away.
package oracle

// World is one account as plain data. Identifiers are bare where the field
// says the type, and "type:id" where any type can stand.
type World struct {
	Account         string
	State           State // of the account itself
	BillingAccounts []BillingAccount
	Projects        []Project
	Subprojects     []Subproject
	Resources       []Resource
	Roles           []Role // the predefined ones among them
	Groups          []Group
	Keys            []Key
	Bindings        []Binding

	// Unregistered are the types of resource whose container is named in the
	// question, because they are too numerous to register.
	Unregistered []string
}

// State is what has been done to a node that keeps it from being used.
type State struct {
	Suspended           bool // by the customer
	SuspendedByOperator bool
	Deleted             bool
}

// BillingAccount is a billing account of the account.
type BillingAccount struct {
	ID string
	State
}

// Project is a project, and the billing account that pays for it; "" for
// none.
type Project struct {
	ID    string
	Payer string
	State
}

// Subproject is a subproject of a project.
type Subproject struct {
	ID      string
	Project string
	State
}

// Resource is a registered resource of a product.
type Resource struct {
	ID     string // "type:id"
	Parent string // "project:id" or "subproject:id"
}

// Role is a named set of patterns.
type Role struct {
	ID          string
	Permissions []string
}

// Group is a set of subjects: "user:id", "service:id" and "group:id".
type Group struct {
	ID      string
	Members []string
}

// Key is an API key: a subject that belongs to a project or a subproject, with
// the secrets by which whoever presents one is known to be it.
type Key struct {
	ID       string
	Parent   string // "project:id" or "subproject:id"
	Sponsor  string // "user:id" or "service:id"; "" for nobody
	Disabled bool
	Until    int64 // when it ends, in microseconds since 1970; 0 for never
	Secrets  []Secret
	Sources  []string // networks that it may be used from; none for all
}

// Secret is a secret of a key, as its holder has it.
type Secret struct {
	Text  string
	Until int64 // when it is no longer accepted; 0 for as long as the key
}

// Binding gives a subject a role on a scope.
type Binding struct {
	ID      string
	Subject string // "type:id"
	Role    string
	Scope   string // "type:id"
	Effect  string // "allow" or "deny"
	// It holds from From until, and not including, Until, in microseconds
	// since 1970; 0 leaves that end open.
	From, Until int64
}
