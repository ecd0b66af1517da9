package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// readBody reads a JSON body of at most limit bytes, appending it to buf. What
// is too large is refused as soon as that is known: by its length if it is
// given, and at the limit otherwise.
func readBody(r *http.Request, limit int64, buf []byte) ([]byte, error) {
	if err := checkMedia(r.Header); err != nil {
		return buf, err
	}
	if r.ContentLength > limit {
		return buf, tooLarge(limit)
	}
	if r.ContentLength > int64(cap(buf)) && r.ContentLength <= MaxBody {
		buf = make([]byte, 0, r.ContentLength+1) // room to see the end
	}
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > limit:
			return buf, tooLarge(limit)
		case err == io.EOF:
			return buf, empty(buf)
		case err != nil:
			return buf, unread(err)
		}
	}
}

func empty(body []byte) error {
	if len(body) == 0 {
		return hierarchy.Invalid("BODY_INVALID", "", "the body is empty; it must be a JSON object")
	}
	return nil
}

func tooLarge(limit int64) error {
	const mebi = 1 << 20
	e := hierarchy.Invalid("BODY_TOO_LARGE", "", "the body is larger than %d MiB", limit/mebi)
	e.Kind = hierarchy.KindTooLarge
	return e
}

func unread(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) { // a limit that whoever serves us has set
		return tooLarge(large.Limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &wireError{http.StatusRequestTimeout, "BODY_TOO_SLOW", "the body did not come in time"}
	}
	return hierarchy.Invalid("BODY_INVALID", "", "the body could not be read to its end")
}

// checkMedia refuses what does not say that it is JSON.
func checkMedia(h http.Header) error {
	types := h["Content-Type"]
	if len(types) != 1 {
		return notJSON("there is no Content-Type, or more than one")
	}
	if types[0] != "application/json" {
		media, params, err := mime.ParseMediaType(types[0])
		charset := params["charset"]
		if err != nil || media != "application/json" || (charset != "" && !strings.EqualFold(charset, "utf-8")) {
			return notJSON("the Content-Type is " + show(types[0]))
		}
	}
	if coding := h.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return notJSON("the Content-Encoding is " + show(coding))
	}
	return nil
}

func notJSON(what string) error {
	return &wireError{http.StatusUnsupportedMediaType, "MEDIA_TYPE_UNSUPPORTED", what + "; send plain application/json in UTF-8"}
}
