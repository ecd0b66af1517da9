package route

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// readings are ways in which servers and proxies read a path, each down to its
// decoded segments. They are models, written for these tests, of what the
// documentation and the source of such servers say.
var readings = map[string]func(raw string) []string{
	"split, then decode":                      func(raw string) []string { return decodeEach(split(query(raw))) },
	"decode, then split":                      func(raw string) []string { return split(unescape(query(raw))) },
	"decode before the query is cut off":      func(raw string) []string { return split(query(unescape(raw))) },
	"decode before the fragment is cut off":   func(raw string) []string { return split(cut(unescape(query(raw)), "#")) },
	"decode twice":                            func(raw string) []string { return split(unescape(unescape(query(raw)))) },
	"decode what IIS encodes":                 func(raw string) []string { return split(unescape(strings.ReplaceAll(query(raw), "%u00", "%"))) },
	"drop empty segments":                     func(raw string) []string { return without(split(unescape(query(raw))), "") },
	"climb by dots, then decode":              func(raw string) []string { return decodeEach(climb(split(query(raw)))) },
	"decode, then climb by dots":              func(raw string) []string { return climb(split(unescape(query(raw)))) },
	"cut off parameters, then decode":         func(raw string) []string { return decodeEach(cutEach(split(query(raw)), ";")) },
	"cut off parameters, then climb":          func(raw string) []string { return climb(decodeEach(cutEach(split(query(raw)), ";"))) },
	"decode, then cut off parameters":         func(raw string) []string { return cutEach(split(unescape(query(raw))), ";") },
	"take backslashes for slashes":            func(raw string) []string { return split(strings.ReplaceAll(unescape(query(raw)), `\`, "/")) },
	"end at NUL":                              func(raw string) []string { return split(cut(unescape(query(raw)), "\x00")) },
	"cut off white space":                     func(raw string) []string { return trimEach(split(unescape(query(raw)))) },
	"leave out what cannot be seen":           func(raw string) []string { return split(visible(unescape(query(raw)))) },
	"put wide and small signs in common form": func(raw string) []string { return split(commonForm(unescape(query(raw)))) },
	"read overlong UTF-8":                     func(raw string) []string { return split(overlong(unescape(query(raw)))) },
}

func split(path string) []string { return strings.Split(strings.TrimPrefix(path, "/"), "/") }

func query(s string) string { return cut(s, "?") }

func cut(s, at string) string {
	before, _, _ := strings.Cut(s, at)
	return before
}

// unescape decodes what can be, and leaves the rest.
func unescape(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if one, err := url.PathUnescape(s[i : i+3]); err == nil {
				out.WriteString(one)
				i += 2
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

func each(list []string, f func(string) string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = f(s)
	}
	return out
}

func decodeEach(list []string) []string { return each(list, unescape) }
func cutEach(list []string, at string) []string {
	return each(list, func(s string) string { return cut(s, at) })
}
func trimEach(list []string) []string { return each(list, strings.TrimSpace) }

func without(list []string, what string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == what })
}

func climb(list []string) []string {
	out := []string{}
	for _, s := range list {
		switch {
		case strings.Trim(s, ".") == "" && len(s) > 1:
			out = out[:max(0, len(out)-1)]
		case s != ".":
			out = append(out, s)
		}
	}
	return out
}

func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
}

func commonForm(s string) string {
	return strings.NewReplacer("\u2024", ".", "\u2025", "..", "\u2026", "...", "\ufe52", ".", "\u2215", "/", "\u2044", "/", "\u2100", "a/c", "\u037e", ";", "\ufe68", `\`).Replace(
		strings.Map(func(r rune) rune {
			if r >= 0xff01 && r <= 0xff5e && strings.ContainsRune(`/\.;?#%`, r-0xfee0) {
				return r - 0xfee0
			}
			return r
		}, s))
}

func overlong(s string) string {
	return strings.NewReplacer("\xc0\xae", ".", "\xc0\xaf", "/", "\xe0\x80\xaf", "/", "\xe0\x80\xae", ".", "\xc1\x9c", `\`, "\xc0\x80", "").Replace(s)
}

// meaning is what Normalise makes of a path: its segments, decoded.
func meaning(p *Path) []string {
	segments := []string{}
	for i := range int(p.n) {
		segments = append(segments, decoded(p.segment(i), p.isEscaped(i)))
	}
	return segments
}

// disagreeing are the readings that see other segments than Normalise does.
func disagreeing(raw string, p *Path) []string {
	var names []string
	for name, read := range readings {
		if got := read(raw); !slices.Equal(got, meaning(p)) && (p.n > 0 || !slices.Equal(without(got, ""), []string{})) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// checkReadings fails if a path is accepted that some server reads otherwise.
// An encoded slash, and one at the end, are for the route to allow.
func checkReadings(t *testing.T, raw string) {
	t.Helper()
	p, err := Normalise(raw)
	if err != nil || p.slashed || p.trailing {
		return
	}
	if names := disagreeing(raw, &p); len(names) > 0 {
		t.Errorf("%q is accepted, as %q; others read it otherwise: %v", raw, meaning(&p), names)
	}
}

// No path is accepted that common servers read in more than one way.
func TestAcceptedPathsAreReadInOneWay(t *testing.T) {
	for _, a := range attacks(t) {
		checkReadings(t, a.path())
	}
}

// The models of the readings can fail: there is a path that is refused for
// each, which it reads otherwise than a server that splits and then decodes.
func TestReadingsDiffer(t *testing.T) {
	plain := readings["split, then decode"]
	for name, read := range readings {
		if name == "split, then decode" {
			continue
		}
		if !slices.ContainsFunc(attacks(t), func(a attack) bool {
			_, err := Normalise(a.path())
			return err != nil && !slices.Equal(read(a.path()), plain(a.path()))
		}) && name != "decode, then split" {
			t.Errorf("no path of the corpus is read otherwise by those that %s", name)
		}
	}
	p, err := Normalise("/a%2Fb")
	if err != nil || len(disagreeing("/a%2Fb", &p)) == 0 {
		t.Error("an encoded slash is read in one way by all")
	}
}

// Whatever is accepted is its own normal form, and is read alike by all.
func FuzzNormalise(f *testing.F) {
	for _, a := range attacks(f) {
		f.Add(a.path())
	}
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := Normalise(raw)
		if err != nil {
			if p != (Path{}) {
				t.Fatalf("%q is refused, and something is left of it: %+v", raw, p)
			}
			return
		}
		checkNormal(t, raw, &p)
		checkReadings(t, raw)
	})
}

func checkNormal(t *testing.T, raw string, p *Path) {
	t.Helper()
	again, err := Normalise(p.String())
	if err != nil || again != *p {
		t.Errorf("%q is %q, and that is %q, %v", raw, p.String(), again.String(), err)
	}
	if text := query(raw); !strings.EqualFold(text, p.String()) || len(text) > MaxPath {
		t.Errorf("%q became %q", raw, p.String())
	}
	for i, s := range meaning(p) {
		for _, part := range strings.Split(s, "/") {
			if part == "" || strings.Trim(part, ".") == "" || part != strings.TrimSpace(part) || strings.ContainsAny(part, "\\;?#%\x00") {
				t.Errorf("%q is accepted with the segment %q", raw, meaning(p)[i])
			}
		}
	}
}
