package leak

import (
	"bytes"
	"slices"
	"sync"
)

// Stream looks through what is written to it, and keeps no more of it than a
// secret may reach across two writes. Its zero value is ready. Its methods may be
// called by many goroutines at once.
type Stream struct {
	mu    sync.Mutex
	rest  []byte
	found []string
}

// overlap is how much of a write is looked at again with the next: a key whose
// every byte is written as a number takes 4 times its 85.
const overlap = 512

// chunk is how much is looked through at a time.
const chunk = 64 << 10

// Write implements io.Writer. It never fails.
func (s *Stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest = append(s.rest, p...)
	if len(s.rest) > chunk {
		s.look()
		s.rest = bytes.Clone(s.rest[len(s.rest)-overlap:])
	}
	return len(p), nil
}

// Found is what secrets there were, without the secrets themselves.
func (s *Stream) Found() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look()
	return s.found
}

func (s *Stream) look() {
	s.found = append(s.found, Find(s.rest)...)
	slices.Sort(s.found)
	s.found = slices.Compact(s.found)
}
