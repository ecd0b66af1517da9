package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Error is an error that the server answered.
type Error struct {
	Status    int    `json:"status"`               // of HTTP
	Reason    string `json:"reason,omitempty"`     // stable, for programs: NOT_FOUND
	Detail    string `json:"detail,omitempty"`     // a sentence for people
	Field     string `json:"field,omitempty"`      // of the request that is at fault
	RequestID string `json:"request_id,omitempty"` // names the request in the server's log

	// RetryAfter is when the server wants to be asked again; 0 if it did not
	// say. What may be repeated has been by then, unless this is over 5 s.
	RetryAfter time.Duration `json:"-"`
}

func (e *Error) Error() string {
	text := e.Detail
	if e.Field != "" && !strings.HasPrefix(text, e.Field+":") {
		text = e.Field + ": " + text
	}
	if e.Reason != "" {
		text += " (" + e.Reason + ")"
	}
	return text
}

// maxForeign is how much is shown of an answer that is not Tollgate's.
const maxForeign = 200

// problemOf reads problem details (RFC 9457). Whatever else answers, such as a
// proxy, is quoted briefly.
func problemOf(resp *http.Response, body []byte, after time.Duration) error {
	e := &Error{}
	if json.Unmarshal(body, e) != nil || (e.Detail == "" && e.Reason == "") {
		*e = Error{Detail: foreign(resp, body)}
	}
	e.Status, e.RetryAfter = resp.StatusCode, after
	if e.RequestID == "" {
		e.RequestID = resp.Header.Get("X-Request-Id")
	}
	return e
}

func foreign(resp *http.Response, body []byte) string {
	text := fmt.Sprintf("%s answered %d %s, and not as Tollgate does", resp.Request.URL.Host, resp.StatusCode, http.StatusText(resp.StatusCode))
	if location := resp.Header.Get("Location"); location != "" {
		return fmt.Sprintf("%s: it redirects to %.*q, which is not followed", text, maxForeign, location)
	}
	if len(body) == 0 {
		return text
	}
	return fmt.Sprintf("%s: %.*q", text, maxForeign, body)
}
