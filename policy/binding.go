package policy

import (
	"slices"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Effect says whether a binding allows or denies its role's permissions.
type Effect string

// The effects. Deny wins, at every level of the path together.
const (
	Allow Effect = "allow"
	Deny  Effect = "deny"
)

// Binding gives a subject a role on a scope, and on everything below it (M19).
type Binding struct {
	Subject hierarchy.Ref `json:"subject"` // a user, a service, a group or an API key
	Role    string        `json:"role"`    // the bare ID
	Scope   hierarchy.Ref `json:"scope"`   // the node where it holds
	Effect  Effect        `json:"effect"`
	Window
}

// Window is when something holds: from NotBefore until, and not including,
// ExpiresAt, in microseconds since 1970. Zero leaves that end open.
type Window struct {
	NotBefore int64 `json:"not_before,omitempty"`
	ExpiresAt int64 `json:"expires_at,omitempty"`
}

// Holds reports whether the window includes the instant at.
func (w Window) Holds(at int64) bool {
	return at >= w.NotBefore && (w.ExpiresAt == 0 || at < w.ExpiresAt)
}

// The times that RFC 3339 can write, in microseconds since 1970.
const (
	minTime = -62_135_596_800_000_000 // 0001-01-01T00:00:00Z
	maxTime = 253_402_300_799_999_999 // 9999-12-31T23:59:59.999999Z
)

// Check applies the rules of bindings that need no account to be known, or
// returns a *hierarchy.Error of KindInvalid.
func (b *Binding) Check() error {
	if err := CheckSubject(b.Subject); err != nil {
		return err
	}
	if err := (hierarchy.Ref{Type: hierarchy.TypeRole, ID: b.Role}).Check(); err != nil {
		return err
	}
	if err := b.Scope.Check(); err != nil {
		return err
	}
	if b.Effect != Allow && b.Effect != Deny {
		return hierarchy.Invalid("EFFECT_INVALID", "effect", "must be allow or deny")
	}
	if b.NotBefore > maxTime || b.ExpiresAt > maxTime || b.NotBefore < minTime || b.ExpiresAt < minTime {
		return hierarchy.Invalid("WINDOW_INVALID", "", "the times of a binding lie in the years 1 to 9999, in UTC")
	}
	if b.ExpiresAt != 0 && b.ExpiresAt <= b.NotBefore {
		return hierarchy.Invalid("WINDOW_INVALID", "expires_at", "must be after not_before")
	}
	return nil
}

// subjectTypes are the types that a binding or a group can name.
var subjectTypes = []string{hierarchy.TypeUser, hierarchy.TypeService, hierarchy.TypeGroup, hierarchy.TypeKey}

// CheckSubject refuses what a binding cannot name.
func CheckSubject(r hierarchy.Ref) error {
	if err := r.Check(); err != nil {
		return err
	}
	if !slices.Contains(subjectTypes, r.Type) {
		return hierarchy.Invalid("SUBJECT_INVALID", "", "%q is neither a user, a service, a group nor an API key", r)
	}
	return nil
}

// CheckMember refuses what cannot be in a group. A key belongs to none: what
// it may do stands in its own bindings.
func CheckMember(r hierarchy.Ref) error {
	if err := CheckSubject(r); err != nil {
		return err
	}
	if r.Type == hierarchy.TypeKey {
		return hierarchy.Invalid("SUBJECT_INVALID", "", "%q is an API key, which cannot be in a group; bind a role to it", r)
	}
	return nil
}

// CheckActor refuses what cannot act: a group never acts itself.
func CheckActor(r hierarchy.Ref) error {
	if err := r.Check(); err != nil {
		return err
	}
	if r.Type != hierarchy.TypeUser && r.Type != hierarchy.TypeService && r.Type != hierarchy.TypeKey {
		return hierarchy.Invalid("SUBJECT_INVALID", "", "%q cannot act; a subject is a user, a service or an API key", r)
	}
	return nil
}

// MaxGroupNesting is how many groups may stand inside one another: a member
// of the innermost of this many is a member of the outermost. Casbin answers
// a silent deny beyond ten hops.
const MaxGroupNesting = 8

// Group is a named set of subjects of one account. Its members are records
// of their own.
type Group struct {
	DisplayName string `json:"display_name,omitempty"`
	Description string `json:"description,omitempty"`
}

// Check applies the limits of a group's text, or returns a *hierarchy.Error
// of KindInvalid.
func (g *Group) Check() error {
	if err := hierarchy.CheckText("display_name", g.DisplayName, hierarchy.MaxDisplayName); err != nil {
		return err
	}
	return hierarchy.CheckText("description", g.Description, MaxDescription)
}
