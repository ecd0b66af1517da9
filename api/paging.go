package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Pages of lists.
const (
	DefaultPage = 100
	MaxPage     = 1000
)

// page is one page of any list.
type page[V any] struct {
	Items         []V    `json:"items"`
	NextPageToken string `json:"next_page_token"`
}

// list answers one page of the list of a node.
func list[T, V any](c *call, of string, read func(context.Context, admin.Caller, string, admin.Span) (admin.Page[T], error), view func(*admin.Item[T]) V) (page[V], error) {
	return listOf(c, func(span admin.Span) (admin.Page[T], error) { return read(c.ctx(), c.who, of, span) }, view)
}

// listOf answers one page of a list. Its items carry no revision: they may be
// of several.
func listOf[T, V any](c *call, read func(admin.Span) (admin.Page[T], error), view func(*admin.Item[T]) V) (page[V], error) {
	span, err := c.span()
	if err != nil {
		return page[V]{}, err
	}
	found, err := read(span)
	if err != nil {
		return page[V]{}, err
	}
	out := page[V]{Items: make([]V, len(found.Items)), NextPageToken: c.pageToken(found.Next)}
	for i := range found.Items {
		found.Items[i].Revision = ""
		out.Items[i] = view(&found.Items[i])
	}
	return out, nil
}

// span reads which part of a list is asked for.
func (c *call) span() (admin.Span, error) {
	span := admin.Span{Limit: DefaultPage}
	if text := c.query.Get("page_size"); text != "" {
		size, err := strconv.ParseUint(text, 10, 64)
		if err != nil && strings.Trim(text, "0123456789") != "" {
			return span, hierarchy.Invalid("PAGE_SIZE_INVALID", "page_size", "must be a whole number, not negative; 0 is the default, %d", DefaultPage)
		}
		if size > 0 {
			span.Limit = int(min(size, MaxPage))
		}
	}
	token := c.query.Get("page_token")
	if token == "" {
		return span, nil
	}
	after, ok := parsePageToken(c.listMark(), token)
	if !ok {
		return span, hierarchy.Invalid("PAGE_TOKEN_INVALID", "page_token", "is not a token of this list with these filters; pass next_page_token on as it was answered")
	}
	span.After = after
	return span, nil
}

// pageToken is the token of the page that begins after an item; "" after the
// last.
func (c *call) pageToken(after string) string {
	if after == "" {
		return ""
	}
	return formPageToken(c.listMark(), after)
}

// A page token is the digest of a list and the item after which the page
// begins, in URL-safe base64. It says where to begin, not how far one has come:
// what is created or deleted meanwhile shifts nothing.

func formPageToken(mark, after string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(mark + after))
}

// parsePageToken returns the item after which the page begins; ok is false for
// what is not a token of the list.
func parsePageToken(mark, token string) (after string, ok bool) {
	text, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return "", false
	}
	after, ok = strings.CutPrefix(string(text), mark)
	return after, ok && after != "" && hierarchy.TextFlaw(after) == ""
}

// listMark is a digest of which list this is, so that a token of one is no
// token of another.
func (c *call) listMark() string {
	const enough = 8
	of := url.Values{"": {c.op.id}}
	for _, p := range c.gin.Params {
		of.Set(":"+p.Key, p.Value)
	}
	for name, values := range c.query {
		if name != "page_size" && name != "page_token" {
			of[name] = values
		}
	}
	sum := sha256.Sum256([]byte(of.Encode())) // in the order of names
	return string(sum[:enough])
}
