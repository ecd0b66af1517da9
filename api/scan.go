package api

import (
	"unicode/utf8"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// scanner reads JSON (RFC 8259) strictly: valid UTF-8, no lone surrogates, no
// name twice in one object. encoding/json lets all three pass, and two readers
// of one body could then understand it differently.
type scanner struct {
	text []byte
	at   int
}

// MaxDepth is how deep values may be nested.
const MaxDepth = 64

// checkJSON refuses what is not exactly one JSON value.
func checkJSON(text []byte) error {
	s := scanner{text: text}
	if err := s.value(0); err != nil {
		return err
	}
	return s.end()
}

// end refuses anything but white space after the value.
func (s *scanner) end() error {
	if s.peek() != 0 || s.at < len(s.text) {
		return s.flaw("there is more after the end of the value")
	}
	return nil
}

func (s *scanner) flaw(what string) error {
	return hierarchy.Invalid("BODY_INVALID", "", "the body is not valid JSON: %s, at byte %d", what, s.at)
}

// peek passes over white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// next passes over white space and one byte, if it is the one wanted.
func (s *scanner) next(want byte) bool {
	if s.peek() != want || s.at == len(s.text) {
		return false
	}
	s.at++
	return true
}

// value passes over one value.
func (s *scanner) value(depth int) error {
	if depth > MaxDepth {
		return s.flaw("it is nested too deeply")
	}
	switch c := s.peek(); c {
	case '{':
		return s.object(depth)
	case '[':
		return s.list(func(int) error { return s.value(depth + 1) })
	case '"':
		_, err := s.str()
		return err
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	default:
		if c == '-' || ('0' <= c && c <= '9') {
			return s.number()
		}
		return s.flaw("a value is missing")
	}
}

// object passes over an object, and refuses a name that stands twice.
func (s *scanner) object(depth int) error {
	const few = 16
	var names [][]byte
	var more map[string]bool // once there are many
	return s.members(func(name []byte) error {
		twice := more[string(name)]
		if more == nil {
			for _, n := range names {
				twice = twice || string(n) == string(name)
			}
		}
		if twice {
			return s.flaw("the name " + show(string(name)) + " stands twice in one object")
		}
		if names = append(names, name); len(names) == few {
			more = make(map[string]bool, 2*few)
			for _, n := range names {
				more[string(n)] = true
			}
		} else if more != nil {
			more[string(name)] = true
		}
		return s.value(depth + 1)
	})
}

// members visits the names of an object; visit passes over the value.
func (s *scanner) members(visit func(name []byte) error) error {
	s.at++ // the brace
	if s.next('}') {
		return nil
	}
	for {
		if s.peek() != '"' {
			return s.flaw("a name in quotes is missing")
		}
		name, err := s.str()
		if err != nil {
			return err
		}
		if !s.next(':') {
			return s.flaw("a colon is missing")
		}
		if err := visit(name); err != nil {
			return err
		}
		if s.next('}') {
			return nil
		}
		if !s.next(',') {
			return s.flaw("a comma or the end of the object is missing")
		}
	}
}

// list visits the items of an array; visit passes over the i-th.
func (s *scanner) list(visit func(i int) error) error {
	s.at++ // the bracket
	if s.next(']') {
		return nil
	}
	for i := 0; ; i++ {
		if err := visit(i); err != nil {
			return err
		}
		if s.next(']') {
			return nil
		}
		if !s.next(',') {
			return s.flaw("a comma or the end of the array is missing")
		}
	}
}

func (s *scanner) word(word string) error {
	if len(s.text)-s.at < len(word) || string(s.text[s.at:s.at+len(word)]) != word {
		return s.flaw("a value is missing")
	}
	s.at += len(word)
	return nil
}

// number passes over a number.
func (s *scanner) number() error {
	if s.text[s.at] == '-' {
		s.at++
	}
	if s.at < len(s.text) && s.text[s.at] == '0' {
		s.at++
	} else if !s.digits() {
		return s.flaw("a digit is missing")
	}
	if s.at < len(s.text) && s.text[s.at] == '.' {
		s.at++
		if !s.digits() {
			return s.flaw("a digit is missing")
		}
	}
	if s.at < len(s.text) && (s.text[s.at] == 'e' || s.text[s.at] == 'E') {
		s.at++
		if s.at < len(s.text) && (s.text[s.at] == '+' || s.text[s.at] == '-') {
			s.at++
		}
		if !s.digits() {
			return s.flaw("a digit is missing")
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	start := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at > start
}

// str passes over a string and returns what it says: a part of the body, or a
// copy if anything in it is escaped.
func (s *scanner) str() ([]byte, error) {
	s.at++ // the quote
	start, ascii := s.at, true
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '"':
			said := s.text[start:s.at]
			if !ascii && !utf8.Valid(said) {
				return nil, s.flaw("a string is not valid UTF-8")
			}
			s.at++
			return said, nil
		case c == '\\':
			return s.escaped(start)
		case c < ' ':
			return nil, s.flaw("a control character in a string is not escaped")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, s.flaw("a string does not end")
}
