package store

import (
	"net"
	"sync"
	"time"
)

// eagerConn is a pipe whose Write never waits. The embedded server answers
// each command before it reads the next, and a pipe holds nothing: client and
// server would wait for one another to read, for ever, in any pipeline that is
// larger than the server's buffer.
type eagerConn struct {
	net.Conn
	mu      sync.Mutex
	more    sync.Cond
	pending [][]byte
	err     error // of a write, or net.ErrClosed
}

func newEagerConn(c net.Conn) *eagerConn {
	e := &eagerConn{Conn: c}
	e.more.L = &e.mu
	go e.drain()
	return e
}

// Write takes p to be sent, and returns at once. It fails if an earlier write
// has failed.
func (e *eagerConn) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		return 0, e.err
	}
	e.pending = append(e.pending, append([]byte(nil), p...))
	e.more.Signal()
	return len(p), nil
}

func (e *eagerConn) drain() {
	for {
		p, ok := e.next()
		if !ok {
			return
		}
		if _, err := e.Conn.Write(p); err != nil {
			e.end(err)
			return
		}
	}
}

func (e *eagerConn) next() ([]byte, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.pending) == 0 && e.err == nil {
		e.more.Wait()
	}
	if e.err != nil {
		return nil, false
	}
	p := e.pending[0]
	e.pending = e.pending[1:]
	return p, true
}

func (e *eagerConn) end(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err == nil {
		e.err = err
	}
	e.more.Signal()
}

// Close ends the pipe and the goroutine that writes to it.
func (e *eagerConn) Close() error {
	e.end(net.ErrClosed)
	return e.Conn.Close()
}

// SetDeadline bounds reads only: a write never waits.
func (e *eagerConn) SetDeadline(t time.Time) error { return e.SetReadDeadline(t) }

// SetWriteDeadline does nothing: a write never waits.
func (e *eagerConn) SetWriteDeadline(time.Time) error { return nil }
