package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// The document and Gin have the same routes.
func TestRoutesAreTheDocuments(t *testing.T) {
	f := newFixture(t)
	documented := map[string]bool{}
	for path, item := range f.contract.doc.Paths.Map() {
		for method := range item.Operations() {
			documented[method+" "+path] = true
		}
	}
	for _, r := range f.handler.Routes() {
		name := r.Method + " " + documentPath(r.Path)
		if r.Method == http.MethodHead {
			continue // TestHead
		}
		if !documented[name] {
			t.Errorf("%s is served and is not in openapi.yaml", name)
		}
		delete(documented, name)
	}
	for name := range documented {
		t.Errorf("%s is in openapi.yaml and is not served", name)
	}
}

// openRoutes need no credential; no others do without.
var openRoutes = map[string]bool{"POST /v1/leaked-keys": true, "GET /livez": true, "GET /readyz": true, "HEAD /livez": true, "HEAD /readyz": true}

func TestEveryRouteNeedsTheKey(t *testing.T) {
	f := newFixture(t)
	routes := append(f.handler.Routes(), f.handler.Routes()[0])
	routes[len(routes)-1].Path, routes[len(routes)-1].Method = "/nowhere", get
	for _, r := range routes {
		for _, key := range []string{"", "Bearer wrong", "Bearer ", "Bearer " + testKey + "x", "Bearer  " + testKey, "Token " + testKey, testKey, "Basic " + "dXNlcjp3cm9uZw=="} {
			path := strings.ReplaceAll(r.Path, ":", "")
			a := f.do(r.Method, path, `{}`, "Authorization", key)
			switch isOpen := openRoutes[r.Method+" "+r.Path]; {
			case isOpen && r.Method == post:
				a.problem(400, "FIELD_REQUIRED", "api_key")
			case isOpen:
				a.want(200)
			case a.header.Get("WWW-Authenticate") == "":
				t.Errorf("%s %s with %q: no challenge", r.Method, path, key)
			default:
				a.problem(401, "UNAUTHENTICATED", "")
			}
		}
	}
	for _, entry := range f.logs.All() {
		if strings.Contains(fmt.Sprint(entry.Message, entry.ContextMap()), testKey) {
			t.Errorf("the key was logged: %v", entry)
		}
	}
}

func TestTwoCredentialsAreNone(t *testing.T) {
	f := newFixture(t)
	r := request(get, "/v1/bindings?account=acc_1", "")
	r.Header.Add("Authorization", "Bearer wrong")
	f.send(r).problem(401, "UNAUTHENTICATED", "")
}

// step is one request of a walk; {name} in path and body is replaced.
type step struct {
	method, path, body string
	status             int
	reason, field      string // of a problem
}

// walk has every route succeed, and refuse, in an order that makes sense.
var walk = []step{
	{post, "/v1/accounts", `{"owner":"ann","billing_account":{"mode":"prepaid","currency":"EUR"}}`, 400, "IDENTIFIER_INVALID", "owner"},
	{post, "/v1/accounts", `{"owner":"service:x","billing_account":{"mode":"prepaid","currency":"EUR"}}`, 400, "SUBJECT_INVALID", "owner"},
	{post, "/v1/accounts", `{"owner":"user:ann","billing_account":{"mode":"prepaid","currency":"XXX"}}`, 400, "CURRENCY_UNKNOWN", "billing_account.currency"},
	{post, "/v1/accounts", `{"owner":"user:ann","billing_account":{"mode":"barter","currency":"EUR"}}`, 400, "FIELD_INVALID", "billing_account.mode"},
	{post, "/v1/accounts", `{"owner":"user:ann","billing_account":{"mode":"prepaid"}}`, 400, "FIELD_REQUIRED", "billing_account.currency"},
	{post, "/v1/accounts", `{"owner":"user:ann","billing_account":{"mode":"prepaid","currency":"EUR","iban":"x"}}`, 400, "FIELD_UNKNOWN", "billing_account.iban"},
	{post, "/v1/accounts", `{"owner":"user:root","billing_account":{"mode":"prepaid","currency":"EUR"}}`, 201, "", ""},

	{get, "/v1/accounts/{account}", "", 200, "", ""},
	{get, "/v1/accounts/account%3A{account}", "", 200, "", ""},
	{get, "/v1/accounts/acc_none", "", 404, "NOT_FOUND", ""},
	{get, "/v1/accounts/..", "", 400, "IDENTIFIER_INVALID", "account"},
	{get, "/v1/accounts/a%00b", "", 400, "IDENTIFIER_INVALID", "account"},
	{patch, "/v1/accounts/{account}", `{"display_name":"Other","labels":{"x":"y"}}`, 200, "", ""},
	{patch, "/v1/accounts/{account}", `{"display_name":null,"labels":null,"operator_managed":true}`, 200, "", ""},
	{patch, "/v1/accounts/{account}", `{"operator_managed":null}`, 400, "FIELD_INVALID", "operator_managed"},
	{patch, "/v1/accounts/{account}", `{"labels":{"x":1}}`, 400, "FIELD_INVALID", "labels.x"},

	{post, "/v1/accounts/{account}/billing-accounts", `{"mode":"prepaid","currency":"SEK"}`, 201, "", ""},
	{post, "/v1/accounts/{account}/billing-accounts", `{"mode":"prepaid","currency":"SEK","postal_address":{"country":"Sweden"}}`, 400, "ADDRESS_INVALID", "postal_address.country"},
	{get, "/v1/accounts/{account}/billing-accounts", "", 200, "", ""},
	{get, "/v1/accounts/{account}/billing-accounts?page_size=-1", "", 400, "PAGE_SIZE_INVALID", "page_size"},
	{get, "/v1/billing-accounts/{billing}", "", 200, "", ""},
	{get, "/v1/billing-accounts/bil_none", "", 404, "NOT_FOUND", ""},
	{patch, "/v1/billing-accounts/{billing}", `{"name":"N","tax_id":null,"postal_address":null,"mode":"prepaid"}`, 200, "", ""},
	{patch, "/v1/billing-accounts/{billing}", `{"currency":"SEK"}`, 409, "CURRENCY_FIXED", ""},
	{remove, "/v1/billing-accounts/{billing}", "", 409, "BILLING_ACCOUNT_LINKED", ""},

	{post, "/v1/accounts/{account}/projects", `{"display_name":"P2","billing_account":"billing_account:{billing}"}`, 201, "", ""},
	{post, "/v1/accounts/{account}/projects", `{"billing_account":"bil_none"}`, 404, "NOT_FOUND", "billing_account"},
	{get, "/v1/accounts/{account}/projects?page_size=1", "", 200, "", ""},
	{get, "/v1/accounts/{account}/projects?page_token=AAAA", "", 400, "PAGE_TOKEN_INVALID", "page_token"},
	{get, "/v1/projects/project%3A{project}", "", 200, "", ""},
	{get, "/v1/projects/prj_none", "", 404, "NOT_FOUND", ""},
	{patch, "/v1/projects/{project}", `{"labels":{"a":"b"}}`, 200, "", ""},
	{patch, "/v1/projects/{project}", `{"labels":{"":"b"}}`, 400, "LABEL_INVALID", "labels"},

	{get, "/v1/projects/{project}/billing-link", "", 200, "", ""},
	{put, "/v1/projects/{project}/billing-link", `{"billing_account":"billing_account:{billing}"}`, 200, "", ""},
	{put, "/v1/projects/{project}/billing-link", `{"billing_account":""}`, 400, "IDENTIFIER_INVALID", "billing_account"},
	{get, "/v1/projects/{project}/billing-links", "", 200, "", ""},
	{get, "/v1/projects/prj_none/billing-links", "", 404, "NOT_FOUND", ""},
	{get, "/v1/projects/{project}/billing-links?page_token=x", "", 400, "PAGE_TOKEN_INVALID", "page_token"},
	{remove, "/v1/projects/{project}/billing-link", "", 200, "", ""},
	{remove, "/v1/projects/{project}/billing-link", "", 404, "NOT_FOUND", ""},
	{get, "/v1/projects/{project}/billing-link", "", 404, "NOT_FOUND", ""},

	{post, "/v1/projects/{project}/subprojects", `{"display_name":"S2"}`, 201, "", ""},
	{post, "/v1/projects/{project}/subprojects", `[]`, 400, "BODY_INVALID", ""},
	{get, "/v1/projects/{project}/subprojects", "", 200, "", ""},
	{get, "/v1/projects/{project}/subprojects?page_size=many", "", 400, "PAGE_SIZE_INVALID", "page_size"},
	{get, "/v1/subprojects/{subproject}", "", 200, "", ""},
	{get, "/v1/subprojects/sub_none", "", 404, "NOT_FOUND", ""},
	{get, "/v1/subprojects/{subproject}/parents", "", 200, "", ""},
	{get, "/v1/subprojects/sub_none/parents", "", 404, "NOT_FOUND", ""},
	{get, "/v1/subprojects/{subproject}/parents?account=x", "", 400, "QUERY_UNKNOWN", "account"},
	{patch, "/v1/subprojects/{subproject}", `{"display_name":"New"}`, 200, "", ""},
	{patch, "/v1/subprojects/{subproject}", `{"parent":"project:x"}`, 400, "FIELD_UNKNOWN", "parent"},

	{post, "/v1/resources", `{"type":"number","id":"number:a/b","parent":"project:{project}"}`, 201, "", ""},
	{post, "/v1/resources", `{"type":"project","id":"x","parent":"project:{project}"}`, 400, "TYPE_RESERVED", "type"},
	{post, "/v1/resources", `{"type":"number","id":"x","parent":"account:{account}"}`, 400, "PARENT_INVALID", "parent"},
	{post, "/v1/resources", `{"type":"number","id":"a,b","parent":"project:{project}"}`, 400, "IDENTIFIER_INVALID", "id"},
	{get, "/v1/resources/number/a%2Fb", "", 200, "", ""},
	{get, "/v1/resources/number/%2B4670", "", 200, "", ""},
	{get, "/v1/resources/number/+4670", "", 200, "", ""},
	{get, "/v1/resources/number/number%3A%2B4670", "", 200, "", ""},
	{get, "/v1/resources/number/%2E%2E", "", 400, "IDENTIFIER_INVALID", "resource"},
	{get, "/v1/resources/num*ber/x", "", 400, "IDENTIFIER_INVALID", "resource"},
	{patch, "/v1/resources/number/a%2Fb", `{"labels":{"x":"y"},"properties":{"n":1e400}}`, 200, "", ""},
	{patch, "/v1/resources/number/a%2Fb", `{"properties":[]}`, 400, "FIELD_INVALID", "properties"},
	{get, "/v1/projects/{project}/resources", "", 200, "", ""},
	{get, "/v1/projects/{project}/resources?limit=3", "", 400, "QUERY_UNKNOWN", "limit"},
	{get, "/v1/subprojects/{subproject}/resources", "", 200, "", ""},
	{get, "/v1/subprojects/{subproject}/resources?page_size=1&page_size=2", "", 400, "QUERY_INVALID", "page_size"},
	{get, "/v1/resources/number/a%2Fb/parents", "", 200, "", ""},
	{get, "/v1/resources/number/a%2Fb/parents?account=acc_none", "", 404, "NOT_FOUND", ""},
	{get, "/v1/resources/number/a%2Fb/parents?account=a,b", "", 400, "IDENTIFIER_INVALID", "account"},
	{get, "/v1/resources/number/none/parents?account={account}", "", 404, "NOT_FOUND", ""},
	{remove, "/v1/resources/number/a%2Fb", "", 200, "", ""},
	{remove, "/v1/resources/number/a%2Fb", "", 404, "NOT_FOUND", ""},
	{get, "/v1/resources/number/a%2Fb/parents", "", 404, "NOT_FOUND", ""},
	{get, "/v1/resources/number/a%2Fb/parents?account=account:{account}", "", 200, "", ""},

	{post, "/v1/accounts/{account}/groups", `{"id":"group:support","members":["user:eve","service:bot"]}`, 201, "", ""},
	{post, "/v1/accounts/{account}/groups", `{"id":"support"}`, 409, "ALREADY_EXISTS", ""},
	{post, "/v1/accounts/{account}/groups", `{"id":"x","members":["eve"]}`, 400, "IDENTIFIER_INVALID", "members.0"},
	{get, "/v1/accounts/{account}/groups", "", 200, "", ""},
	{get, "/v1/accounts/acc_none/groups", "", 404, "NOT_FOUND", ""},
	{get, "/v1/accounts/{account}/groups/support", "", 200, "", ""},
	{get, "/v1/accounts/{account}/groups/none", "", 404, "NOT_FOUND", ""},
	{patch, "/v1/accounts/{account}/groups/support", `{"description":"First line"}`, 200, "", ""},
	{patch, "/v1/accounts/{account}/groups/support", `{"members":[]}`, 400, "FIELD_UNKNOWN", "members"},
	{get, "/v1/accounts/{account}/groups/support/members", "", 200, "", ""},
	{get, "/v1/accounts/{account}/groups/none/members", "", 404, "NOT_FOUND", ""},
	{put, "/v1/accounts/{account}/groups/support/members/user%3Afay", "", 200, "", ""},
	{put, "/v1/accounts/{account}/groups/support/members/fay", "", 400, "IDENTIFIER_INVALID", "member"},
	{put, "/v1/accounts/{account}/groups/support/members/group:support", "", 409, "GROUP_CYCLE", "members"},
	{remove, "/v1/accounts/{account}/groups/support/members/user:fay", "", 200, "", ""},
	{remove, "/v1/accounts/{account}/groups/support/members/user:fay", "", 404, "NOT_FOUND", ""},
	{remove, "/v1/accounts/{account}/groups/support", "", 200, "", ""},
	{remove, "/v1/accounts/{account}/groups/support", "", 404, "NOT_FOUND", ""},

	{post, "/v1/accounts/{account}/roles", `{"id":"agent","permissions":["number.update","*.read"]}`, 201, "", ""},
	{post, "/v1/accounts/{account}/roles", `{"id":"owner","permissions":[]}`, 400, "ROLE_PREDEFINED", "id"},
	{post, "/v1/accounts/{account}/roles", `{"id":"x","permissions":["num*.update"]}`, 400, "PERMISSION_INVALID", "permissions"},
	{get, "/v1/accounts/{account}/roles", "", 200, "", ""},
	{get, "/v1/accounts/{account}/roles?page_size=1.5", "", 400, "PAGE_SIZE_INVALID", "page_size"},
	{get, "/v1/accounts/{account}/roles/role:agent", "", 200, "", ""},
	{get, "/v1/accounts/{account}/roles/viewer", "", 200, "", ""},
	{get, "/v1/accounts/{account}/roles/none", "", 404, "NOT_FOUND", ""},
	{patch, "/v1/accounts/{account}/roles/agent", `{"permissions":["number.*"]}`, 200, "", ""},
	{patch, "/v1/accounts/{account}/roles/viewer", `{"permissions":[]}`, 409, "ROLE_PREDEFINED", ""},
	{remove, "/v1/accounts/{account}/roles/agent", "", 200, "", ""},
	{remove, "/v1/accounts/{account}/roles/agent", "", 404, "NOT_FOUND", ""},

	{post, "/v1/bindings", `{"subject":"user:gil","role":"role:viewer","scope":"subproject:{subproject}","effect":"deny","not_before":"2026-01-01T00:00:00Z","expires_at":"2026-01-01T01:00:00+01:00"}`, 400, "WINDOW_INVALID", "expires_at"},
	{post, "/v1/bindings", `{"subject":"user:gil","role":"role:viewer","scope":"subproject:{subproject}","effect":"deny","expires_at":"2036-02-30T01:00:00Z"}`, 400, "FIELD_INVALID", "expires_at"},
	{post, "/v1/bindings", `{"subject":"user:gil","role":"role:viewer","scope":"subproject:{subproject}","effect":"deny","expires_at":"2036-01-01T01:00:00.5+01:00"}`, 201, "", ""},
	{post, "/v1/bindings", `{"subject":"number:1","role":"viewer","scope":"project:{project}"}`, 400, "SUBJECT_INVALID", "subject"},
	{post, "/v1/bindings", `{"subject":"user:gil","role":"viewer","scope":"project:prj_none"}`, 404, "NOT_FOUND", "scope"},
	{post, "/v1/bindings", `{"subject":"user:gil","role":"none","scope":"project:{project}"}`, 404, "NOT_FOUND", "role"},
	{get, "/v1/bindings?scope=account:{account}&subject=user:ann", "", 200, "", ""},
	{get, "/v1/bindings?account={account}&scope=project:{project}", "", 200, "", ""},
	{get, "/v1/bindings?account=acc_none&scope=project:{project}", "", 404, "NOT_FOUND", ""},
	{get, "/v1/bindings?subject=user:ann", "", 400, "QUERY_REQUIRED", "scope"},
	{get, "/v1/bindings?subject=user:ann&scope=", "", 400, "QUERY_REQUIRED", "scope"},
	{get, "/v1/bindings?subject=user:ann&scope=&account={account}", "", 200, "", ""},
	{get, "/v1/bindings?scope={project}", "", 400, "IDENTIFIER_INVALID", "scope"},
	{get, "/v1/bindings/binding:{binding}", "", 200, "", ""},
	{get, "/v1/bindings/bnd_1", "", 400, "IDENTIFIER_INVALID", ""},
	{remove, "/v1/bindings/{bobs}", "", 200, "", ""},
	{remove, "/v1/bindings/{bobs}", "", 404, "NOT_FOUND", ""},

	{post, "/v1/check", `{"subject":"user:ann","permission":"number.update","resource":"number:+4670"}`, 200, "", ""},
	{post, "/v1/check", `{"subject":"user:ann","permission":"number.*","resource":"number:+4670"}`, 400, "PERMISSION_WILDCARD", "permission"},
	{post, "/v1/check/batch", `{"checks":[{"subject":"user:ann","permission":"number.update","resource":"number:+4670"},{}]}`, 200, "", ""},
	{post, "/v1/check/batch", `{"checks":{}}`, 400, "FIELD_INVALID", "checks"},
	{post, "/v1/billing-owner", `{"resource":"number:+4670","account":"account:{account}"}`, 200, "", ""},
	{post, "/v1/billing-owner", `{"resource":"number"}`, 400, "IDENTIFIER_INVALID", "resource"},
	{post, "/v1/billing-owner", `{"resource":"number:+4670","at":"2020-01-01T00:00:00+01:00"}`, 200, "", ""},
	{post, "/v1/billing-owner", `{"resource":"number:+4670","at":"yesterday"}`, 400, "FIELD_INVALID", "at"},
	{post, "/v1/billing-owner", `{"resource":"number:+4670","at":"2999-01-01T00:00:00Z"}`, 400, "AT_IN_FUTURE", "at"},
	{post, "/v1/billing-owner", `{"resource":"number:none","at":"2999-01-01T00:00:00Z"}`, 400, "AT_IN_FUTURE", "at"},
	{post, "/v1/billing-owner", `{"resource":"number:a,b","at":"2020-01-01T00:00:00Z"}`, 400, "IDENTIFIER_INVALID", "resource"},
	{post, "/v1/billing-owner", `{"resource":"number:1","account":"a,b","at":"2020-01-01T00:00:00Z"}`, 400, "IDENTIFIER_INVALID", "account"},

	{get, "/v1/accounts/{account}/log", "", 200, "", ""},
	{get, "/v1/accounts/{account}/log?actor=operator&action=role.define&page_size=2", "", 200, "", ""},
	{get, "/v1/accounts/acc_none/log", "", 404, "NOT_FOUND", ""},
	{get, "/v1/accounts/{account}/log?after=x", "", 400, "REVISION_INVALID", "after"},
	{get, "/v1/accounts/{account}/log?actor=", "", 400, "QUERY_INVALID", "actor"},
	{get, "/v1/accounts/{account}/log?page_size=-3", "", 400, "PAGE_SIZE_INVALID", "page_size"},
	{get, "/v1/accounts/{account}/log?page_token=AAAA", "", 400, "PAGE_TOKEN_INVALID", "page_token"},

	{get, "/v1/accounts/{account}/revisions/{revision}", "", 200, "", ""},
	{get, "/v1/accounts/{account}/revisions/{revision}?wait=1ms", "", 200, "", ""},
	{get, "/v1/accounts/{account}/revisions/{revision}?wait=1h", "", 400, "QUERY_INVALID", "wait"},
	{get, "/v1/accounts/{account}/revisions/{revision}?wait=soon", "", 400, "QUERY_INVALID", "wait"},
	{get, "/v1/accounts/{account}/revisions/x", "", 400, "REVISION_INVALID", "revision"},
	{get, "/v1/accounts/{closing}/revisions/{revision}", "", 400, "REVISION_OF_ANOTHER_ACCOUNT", "revision"},
	{get, "/v1/accounts/acc_none/revisions/{revision}", "", 404, "NOT_FOUND", ""},

	{post, "/v1/projects/{project}/keys", `{"sponsor":"user:ann","display_name":"k","sources":["192.0.2.0/24"],"expires_at":"2999-01-01T00:00:00Z"}`, 201, "", ""},
	{post, "/v1/projects/{project}/keys", `{}`, 400, "SPONSOR_REQUIRED", "sponsor"},
	{post, "/v1/projects/{project}/keys", `{"sponsor":"user:ann","sources":["everywhere"]}`, 400, "SOURCE_INVALID", "sources"},
	{post, "/v1/projects/{project}/keys", `{"sponsor":"user:ann","expires_at":"1999-01-01T00:00:00Z"}`, 400, "EXPIRY_INVALID", "expires_at"},
	{get, "/v1/projects/{project}/keys", "", 200, "", ""},
	{get, "/v1/projects/prj_none/keys", "", 404, "NOT_FOUND", ""},
	{post, "/v1/subprojects/{subproject}/keys", `{"sponsor":"user:ann"}`, 201, "", ""},
	{post, "/v1/subprojects/sub_none/keys", `{"sponsor":"user:ann"}`, 404, "NOT_FOUND", "parent"},
	{get, "/v1/subprojects/{subproject}/keys", "", 200, "", ""},
	{get, "/v1/subprojects/sub_none/keys", "", 404, "NOT_FOUND", ""},
	{post, "/v1/platform/keys", `{"service":"service:gateway"}`, 201, "", ""},
	{post, "/v1/platform/keys", `{"service":"user:ann"}`, 400, "SERVICE_REQUIRED", "service"},
	{get, "/v1/platform/keys", "", 200, "", ""},
	{get, "/v1/platform/keys?page_size=-1", "", 400, "PAGE_SIZE_INVALID", "page_size"},
	{post, "/v1/replicas/0123456789abcdef", `{"name":"shop:1","digest":"d","last":"15s"}`, 200, "", ""},
	{post, "/v1/replicas/0123456789abcdef", `{"name":"shop:1","digest":"d","last":"0s"}`, 200, "", ""},
	{post, "/v1/replicas/0123456789abcdef", `{"name":"shop:1","digest":"d","last":"61m"}`, 400, "ENROLMENT_INVALID", "last"},
	{post, "/v1/replicas/0123456789abcdef", `{"name":"shop:1","digest":"d","last":"-1s"}`, 400, "ENROLMENT_INVALID", "last"},
	{post, "/v1/replicas/0123456789abcdef", `{"name":"shop\u0000","digest":"d","last":"1s"}`, 400, "TEXT_INVALID", "name"},
	{post, "/v1/replicas/0123456789abcdef", `{"name":"shop","digest":"d\n","last":"1s"}`, 400, "FIELD_INVALID", "digest"},
	{post, "/v1/replicas/short", `{"name":"shop:1","digest":"d","last":"15s"}`, 400, "REPLICA_INVALID", "replica"},
	{post, "/v1/replicas/0123456789abcdef/answers", `{"question":"q","serves":true}`, 200, "", ""},
	{post, "/v1/replicas/0123456789abcdef/answers", `{"question":"q"}`, 400, "FIELD_REQUIRED", "serves"},
	{post, "/v1/replicas/0123456789abcdef/uses", `{"uses":[{"account":"{account}","key":"{key}","at":"2026-03-01T09:30:00Z"}]}`, 200, "", ""},
	{post, "/v1/replicas/0123456789abcdef/uses", `{"uses":[{"account":"acc_none","key":"key_none","at":"2026-03-01T09:30:00Z"}]}`, 200, "", ""},
	{post, "/v1/replicas/0123456789abcdef/uses", `{"uses":[{"account":"a","key":"a,b","at":"2026-03-01T09:30:00Z"}]}`, 400, "IDENTIFIER_INVALID", "uses.key"},
	{get, "/v1/platform/route-map", "", 404, "NOT_FOUND", ""},
	{put, "/v1/platform/route-map", `{"routes":[{"route":"GET /v1/numbers/{number}","permission":"number.read","resource":"number:{number}"}]}`, 200, "", ""},
	{put, "/v1/platform/route-map", `{"routes":[{"route":"GET /v1/numbers/{number}","permission":"number.read","resource":"number:{nowhere}"}]}`, 400, "ROUTES_INVALID", "routes"},
	{put, "/v1/platform/route-map", `{"routes":[{"route":"GET /"}]}`, 400, "FIELD_REQUIRED", "routes.0.permission"},
	{get, "/v1/platform/route-map", "", 200, "", ""},
	{remove, "/v1/platform/route-map", "", 200, "", ""},
	{remove, "/v1/platform/route-map", "", 404, "NOT_FOUND", ""},
	{get, "/v1/keys/{key}", "", 200, "", ""},
	{get, "/v1/keys/key%3A{key}", "", 200, "", ""},
	{get, "/v1/keys/key_none", "", 404, "NOT_FOUND", ""},
	{patch, "/v1/keys/{key}", `{"display_name":"K","labels":{"a":"b"},"expires_at":null,"sources":null}`, 200, "", ""},
	{patch, "/v1/keys/{key}", `{"sources":["10.0.0.1/8"]}`, 400, "SOURCE_INVALID", "sources"},
	{post, "/v1/keys/{key}/disable", "", 200, "", ""},
	{post, "/v1/keys/key_none/disable", "", 404, "NOT_FOUND", ""},
	{post, "/v1/keys/{key}/enable", "", 200, "", ""},
	{post, "/v1/keys/key_none/enable", "", 404, "NOT_FOUND", ""},
	{post, "/v1/keys/{key}/rotate", `{"overlap":"1h"}`, 200, "", ""},
	{post, "/v1/keys/{key}/rotate", `{"overlap":"1000h"}`, 400, "OVERLAP_INVALID", "overlap"},
	{post, "/v1/keys/{key}/transfer", `{"sponsor":"user:ann"}`, 200, "", ""},
	{post, "/v1/keys/{key}/transfer", `{"sponsor":"group:x"}`, 400, "SPONSOR_INVALID", "sponsor"},
	{post, "/v1/authorize", `{"api_key":"{secret}","permission":"number.read","resource":"project:{project}","source_ip":"192.0.2.1"}`, 200, "", ""},
	{post, "/v1/authorize", `{"subject":"user:ann","permission":"number.read","resource":"number:+4670"}`, 200, "", ""},
	{post, "/v1/authorize", `{"permission":"number.read","resource":"number:+4670"}`, 200, "", ""},
	{post, "/v1/authorize", `{"api_key":"tg_live","permission":"number.read","resource":"number:+4670"}`, 200, "", ""},
	{post, "/v1/authorize", `{"api_key":"{secret}","resource":"number:+4670"}`, 400, "FIELD_REQUIRED", "permission"},
	{post, "/v1/authorize", `{"api_key":"{secret}","permission":"number.read"}`, 400, "FIELD_REQUIRED", "resource"},
	{post, "/v1/authorize", `{"api_key":"{secret}"}`, 400, "FIELD_REQUIRED", "method"},
	{post, "/v1/authorize", `{"api_key":"{secret}","method":"GET"}`, 400, "FIELD_REQUIRED", "path"},
	{post, "/v1/authorize", `{"api_key":"{secret}","method":"GET","path":"/","permission":"number.read","resource":"number:+4670"}`, 400, "FIELD_INVALID", "permission"},
	{post, "/v1/authorize", `{"api_key":"{secret}","method":"GET","path":"/nowhere"}`, 200, "", ""},
	{post, "/v1/authorize", `{"api_key":"{secret}","permission":"number.*","resource":"project:{project}"}`, 400, "PERMISSION_WILDCARD", "permission"},
	{post, "/v1/leaked-keys", `{"api_key":"{secret}"}`, 200, "", ""},
	{post, "/v1/leaked-keys", `{"api_key":"tg_live"}`, 400, "KEY_INVALID", "api_key"},
	{post, "/v1/keys/{key}/enable", "", 200, "", ""},
	{remove, "/v1/keys/{key}", "", 200, "", ""},
	{remove, "/v1/keys/{key}", "", 404, "NOT_FOUND", ""},
	{post, "/v1/bindings", `{"subject":"key:{key}","role":"viewer","scope":"project:{project}"}`, 404, "NOT_FOUND", "subject"},

	{get, "/v1/accounts/{account}/casbin", "", 200, "", ""},
	{get, "/v1/accounts/{account}/casbin?under=number:%2B4670&at=2027-01-01T00:00:00Z", "", 200, "", ""},
	{get, "/v1/accounts/{account}/casbin?at=yesterday", "", 400, "QUERY_INVALID", "at"},
	{get, "/v1/accounts/{account}/export", "", 200, "", ""},
	{get, "/v1/accounts/acc_none/export", "", 404, "NOT_FOUND", ""},
	{post, "/v1/import?dry_run=true&owner=user:root", `{"account":{"id":"new"},"billing_accounts":[{"id":"new-main","mode":"prepaid","currency":"EUR"}],"projects":[{"id":"new-web","billing_account":"new-main"}]}`, 200, "", ""},
	{post, "/v1/import?dryrun=true", `{"account":{"id":"new"}}`, 400, "QUERY_UNKNOWN", "dryrun"},
	{post, "/v1/import", `{"account":{"id":"new"},"bindings":[{"subject":"user:ann","role":"owner","scope":"account:new","effect":"perhaps"}]}`, 400, "FIELD_INVALID", "bindings.0.effect"},

	{post, "/v1/subprojects/{subproject}/move", `{"parent":"project:{empty}"}`, 200, "", ""},
	{post, "/v1/subprojects/{subproject}/move", `{"parent":"project:none"}`, 404, "NOT_FOUND", "parent"},
	{post, "/v1/subprojects/{subproject}/move", `{"parent":"a,b"}`, 400, "IDENTIFIER_INVALID", "parent"},
	{post, "/v1/resources/number/%2B4670/move", `{"parent":"project:{project}"}`, 200, "", ""},
	{post, "/v1/resources/number/%2B4670/move", `{"parent":"account:{account}"}`, 400, "PARENT_INVALID", "parent"},
	{post, "/v1/resources/number/%2B4670/move", `{"parent":"web"}`, 400, "IDENTIFIER_INVALID", "parent"},
	{post, "/v1/accounts/{account}/suspend", "", 200, "", ""},
	{post, "/v1/accounts/{account}/resume", "", 200, "", ""},
	{post, "/v1/accounts/acc_none/suspend", "", 404, "NOT_FOUND", ""},
	{post, "/v1/accounts/acc_none/resume", "", 404, "NOT_FOUND", ""},
	{post, "/v1/billing-accounts/{spare}/suspend", "", 200, "", ""},
	{post, "/v1/billing-accounts/{spare}/resume", "", 200, "", ""},
	{post, "/v1/billing-accounts/none/suspend", "", 404, "NOT_FOUND", ""},
	{post, "/v1/billing-accounts/none/resume", "", 404, "NOT_FOUND", ""},
	{post, "/v1/projects/{empty}/suspend", "", 200, "", ""},
	{post, "/v1/projects/{empty}/resume", "", 200, "", ""},
	{post, "/v1/projects/none/suspend", "", 404, "NOT_FOUND", ""},
	{post, "/v1/projects/none/resume", "", 404, "NOT_FOUND", ""},
	{post, "/v1/subprojects/{subproject}/suspend", "", 200, "", ""},
	{post, "/v1/subprojects/{subproject}/resume", "", 200, "", ""},
	{post, "/v1/subprojects/none/suspend", "", 404, "NOT_FOUND", ""},
	{post, "/v1/subprojects/none/resume", "", 404, "NOT_FOUND", ""},

	{remove, "/v1/resources/number/%2B4670", "", 200, "", ""},
	{remove, "/v1/subprojects/{subproject}", "", 200, "", ""},
	{remove, "/v1/subprojects/{subproject}", "", 200, "", ""},
	{remove, "/v1/subprojects/none", "", 404, "NOT_FOUND", ""},
	{remove, "/v1/projects/{empty}", "", 200, "", ""},
	{post, "/v1/subprojects/{subproject}/restore", "", 409, "PARENT_DELETED", ""},
	{post, "/v1/projects/{empty}/restore", "", 200, "", ""},
	{post, "/v1/projects/none/restore", "", 404, "NOT_FOUND", ""},
	{post, "/v1/subprojects/{subproject}/restore", "", 200, "", ""},
	{remove, "/v1/projects/{empty}", "", 200, "", ""},
	{remove, "/v1/projects/none", "", 404, "NOT_FOUND", ""},
	{remove, "/v1/billing-accounts/{spare}", "", 200, "", ""},
	{post, "/v1/billing-accounts/{spare}/restore", "", 200, "", ""},
	{post, "/v1/billing-accounts/none/restore", "", 404, "NOT_FOUND", ""},
	{remove, "/v1/billing-accounts/{billing}", "", 409, "BILLING_ACCOUNT_LINKED", ""},
	{remove, "/v1/accounts/{closing}", "", 200, "", ""},
	{remove, "/v1/accounts/acc_none", "", 404, "NOT_FOUND", ""},
	{post, "/v1/accounts/{closing}/restore", "", 200, "", ""},
	{post, "/v1/accounts/acc_none/restore", "", 404, "NOT_FOUND", ""},

	{get, "/livez", "", 200, "", ""},
	{get, "/readyz", "", 200, "", ""},
	{get, "/metrics", "", 200, "", ""},
	{get, "/openapi.json", "", 200, "", ""},
	{get, "/docs", "", 200, "", ""},
	{get, "/docs/swagger-ui.css", "", 200, "", ""},
	{get, "/docs/none.css", "", 404, "NOT_FOUND", ""},
	{get, "/docs/..%2Fgo.mod", "", 404, "NOT_FOUND", ""},
}

// unrefusing are routes that have nothing to refuse but the credential.
var unrefusing = map[string]bool{
	"GET /livez": true, "GET /readyz": true, "GET /metrics": true, "GET /openapi.json": true, "GET /docs": true,
}

func TestWalk(t *testing.T) {
	f := newFixture(t)
	names := strings.NewReplacer(f.names()...)
	for _, s := range walk {
		t.Run(s.method+" "+s.path, func(t *testing.T) {
			inner := *f
			inner.t = t
			a := inner.do(s.method, names.Replace(s.path), names.Replace(s.body))
			if s.reason != "" {
				a.problem(s.status, s.reason, s.field)
				return
			}
			a.want(s.status)
			var with struct{ Revision, ID string }
			if s.status == http.StatusCreated || s.method != get && s.method != post {
				if a.into(&with); with.Revision == "" {
					t.Errorf("a write without revision: %s", a.text)
				}
			}
		})
	}
	for _, r := range f.handler.Routes() {
		if r.Method == http.MethodHead {
			continue // TestHead
		}
		name := r.Method + " " + documentPath(r.Path)
		succeeded, refused := false, false
		for status := range f.contract.seen[name] {
			succeeded = succeeded || status < 300
			refused = refused || status >= 400
		}
		if !succeeded {
			t.Errorf("%s was never seen to succeed", name)
		}
		if refused == unrefusing[name] {
			t.Errorf("%s refused: %v, but listed as having nothing to refuse: %v", name, refused, unrefusing[name])
		}
	}
}

// names are the names in braces that the walk has, each with what it stands
// for in a world of its own.
func (f *fixture) names() []string {
	f.t.Helper()
	w, other := f.world2()
	return []string{
		"{account}", w.Account.ID, "{billing}", w.BillingAccount.ID, "{revision}", w.Revision, "{project}", w.Project.ID, "{subproject}", w.subproject,
		"{binding}", w.Binding.ID, "{bobs}", f.bobs(w), "{empty}", f.project(w), "{spare}", f.billingAccount(w), "{closing}", other, "{key}", f.key(w).ID, "{secret}", f.key(w).Secret,
	}
}

// world2 is a world, and the ID of an empty account beside it.
func (f *fixture) world2() (world, string) {
	f.t.Helper()
	body := `{"owner":"user:ann","billing_account":{"mode":"prepaid","currency":"EUR"}}`
	return f.world(), decode[SignedUp](f.do(post, "/v1/accounts", body).want(201)).Account.ID
}

func (f *fixture) bobs(w world) string {
	f.t.Helper()
	found := decode[BindingList](f.do(get, "/v1/bindings?subject=user:bob&account="+w.Account.ID, "").want(200))
	if len(found.Items) != 1 || found.Items[0].Revision != "" {
		f.t.Fatalf("bob's bindings: %+v", found)
	}
	return found.Items[0].ID
}

func (f *fixture) project(w world) string {
	f.t.Helper()
	return decode[Project](f.do(post, "/v1/accounts/"+w.Account.ID+"/projects", `{}`).want(201)).ID
}

// key is a key of a project, sponsored by ann.
func (f *fixture) key(w world) Key {
	f.t.Helper()
	return decode[Key](f.do(post, "/v1/projects/"+w.Project.ID+"/keys", `{"sponsor":"user:ann"}`).want(201))
}

func (f *fixture) billingAccount(w world) string {
	f.t.Helper()
	return decode[BillingAccount](f.do(post, "/v1/accounts/"+w.Account.ID+"/billing-accounts", `{"mode":"prepaid","currency":"EUR"}`).want(201)).ID
}
