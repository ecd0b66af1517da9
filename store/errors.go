package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// errCorrupt is the root of errors that say that Redis holds what this package
// never wrote. They are internal: whatever cannot be read decides nothing.
var errCorrupt = errors.New("the store holds what Tollgate did not write")

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errCorrupt, fmt.Sprintf(format, args...))
}

// unavailable is what a caller gets when Redis cannot be asked. It is a
// *hierarchy.Error for the caller, and its cause for the operator's log; a
// cause names an address, and never a password.
type unavailable struct {
	public *hierarchy.Error
	cause  error
}

func (e *unavailable) Error() string   { return e.public.Error() + ": " + e.cause.Error() }
func (e *unavailable) Unwrap() []error { return []error{e.public, e.cause} }

// Details of the errors of a store that cannot be reached.
const (
	detailRead  = "the store cannot be reached at the moment; please try again"
	detailWrite = "the store did not answer, so it is not known whether this was done; look before you repeat it, unless it was sent with an Idempotency-Key that this request heeds"
)

// fail turns an error of go-redis into one of ours. Redis's own refusals of a
// malformed command are bugs and stay as they are; everything else means that
// Redis cannot serve us now.
func fail(err error, detail string) error {
	if err == nil || errors.Is(err, errCorrupt) {
		return err
	}
	var reply redis.Error
	if errors.As(err, &reply) {
		text := reply.Error()
		if strings.HasPrefix(text, "WRONGTYPE") {
			return corrupt("%s", text)
		}
		if strings.HasPrefix(text, "CROSSSLOT") || strings.HasPrefix(text, "ERR ") && !strings.Contains(text, "max number of clients") {
			return fmt.Errorf("store: Redis refused a command: %w", err)
		}
	}
	return &unavailable{&hierarchy.Error{Kind: hierarchy.KindUnavailable, Reason: "STORE_UNAVAILABLE", Detail: detail}, err}
}

// misplaced reports whether err is the reply of a server that is not, or not
// now, the master of what was asked. Such a server has done nothing; but the
// client has asked again by itself, and only its last try is known, so that a
// write that ends with it may have been made by a try before.
func misplaced(err error) bool {
	for _, prefix := range []string{"MOVED ", "ASK ", "TRYAGAIN", "CLUSTERDOWN", "READONLY", "MASTERDOWN", "LOADING"} {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	return false
}

// absent reports whether err says that there is no such key. An error that has
// redis.Nil for a cause says nothing of the kind: Sentinels that do not know
// the master answer so, and then nothing was asked.
func absent(err error) bool {
	return err == redis.Nil //nolint:errorlint // what is wrapped is not meant
}

// answered reports whether err is Redis's own reply, rather than the lack of
// one.
func answered(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}

// cancelled reports whether the caller no longer waits for an answer.
func cancelled(ctx context.Context) bool { return ctx.Err() != nil }
