package route

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Limits of a path, its query not counted.
const (
	MaxPath     = 4096 // bytes
	MaxSegments = 32
)

// Path is a path that Normalise has read. The zero Path is that of no request,
// and matches nothing.
type Path struct {
	text     string
	ends     [MaxSegments]uint16 // where each segment ends in text
	escaped  uint32              // a bit for each segment that has an escape
	n        uint8               // segments
	trailing bool                // a slash stands behind the last one
	slashed  bool                // a segment has an encoded slash
}

// String is the path in normal form: the one to pass on.
func (p *Path) String() string { return p.text }

// segment is the i-th one as it stands in the path.
func (p *Path) segment(i int) string { return p.text[p.begin(i):p.ends[i]] }

func (p *Path) begin(i int) int {
	if i == 0 {
		return 1
	}
	return int(p.ends[i-1]) + 1
}

func (p *Path) isEscaped(i int) bool { return p.escaped&(1<<i) != 0 }

func refused(reason, detail string) *hierarchy.Error {
	return &hierarchy.Error{Kind: hierarchy.KindInvalid, Reason: reason, Field: "path", Detail: detail}
}

// Why a path is refused. They say nothing of the path: it is the client's.
var (
	errNotAbsolute   = refused("PATH_NOT_ABSOLUTE", "a path begins with a slash; a whole URL, a host alone and * are refused")
	errTooLong       = refused("PATH_TOO_LONG", "a path has at most 4096 bytes")
	errTooDeep       = refused("PATH_TOO_DEEP", "a path has at most 32 segments")
	errEmptySegment  = refused("PATH_EMPTY_SEGMENT", "a segment is empty: some servers leave it out, others do not")
	errDotSegment    = refused("PATH_DOT_SEGMENT", "a segment is made of dots: some servers climb by it, others do not")
	errBackslash     = refused("PATH_BACKSLASH", "has a backslash: some servers take it for a slash")
	errParameter     = refused("PATH_PARAMETER", "has a semicolon: some servers cut the segment there, others do not")
	errFragment      = refused("PATH_FRAGMENT", "has a fragment, which no request sends")
	errControl       = refused("PATH_CONTROL", "has a control or invisible character")
	errNotEncoded    = refused("PATH_NOT_ENCODED", "has a character that has to be percent-encoded")
	errEscape        = refused("PATH_ESCAPE_INVALID", "has a percent sign without two hexadecimal digits behind it")
	errNeedless      = refused("PATH_ESCAPE_NEEDLESS", "encodes a letter, a digit or one of - . _ ~, which needs no encoding: servers that match the path as it is sent, and those that decode it first, differ")
	errDoubleEncoded = refused("PATH_DOUBLE_ENCODED", "has an encoded percent sign: a server that decodes twice sees another path")
	errDelimiter     = refused("PATH_ENCODED_DELIMITER", "has an encoded backslash, semicolon, question mark or number sign: a server that decodes too early cuts the path there")
	errUTF8          = refused("PATH_UTF8_INVALID", "is not valid UTF-8")
	errLookalike     = refused("PATH_LOOKALIKE", "has a character that some servers turn into a slash, a dot or another delimiter")
	errWhiteSpace    = refused("PATH_WHITE_SPACE", "has a segment that begins or ends with white space, which some servers cut off")
)

// Normalise reads a path as it arrived: the target of a request line, up to its
// query, which is cut off at the first question mark and not looked at. It
// returns the path in normal form, in which the digits of escapes are in upper
// case and all else is as it was, or a *hierarchy.Error of KindInvalid with the
// reason why the path is refused. It allocates only to write escapes anew.
func Normalise(raw string) (Path, error) {
	text, _, _ := strings.Cut(raw, "?")
	switch {
	case text == "" || text[0] != '/':
		return Path{}, errNotAbsolute
	case len(text) > MaxPath:
		return Path{}, errTooLong
	}
	p := Path{text: text}
	lower := false
	for begin := 1; begin < len(text); {
		end := begin + segmentEnd(text[begin:])
		if end == begin {
			return Path{}, errEmptySegment
		}
		if p.n == MaxSegments {
			return Path{}, errTooDeep
		}
		seg, err := scanSegment(text[begin:end])
		if err != nil {
			return Path{}, err
		}
		p.add(end, seg)
		lower = lower || seg.lower
		p.trailing = end == len(text)-1
		begin = end + 1
	}
	if lower {
		p.text = upperEscapes(text)
	}
	return p, nil
}

func segmentEnd(s string) int {
	if slash := strings.IndexByte(s, '/'); slash >= 0 {
		return slash
	}
	return len(s)
}

func (p *Path) add(end int, seg scanned) {
	p.ends[p.n] = uint16(end)
	if seg.escapes {
		p.escaped |= 1 << p.n
	}
	p.slashed = p.slashed || seg.slash
	p.n++
}

// scanned is what a segment has in it.
type scanned struct {
	escapes, lower bool // escapes; some with digits in lower case
	slash          bool // an encoded slash
	needless       bool // escapes of what needs none
}

// What a byte of a segment is, as it stands in a path.
const (
	bytePlain = iota + 1
	byteUnreserved
)

var byteClass = func() (class [256]uint8) {
	for _, c := range "!$&'()*+,=:@" {
		class[c] = bytePlain
	}
	for c := range class {
		if isAlnum(byte(c)) || strings.IndexByte("-._~", byte(c)) >= 0 {
			class[c] = byteUnreserved
		}
	}
	return class
}()

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func scanSegment(s string) (scanned, error) {
	var seg scanned
	dots := true
	for i := 0; i < len(s); i++ {
		c := s[i]
		dots = dots && c == '.'
		if byteClass[c] != 0 {
			continue
		}
		if c != '%' {
			return scanned{}, rawFlaw(c)
		}
		if err := seg.escape(s[i+1:]); err != nil {
			return scanned{}, err
		}
		i += 2
	}
	switch {
	case dots:
		return scanned{}, errDotSegment
	case seg.escapes:
		return seg, seg.decodedFlaw(s)
	}
	return seg, nil
}

// rawFlaw says why a byte may not stand in a path as it is.
func rawFlaw(c byte) error {
	switch {
	case c == '\\':
		return errBackslash
	case c == ';':
		return errParameter
	case c == '#':
		return errFragment
	case c < ' ' || c == 0x7f:
		return errControl
	}
	return errNotEncoded
}

// escape reads the two digits of one.
func (seg *scanned) escape(s string) error {
	if len(s) < 2 || !isHex(s[0]) || !isHex(s[1]) {
		return errEscape
	}
	seg.escapes = true
	seg.lower = seg.lower || s[0] >= 'a' || s[1] >= 'a'
	switch c := unhex(s[0])<<4 | unhex(s[1]); {
	case c == '%':
		return errDoubleEncoded
	case c == '\\' || c == ';' || c == '?' || c == '#':
		return errDelimiter
	case c < ' ' || c == 0x7f:
		return errControl
	case c == '/':
		seg.slash = true
	case byteClass[c] == byteUnreserved:
		seg.needless = true
	}
	return nil
}

// decodedFlaw says what keeps the decoded segment from being data.
func (seg *scanned) decodedFlaw(s string) error {
	var room [256]byte
	text := appendDecoded(room[:0], s)
	if !utf8.Valid(text) {
		return errUTF8
	}
	for rest := text; ; {
		part, after, more := bytes.Cut(rest, slash)
		if err := partFlaw(part); err != nil {
			return err
		}
		if !more {
			break
		}
		rest = after
	}
	if seg.needless {
		return errNeedless
	}
	return nil
}

var slash = []byte("/")

// partFlaw looks at what would be a segment if encoded slashes were slashes.
func partFlaw(part []byte) error {
	if len(part) == 0 {
		return errEmptySegment
	}
	dots := true
	for i := 0; i < len(part); {
		c, n := utf8.DecodeRune(part[i:])
		space := unicode.IsSpace(c)
		switch {
		case unicode.IsControl(c) || unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp):
			return errControl
		case isLookalike(c):
			return errLookalike
		}
		dots = dots && (c == '.' || space)
		i += n
	}
	first, _ := utf8.DecodeRune(part)
	last, _ := utf8.DecodeLastRune(part)
	switch {
	case dots && bytes.IndexByte(part, '.') >= 0:
		return errDotSegment
	case unicode.IsSpace(first) || unicode.IsSpace(last):
		return errWhiteSpace
	}
	return nil
}

// isLookalike reports whether the compatibility forms of Unicode (NFKC) make
// of a character a slash, a backslash, one of ; ? # %, or dots alone. The list
// is that of Unicode 15.
func isLookalike(c rune) bool {
	switch c {
	case 0x37e, 0x2024, 0x2025, 0x2026, 0x2047, 0x2048, 0x2049, 0x2100, 0x2101, 0x2105, 0x2106,
		0xfe14, 0xfe16, 0xfe19, 0xfe30, 0xfe52, 0xfe54, 0xfe56, 0xfe5f, 0xfe68, 0xfe6a,
		0xff03, 0xff05, 0xff0e, 0xff0f, 0xff1b, 0xff1f, 0xff3c:
		return true
	}
	return c == 0x2044 || c == 0x2215 || c == 0x29f8 || c == 0x2216 || c == 0x29f5 // slashes that best-fit tables map
}

// appendDecoded decodes what scanSegment has found to be well formed.
func appendDecoded(to []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
		}
		to = append(to, c)
	}
	return to
}

func upperEscapes(s string) string {
	text := []byte(s)
	for i := 0; i < len(text); i++ {
		if text[i] == '%' {
			copy(text[i+1:], bytes.ToUpper(text[i+1:i+3]))
			i += 2
		}
	}
	return string(text)
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&0x0f + 9
}
