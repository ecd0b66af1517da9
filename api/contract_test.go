package api

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// contract holds actual answers to the document: each that a test receives,
// found in the document by a router that is not Gin's.
type contract struct {
	router routers.Router
	doc    *openapi3.T
	seen   map[string]map[int]bool // statuses by "METHOD /path" of the document
}

func loadContract(t testing.TB) *contract {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openapiYAML)
	must(t, err)
	for _, s := range doc.Components.Schemas {
		closeObjects(s.Value)
	}
	router, err := gorillamux.NewRouter(doc)
	must(t, err)
	return &contract{router, doc, map[string]map[int]bool{}}
}

// closeObjects refuses undocumented fields in answers: the document leaves
// answers open, so that clients bear new fields, but a test does not.
func closeObjects(s *openapi3.Schema) {
	if s.Type.Is("object") && s.AdditionalProperties.Has == nil && s.AdditionalProperties.Schema == nil {
		no := false
		s.AdditionalProperties.Has = &no
	}
}

func (c *contract) holds(t testing.TB, r *http.Request, a answer) {
	t.Helper()
	if r.Method == http.MethodHead {
		return // TestHead compares it with GET
	}
	route, params, err := c.router.FindRoute(r)
	if err != nil {
		if a.status < 400 {
			t.Fatalf("%s %s is not in the document: %v", r.Method, r.URL, err)
		}
		return
	}
	name := r.Method + " " + route.Path
	if c.seen[name] == nil {
		c.seen[name] = map[int]bool{}
	}
	c.seen[name][a.status] = true
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, Route: route, PathParams: params},
		Status:                 a.status, Header: a.header, Body: io.NopCloser(strings.NewReader(a.text)),
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true,
			ExcludeResponseBody:   !strings.Contains(a.header.Get("Content-Type"), "json"),
		},
	})
	if err != nil {
		t.Errorf("%s answered %d, which the document does not allow: %v\n%s", name, a.status, err, a.text)
	}
}

func init() { // as answers have it
	openapi3filter.RegisterBodyDecoder("application/problem+json", openapi3filter.RegisteredBodyDecoder("application/json"))
}

func TestDocumentIsValid(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(openapiYAML)
	must(t, err)
	if doc.OpenAPI != "3.0.3" {
		t.Errorf("version %s: validation is ten times slower under 3.1", doc.OpenAPI)
	}
	must(t, doc.Validate(context.Background(), openapi3.EnableExamplesValidation()))
}

// An administrative body that is not closed would let a mistyped field pass.
func TestRequestBodiesAreClosed(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(openapiYAML)
	must(t, err)
	free := map[string]bool{"labels": true, "properties": true}
	var visit func(path string, s *openapi3.Schema)
	visit = func(path string, s *openapi3.Schema) {
		if s.Description == "" && strings.Count(path, ".") == 0 {
			t.Errorf("%s has no description", path)
		}
		if s.Type.Is("object") && !free[path[strings.LastIndex(path, ".")+1:]] && (s.AdditionalProperties.Has == nil || *s.AdditionalProperties.Has) {
			t.Errorf("%s takes unknown fields", path)
		}
		for name, p := range s.Properties {
			visit(path+"."+name, p.Value)
		}
		if s.Items != nil {
			visit(path, s.Items.Value)
		}
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.RequestBody != nil {
				visit(strings.ReplaceAll(method+" "+path, ".", "_"), op.RequestBody.Value.Content.Get("application/json").Schema.Value)
			}
		}
	}
}
