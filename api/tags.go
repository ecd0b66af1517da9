package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// shown answers one thing as view has it, and its tag in the header.
func shown[T, V any](c *call, view func(*admin.Item[T]) V) func(admin.Item[T], error) (V, error) {
	return func(item admin.Item[T], err error) (V, error) {
		c.tag = item.Tag
		return view(&item), err
	}
}

// condition reads If-Match or If-None-Match; nil if it is absent.
func (c *call) condition(name string) (*tagList, error) {
	values := c.gin.Request.Header[name]
	if len(values) == 0 {
		return nil, nil
	}
	list, ok := parseTags(strings.Join(values, ","))
	if !ok {
		return nil, hierarchy.Invalid("HEADER_INVALID", name, `must be * or entity tags as ETag answered them, such as "x1", with commas between`)
	}
	return &list, nil
}

// tagList is what stands in If-Match and If-None-Match (RFC 9110, 13.1).
type tagList struct {
	any    bool
	strong []string // opaque tags, without quotes
	weak   []string // likewise, of those with W/ before them
}

// parseTags reads "*", or tags with commas between. Empty elements are passed
// over, as in any list of a header.
func parseTags(s string) (list tagList, ok bool) {
	if strings.Trim(s, " \t") == "*" {
		return tagList{any: true}, true
	}
	for {
		s = strings.TrimLeft(s, " \t,")
		if s == "" {
			return list, len(list.strong)+len(list.weak) > 0
		}
		rest, weak := strings.CutPrefix(s, "W/")
		tag, after, ok := cutTag(rest)
		if !ok {
			return list, false
		}
		if weak {
			list.weak = append(list.weak, tag)
		} else {
			list.strong = append(list.strong, tag)
		}
		s = strings.TrimLeft(after, " \t")
		if s != "" && s[0] != ',' {
			return list, false
		}
	}
}

// cutTag takes a quoted tag off the front.
func cutTag(s string) (tag, after string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", "", false
	}
	tag, after, ok = strings.Cut(s[1:], `"`)
	return tag, after, ok && !strings.ContainsFunc(tag, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

// unchanged reports whether the caller has what is answered already. Tags are
// compared weakly here, and a condition that is malformed is an error.
func (c *call) unchanged() (bool, error) {
	if method := c.gin.Request.Method; c.tag == "" || (method != get && method != http.MethodHead) {
		return false, nil
	}
	list, err := c.condition("If-None-Match")
	if list == nil || err != nil {
		return false, err
	}
	for _, tag := range append(list.strong, list.weak...) {
		list.any = list.any || tag == c.tag
	}
	return list.any, nil
}

// writeCondition reads the condition of a write. Weak tags never match there.
func (c *call) writeCondition() (*admin.Condition, error) {
	match, err := c.condition("If-Match")
	if err != nil {
		return nil, err
	}
	var none *tagList
	if slices.Contains(c.op.headers, "If-None-Match") {
		if none, err = c.condition("If-None-Match"); err != nil {
			return nil, err
		}
	}
	switch {
	case none == nil && match == nil:
		return nil, nil
	case none == nil:
		return &admin.Condition{Any: match.any, Tags: match.strong}, nil
	case match != nil || !none.any:
		return nil, hierarchy.Invalid("HEADER_INVALID", "If-None-Match", "must be * here, and without If-Match")
	}
	return &admin.Condition{Absent: true}, nil
}

// sendTag sends the tag of what is answered, as a strong one.
func (c *call) sendTag() {
	if c.tag != "" {
		c.gin.Writer.Header()["Etag"] = []string{`"` + c.tag + `"`}
	}
}

// notModified answers that the caller has it already, unless that could not
// be found out.
func (c *call) notModified(err error) error {
	if err == nil {
		c.sendTag()
		c.gin.Writer.WriteHeader(http.StatusNotModified)
		c.gin.Writer.WriteHeaderNow()
	}
	return err
}
