package gatewaytest

import (
	"slices"
	"time"
)

// The server has one clock for all its connections and its traffic: one timer, set to the earliest
// thing due, and one goroutine that looks at what is.

type deferred struct {
	at time.Time
	do func() // with s.mu held
}

// wake makes the clock look no later than t. Called with s.mu held.
func (s *Server) wake(t time.Time) {
	if t.IsZero() || s.closed || !s.alarm.IsZero() && !t.Before(s.alarm) {
		return
	}
	s.alarm = t
	s.timer.Reset(time.Until(t))
}

// later calls do after d, with s.mu held. Called with s.mu held.
func (s *Server) later(d time.Duration, do func()) {
	at := time.Now().Add(d)
	s.deferred = append(s.deferred, deferred{at, do})
	s.wake(at)
}

// keepTime is the clock's goroutine.
func (s *Server) keepTime() {
	for {
		select {
		case <-s.done:
			return
		case <-s.timer.C:
			for _, c := range s.tick(time.Now()) {
				c.drop()
			}
		}
	}
}

// tick does what is due, sets the timer for what is next, and returns the connections to drop.
func (s *Server) tick(now time.Time) (drop []*Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alarm = time.Time{}
	waiting := s.deferred
	s.deferred = nil
	for _, d := range waiting {
		if d.at.After(now) {
			s.deferred = append(s.deferred, d)
			s.wake(d.at)
		} else {
			d.do()
		}
	}
	s.traffic(now)
	drop = append(s.patrol(now), s.doomed...)
	s.doomed = nil
	return drop
}

// watch makes the clock look at the connections no later than t. Called with s.mu held.
func (s *Server) watch(t time.Time) {
	if !t.IsZero() && (s.patrolAt.IsZero() || t.Before(s.patrolAt)) {
		s.patrolAt = t
	}
	s.wake(s.patrolAt)
}

// patrol acts on what is due of the connections. Called with s.mu held.
func (s *Server) patrol(now time.Time) (drop []*Conn) {
	if s.patrolAt.IsZero() || now.Before(s.patrolAt) {
		s.wake(s.patrolAt)
		return nil
	}
	s.patrolAt = time.Time{}
	for _, c := range slices.Clone(s.conns) {
		due := c.due()
		if !due.IsZero() && !due.After(now) {
			if c.overdue(now) {
				drop = append(drop, c)
				continue
			}
			due = c.due()
		}
		s.watch(due)
	}
	return drop
}

// doom drops a connection's socket soon, off this goroutine. Called with s.mu held.
func (s *Server) doom(c *Conn) {
	c.end()
	s.doomed = append(s.doomed, c)
	s.wake(time.Now())
}
