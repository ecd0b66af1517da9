package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tollgate-dev/tollgate/client"
	"github.com/tollgate-dev/tollgate/store/storetest"
)

// Two real organisations are imported, 13,607 questions about them have the
// right answer, and a second import changes nothing.
func TestOrganisations(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		organisations(t, serve(t, environment{}))
	})
	t.Run("redis", func(t *testing.T) {
		organisations(t, serve(t, environment{"TOLLGATE_REDIS": storetest.Redis(t), "TOLLGATE_OPERATOR_KEY": "0123456789abcdef"}))
	})
}

func organisations(t *testing.T, s site) {
	bundles, questions := data(t, "organisations.json"), data(t, "organisations.decisions.jsonl")

	dry := s.want(t, exitYes, "import", bundles, "--owner", "user:root", "--dry-run")
	if !strings.Contains(dry.out, "nothing was written (dry run)") || !strings.Contains(dry.out, "would create") {
		t.Errorf("a dry run says %s", dry.out)
	}
	s.want(t, exitError, "export", "kubernetes-sigs") // it was dry

	first := decoded[intake](t, s.want(t, exitYes, "import", bundles, "--owner", "user:root", "--json").out)
	if !first.Changed || len(first.Accounts) != 2 || first.Created["project"] != 214 || first.Created["group"] != 421 || first.Unchanged != 0 {
		t.Errorf("the first import: %+v", first)
	}
	replayed := s.want(t, exitYes, "check", "--file", questions)
	if replayed.out != "13607 of 13607 as expected\n" {
		t.Errorf("check --file says %s", replayed.out)
	}
	before := s.want(t, exitYes, "export", "kubernetes-sigs").out
	second := s.want(t, exitYes, "import", bundles, "--owner", "user:root")
	if !strings.Contains(second.out, "2 accounts: nothing to change;") {
		t.Errorf("the second import says %s", second.out)
	}
	if after := s.want(t, exitYes, "export", "kubernetes-sigs").out; after != before {
		t.Error("the second import changed the account")
	}
	roundTrip(t, before, "kubernetes-sigs")
}

// roundTrip imports what was exported into a new server, and exports it again.
func roundTrip(t *testing.T, exported, account string) {
	t.Helper()
	other := serve(t, environment{})
	other.want(t, exitYes, "import", file(t, "account.json", exported))
	sameBundles(t, exported, other.want(t, exitYes, "export", account).out)
}

// sameBundles compares two exports. Bindings have no names in a bundle, so
// their order is not compared.
func sameBundles(t *testing.T, want, got string) {
	t.Helper()
	byContent := cmpopts.SortSlices(func(a, b client.BundleBinding) bool { return fmt.Sprint(a) < fmt.Sprint(b) })
	if diff := cmp.Diff(decoded[[]client.Bundle](t, want), decoded[[]client.Bundle](t, got), byContent); diff != "" {
		t.Errorf("not the same after export, import and export: %s", diff)
	}
}

// An extended bundle, with subprojects, resources, windows and denies, goes
// there and back in both formats.
func TestExampleGoesThereAndBack(t *testing.T) {
	s := serve(t, environment{})
	s.want(t, exitYes, "import", "../../examples/acme.yaml")
	exported := s.want(t, exitYes, "export", "acme").out
	roundTrip(t, exported, "acme")

	yaml := file(t, "acme.yaml", "")
	s.want(t, exitYes, "export", "acme", "--format", "yaml", "-o", yaml)
	if got := s.want(t, exitYes, "import", yaml); !strings.Contains(got.out, "nothing to change") {
		t.Errorf("its own export changes the account: %s", got.out)
	}
	other := serve(t, environment{})
	other.want(t, exitYes, "import", yaml)
	sameBundles(t, exported, other.want(t, exitYes, "export", "acme").out)
}
