package hierarchy

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What is read as a UID is exactly what base32 makes of one: each has one text.
func TestParseUID(t *testing.T) {
	read, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(NewUID(time.UnixMilli(rapid.Int64Range(0, 1<<47).Draw(t, "made"))).String())
		at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		switch rapid.IntRange(0, 3).Draw(t, "change") {
		case 0:
			text[at] = uidAlphabet[rapid.IntRange(0, len(uidAlphabet)-1).Draw(t, "digit")]
		case 1:
			text[at] = rapid.Byte().Draw(t, "instead")
		case 2:
			text = text[:at]
		case 3:
			text = append(text, text[at])
		}
		var want UID
		n, err := uidText.Decode(want[:], text[:min(len(text), 26)])
		good := err == nil && n == len(want) && want.String() == string(text)
		got, err := ParseUID(string(text))
		if good != (err == nil) || (good && got != want) {
			t.Fatalf("%q is read as %x, %v; want %x, %t", text, got, err, want, good)
		}
		if good {
			read++
		} else {
			refused++
		}
	})
	if read == 0 || refused == 0 {
		t.Errorf("%d were read and %d refused: one half is not shown", read, refused)
	}
}
