package authz

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// Options configure an Engine. Zero values mean the defaults.
type Options struct {
	// Bound is the greatest age of a snapshot that answers without being
	// compared with the store first; 1 s by default.
	Bound time.Duration
	// Compare is how often accounts that are asked about are compared with the
	// store in advance, many in one round trip, so that a question need not
	// wait for that at the end of each bound; shorter than Bound, 0 for never.
	Compare time.Duration
	// AwayWindow is for how long beyond Bound a snapshot answers while the store
	// is away, and so cannot be compared; 0 for not at all. Such answers are
	// marked as stale. It is for what is asked fast, not for writes.
	AwayWindow time.Duration
	// Timeout bounds each conversation with the store; 5 s by default.
	Timeout time.Duration
	// Failures is after how many failures, one upon the other, the store is held
	// to be away: nobody waits for it then, until it is found to be back. 8 by
	// default; one that took long is enough by itself. Negative: it never is.
	Failures int
	// Conversations is how many rounds with the store go on at once, of all
	// accounts; 32 by default. More wait for one to end.
	Conversations int
	// Memory is how many bytes the snapshots may take in memory, by their own
	// estimate (see Snapshot.Bytes); 0 for any number. Accounts that were not
	// asked about for the longest are dropped beyond it, and are loaded again
	// when they are. An account that takes more by itself answers all the same.
	Memory int64
	// Places is how many resources' places are kept in memory; 500,000 by
	// default.
	Places int
	// Unregistered are the product types that are too numerous to register:
	// a request names the container of such a resource.
	Unregistered []string
	// ShadowShare is the share of checks, 0 to 1, that Casbin decides again
	// in the background.
	ShadowShare float64
	// ShadowEffort is the share of one processor's time, up to 1, that this
	// may take; 0.01 by default.
	ShadowEffort float64
	// Uses notes when API keys are used; nil for not at all.
	Uses *Uses
	// Clock defaults to the machine's.
	Clock Clock
	// Logger defaults to none.
	Logger *zap.Logger
}

func (o *Options) defaults() {
	if o.Bound == 0 {
		o.Bound = time.Second
	}
	if o.AwayWindow > 0 && o.Compare == 0 {
		o.Compare = o.Bound / 2 // which finds out that the store is back
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Failures == 0 {
		o.Failures = 8
	}
	if o.Conversations == 0 {
		o.Conversations = 32
	}
	if o.Places == 0 {
		o.Places = 500_000
	}
	if o.ShadowEffort == 0 {
		o.ShadowEffort = 0.01
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
}

// Engine answers for all accounts. Its methods may be called by many
// goroutines at once.
type Engine struct {
	source       Source
	judge        *policy.Judge
	model        *Model
	opts         Options
	clock        corrected
	gate         *gate
	strangers    *strangers
	residents    *residents
	hints        hints
	keyHints     keyHints
	places       *otter.Cache[string, place]
	unregistered map[string]bool
	shadow       *policy.Shadow
	digest       string
	mismatches   atomic.Uint64
	worn         chan *resident // to be renewed
	stop         context.CancelFunc
	background   sync.WaitGroup
	renewals     atomic.Uint64
	batches      atomic.Uint64
	compared     atomic.Uint64
	stale        atomic.Uint64
	lease        atomic.Int64 // the monotonic time until which it holds; see Lease
}

// place is where a resource stands, as far as it is remembered: its account,
// and for a product resource the container in it.
type place struct {
	home      *resident
	lineage   *lineage // in which container is a row; nil for a node
	container uint32
	number    uint64 // of the revision that it was read at
}

// wornQueue is how many accounts may wait to be renewed; others ask again.
const wornQueue = 64

// NewEngine makes an engine that answers from a source under the model that
// the judge has proven. Close it after use.
func NewEngine(source Source, judge *policy.Judge, opts Options) (*Engine, error) {
	opts.defaults()
	places, err := otter.New(&otter.Options[string, place]{MaximumSize: opts.Places})
	if err != nil {
		return nil, err
	}
	e := &Engine{source: source, judge: judge, model: NewModel(judge.Meaning()), opts: opts, residents: newResidents(opts.Memory, opts.Logger), places: places, unregistered: map[string]bool{}}
	e.clock.start, e.clock.other = time.Now(), opts.Clock
	e.lease.Store(math.MaxInt64)
	e.gate = newGate(opts.Conversations, opts.Failures, &e.clock, opts.Logger)
	e.strangers = newStrangers()
	for _, typ := range opts.Unregistered {
		if err := hierarchy.CheckResourceType(typ); err != nil {
			return nil, err
		}
		e.unregistered[typ] = true
	}
	e.digest = digestOf(judge.Meaning(), policy.Predefined, e.unregistered)
	e.worn = make(chan *resident, wornQueue)
	ctx, cancel := context.WithCancel(context.Background())
	e.stop = cancel
	e.background.Go(func() { e.renewWorn(ctx) })
	if opts.Compare > 0 {
		e.background.Go(func() { e.keepCompared(ctx) })
	}
	e.shadow = policy.NewShadow(judge, opts.ShadowShare, opts.ShadowEffort, e.mismatch)
	return e, nil
}

// Close stops what runs in the background.
func (e *Engine) Close() {
	e.stop()
	e.background.Wait()
	e.shadow.Close()
	e.places.StopAllGoroutines()
}

// Model is the meaning that the engine decides under.
func (e *Engine) Model() *Model { return e.model }

// Judge is the judge that proved the model.
func (e *Engine) Judge() *policy.Judge { return e.judge }

// Now is the store's time, in microseconds since 1970, as well as this
// machine knows it.
func (e *Engine) Now() int64 { return e.clock.Now() }

// Registered reports whether resources of a type are registered one by one.
func (e *Engine) Registered(typ string) bool { return !e.unregistered[typ] }

func (e *Engine) mismatch(m policy.Mismatch) {
	if m.Err != nil {
		e.opts.Logger.Warn("Casbin could not decide a check again", zap.Error(m.Err))
		return
	}
	e.mismatches.Add(1)
	e.opts.Logger.Error("Casbin decided otherwise than the evaluator: a bug, please report it",
		zap.String("subject", m.Subject.String()), zap.String("permission", m.Permission.String()), zap.String("node", m.Node.String()), zap.Bool("evaluator", m.Allowed))
}
