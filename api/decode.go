package api

import (
	"errors"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// question is a check or a billing owner's request as it stands on the wire.
type question struct {
	authz.Request
	explain   bool
	at        string // of a billing owner; "" for now
	freshness string // as it was written
	apiKey    string // of a proxy's request, and so are the rest
	sourceIP  string
	method    string
	path      string
	host      string
}

// shape is which fields a question has on the wire, and which it must have.
type shape struct {
	known    []string
	required []string
}

var (
	checkShape = shape{
		known:    []string{"subject", "permission", "resource", "account", "parent", "at_least", "freshness", "require_billing", "explain"},
		required: []string{"subject", "permission", "resource"},
	}
	authorizeShape = shape{
		known: []string{"method", "path", "host", "permission", "resource", "api_key", "subject", "account", "parent", "at_least", "freshness", "require_billing", "source_ip"},
	}
	billingShape = shape{
		known:    []string{"resource", "account", "parent", "at_least", "freshness", "at"},
		required: []string{"resource"},
	}
)

// text is where a field's text goes, nil for a field that has none.
func (q *question) text(name []byte) *string {
	switch string(name) {
	case "subject":
		return &q.Subject
	case "permission":
		return &q.Permission
	case "resource":
		return &q.Resource
	case "account":
		return &q.Account
	case "parent":
		return &q.Parent
	case "at_least":
		return &q.AtLeast
	case "freshness":
		return &q.freshness
	case "at":
		return &q.at
	case "api_key":
		return &q.apiKey
	case "source_ip":
		return &q.sourceIP
	case "method":
		return &q.method
	case "path":
		return &q.path
	case "host":
		return &q.host
	}
	return nil
}

// flag is where a field that is true or false goes.
func (q *question) flag(name []byte) *bool {
	if string(name) == "explain" {
		return &q.explain
	}
	return &q.RequireBilling
}

// question reads one question. The first error is that of the question, which
// was passed over whole; the second that of the body, which is not JSON.
func (s *scanner) question(q *question, of *shape) (wrong, broken error) {
	if s.peek() != '{' {
		return hierarchy.Invalid("FIELD_INVALID", "", "must be an object"), s.value(1)
	}
	var seen uint
	broken = s.members(func(name []byte) error {
		i := of.index(name)
		switch {
		case i < 0:
			wrong = first(wrong, hierarchy.Invalid("FIELD_UNKNOWN", show(string(name)), "is not a field here%s", known(of.known)))
		case seen&(1<<i) != 0:
			wrong = first(wrong, hierarchy.Invalid("FIELD_INVALID", string(name), "stands twice"))
		default:
			seen |= 1 << i
			return s.field(q, name, &wrong)
		}
		return s.value(1)
	})
	for i, name := range of.known {
		if seen&(1<<i) == 0 && i < len(of.required) {
			wrong = first(wrong, hierarchy.Invalid("FIELD_REQUIRED", name, "is required"))
		}
	}
	return wrong, broken
}

// field reads the value of one known field.
func (s *scanner) field(q *question, name []byte, wrong *error) error {
	to := q.text(name)
	switch c := s.peek(); {
	case to != nil && c == '"':
		text, err := s.str()
		if *to = string(text); err == nil && *to == "" {
			*wrong = first(*wrong, hierarchy.Invalid("FIELD_INVALID", string(name), "must not be empty"))
		}
		switch to {
		case &q.at:
			*wrong = first(*wrong, checkInstant(string(name), q.at))
		case &q.freshness:
			q.Full = q.freshness == "full"
			if !q.Full && q.freshness != "fast" {
				*wrong = first(*wrong, hierarchy.Invalid("FIELD_INVALID", string(name), "must be fast or full"))
			}
		}
		return err
	case to == nil && (c == 't' || c == 'f'):
		*q.flag(name) = c == 't'
	case to != nil:
		*wrong = first(*wrong, hierarchy.Invalid("FIELD_INVALID", string(name), "must be a string"))
	default:
		*wrong = first(*wrong, hierarchy.Invalid("FIELD_INVALID", string(name), "must be true or false"))
	}
	return s.value(1)
}

func (of *shape) index(name []byte) int {
	for i, k := range of.known {
		if string(name) == k {
			return i
		}
	}
	return -1
}

// first keeps the first of several errors.
func first(one, two error) error {
	if one != nil {
		return one
	}
	return two
}

// readQuestion reads a body that is one question.
func readQuestion(body []byte, q *question, of *shape) error {
	s := scanner{text: body}
	wrong, broken := s.question(q, of)
	if broken == nil {
		broken = s.end()
	}
	if broken == nil && wrong != nil {
		var known *hierarchy.Error
		if errors.As(wrong, &known) && known.Field == "" {
			return hierarchy.Invalid("BODY_INVALID", "", "the body must be an object")
		}
	}
	return first(broken, wrong)
}

// checkAsked refuses a proxy's request that does not say what it asks for, or
// says it in both ways: by the request that the proxy holds, and by name.
func (q *question) checkAsked() error {
	byName := q.Permission != "" || q.Resource != ""
	byPath := q.method != "" || q.path != "" || q.host != ""
	switch {
	case byName && byPath:
		return hierarchy.Invalid("FIELD_INVALID", "permission", "a request is asked about by method, path and host, or by permission and resource, not by both")
	case !byName && q.method == "":
		return hierarchy.Invalid("FIELD_REQUIRED", "method", "is required, with path; or permission and resource are")
	case !byName && q.path == "":
		return hierarchy.Invalid("FIELD_REQUIRED", "path", "is required, with method")
	case byName && q.Permission == "":
		return hierarchy.Invalid("FIELD_REQUIRED", "permission", "is required, with resource")
	case byName && q.Resource == "":
		return hierarchy.Invalid("FIELD_REQUIRED", "resource", "is required, with permission")
	}
	return nil
}
