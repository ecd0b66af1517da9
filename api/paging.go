package api

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
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
	var err error
	if span.Labels, err = c.labels(); err != nil {
		return span, err
	}
	token := c.query.Get("page_token")
	if token == "" {
		return span, nil
	}
	after, ok := parsePageToken(c.seal, c.listMark(), token)
	if !ok {
		return span, hierarchy.Invalid("PAGE_TOKEN_INVALID", "page_token", "is not a token of this list with these filters; pass next_page_token on as it was answered")
	}
	span.After = after
	return span, nil
}

// labels reads which labels the items of a list must carry: "name=value", or a
// name alone, of a label of whatever value.
func (c *call) labels() ([]admin.Label, error) {
	given := c.query["label"]
	if len(given) > hierarchy.MaxLabels {
		return nil, hierarchy.Invalid("TOO_MANY_LABELS", "label", "is given %d times; a node carries at most %d", len(given), hierarchy.MaxLabels)
	}
	labels := make([]admin.Label, len(given))
	for i, text := range given {
		l := &labels[i]
		var valued bool
		l.Name, l.Value, valued = strings.Cut(text, "=")
		l.Any = !valued
		if hierarchy.CheckLabels(map[string]string{l.Name: l.Value}) != nil {
			return nil, hierarchy.Invalid("LABEL_INVALID", "label", "must be name=value, or a name alone, of a label such as a node can carry: %s", show(text))
		}
	}
	return labels, nil
}

// pageToken is the token of the page that begins after an item; "" after the
// last.
func (c *call) pageToken(after string) string {
	if after == "" {
		return ""
	}
	return formPageToken(c.seal, c.listMark(), after)
}

// A page token is the item after which the page begins, sealed: that may be one
// that the caller may not see, passed over on the way. It says where to begin,
// not how far one has come: what is created or deleted meanwhile shifts
// nothing. It is of one list with its filters, by a digest of them, the mark.

// newPageSeal makes what seals page tokens, from the operator's key, which all
// servers of one store have in common.
func newPageSeal(key *digest) (cipher.AEAD, error) {
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte("tollgate page tokens"))
	block, err := aes.NewCipher(mac.Sum(nil))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func formPageToken(seal cipher.AEAD, mark, after string) string {
	return base64.RawURLEncoding.EncodeToString(seal.Seal(nil, nil, []byte(after), []byte(mark))) //nolint:gosec // this seal makes a nonce of its own, at random
}

// parsePageToken returns the item after which the page begins; ok is false for
// what is not a token of the list.
func parsePageToken(seal cipher.AEAD, mark, token string) (after string, ok bool) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || base64.RawURLEncoding.EncodeToString(sealed) != token { // the decoder passes over line ends
		return "", false
	}
	text, err := seal.Open(nil, nil, sealed, []byte(mark))
	return string(text), err == nil && len(text) > 0
}

// listMark is a digest of which list this is, so that a token of one is no
// token of another.
func (c *call) listMark() string {
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
	return string(sum[:])
}
