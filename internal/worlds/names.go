package worlds

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// awkward are forms of identifiers that are legal and have broken something
// somewhere: separators of URLs, CSV, Redis and Casbin, quotes, prefixes that
// look like another kind's, scripts, combining marks, white space inside.
var awkward = []string{
	"%s/with/slashes", "%s+plus", "%s:with:colons", "st*r%s*", "two words %s", `"%s"`, "it's %s", "#%s", `back\%s`,
	"%s%%2F%%00", "日本%s", "😀%s", "e\u0301%s", "\u00e9%s", "a\u00a0%s", "role:%s", "deny:%s", "p; g %s", "|%s&", "{%s}", "}%s{", "%s@at",
	"..%s", "%s.", "-%s", "<%s>", "A%s", "a%s", "x=%s", "?%s", "`%s`", "(%s)", "%s!", "~%s^", "[%s]",
}

// name makes an identifier of a plain one: the plain one itself, an awkward
// form of it, or, rarely, as long a one as there may be beside a type.
func name(r *rand.Rand, plain string) string {
	switch n := r.IntN(100); {
	case n < 70:
		return plain
	case n < 98:
		return fmt.Sprintf(awkward[r.IntN(len(awkward))], plain)
	default:
		const room = 200 // leaves some for a type, and for "bnd_…@" before an account
		return plain + strings.Repeat("ü", (room-len(plain))/len("ü"))
	}
}

// The types, actions and patterns of worlds. Some types have a dot, a slash
// or another script in them; some begin as others do.
var (
	registered   = []string{"number", "call", "compute.instances", "leg/1", "номер"}
	unregistered = []string{"message"}

	types   = []string{"number", "number", "call", "compute.instances", "compute", "leg/1", "номер", "message", "num", "project", "subproject"}
	actions = []string{"read", "read", "update", "list", "get", "create", "rea", "правка", "resume", "restore"}

	administrative = []string{
		"account.read", "account.configure", "project.read", "project.open", "project.link", "subproject.create",
		"binding.grant", "binding.deny", "role.define", "project.suspend", "project.resume", "project.restore", "subproject.restore", "account.resume", "billing_account.inspect", "billing_account.read", "log.inspect",
	}
)

// pattern makes a pattern that is exact, half wild or wholly wild.
func pattern(r *rand.Rand) string {
	typ, action := pick(r, types), pick(r, actions)
	switch n := r.IntN(20); {
	case n < 4:
		typ = "*"
	case n < 9:
		action = "*"
	case n == 9:
		typ, action = "*", "*"
	}
	return typ + "." + action
}

// permission makes a permission that a pattern holds.
func permission(r *rand.Rand, pattern string) string {
	dot := strings.LastIndexByte(pattern, '.')
	typ, action := pattern[:dot], pattern[dot+1:]
	if typ == "*" {
		typ = pick(r, types)
	}
	if action == "*" {
		action = pick(r, actions)
	}
	return typ + "." + action
}

// anyPermission makes a permission that may be in no role.
func anyPermission(r *rand.Rand) string {
	if r.IntN(4) == 0 {
		return pick(r, administrative)
	}
	return pick(r, types) + "." + pick(r, actions)
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }
