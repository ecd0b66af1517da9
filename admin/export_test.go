package admin

// SetClock makes a service take the time, in microseconds since 1970, from a
// test.
func (s *Service) SetClock(now func() int64) { s.clock = now }
