package authz

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
)

// useStore is a store of uses in memory, that can be away.
type useStore struct {
	away  error
	calls int
	last  map[string]int64
}

func (s *useStore) Used(_ context.Context, uses []Use) error {
	if s.away != nil {
		return s.away
	}
	s.calls++
	for _, u := range uses {
		name := u.Account + " " + u.Key.String()
		s.last[name] = max(s.last[name], u.At)
	}
	return nil
}

func (s *useStore) want(t *testing.T, name string, at int64) {
	t.Helper()
	if got := s.last[name]; got != at {
		t.Errorf("%s was used at %d, not %d", name, got, at)
	}
}

// Uses are taken to the store once, the last of each key; what could not be
// taken there is with the next.
func TestUsesAreFlushed(t *testing.T) {
	u, s := NewUses(), &useStore{last: map[string]int64{}}
	flush := func() {
		t.Helper()
		if err := u.Flush(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	flush()
	for _, at := range []int64{5, 7, 6} {
		u.note("acme", "key:a", at)
	}
	u.note("rival", "key:b", 3)
	flush()
	s.want(t, "acme key:a", 7)
	s.want(t, "rival key:b", 3)
	if flush(); s.calls != 1 {
		t.Errorf("the store was told %d times, not once", s.calls)
	}

	u.note("acme", "key:a", 8)
	s.away = errors.New("away")
	if err := u.Flush(t.Context(), s); !errors.Is(err, s.away) {
		t.Fatal(err)
	}
	u.note("acme", "key:a", 4)
	s.away = nil
	flush()
	s.want(t, "acme key:a", 8)
	u.note("acme", "key:a", 9)
	flush()
	s.want(t, "acme key:a", 9)
}

// What is noted while it is flushed is not lost.
func TestUsesAreNotedAndFlushedAtOnce(t *testing.T) {
	u, s := NewUses(), &useStore{last: map[string]int64{}}
	var all sync.WaitGroup
	for k := range 4 {
		all.Go(func() {
			for at := range int64(2000) {
				u.note("acme", "key:"+strconv.Itoa(k), at+1)
			}
		})
	}
	for range 100 {
		if err := u.Flush(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	all.Wait()
	if err := u.Flush(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	for k := range 4 {
		s.want(t, "acme key:"+strconv.Itoa(k), 2000)
	}
}

// Uses are bounded, and those of a key that is noted are still taken.
func TestUsesAreBounded(t *testing.T) {
	u, s := NewUses(), &useStore{last: map[string]int64{}}
	for k := range mostUses + 10 {
		u.note("acme", "key:"+strconv.Itoa(k), 1)
	}
	u.note("acme", "key:0", 2)
	if err := u.Flush(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if s.want(t, "acme key:0", 2); len(s.last) != mostUses || s.calls != mostUses/usesAtOnce {
		t.Errorf("%d are noted, in %d conversations", len(s.last), s.calls)
	}
}

// To note a use costs no memory, once the key is noted.
func TestNotingAllocatesNothing(t *testing.T) {
	u, at := NewUses(), int64(0)
	u.note("acme", "key:a", at)
	if n := testing.AllocsPerRun(1000, func() { at++; u.note("acme", "key:a", at) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
