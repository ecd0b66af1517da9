package route

import (
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

const petshop = `
openapi: 3.0.3
info: {title: Numbers, version: "1"}
servers:
  - url: https://{region}.example.com/v{version}/
    variables: {region: {default: eu}, version: {default: "1"}}
  - url: https://other.example.com/v1
  - url: /beta
paths:
  /numbers/{number}:
    get:
      operationId: getNumber
      x-tollgate: {permission: number.read, resource: "number:{number}"}
      responses: {"200": {description: OK}}
    delete:
      operationId: deleteNumber
      responses: {"200": {description: OK}}
    parameters: [{name: number, in: path, required: true, schema: {type: string}}]
  /numbers/{number}:cancel:
    post:
      servers: [{url: /alone}]
      x-tollgate: {permission: number.cancel, resource: "number:{number}", under: "project:p", account: "acme", hosts: [api.example.com], encoded_slash: true}
      responses: {"200": {description: OK}}
    put:
      responses: {"200": {description: OK}}
    parameters: [{name: number, in: path, required: true, schema: {type: string}}]
  /health:
    get:
      x-tollgate: deny
      responses: {"200": {description: OK}}
`

func openAPI(t *testing.T, text string) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestFromOpenAPI(t *testing.T) {
	m, silent, err := FromOpenAPI(openAPI(t, petshop))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(silent, []string{"deleteNumber", "PUT /numbers/{number}:cancel"}) {
		t.Errorf("%v say nothing", silent)
	}
	want := mustNew(t,
		Route{Route: "GET /v1/numbers/{number}", Permission: "number.read", Resource: "number:{number}"},
		Route{Route: "GET /beta/numbers/{number}", Permission: "number.read", Resource: "number:{number}"},
		Route{Route: "POST /alone/numbers/{number}:cancel", Permission: "number.cancel", Resource: "number:{number}", Under: "project:p", Account: "acme", Hosts: []string{"api.example.com"}, EncodedSlash: true},
	)
	if m.Digest() != want.Digest() {
		t.Errorf("%+v\nshould be\n%+v", m.Routes(), want.Routes())
	}
}

func TestMistakesOfADocument(t *testing.T) {
	const said = `{permission: number.read, resource: "number:{number}"}`
	for name, change := range map[string][2]string{
		"a field that is not known": {said, `{permission: number.read, resource: "number:{number}", role: owner}`},
		"another word":              {said, "ignore"},
		"a list":                    {said, "[deny]"},
		"nothing":                   {said, "null"},
		"a route":                   {said, `{route: GET /, permission: number.read, resource: "number:{number}"}`},
		"no resource":               {said, "{permission: number.read}"},
		"no such placeholder":       {said, `{permission: number.read, resource: "number:{id}"}`},
		"a variable without value":  {"version: {default:", "unused: {default:"},
		"a relative server":         {"url: /beta", "url: beta"},
	} {
		text := strings.Replace(petshop, change[0], change[1], 1)
		if text == petshop {
			t.Fatalf("%s changes nothing", name)
		}
		if m, _, err := FromOpenAPI(openAPI(t, text)); m != nil || reason(err) == "" || !strings.Contains(err.Error(), "numbers/{number}") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Two operations that differ in the name of a placeholder are ambiguous.
	text := petshop + "  /numbers/{id}:\n    get:\n      x-tollgate: {permission: number.read, resource: \"number:{id}\"}\n      responses: {\"200\": {description: OK}}\n"
	if _, _, err := FromOpenAPI(openAPI(t, text)); reason(err) != "ROUTE_AMBIGUOUS" {
		t.Error(err)
	}
	if m, silent, err := FromOpenAPI(&openapi3.T{}); err != nil || m.Len() != 0 || silent != nil {
		t.Errorf("a document without paths: %v, %v", silent, err)
	}
}
