package storetest

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/internal/leak"
)

// overhear looks for secrets in every command that a server is sent, those of
// scripts and messages too, until the server ends or the function that it returns
// is called. So no key, value or message has one, not even for a moment. A server
// that takes no connections of strangers is not listened to.
func (s *Server) overhear(tb testing.TB) (end func()) {
	tb.Helper()
	c, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", s.Addr)
	if err != nil {
		return func() {} // it has ended
	}
	_, _ = io.WriteString(c, "MONITOR\r\n")
	heard, last, over := &leak.Stream{}, &marked{seen: make(chan struct{})}, make(chan struct{})
	go func() {
		defer close(over)
		_, _ = io.Copy(io.MultiWriter(heard, last), c)
	}()
	return func() {
		tb.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second) // it may have been stopped
		defer cancel()
		if !s.dead() && s.client.Echo(ctx, mark).Err() == nil {
			select { // what came before it has been heard
			case <-last.seen:
			case <-over:
			}
		}
		_ = c.Close()
		<-over
		for _, found := range heard.Found() {
			tb.Errorf("Redis at %s was sent %s", s.Addr, found)
		}
	}
}

// mark is the last that is sent to a server that is overheard.
const mark = "nothing-comes-after-this"

// marked notices it.
type marked struct {
	rest string
	seen chan struct{}
	done bool
}

func (m *marked) Write(p []byte) (int, error) {
	if m.done {
		return len(p), nil
	}
	text := m.rest + string(p)
	if m.done = strings.Contains(text, mark); m.done {
		close(m.seen)
	}
	m.rest = text[max(0, len(text)-len(mark)):]
	return len(p), nil
}
