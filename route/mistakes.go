package route

import (
	"fmt"
	"strings"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// MaxMistakes is how many mistakes of a map are told at once.
const MaxMistakes = 100

// Mistake is one thing that is wrong with a map.
type Mistake struct {
	Line  int    // of the file; 0 if there is none
	Place int    // of the route in the list, from 0; -1 if it is of no route
	Route string // as it was written
	Err   *hierarchy.Error
}

func (m Mistake) Error() string {
	var text strings.Builder
	switch {
	case m.Line > 0:
		fmt.Fprintf(&text, "line %d: ", m.Line)
	case m.Place >= 0:
		fmt.Fprintf(&text, "routes[%d]: ", m.Place)
	}
	if m.Route != "" {
		fmt.Fprintf(&text, "%.128s: ", m.Route)
	}
	return text.String() + m.Err.Error()
}

func (m Mistake) Unwrap() error { return m.Err }

// Mistakes are what is wrong with a map: all of it, up to MaxMistakes.
type Mistakes []Mistake

func (ms Mistakes) Error() string {
	lines := make([]string, len(ms))
	for i, m := range ms {
		lines[i] = m.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns each, so that errors.As finds the first.
func (ms Mistakes) Unwrap() []error {
	errs := make([]error, len(ms))
	for i, m := range ms {
		errs[i] = m
	}
	return errs
}

func (ms *Mistakes) add(m Mistake) {
	if len(*ms) < MaxMistakes {
		*ms = append(*ms, m)
	}
}

// asError is ms, or nil if there are none.
func (ms Mistakes) asError() error {
	if len(ms) == 0 {
		return nil
	}
	return ms
}
