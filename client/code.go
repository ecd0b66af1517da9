package client

import (
	"context"
	"errors"
	"fmt"
)

// The codes of a decision that programs tell apart, in Reason.Code. Only
// CodeAllowed allows. There may come to be others, each of which denies.
const (
	CodeAllowed           = "ALLOWED"
	CodeNoBinding         = "NO_BINDING"
	CodeDeniedByBinding   = "DENIED_BY_BINDING"
	CodeResourceNotFound  = "RESOURCE_NOT_FOUND"
	CodeResourceDeleted   = "RESOURCE_DELETED"
	CodeResourceSuspended = "RESOURCE_SUSPENDED"
	CodeParentRequired    = "PARENT_REQUIRED"
	CodeParentMismatch    = "PARENT_MISMATCH"
	CodeParentNotFound    = "PARENT_NOT_FOUND"
	CodeUnbilled          = "UNBILLED"
	CodeBillingSuspended  = "BILLING_SUSPENDED"
	CodeKeyMissing        = "KEY_MISSING"
	CodeKeyInvalid        = "KEY_INVALID"
	CodeKeyNotFound       = "KEY_NOT_FOUND"
	CodeKeyExpired        = "KEY_EXPIRED"
	CodeKeyDisabled       = "KEY_DISABLED"
	CodeAddressBlocked    = "ADDRESS_BLOCKED"
	CodeKeyOutOfReach     = "KEY_OUT_OF_REACH"
	CodeSponsorMissing    = "SPONSOR_MISSING"
	CodeSponsorLacks      = "SPONSOR_LACKS_PERMISSION"
	CodeRateLimited       = "RATE_LIMITED"
	CodeEvaluatorMismatch = "EVALUATOR_MISMATCH"
)

// The reasons of errors that ReasonOf tells beside those that a server answers.
const (
	ReasonUnreachable      = "UNREACHABLE"       // no answer came
	ReasonNotUnderstood    = "NOT_UNDERSTOOD"    // what came is no answer of a Tollgate
	ReasonDeadlineExceeded = "DEADLINE_EXCEEDED" // there was none in time; a server says so too
	ReasonCanceled         = "CANCELED"          // the caller no longer waits
)

// ReasonOf is the stable reason of an error of this package, for programs: what
// the server answered, or one of the Reason constants. "" for any other error.
func ReasonOf(err error) string {
	var answered *Error
	var strange *notUnderstood
	var none *noAnswer
	switch {
	case errors.As(err, &answered) && answered.Reason != "":
		return answered.Reason
	case errors.As(err, &answered), errors.As(err, &strange), errors.Is(err, ErrTooLarge):
		return ReasonNotUnderstood
	case errors.Is(err, context.DeadlineExceeded):
		return ReasonDeadlineExceeded
	case errors.Is(err, context.Canceled):
		return ReasonCanceled
	case errors.As(err, &none):
		return ReasonUnreachable
	}
	return ""
}

// noAnswer is the error of a request to which no answer came.
type noAnswer struct{ err error }

func unreached(err error) error { return &noAnswer{err} }

func (e *noAnswer) Error() string { return "tollgate: " + e.err.Error() }
func (e *noAnswer) Unwrap() error { return e.err }

// notUnderstood is the error of an answer that is not as Tollgate's are.
type notUnderstood struct {
	server string
	err    error
}

func (e *notUnderstood) Error() string {
	return fmt.Sprintf("%s answered what this client does not understand; is it a Tollgate? %v", e.server, e.err)
}

func (e *notUnderstood) Unwrap() error { return e.err }
