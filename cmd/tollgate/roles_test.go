package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/client"
	"github.com/tollgate-dev/tollgate/internal/realroles"
	"github.com/tollgate-dev/tollgate/store/storetest"
)

// customer signs one up, and returns the IDs of account and project.
func customer(t *testing.T, s site) (account, project string) {
	t.Helper()
	made := decoded[client.SignedUp](t, s.want(t, exitYes, "signup", "--owner", "user:ann", "--currency", "EUR", "--json").out)
	return made.Account.ID, made.Project.ID
}

// The real roles become roles of an account, and answer over HTTP.
func TestRealRoles(t *testing.T) {
	t.Run("embedded", func(t *testing.T) { importRealRoles(t, serve(t, environment{})) })
	t.Run("redis", func(t *testing.T) {
		importRealRoles(t, serve(t, environment{"TOLLGATE_REDIS": storetest.Redis(t), "TOLLGATE_OPERATOR_KEY": "0123456789abcdef"}))
	})
}

func importRealRoles(t *testing.T, s site) {
	roles := data(t, "gcp-roles.jsonl.gz")
	account, project := customer(t, s)
	import1 := []string{"roles", "import", roles, "--account", account, "--prefix", "gcp-", "--json"}
	want := roleIntake{Account: account, Roles: realroles.Roles, Permissions: realroles.Pairs, Created: realroles.Roles}

	dry := decoded[roleIntake](t, s.want(t, exitYes, append(import1, "--dry-run")...).out)
	first := decoded[roleIntake](t, s.want(t, exitYes, import1...).out)
	second := decoded[roleIntake](t, s.want(t, exitYes, import1...).out)
	if dry.Revision, dry.DryRun = "", !dry.DryRun; dry != want {
		t.Errorf("the dry run: %+v", dry)
	}
	revision := first.Revision
	if first.Revision = ""; first != want || revision == "" {
		t.Errorf("the first import: %+v", first)
	}
	want.Created, want.Unchanged, want.Revision = 0, realroles.Roles, revision
	if second != want {
		t.Errorf("the second import: %+v", second)
	}
	x, err := realroles.Read(roles)
	if err != nil {
		t.Fatal(err)
	}
	sampleRealRoles(t, s, x, project)
}

// sampleRealRoles binds some roles, the largest among them, and asks for some
// of what they have and have not.
func sampleRealRoles(t *testing.T, s site, x *realroles.Index, project string) {
	c, err := client.New(s.environment["TOLLGATE_SERVER"], s.environment["TOLLGATE_KEY"])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sampled := map[int]bool{}
	var revision string
	for i, r := range x.Roles {
		if i%50 != 0 && len(r.Permissions) < 13_000 {
			continue
		}
		b, err := c.CreateBinding(t.Context(), client.Binding{Subject: realroles.Subject(i), Role: "gcp-" + r.ID, Scope: "project:" + project})
		if err != nil {
			t.Fatal(err)
		}
		sampled[i], revision = true, b.Revision
	}
	asked := map[bool]int{}
	for allowed, pairs := range map[bool][]realroles.Pair{true: x.Pairs(), false: x.NonPairs(realroles.Pairs)} {
		var questions []client.Question
		for _, p := range pairs {
			if sampled[p.Role] {
				questions = append(questions, client.Question{Subject: realroles.Subject(p.Role), Permission: p.Permission, Resource: "project:" + project, AtLeast: revision})
			}
		}
		for batch := range slices.Chunk(questions, client.MaxBatch) {
			results, err := c.CheckBatch(t.Context(), batch)
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range results {
				if r.Error != nil || r.Allowed != allowed {
					t.Fatalf("%+v: %+v", batch[i], r)
				}
			}
		}
		asked[allowed] = len(questions)
	}
	t.Logf("%d roles bound; over HTTP %d pairs allowed, %d others denied", len(sampled), asked[true], asked[false])
}

// A file is compressed or not, and what is wrong in it is said with its line.
func TestRolesFiles(t *testing.T) {
	s := serve(t, environment{})
	account, _ := customer(t, s)
	text := `{"id":"a","title":"A","stage":"GA","permissions":["number.read"]}` + "\n\n" + `{"id":"b","permissions":["number.*"]}` + "\n"
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write([]byte(text)); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	if got := s.want(t, exitYes, "roles", "import", file(t, "r.jsonl", text), "--account", account); !strings.Contains(got.out, "2 roles with 2 permissions in account:"+account+": 2 created, 0 updated, 0 so already") {
		t.Error(got.out)
	}
	changed := strings.Replace(text, `"number.read"`, `"number.read","number.update"`, 1)
	if got := command(t, s.environment, changed, "roles", "import", "-", "--account", "account:"+account); got.code != exitYes || !strings.Contains(got.out, "0 created, 1 updated, 1 so already") {
		t.Errorf("%+v", got)
	}
	if got := s.want(t, exitYes, "roles", "import", file(t, "r.gz", zipped.String()), "--account", account, "--prefix", "x/"); !strings.Contains(got.out, "2 created") {
		t.Error(got.out)
	}
	for says, lines := range map[string]string{
		"line 2 is not a role":           `{"id":"a","permissions":[]}` + "\n{",
		"line 1 has no id":               `{"permissions":["a.b"]}`,
		"line 2: a stands in line 1":     `{"id":"a"}` + "\n" + `{"id":"a"}`,
		"has no role in it":              "\n",
		"gzip":                           "\x1f\x8bnot so",
		"PERMISSION_INVALID":             `{"id":"a","permissions":["number"]}`,
		"0 of 1 roles imported: roles.o": `{"id":"owner","permissions":["a.b"]}`,
	} {
		got := s.want(t, exitError, "roles", "import", file(t, "wrong", lines), "--account", account)
		if !strings.Contains(got.err, says) {
			t.Errorf("%q: %s", lines, got.err)
		}
	}
	s.want(t, exitError, "roles", "import", file(t, "r.jsonl", text))
	s.want(t, exitError, "roles", "import", file(t, "r.jsonl", text), "--account", "none")
	s.want(t, exitYes, "roles")
}

// Requests stay under a size, and a role that is larger goes alone.
func TestBundlesOfRoles(t *testing.T) {
	var roles []client.BundleRole
	for i := range 30 {
		roles = append(roles, client.BundleRole{ID: fmt.Sprint("r", i), Permissions: []string{strings.Repeat("p", 10*i) + ".x"}})
	}
	roles[7].Permissions = []string{strings.Repeat("p", 5000) + ".x"}
	bundles, err := bundlesOfRoles("acc", roles, 1000)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, b := range bundles {
		read := decoded[client.Bundle](t, string(b.json))
		if b.roles != len(read.Roles) || read.Account.ID != "acc" || (len(b.json) > 1100 && b.roles > 1) {
			t.Errorf("%d bytes, %d roles", len(b.json), b.roles)
		}
		for _, r := range read.Roles {
			if r.ID != roles[n].ID {
				t.Errorf("%s stands where %s should", r.ID, roles[n].ID)
			}
			n++
		}
	}
	if n != len(roles) || len(bundles) < 5 {
		t.Errorf("%d roles in %d bundles", n, len(bundles))
	}
}
