package api

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/store"
)

// stuck is a store that does not answer reads until it is let go.
type stuck struct{ hold atomic.Pointer[chan struct{}] }

func (s *stuck) Before(command string) error {
	if hold := s.hold.Load(); hold != nil && (command == "multi" || command == "hmget") {
		<-*hold
	}
	return nil
}

func (*stuck) After(string) error { return nil }

// A caller says how long he waits for the store, and is told when that is
// over. Without the header he waits for what the store says.
func TestTimeout(t *testing.T) {
	s := &stuck{}
	f := newFixtureOn(t, store.Options{Fault: s})
	w := f.world()
	f.do(post, "/v1/check", checkBody).want(200)
	full := strings.Replace(checkBody, "{", `{"freshness":"full",`, 1)
	hold := make(chan struct{})
	s.hold.Store(&hold)
	for path, body := range map[string]string{
		"/v1/check":         full,
		"/v1/billing-owner": `{"resource":"project:` + w.Project.ID + `","freshness":"full"}`,
		"/v1/authorize":     full,
	} {
		f.do(post, path, body, "Tollgate-Timeout", "1ms").problem(503, "DEADLINE_EXCEEDED", "")
	}
	batch := decode[BatchDecision](f.do(post, "/v1/check/batch", `{"checks":[`+full+`]}`, "Tollgate-Timeout", "1ms").want(200))
	if r := batch.Results[0]; r.Allowed || r.Error.Status != 503 || r.Error.Reason != "DEADLINE_EXCEEDED" {
		t.Errorf("%+v", r)
	}
	f.do(post, "/v1/check", checkBody, "Tollgate-Timeout", "1ms").want(200) // from memory
	close(hold)
	over, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	past := request(post, "/v1/billing-owner", `{"resource":"project:`+w.Project.ID+`","at":"2020-01-01T00:00:00Z"}`)
	f.send(past.WithContext(over)).problem(503, "DEADLINE_EXCEEDED", "")
	f.do(post, "/v1/check", full, "Tollgate-Timeout", "60s").want(200)
	f.do(post, "/v1/check", full).want(200)
}

// A timeout is read strictly, and as the document has it.
func TestTimeoutIsRead(t *testing.T) {
	f := newFixture(t)
	f.world()
	doc, err := loadDocument()
	must(t, err)
	schema := doc.Components.Parameters["TimeoutParam"].Value.Schema.Value
	for text, good := range map[string]bool{
		"1ms": true, "250ms": true, "2s": true, "007s": true, "99999999ms": true, "99999999s": true,
		"": false, "0ms": false, "000s": false, "-1s": false, "+1s": false, "1": false, "1.5s": false, "1m": false, "1 s": false, "s": false, "ms": false,
		"4294967295s": false, "1s,2s": false, "٣s": false,
	} {
		_, ok := readTimeout(text)
		if ok != good || (schema.VisitJSON(text) == nil) != good {
			t.Errorf("%q: read %t, by the document %v", text, ok, schema.VisitJSON(text))
		}
		r := request(post, "/v1/check", checkBody)
		r.Header[timeoutHeader] = []string{text}
		switch a := f.send(r); {
		case !good:
			a.problem(400, "HEADER_INVALID", timeoutHeader)
		case a.status == http.StatusServiceUnavailable: // it was read, and was too short today
			a.problem(503, "DEADLINE_EXCEEDED", "")
		default:
			a.want(200)
		}
	}
	r := request(post, "/v1/check", checkBody)
	r.Header[timeoutHeader] = []string{"1s", "1s"}
	f.send(r).problem(400, "HEADER_INVALID", timeoutHeader)
}
