package main

import "testing"

// Sizes are read in their units, and written in the largest that fits.
func TestSizes(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "0GiB": "0", "17": "17B", "1024": "1KiB", "1025": "1025B", "512MiB": "512MiB", "1024MiB": "1GiB", "3GiB": "3GiB", "9B": "9B",
		"": "", "-1": "", "1.5GiB": "", "1GB": "", "GiB": "", "1 GiB": "", "9223372036854775807GiB": "",
	} {
		var s byteSize
		if err := s.Set(text); (err == nil) != (want != "") || (err == nil && s.String() != want) {
			t.Errorf("%q is read as %s, %v; want %q", text, s.String(), err, want)
		}
	}
}
