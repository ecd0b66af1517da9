package policy

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/casbin/casbin/v2/constant"
	"github.com/casbin/casbin/v2/model"
)

// definitions are what a model consists of: nothing less, and nothing more.
// Casbin ignores what it does not know; an operator who wrote it meant it.
var definitions = []struct {
	section, key string
	value        string // what it must say, but for white space; "" if it is read
}{
	{"request_definition", "r", "sub, dom, obj, act"},
	{"policy_definition", "p", "sub, dom, obj, act, eft"},
	{"role_definition", "g", "_, _, _"},
	{"role_definition", "g2", "_, _"},
	{"policy_effect", "e", ""},
	{"matchers", "m", ""},
}

// recognise reads what a model means, or says everything that keeps it from
// being understood whole.
func recognise(text string) (Meaning, error) {
	if err := checkNames(text); err != nil {
		return Meaning{}, err
	}
	m, err := model.NewModelFromString(text)
	if err != nil {
		return Meaning{}, fmt.Errorf("casbin cannot read it: %w; compare it with the model.conf that Tollgate ships", err)
	}
	var meaning Meaning
	return meaning, errors.Join(
		checkValues(m),
		recogniseEffect(m, &meaning),
		recogniseMatcher(m, &meaning))
}

// checkNames refuses what Casbin's reader would ignore, overwrite or split:
// sections and keys that are none of definitions, keys that stand twice, and
// lines longer than its buffer.
func checkNames(text string) error {
	const longest = 4000
	var errs []error
	section, continued := "", false
	seen := map[string]bool{}
	for number, line := range strings.Split(text, "\n") {
		if len(line) > longest {
			errs = append(errs, fmt.Errorf("line %d: is longer than %d bytes; continue it on the next line with a \\ at its end", number+1, longest))
		}
		line = strings.TrimSpace(line)
		wasContinued := continued
		continued = strings.HasSuffix(line, `\`)
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
			continued = false
		case line[0] == '[' && line[len(line)-1] == ']':
			section, continued = line[1:len(line)-1], false
		case !wasContinued:
			key, _, _ := strings.Cut(line, "=")
			name := section + "." + strings.TrimSpace(key)
			if !isDefinition(name) {
				errs = append(errs, fmt.Errorf("line %d: %.64q is not a definition that Tollgate follows; remove it", number+1, name))
			} else if seen[name] {
				errs = append(errs, fmt.Errorf("line %d: %q is defined twice; keep one", number+1, name))
			}
			seen[name] = true
		}
	}
	return errors.Join(errs...)
}

func isDefinition(name string) bool {
	for _, d := range definitions {
		if d.section+"."+d.key == name {
			return true
		}
	}
	return false
}

// checkValues refuses other fields than those that Derive writes.
func checkValues(m model.Model) error {
	var errs []error
	for _, d := range definitions {
		found, err := m.GetAssertion(d.key[:1], d.key)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("[%s] lacks %q; put it back", d.section, d.key+" = "+d.value))
		case d.value != "" && strings.Join(fields(found.Value), ", ") != d.value:
			errs = append(errs, fmt.Errorf("[%s] must say %q, and says %q", d.section, d.key+" = "+d.value, d.key+" = "+found.Value))
		}
	}
	return errors.Join(errs...)
}

func fields(value string) []string {
	parts := strings.Split(value, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// recogniseEffect compares with the exact texts that Casbin knows: to any
// other, one more space included, it has no answer.
func recogniseEffect(m model.Model, meaning *Meaning) error {
	e, err := m.GetAssertion("e", "e")
	if err != nil {
		return nil //nolint:nilerr // checkValues has said so
	}
	switch e.Value {
	case constant.AllowAndDenyEffect:
	case constant.AllowOverrideEffect:
		meaning.IgnoreDeny = true
	default:
		return fmt.Errorf("[policy_effect] is unknown: %q; write exactly %q, or without its second half to let no binding deny",
			asWritten(e.Value), asWritten(constant.AllowAndDenyEffect))
	}
	return nil
}

// conjunct is one of the conditions, all of which a line must meet to match.
type conjunct struct {
	text   string
	why    string                 // what goes wrong without it
	absent func(meaning *Meaning) // how its absence is followed; nil if it is not
}

var conjuncts = []conjunct{
	{`r.sub != p.sub`, "without it, a subject that is named like a role has that role", nil},
	{`(p.obj == "*" || p.obj == r.obj)`, "", func(m *Meaning) { m.IgnoreType = true }},
	{`(p.act == "*" || p.act == r.act)`, "", func(m *Meaning) { m.IgnoreAction = true }},
	{`g2(r.dom, p.dom)`, "without it, a binding holds on every node of the account", nil},
	{`g(r.sub, p.sub, p.dom)`, "without it, every subject has every role", nil},
}

// recogniseMatcher takes the matcher apart at its &&, in any order and layout,
// and knows each part or refuses it.
func recogniseMatcher(m model.Model, meaning *Meaning) error {
	found, err := m.GetAssertion("m", "m")
	if err != nil {
		return nil //nolint:nilerr // checkValues has said so
	}
	expr, err := parseMatcher(found.Value)
	if err != nil {
		return fmt.Errorf("[matchers] %w; write the conditions of the shipped model.conf, joined by &&", err)
	}
	written := expr.operands("&&")
	var errs []error
	for _, c := range conjuncts {
		known := mustParse(c.text)
		i := slices.Index(written, known)
		switch {
		case i >= 0:
			written = slices.Delete(written, i, i+1)
		case c.absent != nil:
			c.absent(meaning)
		default:
			errs = append(errs, fmt.Errorf("[matchers] lacks the condition %s: %s; add it with &&", c.text, c.why))
		}
	}
	for _, unknown := range written {
		errs = append(errs, fmt.Errorf("[matchers] has a condition that Tollgate does not know: %s; remove it, or write it as the shipped model.conf does", asWritten(unknown)))
	}
	return errors.Join(errs...)
}

var renamed = regexp.MustCompile(`\b([rp])_`)

// asWritten undoes Casbin's renaming of r.sub to r_sub, for messages.
func asWritten(expr string) string { return renamed.ReplaceAllString(expr, "$1.") }
