package policy

import (
	"errors"
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

func TestBindingsThatAreRefused(t *testing.T) {
	good := Binding{Subject: ref("user:ann"), Role: "viewer", Scope: ref("project:web"), Effect: Allow}
	tests := map[string]func(*Binding){
		"":                    func(*Binding) {},
		"SUBJECT_INVALID":     func(b *Binding) { b.Subject = ref("role:owner") },
		"IDENTIFIER_INVALID":  func(b *Binding) { b.Role = "a,b" },
		"IDENTIFIER_INVALID ": func(b *Binding) { b.Scope = hierarchy.Ref{} },
		"EFFECT_INVALID":      func(b *Binding) { b.Effect = "Allow" },
		"WINDOW_INVALID":      func(b *Binding) { b.Window = Window{200, 200} },
	}
	for reason, change := range tests {
		b := good
		change(&b)
		checkReason(t, b.Check(), strings.TrimSpace(reason))
	}
}

func TestWhoCanBeBoundAndWhoCanAct(t *testing.T) {
	for subject, reasons := range map[string][2]string{
		"user:ann": {"", ""}, "service:robot": {"", ""}, "group:staff": {"", "SUBJECT_INVALID"},
		"role:owner": {"SUBJECT_INVALID", "SUBJECT_INVALID"}, "deny:owner": {"SUBJECT_INVALID", "SUBJECT_INVALID"},
		"user:": {"IDENTIFIER_INVALID", "IDENTIFIER_INVALID"},
	} {
		checkReason(t, CheckSubject(ref(subject)), reasons[0])
		checkReason(t, CheckActor(ref(subject)), reasons[1])
	}
}

func TestRolesAndGroupsThatAreRefused(t *testing.T) {
	long := strings.Repeat("x", MaxDescription+1)
	checkReason(t, (&Role{Permissions: []string{"number.*"}}).Check(), "")
	checkReason(t, (&Role{Permissions: []string{"num*.read"}}).Check(), "PERMISSION_INVALID")
	checkReason(t, (&Role{Permissions: make([]string, MaxRolePermissions+1)}).Check(), "ROLE_TOO_LARGE")
	checkReason(t, (&Role{DisplayName: long}).Check(), "TEXT_TOO_LONG")
	checkReason(t, (&Role{Description: long}).Check(), "TEXT_TOO_LONG")
	checkReason(t, (&Group{DisplayName: "Staff"}).Check(), "")
	checkReason(t, (&Group{DisplayName: long}).Check(), "TEXT_TOO_LONG")
	checkReason(t, (&Group{Description: "a\x00"}).Check(), "TEXT_INVALID")
}

func checkReason(t *testing.T, err error, reason string) {
	t.Helper()
	var e *hierarchy.Error
	switch {
	case reason == "" && err == nil:
	case !errors.As(err, &e) || e.Reason != reason || e.Kind != hierarchy.KindInvalid:
		t.Errorf("%v, and not %q", err, reason)
	}
}
