package policy

import (
	"strings"
	"unicode"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Any stands for every type or every action in a Pattern.
const Any = "*"

// Permission is one thing that may be done, "type.action". It splits at its
// last dot: compute.instances.get is the action get on compute.instances.
type Permission struct{ Type, Action string }

func (p Permission) String() string { return p.Type + "." + p.Action }

// ParsePermission reads a permission as a request names it. A wildcard is
// refused: wildcards stand in roles, never in requests. It does not allocate
// for a good permission.
func ParsePermission(s string) (Permission, error) {
	p, err := split(s)
	if err == nil && strings.IndexByte(s, Any[0]) >= 0 {
		return Permission{}, hierarchy.Invalid("PERMISSION_WILDCARD", "permission", "%q has a wildcard; wildcards stand in roles, a request names one permission", s)
	}
	return p, err
}

// ParseProbe is ParsePermission, prepared for roles.
func ParseProbe(s string) (Probe, error) {
	p, err := ParsePermission(s)
	if err != nil {
		return Probe{}, err
	}
	return probeOf(s, p), nil
}

// Pattern is a permission in a role; either half may be Any.
type Pattern = Permission

// ParsePattern reads a pattern. Each half is exact or "*", nothing between.
func ParsePattern(s string) (Pattern, error) {
	p, err := split(s)
	if err != nil {
		return Pattern{}, err
	}
	for _, half := range [...]string{p.Type, p.Action} {
		if half != Any && strings.Contains(half, Any) {
			return Pattern{}, hierarchy.Invalid("PERMISSION_INVALID", "permissions", "%q: each half of a pattern is exact or *, as in number.*, *.read and *.*", s)
		}
	}
	return p, nil
}

func split(s string) (Permission, error) {
	dot, plain := scan(s)
	why := ""
	switch {
	case len(s) > hierarchy.MaxIdentifier:
		return Permission{}, hierarchy.Invalid("PERMISSION_INVALID", "permission", "a permission has at most %d bytes", hierarchy.MaxIdentifier)
	case !plain && (strings.ContainsFunc(s, unicode.IsSpace) || hierarchy.TextFlaw(s) != ""):
		return Permission{}, hierarchy.Invalid("PERMISSION_INVALID", "permission", "a permission is type.action, such as number.update, without white space, control characters, commas or dollar signs")
	case dot < 0:
		why = "has no dot"
	case dot == 0 || dot == len(s)-1 || s[dot-1] == '.':
		why = "has an empty half"
	}
	if why != "" {
		return Permission{}, hierarchy.Invalid("PERMISSION_INVALID", "permission", "%.64q %s; a permission is type.action, such as number.update", s, why)
	}
	return Permission{s[:dot], s[dot+1:]}, nil
}

// scan finds the last dot, and whether s has nothing but letters, digits and
// the signs that permissions are commonly made of.
func scan(s string) (dot int, plain bool) {
	dot, plain = -1, true
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			dot = i
		case c|0x20 >= 'a' && c|0x20 <= 'z', c >= '0' && c <= '9', c == '_', c == '-':
		default:
			plain = false
		}
	}
	return dot, plain
}

// Covers reports whether whoever holds a pattern holds all that another one
// stands for.
func Covers(held, other Pattern) bool {
	return (held.Type == Any || held.Type == other.Type) && (held.Action == Any || held.Action == other.Action)
}

// Meets reports whether two patterns have a permission in common.
func Meets(one, other Pattern) bool {
	return (one.Type == Any || other.Type == Any || one.Type == other.Type) &&
		(one.Action == Any || other.Action == Any || one.Action == other.Action)
}
