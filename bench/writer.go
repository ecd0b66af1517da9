package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
	"github.com/tollgate-dev/tollgate/store"
)

// writer is a process that writes to a Redis when it is told to.
type writer struct {
	child
	in  io.Writer
	out *bufio.Reader
}

func startWriter(redis string) (*writer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w := &writer{child: child{cmd: exec.Command(self, "write", redis)}}
	w.in, w.out, err = w.child.start()
	return w, err
}

// begin has it write to accounts from a number on. A nil writer writes nothing.
func (w *writer) begin(first int) error {
	if w == nil {
		return nil
	}
	_, err := fmt.Fprintln(w.in, first)
	return err
}

// pause ends that, and returns how many writes a second it made.
func (w *writer) pause() (rate float64, err error) {
	if w == nil {
		return 0, nil
	}
	if _, err := fmt.Fprintln(w.in); err != nil {
		return 0, err
	}
	line, err := w.out.ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(line), 64)
}

// write is what the writer's process does: it reads the number of the first
// account, writes until the next line, and says how many writes a second that
// were.
func write(redis string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, redis, store.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	in := bufio.NewScanner(os.Stdin)
	there := map[int]*toggle{}
	for in.Scan() {
		first, err := strconv.Atoi(in.Text())
		if err != nil {
			return err
		}
		for i := range others {
			if there[first+i] == nil {
				there[first+i] = newToggle(first + i)
			}
		}
		rate, err := pace(ctx, s, there, first, in.Scan)
		if err != nil {
			return err
		}
		fmt.Println(rate)
	}
	return nil
}

// pace writes to accounts from a number on, writesASecond, until wait returns,
// and returns how many writes a second it made. Each account is one
// goroutine's.
func pace(ctx context.Context, s *store.Store, there map[int]*toggle, first int, wait func() bool) (rate float64, err error) {
	const goroutines = 4
	var made atomic.Int64
	var ended atomic.Bool
	var all sync.WaitGroup
	errs := make(chan error, goroutines)
	start := time.Now()
	for g := range goroutines {
		all.Go(func() {
			for i := g; !ended.Load(); i += goroutines {
				time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / writesASecond)))
				if err := there[first+i%others].write(ctx, s); err != nil {
					errs <- err
					return
				}
				made.Add(1)
			}
		})
	}
	wait()
	rate = float64(made.Load()) / time.Since(start).Seconds()
	ended.Store(true)
	all.Wait()
	close(errs)
	return rate, <-errs
}

// toggle is a binding of an account, which is made and removed in turn.
type toggle struct {
	account string
	key     authz.Key
	body    json.RawMessage
	made    bool
}

func newToggle(number int) *toggle {
	l := other(number)
	b := policy.Binding{Subject: ref("user:other@bench.example"), Role: "viewer", Scope: l.Project(0), Effect: policy.Allow}
	return &toggle{account: l.Account(), key: authz.KeyOf(hierarchy.TypeBinding, l.BindingID(restBindings)), body: must(json.Marshal(b))}
}

func (t *toggle) write(ctx context.Context, s *store.Store) error {
	edit := authz.Edit{Key: t.key, After: t.body}
	if t.made {
		edit = authz.Edit{Key: t.key, Before: t.body}
	}
	c := &authz.Commit{Account: t.account, Identity: identity(), Edits: []authz.Edit{edit}, Actor: "bench", Caller: "bench", Action: "binding.grant"}
	_, _, err := s.Commit(ctx, c)
	t.made = !t.made
	return err
}
