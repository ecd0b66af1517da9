package policy

import (
	"encoding/csv"
	"io"
	"iter"
)

// Print writes the policy that f comes to at an instant, in microseconds since
// 1970, as the CSV that Casbin's file and string adapters read. Together with
// the model it is all that a stock Casbin needs to answer as Tollgate does,
// until the next boundary of a window (see ValidUntil) and but for the state
// of nodes, which is not policy. It streams; the errors are those of w.
func Print(w io.Writer, f Facts, at int64) error {
	out := csv.NewWriter(w)
	err := Derive(f, at, func(line ...string) error { return out.Write(line) })
	if err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

// ValidUntil is the first instant after at when a window opens or closes, or 0
// if none ever does: until then, and not including it, what is derived as of
// at stays the same. Both are in microseconds since 1970.
func ValidUntil(bindings iter.Seq[Binding], at int64) int64 {
	var next int64
	for b := range each(bindings) {
		for _, boundary := range [...]int64{b.NotBefore, b.ExpiresAt} {
			if boundary > at && (next == 0 || boundary < next) {
				next = boundary
			}
		}
	}
	return next
}
