package session

import "time"

// tell notes the caller's time; every input that has one begins with it. Go's clock only goes forward,
// but the machine takes any time: when a clock goes back, all that the machine remembers goes back
// with it, so that no wait grows longer.
func (m *Machine) tell(now time.Time) {
	if now.Before(m.now) {
		m.shift(now.Sub(m.now))
	}
	m.now = now
}

func (m *Machine) shift(by time.Duration) {
	r := &m.retry
	for _, at := range []*time.Time{
		&m.deadline, &m.begun, &m.unread, &m.pulse.next, &m.pulse.last, &r.fruitlessSince, &r.liveSince,
	} {
		if !at.IsZero() { // zero is no time
			*at = at.Add(by)
		}
	}
	for _, list := range [][]time.Time{m.pulse.since, m.sends.sent, m.presences.sent, r.faults} {
		for i := range list {
			list[i] = list[i].Add(by)
		}
	}
}

// late says that a time passed so long ago that nobody was waiting for it: the process stood still,
// and so did its reading, or the clock has gone forward. What has not come by then may yet be there.
func late(now, at time.Time) bool { return now.Sub(at) >= lateBeat }
