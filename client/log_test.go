package client

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLog(t *testing.T) {
	c := fake(t, exchange(t, `GET /v1/accounts/acc%3Fx/log?action=project.link&actor=user%3Aann&after=r1&page_size=5&page_token=t`,
		`{"items":[{"revision":"r2","at":"2026-03-01T09:30:00.000001Z","actor":"user:ann","caller":"operator","action":"project.link",
		"changes":[{"kind":"link","id":"p","before":{"a":1.50},"after":{}},{"kind":"billing_account","id":"b","withheld":true}]}],"next_page_token":"n","revision":"r2","trimmed":true}`))
	got, err := c.Log(t.Context(), "acc?x", LogQuery{After: "r1", Actor: "user:ann", Action: "project.link", PageSize: 5, PageToken: "t"})
	want := &LogPage{
		Items: []LogEntry{{
			Revision: "r2", At: time.Date(2026, 3, 1, 9, 30, 0, 1000, time.UTC), Actor: "user:ann", Caller: "operator", Action: "project.link",
			Changes: []LogRecord{{Kind: "link", ID: "p", Before: []byte(`{"a":1.50}`), After: []byte(`{}`)}, {Kind: "billing_account", ID: "b", Withheld: true}},
		}},
		NextPageToken: "n", Revision: "r2", Trimmed: true,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	refusing := fake(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	if page, err := refusing.Log(t.Context(), "acc", LogQuery{}); page != nil || err == nil {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestBillingOwnerOfThePast(t *testing.T) {
	c := fake(t, exchange(t, `POST /v1/billing-owner {"resource":"number:1","at":"2026-03-01T09:30:00.000001Z"}`,
		`{"billing":{"status":"unbilled","reason":"NOT_CREATED_YET"},"path":[],"at":"2026-03-01T09:30:00.000001Z"}`))
	at := time.Date(2026, 3, 1, 9, 30, 0, 1000, time.UTC)
	got, err := c.BillingOwner(t.Context(), PayerQuestion{Resource: "number:1", At: at})
	if err != nil || got.Billing.Billed() || got.Billing.Reason != "NOT_CREATED_YET" || !got.At.Equal(at) {
		t.Errorf("%+v, %v", got, err)
	}
}
