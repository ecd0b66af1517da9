package policy

// Meaning is what model.conf says of a rule, as far as a model may differ
// from the one that Tollgate ships and still be followed. The zero Meaning is
// that of the shipped model.
type Meaning struct {
	IgnoreType   bool // the matcher does not ask for the permission's type
	IgnoreAction bool // the matcher does not ask for the permission's action
	IgnoreDeny   bool // the effect does not ask for the absence of a deny
}

// Decide is the policy effect: what the rules that matched come to.
func (m Meaning) Decide(allow, deny bool) bool {
	return allow && (m.IgnoreDeny || !deny)
}

// Compiled is a role in the form in which checks ask it. It is immutable.
type Compiled struct {
	// Patterns are the role's permissions as they were defined, for reading
	// only.
	Patterns []string

	all     bool
	types   set // of patterns type.*
	actions set // of patterns *.action
	exact   set // of patterns type.action, as text
}

// Compile prepares a role for checks under the meaning of the model. Patterns
// that do not parse, which no write lets in, hold nothing.
func (m Meaning) Compile(permissions []string) *Compiled {
	c := Compiled{Patterns: permissions}
	for _, text := range permissions {
		p, err := ParsePattern(text)
		if err != nil {
			continue
		}
		if m.IgnoreType {
			p.Type = Any
		}
		if m.IgnoreAction {
			p.Action = Any
		}
		switch {
		case p.Type == Any && p.Action == Any:
			c.all = true
		case p.Action == Any:
			c.types.add(p.Type)
		case p.Type == Any:
			c.actions.add(p.Action)
		default:
			c.exact.add(text)
		}
	}
	return &c
}

// Holds reports whether the role has the permission p, whose text is given
// beside it so that nothing is joined or copied.
func (c *Compiled) Holds(text string, p Permission) bool {
	return c.all || c.exact.has(text) || c.actions.has(p.Action) || c.types.has(p.Type)
}

// set is a set of strings that is small as a rule and can be large.
type set struct {
	few  []string
	many map[string]struct{}
}

const few = 8

func (s *set) add(x string) {
	if s.has(x) {
		return
	}
	if s.many == nil && len(s.few) < few {
		s.few = append(s.few, x)
		return
	}
	if s.many == nil {
		s.many = make(map[string]struct{}, 4*few)
		for _, x := range s.few {
			s.many[x] = struct{}{}
		}
		s.few = nil
	}
	s.many[x] = struct{}{}
}

func (s *set) has(x string) bool {
	if s.many != nil {
		_, ok := s.many[x]
		return ok
	}
	for _, y := range s.few {
		if x == y {
			return true
		}
	}
	return false
}
