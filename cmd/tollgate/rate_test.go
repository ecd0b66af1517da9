package main

import "testing"

// Rates are read as they are written; what means nothing is refused.
func TestRates(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "10": "10:10", "10:50": "10:50", "0.5": "0.5:1", "2.5": "2.5:3", "0.001:1": "0.001:1", "1000000": "1e+06:1000000", "1e+06:1000000": "1e+06:1000000",
		"": "", "-1": "", "x": "", "10:": "", "10:0": "", "10:-1": "", "0:5": "", "NaN": "", "Inf": "", "10:5:5": "", "1e9": "", "10:1.5": "",
	} {
		var r rate
		if err := r.Set(text); (err == nil) != (want != "") || (err == nil && r.String() != want) {
			t.Errorf("%q is read as %s, %v; want %q", text, r.String(), err, want)
		}
	}
}
