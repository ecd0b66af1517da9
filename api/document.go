package api

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

//go:embed openapi.yaml
var openapiYAML []byte

// document is the OpenAPI document, ready to validate by and to be shown.
type document struct {
	*openapi3.T
	json []byte
}

func loadDocument() (*document, error) {
	doc, err := openapi3.NewLoader().LoadFromData(openapiYAML)
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	text, err := doc.MarshalJSON()
	return &document{doc, text}, err
}

// operation is what the document says of one route, as far as serving it needs
// to know.
type operation struct {
	id      string
	success int              // the status of success
	body    *openapi3.Schema // of the body; nil if it takes none
	queries []string         // the parameters that the query may have
	lists   []string         // those that may be given more than once
	headers []string         // the headers that are heeded, beside those of every request
	limit   int64            // the most bytes that the body may have
	class   class            // of what it competes with for turns
}

// Limits of bodies, in bytes.
const (
	MaxBody       = 1 << 20
	MaxBatchBody  = 4 << 20
	MaxBundleBody = 64 << 20
)

// limits are those of operations that have others than MaxBody.
var limits = map[string]int64{"checkBatch": MaxBatchBody, "importBundle": MaxBundleBody}

func (d *document) operation(method, path string) (*operation, error) {
	item := d.Paths.Value(path)
	if item == nil || item.GetOperation(method) == nil {
		return nil, fmt.Errorf("openapi.yaml lacks %s %s", method, path)
	}
	described := item.GetOperation(method)
	op := &operation{id: described.OperationID, success: http.StatusOK, limit: MaxBody, class: classOf[described.OperationID]}
	if described.Responses.Status(http.StatusCreated) != nil {
		op.success = http.StatusCreated
	}
	if limit, ok := limits[op.id]; ok {
		op.limit = limit
	}
	for _, p := range append(slices.Clone(item.Parameters), described.Parameters...) {
		switch p.Value.In {
		case openapi3.ParameterInQuery:
			op.queries = append(op.queries, p.Value.Name)
			if p.Value.Schema.Value.Type.Is("array") {
				op.lists = append(op.lists, p.Value.Name)
			}
		case openapi3.ParameterInHeader:
			op.headers = append(op.headers, p.Value.Name)
		}
	}
	if described.RequestBody != nil {
		op.body = described.RequestBody.Value.Content.Get("application/json").Schema.Value
	}
	return op, nil
}

// readQuery refuses what the document does not know: a parameter that was
// mistyped must not be passed over, least of all dry_run.
func (op *operation) readQuery(raw string) (url.Values, error) {
	if raw == "" {
		return nil, nil
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, hierarchy.Invalid("QUERY_INVALID", "", "the query is not percent-encoded properly")
	}
	for name, values := range query {
		if !slices.Contains(op.queries, name) {
			return nil, hierarchy.Invalid("QUERY_UNKNOWN", show(name), "is not a parameter of this path's query%s", known(op.queries))
		}
		if len(values) > 1 && !slices.Contains(op.lists, name) {
			return nil, hierarchy.Invalid("QUERY_INVALID", name, "is given more than once")
		}
	}
	return query, nil
}

// known lists the names that would have been right.
func known(names []string) string {
	if len(names) == 0 {
		return "; there is none"
	}
	return "; known are " + strings.Join(names, ", ")
}
