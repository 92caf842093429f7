package session

import "time"

// Back-off: the first reconnect at once, then full jitter under a doubling ceiling, anew after a
// healthy minute.
const (
	retryFirst = time.Second
	retryMost  = time.Minute
	healthy    = time.Minute

	// Shards lose their connections together: no reconnect of one among many is jittered over less than this.
	spreadEach = 10 * time.Millisecond
	spreadMost = 5 * time.Second

	// A new session costs one of the day's identifies (docs /events/gateway#session-start-limit-object),
	// and running out resets the token. Each waits longer than the one before, and what a session
	// lasts pays for earlier ones: however sessions end, a shard begins 540 a day at most, and six
	// that come before the ceiling is reached.
	identifyFirst = 5 * time.Second
	identifyMost  = 160 * time.Second
	settled       = 5 * time.Minute // what pays for one

	longestRetryAfter = 5 * time.Minute

	// After op 9, which the docs asked for until 2022 and Discord's staff for either kind.
	invalidLeast = time.Second
	invalidMost  = 5 * time.Second
	invalidsMost = 2 // op 9 true in a row, then the session is given up

	// The breaker: a session is given up after so many RESUMEs, sent and ended without an answer, over so long.
	fruitlessMost = 5
	fruitlessSpan = 5 * time.Minute

	hostTries = 2 // on a resume host that fails, before the base host is tried

	faultsMost = 3 // closes for unreadable payloads that no command explains
	faultsSpan = 10 * time.Minute
)

// retry is what outlives connections: how often, where and when to try again.
type retry struct {
	spread     time.Duration // the least ceiling of the jitter
	attempts   int           // connections lost in a row
	identifies int           // new sessions begun, less those paid for
	invalids   int           // op 9 true in a row
	hostFails  int           // failures of the resume host in a row

	fruitless      int
	fruitlessSince time.Time
	ignoredBy      [2]bool // the hosts that left a RESUME unanswered, or could not be reached

	liveSince time.Time // zero unless live
	faults    []time.Time
}

// Among tells of how many shards this is one. Call it before Start.
func (m *Machine) Among(shards int) {
	m.retry.spread = spreadEach * time.Duration(min(shards-1, int(spreadMost/spreadEach)))
}

// host is where to dial: the resume host while it answers, else the base host, with RESUME all the same
// (docs /events/gateway#resuming).
func (r *retry) host(s Session) Host {
	if s.ID != "" && s.URL != "" && r.hostFails < hostTries {
		return ResumeHost
	}
	return Base
}

// answered forgets what counted against the session and its host: both are alive.
func (r *retry) answered() {
	r.hostFails, r.invalids, r.fruitless, r.ignoredBy = 0, 0, 0, [2]bool{}
}

// lose ends the connection, decides what follows, and sets the time for it.
func (m *Machine) lose(now time.Time, f Failure) Effects {
	r := &m.retry
	lasted := time.Duration(-1) // not live
	if m.state == Live {
		lasted = now.Sub(r.liveSince)
	}
	if lasted >= healthy {
		r.attempts = 0
	}
	r.liveSince = time.Time{}

	e := Effects{News: Lost, Fail: f, Close: CloseKeep, Next: f.next()}
	if f.Kind > Closed && f.Kind <= WriteFailed {
		e.Close = 0
	}
	if e.Next == Stop || m.unreadable(now, f) {
		m.state = Ended
		m.deadline = time.Time{}
		e.Next, e.End = Stop, true
		return e
	}
	m.blame(now, f)
	if m.session.ID == "" {
		e.Next = Identify
	}
	if e.Next == Resume && (m.twiceInvalid(f) || m.fruitless(now)) {
		e.Next, e.GaveUp = Identify, true
	}

	if e.Next == Identify && !m.begun.IsZero() {
		r.identifies = max(r.identifies-int(now.Sub(m.begun)/settled), 0)
	}
	e.Wait = m.wait(now, f, e.Next, lasted >= 0)
	if e.Next == Identify {
		m.forget()
		r.answered()
	}
	r.attempts++
	e.Attempt = r.attempts
	m.state = Waiting
	m.deadline = now.Add(e.Wait)
	return e
}

// unreadable reports the last of several closes for payloads that no command explains: our own fault, for which trying on is no cure.
func (m *Machine) unreadable(now time.Time, f Failure) bool {
	if !f.clientFault() || f.Blamed {
		return false
	}
	r := &m.retry
	r.faults = append(r.faults, now)
	if len(r.faults) > faultsMost {
		r.faults = r.faults[1:]
	}
	return len(r.faults) == faultsMost && now.Sub(r.faults[0]) <= faultsSpan
}

// blame counts a loss against the host, and a RESUME without an answer against the session.
func (m *Machine) blame(now time.Time, f Failure) {
	r := &m.retry
	if m.host == ResumeHost && !m.answered {
		r.hostFails++
		// A host that cannot be reached has had its chance, but only an unanswered RESUME counts against the session.
		r.ignoredBy[ResumeHost] = r.hostFails >= hostTries
	}
	if m.state != Resuming || !m.resumed || m.answered || f.Kind == InvalidTrue || f.Kind == InvalidFalse {
		return
	}
	if r.fruitless == 0 {
		r.fruitlessSince = now
	}
	r.fruitless++
	r.ignoredBy[m.host] = true
}

func (m *Machine) twiceInvalid(f Failure) bool {
	if f.Kind != InvalidTrue {
		return false
	}
	m.retry.invalids++
	return m.retry.invalids >= invalidsMost
}

// fruitless is the breaker. Failed dials never count: a shared outage must not turn into a mass identify.
func (m *Machine) fruitless(now time.Time) bool {
	r := &m.retry
	both := r.ignoredBy[Base] && (r.ignoredBy[ResumeHost] || m.session.URL == "")
	return r.fruitless >= fruitlessMost && both && now.Sub(r.fruitlessSince) >= fruitlessSpan
}

func (m *Machine) wait(now time.Time, f Failure, next Next, wasLive bool) time.Duration {
	r := &m.retry
	ceiling := r.spread
	if r.attempts > 0 || next == Identify && f.Kind <= WriteFailed {
		ceiling = max(ceiling, min(retryMost, retryFirst<<min(max(r.attempts-1, 0), 6)))
	}
	wait := m.jitter(ceiling)
	switch {
	case f.Kind == InvalidTrue || f.Kind == InvalidFalse && (wasLive || r.identifies == 0):
		wait = max(wait, invalidLeast+m.jitter(invalidMost-invalidLeast))
	case f.Kind == Refused:
		wait = max(wait, min(f.RetryAfter, longestRetryAfter))
	case f.Kind == Closed && f.Code == 4008:
		wait = max(wait, m.sends.emptyAt().Sub(now))
	}
	if next == Identify && r.identifies > 0 && !(wasLive && r.identifies == 1) {
		pause := min(identifyMost, identifyFirst<<min(r.identifies-1, 6))
		wait = max(wait, pause+m.jitter(pause))
	}
	return wait
}

func (m *Machine) jitter(most time.Duration) time.Duration {
	return time.Duration(m.rand() * float64(most))
}
