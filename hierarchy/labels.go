package hierarchy

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Limits of what a node carries.
const (
	MaxLabels          = 64
	MaxLabelKey        = 63
	MaxLabelValue      = 256
	MaxDisplayName     = 256
	MaxPropertiesBytes = 16 << 10
)

// Check applies the limits to a node's information, or returns an *Error of
// KindInvalid.
func (i Info) Check() error {
	if err := CheckText("display_name", i.DisplayName, MaxDisplayName); err != nil {
		return err
	}
	return CheckLabels(i.Labels)
}

// CheckLabels applies the limits to labels, or returns an *Error of
// KindInvalid.
func CheckLabels(labels map[string]string) error {
	if len(labels) > MaxLabels {
		return Invalid("TOO_MANY_LABELS", "labels", "has %d labels; at most %d are kept", len(labels), MaxLabels)
	}
	for key, value := range labels {
		if key == "" || strings.ContainsAny(key, "=\"' ") {
			return Invalid("LABEL_INVALID", "labels", "a label's name may be neither empty nor have a space, a quote or an equals sign: %s", quote(key))
		}
		if err := CheckText("labels", key, MaxLabelKey); err != nil {
			return err
		}
		if err := CheckText("labels."+key, value, MaxLabelValue); err != nil {
			return err
		}
	}
	return nil
}

// CheckProperties refuses what is not a JSON object of a modest size.
func CheckProperties(p json.RawMessage) error {
	if len(p) == 0 {
		return nil
	}
	if len(p) > MaxPropertiesBytes {
		return Invalid("PROPERTIES_TOO_LARGE", "properties", "has %d bytes; at most %d are kept", len(p), MaxPropertiesBytes)
	}
	if !json.Valid(p) || bytes.TrimSpace(p)[0] != '{' {
		return Invalid("PROPERTIES_INVALID", "properties", "must be a JSON object")
	}
	return nil
}

// CheckText refuses text for people that is too long, in bytes, or has
// control characters.
func CheckText(field, s string, most int) error {
	if len(s) > most {
		return Invalid("TEXT_TOO_LONG", field, "has %d bytes; at most %d are kept", len(s), most)
	}
	if strings.ToValidUTF8(s, "") != s || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return Invalid("TEXT_INVALID", field, "must be valid UTF-8 without control characters")
	}
	return nil
}
