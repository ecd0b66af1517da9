package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Timestamp is an instant on the wire: RFC 3339, in answers always UTC and
// with exactly six digits of a second, so that they compare as text. The zero
// Timestamp is none.
type Timestamp struct{ time.Time }

const wireTime = "2006-01-02T15:04:05.000000Z07:00"

// MarshalJSON writes the instant in its one form.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	return t.UTC().AppendFormat(nil, `"`+wireTime+`"`), nil
}

// UnmarshalJSON reads any RFC 3339 time from 1970 to the end of 9999 in UTC.
func (t *Timestamp) UnmarshalJSON(text []byte) error {
	var s string
	err := json.Unmarshal(text, &s)
	if err == nil {
		t.Time, err = ParseInstant(s)
	}
	if err != nil {
		return hierarchy.Invalid("FIELD_INVALID", "", "an instant %s", instantDemand)
	}
	return nil
}

const instantDemand = "must be a time in RFC 3339 that lies in the years 1970 to 9999 in UTC, such as 2026-03-01T09:30:00Z"

// instantForm is RFC 3339's, which time.Parse does not hold to: that takes a comma
// in a second, an hour of one digit, and an offset of 30 hours.
var instantForm = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$`)

// ParseInstant reads a time as the API does wherever one is given: in RFC 3339,
// after the beginning of 1970 and before the end of 9999, in UTC. The year is that
// in UTC: an offset must not carry a time into one of five digits, which could be
// stored, and never be written again. The error says what a time must be.
func ParseInstant(s string) (time.Time, error) {
	s = strings.ToUpper(s) // t and z may be small
	t, err := time.Parse(time.RFC3339Nano, s)
	t = t.UTC()
	if err != nil || !instantForm.MatchString(s) || t.UnixMicro() <= 0 || t.Year() > maxYear {
		return time.Time{}, errors.New(instantDemand)
	}
	return t, nil
}

const maxYear = 9999

// checkInstant refuses a field that is not a time.
func checkInstant(field, s string) error {
	if _, err := ParseInstant(s); err != nil {
		return hierarchy.Invalid("FIELD_INVALID", field, "%s", instantDemand)
	}
	return nil
}

// stampOf is the Timestamp of microseconds since 1970, none for 0.
func stampOf(micro int64) Timestamp {
	if micro == 0 {
		return Timestamp{}
	}
	return Timestamp{time.UnixMicro(micro).UTC()}
}

// micro is stampOf the other way.
func (t Timestamp) micro() int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// timeOrNil is the time of a Timestamp that may be absent.
func (t *Timestamp) timeOrNil() *time.Time {
	if t == nil {
		return nil
	}
	return &t.Time
}

// Properties are a resource's, as its product wrote them.
type Properties = json.RawMessage

// RecordBody is a record of the log, as it is stored.
type RecordBody = json.RawMessage

// Bundle is one whole account, as package admin imports and exports it.
type Bundle = admin.Bundle

// Optional is a field of a patch: absent, null, or a value.
type Optional[T any] struct {
	Set   bool // present, though perhaps null
	Value T    // zero if null
}

// UnmarshalJSON is called only for a field that is present.
func (o *Optional[T]) UnmarshalJSON(text []byte) error {
	*o = Optional[T]{Set: true}
	if bytes.Equal(text, []byte("null")) {
		return nil
	}
	return json.Unmarshal(text, &o.Value)
}

// apply changes a field if the patch has it.
func (o Optional[T]) apply(to *T) {
	if o.Set {
		*to = o.Value
	}
}

// InfoPatch is what a patch of any node may change.
type InfoPatch struct {
	DisplayName Optional[string]            `json:"display_name"`
	Labels      Optional[map[string]string] `json:"labels"`
}

func (p *InfoPatch) apply(to *hierarchy.Info) {
	p.DisplayName.apply(&to.DisplayName)
	p.Labels.apply(&to.Labels)
}

// ProjectPatch changes a project.
type ProjectPatch = InfoPatch

// SubprojectPatch changes a subproject.
type SubprojectPatch = InfoPatch

// AccountPatch changes an account.
type AccountPatch struct {
	InfoPatch
	OperatorManaged Optional[bool] `json:"operator_managed"`
}

// BillingAccountPatch changes a billing account.
type BillingAccountPatch struct {
	InfoPatch
	Mode          Optional[billing.Mode]           `json:"mode"`
	Currency      Optional[string]                 `json:"currency"`
	Name          Optional[string]                 `json:"name"`
	PostalAddress Optional[*billing.PostalAddress] `json:"postal_address"`
	TaxID         Optional[string]                 `json:"tax_id"`
}

// GroupPatch changes a group's text.
type GroupPatch struct {
	DisplayName Optional[string] `json:"display_name"`
	Description Optional[string] `json:"description"`
}

// KeyPatch changes an API key.
type KeyPatch struct {
	InfoPatch
	ExpiresAt Optional[Timestamp] `json:"expires_at"`
	Sources   Optional[[]string]  `json:"sources"`
}

// RolePatch changes a role.
type RolePatch struct {
	GroupPatch
	Permissions Optional[[]string] `json:"permissions"`
}

// ResourcePatch changes a resource.
type ResourcePatch struct {
	Labels     Optional[map[string]string] `json:"labels"`
	Properties Optional[Properties]        `json:"properties"`
}
