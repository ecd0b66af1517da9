package route

import (
	"strings"
	"testing"
)

const someCases = `
map: attacked.yaml
cases:
  - {request: GET /v1/numbers/7, permission: number.read, resource: "number:7"}
  - {request: GET /v1/projects/p/numbers/7, host: a.example, permission: number.read, resource: "number:7", under: "project:p"}
  - {request: GET /v1/numbers/7, permission: number.read, resource: "number:8"}
  - {request: PUT /v1/numbers/7, unmatched: true}
  - {request: GET /v1/numbers/7, unmatched: true}
  - {request: GET /v1/../x, refused: PATH_DOT_SEGMENT}
  - {request: GET /v1/../x, refused: PATH_EMPTY_SEGMENT}
  - {request: GET /v1/numbers/7, host: "a b", refused: HOST_INVALID}
`

func TestCases(t *testing.T) {
	read, err := ParseCases(strings.NewReader(someCases))
	if err != nil || read.Map != "attacked.yaml" {
		t.Fatal(read, err)
	}
	m := attacked(t)
	fails := map[int]string{6: "number.read on number:7", 8: "number.read on number:7", 10: "refused, PATH_DOT_SEGMENT"} // by line
	for _, c := range read.Cases {
		got := m.Answer(c)
		if want, bad := fails[c.Line]; (got != c.Want) != bad || (bad && got.String() != want) {
			t.Errorf("line %d: %s, and %s was expected", c.Line, got, c.Want)
		}
	}
}

func TestCasesThatSayNothing(t *testing.T) {
	for _, text := range []string{
		"{}", `{"request":"GET /"}`, `{"request":"GET","unmatched":true}`, `{"unmatched":true}`, `{"request":"GET /","unmatched":false}`, `{"request":"GET /","unmatched":true,"refused":"X"}`,
		`{"request":"GET /","permission":"a.b"}`, `{"request":"GET /","resource":"a:b"}`, `{"request":"GET /","permission":"a.b","resource":"a:b","unmatched":true}`, `{"request":"GET /","unmatched":true,"x":1}`, `[]`, `7`, ``, `{"request":`,
	} {
		if _, err := ParseCase(text, 7); reason(err) == "" || text != "" && !strings.HasPrefix(err.Error(), "line 7: ") {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := ParseCases(strings.NewReader("cases: [" + text + "]")); reason(err) == "" {
			t.Errorf("%s in a file: %v", text, err)
		}
	}
	if c, err := ParseCase(`{"request":"GET /a b","unmatched":true}`, 7); err != nil || c.Line != 7 || c.Request != "GET /a b" || !c.Want.Unmatched {
		t.Errorf("%+v, %v", c, err)
	}
}
