package hierarchy

import "testing"

func TestParentsInWords(t *testing.T) {
	for parent, want := range map[string]string{
		TypeAccount: "parent: a subproject cannot stand in an account",
		TypeGroup:   "parent: a subproject cannot stand in a group",
	} {
		if err := CheckParent(TypeSubproject, parent); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := CheckParent(TypeSubproject, TypeProject); err != nil {
		t.Error(err)
	}
}
