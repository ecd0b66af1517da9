package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/api"
	"github.com/tollgate-dev/tollgate/billing"
	"github.com/tollgate-dev/tollgate/client"
	"github.com/tollgate-dev/tollgate/extauthz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
	"github.com/tollgate-dev/tollgate/replica"
	"github.com/tollgate-dev/tollgate/route"
	"github.com/tollgate-dev/tollgate/store"
)

// count writes a number as people read it.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// size writes a number of bytes.
func size(n int) string {
	const kibi, mebi = 1 << 10, 1 << 20
	switch {
	case n%mebi == 0:
		return count(n/mebi) + " MiB"
	case n%kibi == 0 && n > 4*kibi:
		return count(n/kibi) + " KiB"
	}
	return count(n) + " bytes"
}

// span writes a time.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d%day == 0 && d > day:
		return count(int(d/day)) + " days"
	case d%time.Hour == 0 && d > time.Hour:
		return count(int(d/time.Hour)) + " hours"
	case d%time.Minute == 0:
		return count(int(d/time.Minute)) + " minutes"
	}
	return count(int(d/time.Second)) + " seconds"
}

// atOnce writes a number that a flag sets.
func atOnce(n int, flag string) string { return count(n) + ", or `--max-" + flag + "`" }

// limit is a row of the table: of what, how much at most, and how more than that
// is answered.
type documented struct{ of, most, beyond string }

// limits are the table of docs/limits.md, made of the constants that are
// enforced.
var limits = []documented{
	{"an identifier, its type and the colon included", size(hierarchy.MaxIdentifier), "400 `IDENTIFIER_INVALID`"},
	{"a display name", size(hierarchy.MaxDisplayName), "400 `TEXT_TOO_LONG`"},
	{"a description of a role or a group", size(policy.MaxDescription), "400 `TEXT_TOO_LONG`"},
	{"labels of a node", count(hierarchy.MaxLabels), "400 `TOO_MANY_LABELS`"},
	{"a label's name", size(hierarchy.MaxLabelKey), "400 `TEXT_TOO_LONG`"},
	{"a label's value", size(hierarchy.MaxLabelValue), "400 `TEXT_TOO_LONG`"},
	{"properties of a resource, as JSON", size(hierarchy.MaxPropertiesBytes), "400 `PROPERTIES_TOO_LARGE`"},
	{"name and tax ID of a billing account, and each part of its address", size(billing.MaxText), "400 `TEXT_TOO_LONG`"},
	{"lines of a postal address", count(billing.MaxLines), "400 `ADDRESS_INVALID`"},
	{"permissions of a role", count(policy.MaxRolePermissions), "400 `ROLE_TOO_LARGE`"},
	{"bindings of an account", count(admin.MaxBindings), "409 `TOO_MANY_BINDINGS`"},
	{"subprojects of an account, deleted ones apart", count(admin.MaxSubprojects), "409 `TOO_MANY_SUBPROJECTS`"},
	{"direct members of a group", count(admin.MaxMembers), "409 `TOO_MANY_MEMBERS`"},
	{"members given with a new group", count(admin.MaxMembersAtOnce), "400 `TOO_MANY_MEMBERS_AT_ONCE`"},
	{"groups inside one another", count(policy.MaxGroupNesting), "409 `GROUP_TOO_DEEP`"},
	{"servers and sidecars that receipts ask", count(replica.MaxReplicas), "409 `TOO_MANY_REPLICAS`"},
	{"a sidecar is enrolled without a word", span(replica.MaxEnrolment), "400 `ENROLMENT_INVALID`"},
	{"checks in a batch", count(api.MaxBatch), "400 `BATCH_TOO_LARGE`"},
	{"a body", size(api.MaxBody), "413 `BODY_TOO_LARGE`"},
	{"the body of a batch of checks", size(api.MaxBatchBody), "413 `BODY_TOO_LARGE`"},
	{"the body of an import", size(api.MaxBundleBody), "413 `BODY_TOO_LARGE`"},
	{"objects and arrays inside one another", count(api.MaxDepth), "400 `BODY_INVALID`"},
	{"the header", size(maxHeaderBytes), "431"},
	{"a check of Envoy's over gRPC", size(extauthz.MaxMessage), "`RESOURCE_EXHAUSTED` of gRPC's"},
	{"an `Idempotency-Key`", size(api.MaxIdempotencyKey), "400 `HEADER_INVALID`"},
	{"items of a page, " + count(api.DefaultPage) + " by default", count(api.MaxPage), "a page of " + count(api.MaxPage)},
	{"labels that a list is narrowed by", count(hierarchy.MaxLabels), "400 `TOO_MANY_LABELS`"},
	{"items that are looked at for a page that is narrowed by labels", count(admin.MaxScanned), "the page ends early, and has a next one"},
	{"routes of a map", count(route.MaxRoutes), "`TOO_MANY_ROUTES`"},
	{"hosts of a route", count(route.MaxHosts), "`TOO_MANY_HOSTS`"},
	{"a template of a path or of an identifier", size(route.MaxTemplate), "`ROUTE_INVALID`"},
	{"branches of a map that a request is compared with at a time", count(route.MaxOpen), "`ROUTES_TANGLED`"},
	{"the file of a map", size(route.MaxFile), "`FILE_TOO_LARGE`"},
	{"a path that is matched, its query apart", size(route.MaxPath), "`PATH_TOO_LONG`"},
	{"segments of a path that is matched", count(route.MaxSegments), "`PATH_TOO_DEEP`"},
	{"a host that is matched", size(route.MaxHost), "`HOST_INVALID`"},
	{"a request is repeated under its `Idempotency-Key`", span(store.OnceLifetime), "it is a new request"},
	{"a node is restored after its deletion", span(hierarchy.Retention), "404 `NOT_FOUND`"},
	{"a write takes, its wait for earlier ones of the account included", span(admin.WriteTimeout), "503 `WRITES_WAITING`, `STORE_UNAVAILABLE`"},
	{"writes of an account that wait for another one", count(admin.MaxQueued), "503 `WRITES_WAITING`"},
	{"checks, batches and billing owners at once", atOnce(api.DefaultCapacity.Checks, "checks"), "503 `OVERLOADED`"},
	{"imports, exports and policies at once", atOnce(api.DefaultCapacity.Bulk, "bulk"), "503 `OVERLOADED`"},
	{"receipts at once", atOnce(api.DefaultCapacity.Receipts, "receipts"), "503 `OVERLOADED`"},
	{"reports of leaked keys at once", count(api.DefaultCapacity.Leaks), "503 `OVERLOADED`"},
	{"other requests at once", atOnce(api.DefaultCapacity.Administration, "administration"), "503 `OVERLOADED`"},
	{"connections", atOnce(defaultConnections, "connections"), fmt.Sprintf("%d are answered 503 `OVERLOADED`, others closed", spareConnections)},
	{"a request takes to arrive, an import apart", span(callers.read), "408 `BODY_TOO_SLOW`"},
	{"an import takes", span(admin.ImportTimeout), "503 `STORE_UNAVAILABLE`"},
	{"changes in an account's log", "no fewer than " + count(store.DefaultLogLength) + ", or `--log-length`", "409 `REVISION_TOO_OLD`; a list says `trimmed`"},
}

// The table of limits is what the program enforces. That it does so at the
// very edge of each is shown beside its code.
func TestLimitsAreDocumented(t *testing.T) {
	table := "| | at most | beyond |\n|---|---|---|\n"
	for _, l := range limits {
		table += fmt.Sprintf("| %s | %s | %s |\n", l.of, l.most, l.beyond)
	}
	checkTables(t, filepath.Join("..", "..", "docs", "limits.md"), map[string]string{"limits": table})
	if client.MaxBatch != api.MaxBatch {
		t.Errorf("the client sends up to %d checks in a batch, and the server takes %d", client.MaxBatch, api.MaxBatch)
	}
}

// An issue sets how much there must at least be room for.
func TestLimitsAreWideEnough(t *testing.T) {
	for of, l := range map[string]struct{ is, least int }{
		"permissions of a role": {policy.MaxRolePermissions, 14_000}, "bindings": {admin.MaxBindings, 100_000},
		"subprojects": {admin.MaxSubprojects, 100_000}, "members of a group": {admin.MaxMembers, 10_000},
	} {
		if l.is < l.least {
			t.Errorf("%s: %d is less than %d", of, l.is, l.least)
		}
	}
}

// A header within the limit is read, and one that is well over it is not: the
// library adds 4 KiB of its own.
func TestHeadersAtTheirEdge(t *testing.T) {
	s := serve(t, environment{})
	for size, want := range map[int]int{maxHeaderBytes - 1<<10: http.StatusOK, maxHeaderBytes + 8<<10: http.StatusRequestHeaderFieldsTooLarge} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.environment["TOLLGATE_SERVER"]+"/livez", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Much", strings.Repeat("x", size))
		transport := &http.Transport{}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		transport.CloseIdleConnections()
		if resp.StatusCode != want {
			t.Errorf("a header of %d bytes is answered %d, want %d", size, resp.StatusCode, want)
		}
	}
}
