package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// timeoutHeader is how long the caller waits for an answer.
const timeoutHeader = "Tollgate-Timeout"

// maxTimeoutText is the longest Tollgate-Timeout, in bytes.
const maxTimeoutText = 10

// within is a request whose context ends when its caller no longer waits, if
// he says when that is. The function that it returns is to be called at the
// end.
func within(r *http.Request) (*http.Request, context.CancelFunc, error) {
	values := r.Header[timeoutHeader]
	if len(values) == 0 {
		return r, func() {}, nil
	}
	timeout, ok := readTimeout(values[0])
	if len(values) > 1 || !ok {
		return r, func() {}, hierarchy.Invalid("HEADER_INVALID", timeoutHeader, "must stand once, and be a whole number of ms or s that is longer than 0, such as 250ms, in %d characters", maxTimeoutText)
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	return r.WithContext(ctx), cancel, nil
}

// readTimeout reads a duration: digits, and ms or s.
func readTimeout(text string) (time.Duration, bool) {
	unit := time.Second
	digits, ok := strings.CutSuffix(text, "ms")
	if ok {
		unit = time.Millisecond
	} else {
		digits, ok = strings.CutSuffix(text, "s")
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || n == 0 || len(text) > maxTimeoutText {
		return 0, false
	}
	return time.Duration(n) * unit, true
}
