package admin

// SetClock makes a service take the time, in microseconds since 1970, from a
// test.
func (s *Service) SetClock(now func() int64) { s.clock = now }

// SetLimits gives a service other limits of one account than it has, so that a
// test reaches them.
func (s *Service) SetLimits(bindings, subprojects, members int) {
	s.limits = limits{bindings, subprojects, members}
}
