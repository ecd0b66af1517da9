// Package api serves Tollgate over HTTP, on Gin, and is the only package that
// knows Gin. It decides nothing: it authenticates the caller, decodes,
// hands over to package admin or to the engine, encodes, and gives each error
// its status.
//
// openapi.yaml comes first. The types of bodies are made from it (types.gen.go),
// every administrative body is validated by it before it is decoded, and tests
// hold every route and every answer to it. The three endpoints that are asked on
// every request of somebody else's (check, its batch, billing-owner) are decoded
// and encoded by hand, because they cost as little as their JSON does; a test
// holds those to the document too.
//
// Between the body and the answer a request takes a turn of its class, or is told
// to come back (turn.go).
//
//	observe → authenticate → readPath → serveJSON: open, read, [ decode, handle, encode ], send
//	   └─ request ID, metrics, recovery              in turn ┘      └─ fail: error → status
package api

import (
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/apikey"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/gateway"
	"github.com/tollgate-dev/tollgate/limit"
	"github.com/tollgate-dev/tollgate/replica"
)

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi-codegen.yaml openapi.yaml

// Config is what the API serves, and how.
type Config struct {
	// Admin administers; its engine answers. A sidecar has none.
	Admin *admin.Service
	// Engine answers for a sidecar.
	Engine *authz.Engine
	// OperatorKey is the credential of the platform's operators. It never
	// appears in a log or an error.
	OperatorKey string
	// OperatorKeyHash is the SHA-256 of that key, for who has only the hash; it
	// counts if OperatorKey is empty.
	OperatorKeyHash [sha256.Size]byte
	// KeyEnvironment is the word that the API keys made here begin with, behind
	// tg_; "live" by default. See apikey.CheckEnvironment.
	KeyEnvironment string
	// Limits hold back who asks too often: callers of the API, and whom
	// gateways ask for; nil for nobody.
	Limits *limit.Limiter
	// Replicas are the servers on the same store, for receipts of writes; nil
	// for this one alone.
	Replicas *replica.Group
	// Ready says why the service cannot answer at the moment; nil for always
	// ready.
	Ready func() error
	// Logger defaults to none.
	Logger *zap.Logger
	// LogRequests logs every request at info level; otherwise at debug level.
	LogRequests bool
	// Registry is where metrics are registered, and what /metrics shows; a new
	// one by default.
	Registry *prometheus.Registry
	// Gateway answers proxies; by default one of its own, without routes.
	Gateway *gateway.Gateway
	// TrustedProxies are believed where the requests come from that they hold.
	TrustedProxies gateway.Trusted
	// Capacity is how much is in work at once; the zero value is for no bound.
	Capacity Capacity
}

// New makes the handler of the whole API. It fails if the configuration lacks
// something, or if the routes and the document do not agree.
func New(c Config) (http.Handler, error) {
	d, err := NewDoors(c)
	return d.API, err
}

// Doors are the ways into one API.
type Doors struct {
	API     http.Handler // all of the document, for callers; of a sidecar, what can be asked
	Local   http.Handler // of a sidecar: the same, for who may connect to a Unix socket
	Proxies http.Handler // what begins with ForwardPrefix, for proxies that have a key
	Socket  http.Handler // the same, for proxies that may connect to a Unix socket
	Porter  Porter       // what answers there, for a door of another protocol
}

// NewDoors is New, with what is for proxies.
func NewDoors(c Config) (Doors, error) {
	if c.Admin == nil {
		return Doors{}, errors.New("api: no admin service")
	}
	s, err := newServer(c)
	if err != nil {
		return Doors{}, err
	}
	api, err := s.router()
	if err != nil {
		return Doors{}, err
	}
	return Doors{API: api, Proxies: s.forwards(false), Socket: s.forwards(true), Porter: Porter{s}}, nil
}

// NewSidecar is NewDoors, of one that can be asked and nothing else: that has
// neither administration nor an operator.
func NewSidecar(c Config) (Doors, error) {
	if c.Admin != nil || c.Engine == nil {
		return Doors{}, errors.New("api: a sidecar has an engine, and no admin service")
	}
	s, err := newServer(c)
	if err != nil {
		return Doors{}, err
	}
	api, err := s.askedRouter(s.authenticated)
	if err != nil {
		return Doors{}, err
	}
	local, err := s.askedRouter(trusted)
	if err != nil {
		return Doors{}, err
	}
	return Doors{API: api, Local: local, Proxies: s.forwards(false), Socket: s.forwards(true), Porter: Porter{s}}, nil
}

// server is the API at work. It is immutable once it serves.
type server struct {
	Config
	key     *digest     // of the operators; nil in a sidecar
	digest  []string    // the value of digestHeader, for reading only
	seal    cipher.AEAD // of page tokens
	doc     *document
	metrics *metrics
	gates   [classes]*gate
}

func newServer(c Config) (*server, error) {
	if c.Admin != nil {
		c.Engine = c.Admin.Engine()
	}
	if c.KeyEnvironment == "" {
		c.KeyEnvironment = "live"
	}
	if err := apikey.CheckEnvironment(c.KeyEnvironment); err != nil {
		return nil, err
	}
	if c.Ready == nil {
		c.Ready = func() error { return nil }
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	if c.Replicas == nil {
		c.Replicas = replica.New(nil, c.Engine, "", 0, c.Logger)
	}
	if c.Gateway == nil {
		c.Gateway = gateway.New(c.Engine, c.Limits)
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	doc, err := loadDocument()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(c.Registry, c.Engine)
	if err != nil {
		return nil, err
	}
	gates := c.Capacity.gates()
	if err := errors.Join(c.Registry.Register(newGateMetrics(&gates)), c.Registry.Register(limitMetrics{c.Limits})); err != nil {
		return nil, err
	}
	s := &server{Config: c, digest: []string{c.Engine.Digest()}, doc: doc, metrics: m, gates: gates}
	if c.Admin != nil {
		err = s.takeOperatorKey()
	}
	return s, err
}

// takeOperatorKey makes whoever has the operator key an operator.
func (s *server) takeOperatorKey() (err error) {
	key := digest(s.OperatorKeyHash)
	if s.OperatorKey != "" {
		key = digestOf(s.OperatorKey)
	}
	if key == (digest{}) {
		return errors.New("api: no operator key")
	}
	s.key = &key
	s.seal, err = newPageSeal(&key)
	return err
}
