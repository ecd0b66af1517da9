package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// read reads the body of a call, if it takes one.
func (c *call) read() ([]byte, error) {
	if c.op.body == nil {
		return nil, nil
	}
	return readBody(c.gin.Request, c.op.limit, nil)
}

// decode holds the body of a call to the document, and decodes it.
func (c *call) decode(body []byte, in any) error {
	if err := checkJSON(body); err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber() // a number of a resource's properties need not fit a float
	var value any
	if err := decoder.Decode(&value); err != nil {
		return hierarchy.Invalid("BODY_INVALID", "", "the body is not valid JSON")
	}
	if err := c.op.body.VisitJSON(value, openapi3.VisitAsRequest(), instants); err != nil {
		return misfit(err)
	}
	return decoded(json.Unmarshal(body, in))
}

// instants makes the document's date-time what Timestamp can read.
var instants = openapi3.WithStringFormatValidator("date-time", openapi3.NewCallbackValidator(func(s string) error {
	_, err := ParseInstant(s)
	return err
}))

// decoded says of an error in decoding what the caller can mend. The document
// was satisfied by then, so there is next to nothing left to go wrong.
func decoded(err error) error {
	var known *hierarchy.Error
	var typed *json.UnmarshalTypeError
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.As(err, &typed):
		return hierarchy.Invalid("FIELD_INVALID", typed.Field, "has a value that does not fit: %s", typed.Value)
	}
	return hierarchy.Invalid("BODY_INVALID", "", "the body cannot be decoded")
}

// misfit says in our form how a body does not fit the document. It repeats
// nothing of the body but names, and those only in part.
func misfit(err error) error {
	var at *openapi3.SchemaError
	if !errors.As(err, &at) {
		return hierarchy.Invalid("BODY_INVALID", "", "the body does not fit the document: %s", show(err.Error()))
	}
	field := show(strings.Join(at.JSONPointer(), "."))
	switch at.SchemaField {
	case "required":
		return hierarchy.Invalid("FIELD_REQUIRED", field, "is required")
	case "properties":
		return unknownField(field, at)
	}
	if field == "" {
		return hierarchy.Invalid("BODY_INVALID", "", "the body %s", demand(at))
	}
	return hierarchy.Invalid("FIELD_INVALID", field, "%s", demand(at))
}

// unknownField names a field that the document does not have.
func unknownField(within string, at *openapi3.SchemaError) error {
	fields := slices.Sorted(maps.Keys(at.Schema.Properties))
	body, _ := at.Value.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(body)) {
		if !slices.Contains(fields, name) {
			e := hierarchy.Invalid("FIELD_UNKNOWN", show(name), "is not a field here%s", known(fields))
			if within != "" {
				e = e.In(within)
			}
			return e
		}
	}
	return hierarchy.Invalid("FIELD_UNKNOWN", within, "has an unknown field%s", known(fields))
}

// demand says what the document demands of a value.
func demand(at *openapi3.SchemaError) string {
	switch at.SchemaField {
	case "type":
		return "must be " + a(strings.Join(at.Schema.Type.Slice(), " or "))
	case "nullable":
		return "must not be null; leave it out instead"
	case "enum":
		allowed := make([]string, len(at.Schema.Enum))
		for i, v := range at.Schema.Enum {
			allowed[i] = fmt.Sprint(v)
		}
		return "must be one of " + strings.Join(allowed, ", ")
	case "format":
		return instantDemand
	}
	return show(at.Reason)
}

func a(noun string) string {
	if strings.ContainsAny(noun[:min(1, len(noun))], "aeiou") {
		return "an " + noun
	}
	return "a " + noun
}
