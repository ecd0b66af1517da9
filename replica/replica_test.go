package replica_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/worlds"
	"github.com/tollgate-dev/tollgate/policy"
	"github.com/tollgate-dev/tollgate/replica"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire is a bus in memory. Messages may be dropped, and a replica can be cut
// off: then it neither hears nor is heard.
type wire struct {
	mu       sync.Mutex
	roster   []replica.Member
	ears     map[int]func(replica.Message)
	cut      map[string]bool // by ID
	drop     func(replica.Message) bool
	said, n  int
	resigned int
	ready    chan struct{}
}

// plug is the wire as one replica has it.
type plug struct {
	*wire
	id *string // of the replica, once it has enrolled
}

func (p plug) Enrol(_ context.Context, m replica.Member, _ time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	*p.id = m.ID
	if !slices.Contains(p.roster, m) {
		p.roster = append(p.roster, m)
		p.ready <- struct{}{}
	}
	return nil
}

func (p plug) Resign(_ context.Context, m replica.Member) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resigned++
	p.roster = slices.DeleteFunc(p.roster, func(x replica.Member) bool { return x == m })
	return nil
}

func (p plug) Roster(context.Context) ([]replica.Member, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.roster), nil
}

func (p plug) Say(_ context.Context, m replica.Message) error {
	p.mu.Lock()
	p.said++
	var to []func(replica.Message)
	if !p.cut[m.From] && (p.drop == nil || !p.drop(m)) {
		for _, ear := range p.ears {
			to = append(to, ear)
		}
	}
	p.mu.Unlock()
	for _, ear := range to {
		ear(m)
	}
	return nil
}

func (p plug) Listen(ctx context.Context, hear func(replica.Message), _ func(error)) {
	p.mu.Lock()
	p.n++
	ear := p.n
	p.ears[ear] = func(m replica.Message) {
		p.mu.Lock()
		deaf := p.cut[*p.id]
		p.mu.Unlock()
		if !deaf {
			hear(m)
		}
	}
	p.mu.Unlock()
	p.ready <- struct{}{}
	<-ctx.Done()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.ears, ear)
}

// city is some replicas of one store.
type city struct {
	*wire
	t       *testing.T
	source  *worlds.Memory
	engines []*authz.Engine
	groups  []*replica.Group
	stop    []context.CancelFunc
	w       *worlds.World
}

func newCity(t *testing.T, replicas int) *city {
	t.Helper()
	judge, err := policy.NewJudge(tollgate.Model)
	if err != nil {
		t.Fatal(err)
	}
	c := &city{t: t, wire: &wire{ears: map[int]func(replica.Message){}, cut: map[string]bool{}, ready: make(chan struct{}, 2*replicas)}, source: worlds.NewMemory(), w: worlds.New(3)}
	c.source.Put(&c.w.World)
	for i := range replicas {
		e, err := authz.NewEngine(c.source, judge, authz.Options{Bound: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.Close)
		g := replica.New(plug{c.wire, new(string)}, e, string(rune('a'+i)), time.Hour, zap.NewNop())
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			g.Run(ctx)
		}()
		stop := func() {
			cancel()
			<-ended
		}
		t.Cleanup(stop)
		c.engines, c.groups, c.stop = append(c.engines, e), append(c.groups, g), append(c.stop, stop)
	}
	for range 2 * replicas { // each enrols, and listens
		<-c.ready
	}
	return c
}

// write commits something, and returns its token.
func (c *city) write() string {
	c.t.Helper()
	head, _ := c.source.Commit(c.w.Account, authz.Edit{Key: authz.KeyOf(hierarchy.TypeGroup, "written"), After: []byte(`{}`)})
	return authz.Token(c.w.Account, head.Revision)
}

// know has an engine read the account.
func (c *city) know(i int) *authz.Snapshot {
	c.t.Helper()
	s, err := c.engines[i].Snapshot(c.t.Context(), c.w.Account, "")
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

// states are who serves, by name.
func states(r replica.Receipt) map[string]bool {
	all := map[string]bool{}
	for _, s := range r.Replicas {
		all[s.Name] = s.Serves
	}
	return all
}

// A receipt is whole when all replicas answer from the revision: those that had
// an older one have it then, though they would have trusted theirs for an hour.
func TestReceipt(t *testing.T) {
	c := newCity(t, 3)
	before := c.know(1).Revision()
	c.know(0)
	token := c.write()
	if c.know(1).Revision() != before {
		t.Fatal("the replica knows of the write already: the test shows nothing")
	}
	got, err := c.groups[0].Receipt(t.Context(), c.w.Account, token, time.Hour)
	if err != nil || !got.All || len(got.Replicas) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	if c.know(1).Revision() == before {
		t.Error("a replica that confirmed answers from an older revision")
	}
}

// Whoever is silent is not confirmed, however many others are; once its
// enrolment has ended, or it has resigned, nobody waits for it.
func TestReceiptOfTheSilent(t *testing.T) {
	c := newCity(t, 3)
	for i := range c.engines {
		c.know(i)
	}
	token := c.write()
	roster, _ := plug{c.wire, nil}.Roster(t.Context())
	silent := roster[slices.IndexFunc(roster, func(m replica.Member) bool { return m.Name == "b" })]
	c.mu.Lock()
	c.cut[silent.ID] = true
	c.mu.Unlock()
	got, err := c.groups[0].Receipt(t.Context(), c.w.Account, token, 300*time.Millisecond)
	if want := states(got); err != nil || got.All || !want["a"] || want["b"] || !want["c"] {
		t.Fatalf("%+v, %v", want, err)
	}
	c.mu.Lock()
	c.roster = slices.DeleteFunc(c.roster, func(m replica.Member) bool { return m == silent })
	c.mu.Unlock()
	if got, err = c.groups[0].Receipt(t.Context(), c.w.Account, token, time.Hour); err != nil || !got.All || len(got.Replicas) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	c.stop[2]()
	if got, err = c.groups[0].Receipt(t.Context(), c.w.Account, token, time.Hour); err != nil || !got.All || len(got.Replicas) != 1 || c.resigned != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// Messages that are lost are said again.
func TestReceiptWhenMessagesAreLost(t *testing.T) {
	c := newCity(t, 2)
	c.know(1)
	lost := 0
	c.drop = func(replica.Message) bool {
		lost++
		return lost <= 3
	}
	if got, err := c.groups[0].Receipt(t.Context(), c.w.Account, c.write(), time.Hour); err != nil || !got.All || lost <= 3 {
		t.Errorf("%+v, %v, %d messages", got, err, lost)
	}
}

// A revision that the store has lost has no receipt, and a replica that cannot
// reach the store confirms nothing.
func TestReceiptOfTheLost(t *testing.T) {
	c := newCity(t, 2)
	c.know(0)
	c.know(1)
	token := c.write()
	c.source.Lose(c.w.Account, 1)
	if got, err := c.groups[0].Receipt(t.Context(), c.w.Account, token, time.Hour); reason(err) != "REVISION_LOST" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := c.groups[0].Receipt(t.Context(), c.w.Account, "nonsense", time.Hour); reason(err) != "REVISION_INVALID" {
		t.Errorf("%+v, %v", got, err)
	}
}

// One without others is asked nothing.
func TestReceiptAlone(t *testing.T) {
	c := newCity(t, 1)
	g := replica.New(nil, c.engines[0], "alone", time.Second, zap.NewNop())
	g.Run(t.Context())
	if got, err := g.Receipt(t.Context(), c.w.Account, c.write(), 0); err != nil || !got.All || len(got.Replicas) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if c.said != 0 {
		t.Errorf("%d messages", c.said)
	}
}

func reason(err error) string {
	known, _ := err.(*hierarchy.Error) //nolint:errorlint // as it is returned
	if known == nil {
		return ""
	}
	return known.Reason
}

// leaping is a clock that goes on only when it is told to.
type leaping struct{ mono atomic.Int64 }

func (l *leaping) Monotonic() time.Duration { return time.Duration(l.mono.Load()) }
func (l *leaping) Wall() int64              { return l.mono.Load() / 1000 }

// Who could not enrol for long asks the store before it answers, whatever its
// bound: receipts leave it out soon.
func TestWhoIsNotEnrolledAsksFirst(t *testing.T) {
	c, clock := newCity(t, 1), &leaping{}
	e, err := authz.NewEngine(c.source, c.engines[0].Judge(), authz.Options{Bound: 24 * time.Hour, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	c.engines = append(c.engines, e)
	const enrolment = 3 * time.Hour // thrice what the group is told to be the bound
	if err := replica.New(plug{c.wire, new(string)}, e, "b", time.Hour, zap.NewNop()).Enrol(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := c.know(1).Revision()
	c.write()
	clock.mono.Add(int64(enrolment / 2))
	if c.know(1).Revision() != before {
		t.Fatal("it asks first though it is enrolled: the test shows nothing")
	}
	clock.mono.Add(int64(enrolment / 2))
	if c.know(1).Revision() == before {
		t.Error("its enrolment has ended, and it answers from what it knew")
	}
}
