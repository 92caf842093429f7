package session

import "time"

// Timer does what is due at now; the shard goroutine calls it until Deadline lies ahead.
func (m *Machine) Timer(now time.Time) Effects {
	m.tell(now)
	if m.beatDue(now) {
		if !m.pulse.due(now, m.reading) {
			return m.lose(now, Failure{Kind: AckMissing})
		}
		return Effects{Send: SendBeat, Scheduled: true}
	}
	if m.pulse.owed && m.connected() && !m.requestedRoom().After(now) {
		m.pulse.owed = false
		return Effects{Send: SendBeat}
	}
	if m.deadline.IsZero() || m.deadline.After(now) {
		return Effects{}
	}
	unwaited := late(now, m.deadline) || !m.reading
	m.deadline = time.Time{}
	switch m.state {
	case Waiting:
		return m.becomeDialing()
	case AwaitHello:
		if unwaited {
			m.deadline = now.Add(helloWait)
			return Effects{}
		}
		return m.lose(now, Failure{Kind: HelloMissing})
	case AwaitSlot:
		return Effects{Ask: true}
	case Identifying:
		// An outage can leave a connection with ACKs and no session; it will come
		// (docs /events/gateway#sending-heartbeats). So there is no READY timeout.
		return Effects{News: SlowReady}
	case Resuming:
		if unwaited {
			m.deadline = now.Add(resumeWait)
			return Effects{}
		}
		return m.lose(now, Failure{Kind: ResumeIgnored})
	}
	return Effects{}
}

// Deadline is when, by the clock that says now, Timer has something to do; the zero time means never.
func (m *Machine) Deadline(now time.Time) time.Time {
	m.tell(now)
	at := m.deadline
	if m.connected() {
		if m.pulse.interval > 0 {
			at = earliest(at, m.pulse.next)
		}
		if m.pulse.owed {
			room := m.requestedRoom()
			if room.IsZero() {
				room = now // there is room, which is not the same as never
			}
			at = earliest(at, room)
		}
	}
	return at
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func (m *Machine) beatDue(now time.Time) bool {
	return m.connected() && m.pulse.interval > 0 && !m.pulse.next.After(now)
}

// beatWanted answers op 1 at once (docs /events/gateway#sending-heartbeats), unless a flood of them
// would break the send limit: then one beat answers them all as soon as there is room.
func (m *Machine) beatWanted(now time.Time) Effects {
	if m.requestedRoom().After(now) {
		m.pulse.owed = true
		return Effects{}
	}
	return Effects{Send: SendBeat}
}

func (m *Machine) requestedRoom() time.Time {
	// Two for Identify or Resume, and a beat in the writer's hands.
	return m.sends.roomAt(2 + beatReserve(m.pulse.interval))
}

// CommandAt is when a command, or a presence, may be written: a time not after now means at once.
// It means nothing unless the state is Live.
func (m *Machine) CommandAt(now time.Time, presence bool) time.Time {
	m.tell(now)
	at := m.sends.roomAt(2 + beatReserve(m.pulse.interval) + requestedReserve)
	if presence {
		if p := m.presences.roomAt(0); p.After(at) {
			return p
		}
	}
	return at
}

// Beating tells that a beat goes to the writer; scheduled is set for the one that the schedule asked
// for. It comes before Wrote because on a fast link the ACK may be read first.
func (m *Machine) Beating(now time.Time, scheduled bool) {
	m.tell(now)
	m.pulse.beat(now, scheduled)
}

// Wrote tells that a payload is on the wire.
func (m *Machine) Wrote(now time.Time, op int) {
	m.tell(now)
	m.sends.add(now)
	switch op {
	case OpPresence:
		m.presences.add(now)
	case OpResume:
		m.resumed = true
	}
}
