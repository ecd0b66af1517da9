package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// expr is a matcher's expression, in as much of Casbin's language as the known
// conditions need: names, strings, calls, == and !=, && and ||, parentheses.
// Anything else does not parse, and a model that has it is refused.
type expr struct {
	op   string // "&&", "||", "==", "!=", "call" or "" for a name or a string
	text string // of a name or a string; the name of what is called
	args []expr
}

// String is the same for expressions that differ only in white space, in
// parentheses, in the order of the operands of &&, ||, == and !=, or in one
// operand of && or || standing twice.
func (e expr) String() string {
	switch e.op {
	case "":
		return e.text
	case "call":
		return e.text + "(" + strings.Join(texts(e.args), ", ") + ")"
	case "&&", "||":
		return "(" + strings.Join(e.operands(e.op), " "+e.op+" ") + ")"
	}
	args := texts(e.args)
	slices.Sort(args)
	return strings.Join(args, " "+e.op+" ")
}

// operands are what op joins in e, at any depth: e alone if it joins nothing.
// They are sorted, each once.
func (e expr) operands(op string) []string {
	if e.op != op {
		return []string{e.String()}
	}
	var all []string
	for _, arg := range e.args {
		all = append(all, arg.operands(op)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func texts(args []expr) []string {
	all := make([]string, len(args))
	for i, arg := range args {
		all[i] = arg.String()
	}
	return all
}

var token = regexp.MustCompile(`^\s*(&&|\|\||==|!=|[(),]|[A-Za-z_][A-Za-z0-9_]*|"[^"\\]*"|'[^'"\\]*')`)

// matcherParser reads an expression by recursive descent. The first thing
// that it does not know ends it.
type matcherParser struct {
	rest string
	next string // the token that comes next, or ""
	err  error
}

// parseMatcher reads a matcher as Casbin keeps it, r_sub standing for r.sub.
func parseMatcher(text string) (expr, error) {
	p := &matcherParser{rest: text}
	p.advance()
	e := p.joined("||")
	if p.err == nil && p.next != "" {
		p.unexpected()
	}
	return e, p.err
}

// mustParse is the canonical text of a condition of our own, as one writes it.
func mustParse(text string) string {
	e, err := parseMatcher(strings.NewReplacer("r.", "r_", "p.", "p_").Replace(text))
	if err != nil {
		panic(err)
	}
	return e.String()
}

func (p *matcherParser) advance() {
	found := token.FindStringSubmatch(p.rest)
	if found == nil {
		p.next = ""
		if rest := strings.TrimSpace(p.rest); rest != "" && p.err == nil {
			p.err = fmt.Errorf("is not understood from %q on", asWritten(rest))
		}
		return
	}
	p.rest, p.next = p.rest[len(found[0]):], found[1]
}

func (p *matcherParser) unexpected() {
	if p.err == nil {
		p.err = fmt.Errorf("is not understood from %q on", asWritten(p.next+p.rest))
	}
}

// joined reads operands of op. Those of || are joined by &&, which binds
// tighter.
func (p *matcherParser) joined(op string) expr {
	operand := p.compared
	if op == "||" {
		operand = func() expr { return p.joined("&&") }
	}
	e := operand()
	for p.err == nil && p.next == op {
		p.advance()
		e = expr{op: op, args: []expr{e, operand()}}
	}
	return e
}

func (p *matcherParser) compared() expr {
	e := p.operand()
	if p.err == nil && (p.next == "==" || p.next == "!=") {
		op := p.next
		p.advance()
		e = expr{op: op, args: []expr{e, p.operand()}}
	}
	return e
}

// operand reads a name, a string, a call or a parenthesis.
func (p *matcherParser) operand() expr {
	text := p.next
	switch {
	case text == "(":
		p.advance()
		e := p.joined("||")
		p.expect(")")
		return e
	case text == "" || strings.ContainsAny(text[:1], "&|=!),"):
		p.unexpected()
		return expr{}
	case text[0] == '"' || text[0] == '\'':
		p.advance()
		return expr{text: `"` + text[1:len(text)-1] + `"`}
	}
	p.advance()
	if p.next != "(" {
		return expr{text: text}
	}
	return p.call(text)
}

func (p *matcherParser) call(name string) expr {
	p.expect("(")
	e := expr{op: "call", text: name, args: []expr{p.operand()}}
	for p.err == nil && p.next == "," {
		p.advance()
		e.args = append(e.args, p.operand())
	}
	p.expect(")")
	return e
}

func (p *matcherParser) expect(text string) {
	if p.err == nil && p.next != text {
		p.unexpected()
	}
	p.advance()
}
