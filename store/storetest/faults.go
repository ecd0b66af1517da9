package storetest

import (
	"errors"
	"sync"
)

// ErrCut is what a store sees of a call that a Faults made fail, as it would
// see a connection that broke.
var ErrCut = errors.New("the connection was cut by the test")

// Faults makes calls to Redis fail, as a store.Fault. Its zero value lets all
// pass. Calls are numbered from 1, since the last of FailBefore, LoseReply,
// Interpose and Clear. Its methods may be called by many goroutines at once.
type Faults struct {
	mu     sync.Mutex
	down   bool
	before int // the call that is not sent
	after  int // the call whose reply is lost
	at     int // the call that do precedes
	do     func()
	calls  int
	lose   map[string]int // replies to lose, of calls by command
}

// FailBefore keeps the n-th call from being sent.
func (f *Faults) FailBefore(n int) { f.set(n, 0, 0, nil) }

// LoseReply lets the n-th call be done, and loses the reply.
func (f *Faults) LoseReply(n int) { f.set(0, n, 0, nil) }

// Interpose runs do just before the n-th call is sent.
func (f *Faults) Interpose(n int, do func()) { f.set(0, 0, n, do) }

// Clear lets all calls pass, and counts them anew.
func (f *Faults) Clear() { f.set(0, 0, 0, nil) }

// LoseRepliesOf loses the replies of the next n calls of a command, such as
// "evalsha", however many calls come between.
func (f *Faults) LoseRepliesOf(command string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lose = map[string]int{command: n}
}

// Down makes every call fail unsent, until Up.
func (f *Faults) Down() { f.switchTo(true) }

// Up ends Down.
func (f *Faults) Up() { f.switchTo(false) }

// Calls is how many calls there were.
func (f *Faults) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// Before implements store.Fault.
func (f *Faults) Before(string) error {
	do, err := f.count()
	if do != nil {
		do()
	}
	return err
}

// After implements store.Fault.
func (f *Faults) After(command string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lose[command] > 0 {
		f.lose[command]--
		return ErrCut
	}
	if f.after != 0 && f.calls == f.after {
		return ErrCut
	}
	return nil
}

func (f *Faults) count() (do func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.down || (f.before != 0 && f.calls == f.before) {
		return nil, ErrCut
	}
	if f.do != nil && f.calls == f.at {
		do, f.do = f.do, nil
	}
	return do, nil
}

func (f *Faults) set(before, after, at int, do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.after, f.at, f.do, f.calls, f.lose = before, after, at, do, 0, nil
}

func (f *Faults) switchTo(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}
