package oracle

import "strings"

// Question is what is asked, and as of when.
type Question struct {
	Subject    string // "user:id", "service:id" or "key:id"
	Permission string // "type.action"
	Resource   string // "type:id"
	Parent     string // "type:id", or "" for not named
	At         int64  // microseconds since 1970

	// RequireBilling denies what nobody pays for.
	RequireBilling bool

	// Secret is what somebody shows who claims to be the Subject, a key; "" if
	// nothing was shown, and the subject only named. Source is the address
	// that it was shown from; "" if that is not known.
	Secret, Source string
}

// Answer is what must be answered.
type Answer struct {
	Allowed bool
	Code    string // the reason of the decision
	Billing string // BILLED, or why nobody pays
	Payer   string // the billing account that pays; "" for nobody
	Project string // the project through which it pays; may be ""
	// PayerSuspended says that the billing account that pays is suspended.
	PayerSuspended bool
	Path           []string // the resource and its ancestors, nearest first

	// Policy is the decision before the state of nodes and billing come in:
	// what Casbin is asked. Deciders are the IDs of the bindings that any
	// explanation of it has to choose from.
	Policy   bool
	Deciders []string

	// Sponsor is whose rights were asked for beside those of the key that
	// asks; "" if none were. SponsorPolicy is what Casbin is asked of it.
	Sponsor       string
	SponsorPolicy bool
}

// Decide answers one question about a world.
func Decide(w *World, q Question) Answer {
	if q.Secret != "" {
		if problem := refusesSecret(w, q); problem != "" {
			return Answer{Code: problem, Billing: "RESOURCE_NOT_FOUND"}
		}
	}
	path, problem := pathOf(w, q.Resource, q.Parent)
	if problem != "" {
		return Answer{Code: problem, Billing: "RESOURCE_NOT_FOUND"}
	}
	a := Answer{Path: path}
	a.Billing, a.Payer, a.Project = whoPays(w, path)
	if a.Payer != "" {
		payer := stateOf(w, "billing_account:"+a.Payer)
		a.PayerSuspended = payer.Suspended || payer.SuspendedByOperator
	}

	allowing, denying := sayOf(w, q, path)
	a.Policy = len(allowing) > 0 && len(denying) == 0
	a.Deciders = denying
	if len(denying) == 0 {
		a.Deciders = allowing
	}

	problem = keyLacks(w, q, path)
	if problem == "" {
		problem = standsInTheWay(w, path, q.Permission)
	}
	if problem == "" && a.Policy {
		a.Sponsor, a.SponsorPolicy = ofSponsor(w, q, path)
	}
	switch {
	case problem != "":
		a.Code = problem
	case len(denying) > 0:
		a.Code = "DENIED_BY_BINDING"
	case len(allowing) == 0:
		a.Code = "NO_BINDING"
	case a.Sponsor != "" && !a.SponsorPolicy:
		a.Code = "SPONSOR_LACKS_PERMISSION"
	case q.RequireBilling && a.Payer == "":
		a.Code = "UNBILLED"
	case q.RequireBilling && a.PayerSuspended:
		a.Code = "BILLING_SUSPENDED"
	default:
		a.Allowed, a.Code = true, "ALLOWED"
	}
	return a
}

// sayOf is which bindings have a say in a question: those that allow it, and
// those that deny it.
func sayOf(w *World, q Question, path []string) (allowing, denying []string) {
	for _, b := range w.Bindings {
		if !applies(w, b, q, path) {
			continue
		}
		if b.Effect == "deny" {
			denying = append(denying, b.ID)
		} else {
			allowing = append(allowing, b.ID)
		}
	}
	return allowing, denying
}

// applies reports whether a binding has a say in a question: it is to the
// subject or to a group that the subject is in, on a node of the path, holds
// at the instant, and its role has the permission.
func applies(w *World, b Binding, q Question, path []string) bool {
	if !isOrIsIn(w, q.Subject, b.Subject) {
		return false
	}
	onPath := false
	for _, node := range path {
		if node == b.Scope {
			onPath = true
		}
	}
	if !onPath {
		return false
	}
	if q.At < b.From {
		return false
	}
	if b.Until != 0 && q.At >= b.Until {
		return false
	}
	return hasPermission(w, b.Role, q.Permission)
}

// isOrIsIn reports whether a subject is another, or is in it, at any
// distance, if that is a group. A group has no cycles: none is ever written.
func isOrIsIn(w *World, subject, other string) bool {
	if subject == other {
		return true
	}
	for _, g := range w.Groups {
		if "group:"+g.ID != other {
			continue
		}
		for _, member := range g.Members {
			if isOrIsIn(w, subject, member) {
				return true
			}
		}
	}
	return false
}

// hasPermission reports whether a role has a permission by any of its
// patterns.
func hasPermission(w *World, role, permission string) bool {
	for _, r := range w.Roles {
		if r.ID != role {
			continue
		}
		for _, pattern := range r.Permissions {
			if matches(pattern, permission) {
				return true
			}
		}
	}
	return false
}

// matches compares half by half; a half of the pattern that is * takes any.
func matches(pattern, permission string) bool {
	patternType, patternAction := halves(pattern)
	typ, action := halves(permission)
	return (patternType == "*" || patternType == typ) && (patternAction == "*" || patternAction == action)
}

// halves splits a permission at its last dot.
func halves(permission string) (typ, action string) {
	dot := strings.LastIndex(permission, ".")
	return permission[:dot], permission[dot+1:]
}

// HasEffectiveOwner reports whether some user is bound to owner at the
// account directly, always, and is reached by no deny at the account, now or
// at any other time.
func HasEffectiveOwner(w *World) bool {
	for _, b := range w.Bindings {
		if b.Role == "owner" && b.Scope == "account:"+w.Account && b.Effect == "allow" &&
			b.From == 0 && b.Until == 0 && strings.HasPrefix(b.Subject, "user:") && !deniedAtAccount(w, b.Subject) {
			return true
		}
	}
	return false
}

func deniedAtAccount(w *World, subject string) bool {
	for _, b := range w.Bindings {
		if b.Effect == "deny" && b.Scope == "account:"+w.Account && isOrIsIn(w, subject, b.Subject) {
			return true
		}
	}
	return false
}
