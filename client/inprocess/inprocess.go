// Package inprocess has Tollgate answer inside a Go program: what a sidecar is
// beside an application, as a part of it. It reads Redis itself, as a user who may
// only read (docs/redis.md has the one), and answers from memory, by the rules of
// freshness of any other replica.
//
//	t, err := inprocess.Start(ctx, inprocess.Config{Redis: "redis://sidecar:…@host:6379"})
//	if err != nil { … }
//	defer t.Close()
//	answer, err := t.Check(ctx, client.Question{
//		Subject: "user:ann", Permission: "number.update", Resource: "number:+4670123",
//	})
//
// It is a client.Authorizer, so that a program can be given it in place of a
// client of a server. What is asked passes through the same handler as at a
// server, as JSON: no network is crossed, and nothing is answered otherwise. The
// program links the whole of Tollgate's read side; one that is not to does better
// with a sidecar of its own and package client.
package inprocess

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate"
	"github.com/tollgate-dev/tollgate/api"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/client"
	"github.com/tollgate-dev/tollgate/gateway"
	"github.com/tollgate-dev/tollgate/policy"
	"github.com/tollgate-dev/tollgate/route"
	"github.com/tollgate-dev/tollgate/sidecar"
	"github.com/tollgate-dev/tollgate/store"
)

// Config says where the state is, and what is answered by. All servers and
// sidecars on one Redis are to have the same Model and Unregistered.
type Config struct {
	// Redis is the URL of the Redis of the servers, as they have it, with a user
	// who may only read.
	Redis string
	// Store has the certificates for TLS; what is about writes counts for nothing.
	Store store.Options
	// Server reports for the program: that it is there, so that receipts of writes
	// wait for it, and when API keys were used. Its key needs replica.report on the
	// platform. nil for none.
	Server *client.Client
	// Name is where the program runs, for people who read receipts.
	Name string
	// Bound is how old what is answered by may be, and has not been compared with
	// Redis; 1 s by default, and with a Server sidecar.MaxBound at most.
	Bound time.Duration
	// Unregistered are the types of product resources that are not registered.
	Unregistered []string
	// Routes say what a request asks for by its method and path; nil for the map
	// that is kept in the platform's account.
	Routes *route.Map
	// Model is the Casbin model; by default the one that Tollgate ships. One that
	// cannot be proved is refused.
	Model string
	// Logger defaults to none.
	Logger *zap.Logger
}

// Client answers in the process. Its methods may be called by many goroutines at
// once.
type Client struct {
	ask     *client.Client
	reader  *store.Reader
	sidecar *sidecar.Sidecar
}

var _ client.Authorizer = (*Client)(nil)

// Start reaches Redis, and begins to follow it. Close the client after use.
func Start(ctx context.Context, c Config) (*Client, error) {
	if c.Model == "" {
		c.Model = tollgate.Model
	}
	judge, err := policy.NewJudge(c.Model)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Redis == "":
		return nil, errors.New("inprocess: Config.Redis is empty; it is the URL of the Redis of the servers")
	case c.Server != nil && c.Bound > sidecar.MaxBound:
		return nil, fmt.Errorf("inprocess: Config.Bound is more than %v, which is the most with a Server: who waits for a receipt waits three times as long for a program that has gone", sidecar.MaxBound)
	}
	reader, err := store.OpenReader(ctx, c.Redis, c.Store)
	if err != nil {
		return nil, fmt.Errorf("inprocess: %w", err)
	}
	s, err := sidecar.Start(ctx, reader, sidecar.Config{
		Judge: judge, Engine: authz.Options{Bound: c.Bound, Unregistered: c.Unregistered}, Server: c.Server, Name: c.Name, Logger: c.Logger,
	})
	if err != nil {
		return nil, errors.Join(err, reader.Close())
	}
	t := &Client{reader: reader, sidecar: s}
	if t.ask, err = ask(s.Engine(), &c); err != nil { //nolint:contextcheck // nothing there waits for anything
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// ask makes the client whose requests go to the handler.
func ask(engine *authz.Engine, c *Config) (*client.Client, error) {
	g := gateway.New(engine, nil)
	g.SetRoutes(c.Routes)
	doors, err := api.NewSidecar(api.Config{Engine: engine, Gateway: g, Logger: c.Logger})
	if err != nil {
		return nil, err
	}
	return client.New("http://in-process", "", client.WithTransport(within{doors.Local}))
}

// Check asks one question; see client.Client.
func (t *Client) Check(ctx context.Context, q client.Question) (*client.Answer, error) {
	return t.ask.Check(ctx, q)
}

// CheckBatch asks many questions; see client.Client.
func (t *Client) CheckBatch(ctx context.Context, questions []client.Question) ([]client.Result, error) {
	return t.ask.CheckBatch(ctx, questions)
}

// Authorize asks about a request that is held; see client.Client.
func (t *Client) Authorize(ctx context.Context, r client.HeldRequest) (*client.Verdict, error) {
	return t.ask.Authorize(ctx, r)
}

// BillingOwner asks who pays; see client.Client. Who paid once is for servers to
// say.
func (t *Client) BillingOwner(ctx context.Context, q client.PayerQuestion) (*client.Payer, error) {
	return t.ask.BillingOwner(ctx, q)
}

// Close has the server forget the program, if it knew of it, and ends what runs in
// the background.
func (t *Client) Close() error {
	t.sidecar.Close()
	return t.reader.Close()
}

// within carries requests to a handler in the process.
type within struct{ http.Handler }

// RoundTrip implements http.RoundTripper.
func (w within) RoundTrip(r *http.Request) (_ *http.Response, err error) {
	asked := r.Clone(r.Context())
	asked.RequestURI = r.URL.RequestURI()
	if asked.Body == nil {
		asked.Body = http.NoBody
	}
	defer func() { _ = asked.Body.Close() }()
	defer func() {
		if broken := recover(); broken != nil { // what it has written is not whole
			err = errors.New("the answer broke off")
		}
	}()
	a := &answer{header: http.Header{}}
	w.ServeHTTP(a, asked)
	return &http.Response{
		Status: http.StatusText(a.status()), StatusCode: a.status(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: r,
	}, nil
}

// answer is what a handler writes.
type answer struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(code int) {
	if a.code == 0 {
		a.code = code
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

func (a *answer) status() int {
	if a.code == 0 {
		return http.StatusOK
	}
	return a.code
}
