package api

import (
	"unicode/utf16"
	"unicode/utf8"
)

// escaped is str from the first escape on, in a string that began at start.
func (s *scanner) escaped(start int) ([]byte, error) {
	said := append([]byte(nil), s.text[start:s.at]...)
	for s.at < len(s.text) {
		c := s.text[s.at]
		s.at++
		switch {
		case c == '"':
			if !utf8.Valid(said) {
				return nil, s.flaw("a string is not valid UTF-8")
			}
			return said, nil
		case c < ' ':
			return nil, s.flaw("a control character in a string is not escaped")
		case c != '\\':
			said = append(said, c)
		default:
			r, ok := s.escape()
			if !ok {
				return nil, s.flaw("an escape in a string is wrong")
			}
			said = utf8.AppendRune(said, r)
		}
	}
	return nil, s.flaw("a string does not end")
}

// escape reads what follows a backslash. A surrogate stands only in a pair.
func (s *scanner) escape() (rune, bool) {
	if s.at == len(s.text) {
		return 0, false
	}
	c := s.text[s.at]
	s.at++
	switch c {
	case '"', '\\', '/':
		return rune(c), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'u':
		return s.codepoint()
	}
	return 0, false
}

func (s *scanner) codepoint() (rune, bool) {
	r, ok := s.hex()
	if !ok || !utf16.IsSurrogate(r) {
		return r, ok
	}
	if len(s.text)-s.at < 2 || s.text[s.at] != '\\' || s.text[s.at+1] != 'u' {
		return 0, false
	}
	s.at += 2
	low, ok := s.hex()
	r = utf16.DecodeRune(r, low)
	return r, ok && r != utf8.RuneError
}

func (s *scanner) hex() (rune, bool) {
	const digits = 4
	if len(s.text)-s.at < digits {
		return 0, false
	}
	var r rune
	for _, c := range s.text[s.at : s.at+digits] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	s.at += digits
	return r, true
}
