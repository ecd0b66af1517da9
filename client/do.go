package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// call is one request of the API.
type call struct {
	method string
	path   []string // its segments, unescaped
	query  url.Values
	header map[string]string
	body   []byte // JSON, or nil
	// repeatable calls do the same however often they are sent; only they
	// are sent again when the server says that it cannot serve now.
	repeatable bool
	bulk       bool    // may be long
	decides    bool    // heeds how long the caller waits, and is answered 200 or not at all
	hurried    bool    // the caller waits for a bounded time
	etag       *string // where to leave the answer's ETag; may be nil
}

// do sends a call and decodes the answer into out, unless that is nil.
func (c *Client) do(ctx context.Context, in call, out any) error {
	body, err := c.raw(ctx, in)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(body, out); err != nil {
		return &notUnderstood{c.Server(), err}
	}
	return nil
}

// post is do for a request that has a body.
func (c *Client) post(ctx context.Context, in call, body, out any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	in.method, in.body = http.MethodPost, encoded
	return c.do(ctx, in, out)
}

// Bounds of repeating. A server that asks for longer is not waited for.
const (
	tries   = 4
	maxWait = 5 * time.Second
)

// raw sends a call, repeatedly if that is safe and the server asks for it, and
// returns the answer's body.
func (c *Client) raw(ctx context.Context, in call) ([]byte, error) {
	_, in.hurried = ctx.Deadline()
	in.hurried = in.hurried || c.timeout > 0
	ctx, cancel := context.WithTimeout(ctx, c.bound(in))
	defer cancel()
	for try := 1; ; try++ {
		body, after, err := c.once(ctx, in)
		if err == nil || !in.repeatable || after <= 0 || after > maxWait || try == tries {
			return body, err
		}
		if c.wait(ctx, after+rand.N(after/2)) != nil { // not all who were told the same come at once
			return nil, err
		}
	}
}

func (c *Client) bound(in call) time.Duration {
	switch {
	case c.timeout > 0:
		return c.timeout
	case in.bulk:
		return bulkTimeout
	}
	return defaultTimeout
}

// waiter waits for a time, or until the context ends, which is its error.
type waiter func(context.Context, time.Duration) error

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// once sends a call. With an error it says after which time the server wants
// to be asked again; 0 if it does not.
func (c *Client) once(ctx context.Context, in call) (body []byte, after time.Duration, err error) {
	req, err := c.request(ctx, in)
	if err != nil {
		return nil, 0, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, 0, unreached(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err = c.read(resp.Body)
	if err != nil {
		return nil, 0, err
	}
	if resp.StatusCode/100 == 2 {
		if err := in.understands(resp); err != nil {
			return nil, 0, err
		}
		if in.etag != nil {
			*in.etag = resp.Header.Get("ETag")
		}
		return body, 0, nil
	}
	after = retryAfter(resp)
	return nil, after, problemOf(resp, body, after)
}

func (c *Client) request(ctx context.Context, in call) (*http.Request, error) {
	target := c.base
	for _, segment := range in.path {
		target += "/" + escape(segment)
	}
	if len(in.query) > 0 {
		target += "?" + in.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, in.method, target, bytes.NewReader(in.body))
	if err != nil {
		return nil, err
	}
	if in.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.agent)
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	if c.actor != "" {
		req.Header.Set("Tollgate-Actor", c.actor)
	}
	if in.decides && in.hurried {
		req.Header.Set("Tollgate-Timeout", timeLeft(ctx))
	}
	if in.repeatable {
		// Without a value it is not sent. It lets net/http send the request
		// again if the server closed a connection that was kept open.
		req.Header["Idempotency-Key"] = []string{}
	}
	for name, value := range in.header {
		req.Header.Set(name, value)
	}
	return req, nil
}

// understands refuses a success that is not as Tollgate answers one: what stands
// in between may answer anything.
func (c *call) understands(resp *http.Response) error {
	typ, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case err != nil || typ != "application/json":
		err = fmt.Errorf("its content type is %.*q", maxForeign, resp.Header.Get("Content-Type"))
	case c.decides && resp.StatusCode != http.StatusOK:
		err = fmt.Errorf("its status is %d", resp.StatusCode)
	}
	if err != nil {
		return &notUnderstood{resp.Request.URL.Host, err}
	}
	return nil
}

// timeLeft is how long the caller still waits, as a Tollgate-Timeout.
func timeLeft(ctx context.Context) string {
	const most = 24 * time.Hour // no server takes as long
	deadline, _ := ctx.Deadline()
	left := min(max(time.Until(deadline), time.Millisecond), most)
	return strconv.FormatInt(left.Milliseconds(), 10) + "ms"
}

// escape makes a segment of a path of any identifier: a colon and a plus are
// legal there, and would be kept, but not all programs on the way agree.
func escape(segment string) string { return strings.ReplaceAll(url.QueryEscape(segment), "+", "%20") }

// ErrTooLarge is the root of the error of an answer that is over the bound.
var ErrTooLarge = errors.New("the answer is larger than this client reads")

func (c *Client) read(body io.Reader) ([]byte, error) {
	read, err := io.ReadAll(io.LimitReader(body, c.limit+1))
	if err != nil {
		return nil, unreached(err)
	}
	if int64(len(read)) > c.limit {
		return nil, fmt.Errorf("%w: it is over %d bytes", ErrTooLarge, c.limit)
	}
	return read, nil
}

// retryAfter is when a server that cannot serve now wants to be asked again.
func retryAfter(resp *http.Response) time.Duration {
	const most = 1 << 20 // seconds, so that it fits into a time
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	later := resp.StatusCode == http.StatusServiceUnavailable || resp.StatusCode == http.StatusTooManyRequests
	if err != nil || seconds < 1 || !later {
		return 0
	}
	return time.Duration(min(seconds, most)) * time.Second
}
