package hierarchy

import "fmt"

// Kind says what sort of thing went wrong, and with that who can mend it.
type Kind uint8

// The kinds of error. The API gives each one status.
const (
	KindInvalid       Kind = iota + 1 // the request is wrong, and will stay wrong
	KindForbidden                     // the actor may see the node, and may not do this to it
	KindNotFound                      // there is no such thing, or none that the actor may know of
	KindConflict                      // the state of the account stands in the way
	KindTooLarge                      // over a limit that is documented
	KindUnavailable                   // the store cannot be reached; try again
	KindLost                          // what the caller holds was lost or is too old: read again
	KindPrecondition                  // the caller's If-Match does not hold
	KindUnprocessable                 // the request contradicts one that was made before
)

// Error is an error that a caller may see: a stable reason, in upper snake
// case, for programs, and a sentence for people that says what was wrong and
// how to put it right. It never carries a secret. Any other error is internal.
type Error struct {
	Kind   Kind
	Reason string
	Field  string // the field at fault, as the request spells it; may be empty
	Detail string
}

func (e *Error) Error() string {
	if e.Field != "" {
		return e.Field + ": " + e.Detail
	}
	return e.Detail
}

// In returns a copy of e with field set before the field that e names.
func (e *Error) In(field string) *Error {
	c := *e
	if c.Field == "" || field == "" {
		c.Field = field + c.Field
	} else {
		c.Field = field + "." + c.Field
	}
	return &c
}

// Invalid is an error in what was asked.
func Invalid(reason, field, format string, args ...any) *Error {
	return &Error{KindInvalid, reason, field, fmt.Sprintf(format, args...)}
}

// Conflict is an error of state: the same request may succeed later.
func Conflict(reason, format string, args ...any) *Error {
	return &Error{KindConflict, reason, "", fmt.Sprintf(format, args...)}
}

// NotFound says that there is no such thing. It says the same of what does not
// exist and of what the actor may not know of.
func NotFound(what Ref) *Error {
	return &Error{KindNotFound, "NOT_FOUND", "", fmt.Sprintf("%s does not exist, or is not visible to you", what)}
}
