// Package client asks a Tollgate server over HTTP whether a subject may do
// something and who pays for it, and administers accounts.
//
//	c, err := client.New("http://127.0.0.1:8080", key)
//	if err != nil { … }
//	defer c.Close()
//	answer, err := c.Check(ctx, client.Question{
//		Subject: "user:ann", Permission: "number.update", Resource: "number:+4670123",
//	})
//
// An error means that nothing was decided, and is to be taken as a denial. One
// that the server answered is an *Error. The package imports nothing of the
// server's.
package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client talks to one server. Its methods may be called by many goroutines at
// once, and share their connections. It never puts the key into an error.
type Client struct {
	server  string // as it was named
	base    string // what requests begin with, without a slash at its end
	key     string
	actor   string
	agent   string
	timeout time.Duration // 0 for the defaults
	limit   int64
	http    *http.Client
	wait    waiter
}

// The defaults. Bulk calls are imports, exports and policies, which may be
// long.
const (
	defaultTimeout = 30 * time.Second
	bulkTimeout    = 5 * time.Minute
	defaultLimit   = 128 << 20
	dialTimeout    = 5 * time.Second
	idlePerHost    = 64
)

// Option is a setting of a Client.
type Option func(*Client)

// WithTimeout bounds every call, repeats included. The default is 30 s, and 5
// minutes for imports, exports and policies.
func WithTimeout(d time.Duration) Option { return func(c *Client) { c.timeout = d } }

// WithMaxResponse bounds what is read of one answer; 128 MiB by default.
func WithMaxResponse(bytes int64) Option { return func(c *Client) { c.limit = bytes } }

// WithActor makes every call on behalf of a person, such as user:ann: what is
// done then needs that person's rights too.
func WithActor(subject string) Option { return func(c *Client) { c.actor = subject } }

// WithUserAgent names the program in the server's logs.
func WithUserAgent(agent string) Option { return func(c *Client) { c.agent = agent } }

// WithTransport carries the requests; by default connections are kept open and
// used again. It cannot be had with a Unix socket.
func WithTransport(t http.RoundTripper) Option { return func(c *Client) { c.http.Transport = t } }

// New makes a client of the server at a URL such as http://127.0.0.1:8080, or
// unix:///run/tollgate.sock for one that listens on a Unix socket, with the key
// to show there; "" shows none. It does not connect yet.
func New(server, key string, opts ...Option) (*Client, error) {
	base, transport, err := reach(server)
	if err != nil {
		return nil, err
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("the key has white space or other characters that no key has")
	}
	c := &Client{server: strings.TrimRight(server, "/"), base: base, key: key, agent: "tollgate-client", limit: defaultLimit, wait: wait}
	c.http = &http.Client{
		Transport: transport,
		// A redirect would carry the key to somewhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for _, o := range opts {
		o(c)
	}
	if base == socketBase && c.http.Transport != http.RoundTripper(transport) {
		return nil, errors.New("a Unix socket and a transport of one's own cannot be had together: have the transport dial the socket, and name an http:// URL")
	}
	return c, nil
}

// socketBase is what requests through a Unix socket begin with. No name is
// looked up for it.
const socketBase = "http://tollgate"

// reach reads the URL of a server.
func reach(server string) (base string, t *http.Transport, err error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", nil, errNoServer(server)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", nil, errors.New("the server's URL may have neither a user, a query nor a fragment; the key is given apart from it")
	}
	t = newTransport()
	switch {
	case u.Scheme == "unix" && u.Host == "" && len(u.Path) > 1:
		dialer := &net.Dialer{Timeout: dialTimeout}
		t.Proxy = nil
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", u.Path)
		}
		return socketBase, t, nil
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
		return strings.TrimRight(u.String(), "/"), t, nil
	}
	return "", nil, errNoServer(server)
}

func errNoServer(server string) error {
	return fmt.Errorf("the server %q is not a URL such as http://127.0.0.1:8080 or unix:///run/tollgate.sock", redact(server))
}

// redact leaves out what stands before an @, which may be a password.
func redact(server string) string {
	if i := strings.LastIndexByte(server, '@'); i >= 0 {
		return "…" + server[i:]
	}
	return server
}

func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: idlePerHost,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: dialTimeout,
	}
}

// Server is the URL of the server.
func (c *Client) Server() string { return c.server }

// Close closes the connections that are not in use.
func (c *Client) Close() { c.http.CloseIdleConnections() }
