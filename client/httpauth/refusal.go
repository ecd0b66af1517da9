package httpauth

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/tollgate-dev/tollgate/client"
)

// refusal is what a client is answered that is not let by.
type refusal struct {
	status         int
	reason, detail string
}

var (
	errMissing   = refusal{http.StatusUnauthorized, client.CodeKeyMissing, "an API key is needed, and none was presented"}
	errInvalid   = refusal{http.StatusUnauthorized, client.CodeKeyInvalid, "what was presented is no API key, or one with a typo"}
	errAmbiguous = refusal{http.StatusUnauthorized, "KEY_AMBIGUOUS", "send one API key, as Authorization: Bearer or as X-API-Key, once"}
	errRewritten = refusal{http.StatusForbidden, "PATH_REWRITTEN", "the server reads another path than the one that was sent"}
	errSlash     = refusal{http.StatusForbidden, "PATH_ENCODED_SLASH", "the server takes an encoded slash for a slash, and so reads another path than was sent"}
	errUndecided = refusal{http.StatusServiceUnavailable, "STATE_UNAVAILABLE", "nothing could be decided; try again"}
)

// RefuseSlash refuses a request whose path a router has read with its encoded
// slashes taken for slashes.
func (g *Guard) RefuseSlash(w http.ResponseWriter) {
	g.refused.Add(1)
	errSlash.answer(w)
}

// refusalOf is the answer to a denial.
func refusalOf(v *client.Verdict) *refusal {
	f := &refusal{v.Status, v.Reason.Code, v.Reason.Detail}
	if v.Status != http.StatusUnauthorized && v.Status != http.StatusTooManyRequests {
		f.status = http.StatusForbidden
	}
	return f
}

// answerUndecided answers a request that there is no verdict about: 403 if
// Tollgate takes the request itself for wrong, so that to repeat it is of no use,
// and 503 otherwise.
func (g *Guard) answerUndecided(w http.ResponseWriter, r *http.Request, err error) {
	g.undecided.Add(1)
	g.onUndecided(r, err)
	f := errUndecided
	var answered *client.Error
	if errors.As(err, &answered) && answered.Reason != "" && wrong(answered.Status) {
		f = refusal{http.StatusForbidden, answered.Reason, answered.Detail}
	}
	f.answer(w)
}

func wrong(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge
}

// headers are those that each answer has, as a proxy's client sees them.
var headers = []string{"Decision", "Reason", "Principal", "Account", "Project", "Subproject", "Billing-Account", "Billing-Status", "Revision"}

func (f *refusal) answer(w http.ResponseWriter) {
	h := w.Header()
	for _, name := range headers {
		h["X-Tollgate-"+name] = []string{""}
	}
	h.Set("X-Tollgate-Decision", "denied")
	h.Set("X-Tollgate-Reason", f.reason)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/problem+json")
	switch f.status {
	case http.StatusUnauthorized:
		h.Set("Www-Authenticate", `Bearer realm="tollgate"`)
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(f.status)
	_ = json.NewEncoder(w).Encode(problem{"about:blank", http.StatusText(f.status), f.status, f.detail, f.reason}) // a client that is gone cannot be told
}

// problem is the body of a refusal (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Reason string `json:"reason"`
}

// tellLimits tells the client of its rate limits, whatever the verdict is.
func tellLimits(w http.ResponseWriter, v *client.Verdict) {
	if v.RateLimit == nil {
		return
	}
	for _, name := range []string{"RateLimit-Policy", "RateLimit", "Retry-After"} {
		if value := v.RateLimit.Headers[name]; value != "" {
			w.Header().Set(name, value)
		}
	}
}
