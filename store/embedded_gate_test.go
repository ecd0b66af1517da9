package store

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// TestWhatChanges says of commands whether they count as a change.
func TestWhatChanges(t *testing.T) {
	g, err := newGate()
	if err != nil {
		t.Fatal(err)
	}
	s, err := g.open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	ctx := t.Context()
	do := func(args ...any) func() error {
		return func() error { return s.client.Do(ctx, args...).Err() }
	}
	script := func(source string) func() error {
		return func() error { return redis.NewScript(source).Run(ctx, s.client, []string{"k"}).Err() }
	}
	tx := func(fill func(redis.Pipeliner)) func() error {
		return func() error {
			pipe := s.client.TxPipeline()
			fill(pipe)
			_, err := pipe.Exec(ctx)
			return err
		}
	}
	raw := func(commands ...string) func() error { // on one connection
		return func() error {
			pipe := s.client.Pipeline()
			for _, command := range commands {
				args := []any{}
				for word := range strings.FieldsSeq(command) {
					args = append(args, word)
				}
				pipe.Do(ctx, args...)
			}
			_, err := pipe.Exec(ctx)
			return err
		}
	}
	for name, tc := range map[string]struct {
		run     func() error
		changes uint64
	}{
		"ping":                 {do("PING"), 0},
		"time":                 {do("TIME"), 0},
		"get":                  {do("GET", "none"), 0},
		"keys":                 {do("KEYS", "*"), 0},
		"unknown":              {do("TOLLGATE"), 1}, // whatever is not known counts
		"set":                  {do("SET", "k", "v"), 1},
		"del":                  {do("DEL", "k"), 1},
		"expire":               {do("PEXPIRE", "k", "100000"), 1},
		"flush":                {do("FLUSHALL"), 1},
		"a script that reads":  {script(`return redis.call('GET', KEYS[1]) or ''`), 0},
		"a script that writes": {script(`redis.call('SET', KEYS[1], 'a') redis.call('DEL', KEYS[1]) return 1`), 2},
		"a transaction":        {tx(func(p redis.Pipeliner) { p.Get(ctx, "none"); p.Time(ctx) }), 0},
		"one that writes":      {tx(func(p redis.Pipeliner) { p.Set(ctx, "k", "v", 0); p.Set(ctx, "k", "v", 0) }), 1},
		"one in another":       {raw("MULTI", "SET k v", "MULTI", "GET k", "EXEC"), 1},
		"one with a script":    {tx(func(p redis.Pipeliner) { p.Eval(ctx, `return redis.call('SET', KEYS[1], 'a')`, []string{"k"}) }), 1},
		"one that is given up": {raw("MULTI", "SET k v", "DISCARD"), 0},
	} {
		before := g.count()
		err := tc.run()
		if got := g.count() - before; got != tc.changes {
			t.Errorf("%s: %d changes, not %d (%v)", name, got, tc.changes, err)
		}
	}
}

// TestReadersGoBy shows that whoever only reads does not wait for a copy, and
// that whoever writes does.
func TestReadersGoBy(t *testing.T) {
	k := openKept(t, filepath.Join(t.TempDir(), "data"))
	defer k.close()
	k.must(signUp("a"))
	k.data.gate.mu.Lock() // as a copy does
	k.load("a", resource("1"))
	if err := k.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		k.must(register("a", "1"))
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	<-tick.C
	tick.Stop()
	if k.locate("number:1") != "" {
		t.Error("a write went by")
	}
	k.data.gate.mu.Unlock()
	<-written
	if k.locate("number:1") != "a" {
		t.Error("the write is lost")
	}
}

// TestOneMoment shows that a copy is of one moment, though writers never stop:
// they keep two keys, far from one another in a copy's order, the same.
func TestOneMoment(t *testing.T) {
	g, s := churn(t)
	defer func() { _ = s.Close() }()
	stop := churners(s)
	defer stop()
	for range 50 {
		all, _, err := g.copy()
		if err != nil {
			t.Fatal(err)
		}
		if torn(all) {
			t.Fatal("a copy has one half of a change")
		}
	}
}

// Without the gate, copies are torn.
func TestOneMomentControl(t *testing.T) {
	g, s := churn(t)
	defer func() { _ = s.Close() }()
	stop := churners(s)
	defer stop()
	until(t, func() bool {
		all, err := g.walk()
		return err == nil && torn(all)
	})
}

// churn is a store with two keys to write, and many between them.
func churn(t *testing.T) (*gate, *Store) {
	t.Helper()
	g, err := newGate()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2000 {
		if err := g.redis.Set(fmt.Sprintf("b%d", i), ""); err != nil {
			t.Fatal(err)
		}
	}
	s, err := g.open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	return g, s
}

// churners keep the keys a and c the same, by scripts and by transactions, until
// they are told to stop.
func churners(s *Store) (stop func()) {
	ended := make(chan struct{})
	var all sync.WaitGroup
	both := redis.NewScript(`redis.call('SET', 'a', ARGV[1]) return redis.call('SET', 'c', ARGV[1])`)
	for i := range 2 {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-ended:
					return
				default:
				}
				value := strings.Repeat(fmt.Sprint(i), n%100)
				if i == 0 {
					both.Run(context.Background(), s.client, nil, value)
					continue
				}
				pipe := s.client.TxPipeline()
				pipe.Set(context.Background(), "a", value, 0)
				pipe.Set(context.Background(), "c", value, 0)
				_, _ = pipe.Exec(context.Background())
			}
		})
	}
	return func() {
		close(ended)
		all.Wait()
	}
}

func torn(all []entry) bool {
	held := map[string]string{}
	for _, e := range all {
		if e.key == "a" || e.key == "c" {
			held[e.key] = e.parts[0]
		}
	}
	return held["a"] != held["c"]
}
