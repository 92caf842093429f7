package session

import "time"

// State is where the shard stands.
type State uint8

const (
	Waiting State = iota // for the time of the next dial
	Dialing
	AwaitHello
	AwaitSlot
	Identifying
	Resuming
	Live
	Ended
)

func (s State) String() string {
	return [...]string{"waiting", "dialing", "awaitHello", "awaitSlot", "identifying", "resuming", "live", "ended"}[s]
}

// The deadlines and limits of a shard's life that Discord's docs leave open.
const (
	helloWait   = 20 * time.Second
	resumeWait  = 60 * time.Second
	slowReady   = 60 * time.Second
	askAgain    = time.Second // after a gate that gave no permit
	minInterval = time.Second
	maxInterval = 10 * time.Minute
)

// Session is what a RESUME needs; its parts change together.
type Session struct {
	ID  string
	URL string // resume_gateway_url; empty if it must not be used
	Seq int64  // the highest received
}

// Machine is the life of one shard. Its methods are its inputs; none may be called concurrently.
type Machine struct {
	rand func() float64 // uniform in [0,1)
	now  time.Time      // the latest that was told

	state   State
	session Session
	// generation numbers the sessions, so that what was handled of an old one cannot count for a new one.
	generation int
	begun      time.Time // READY of this session; zero if there was none
	handled    int64     // the last sequence that a heartbeat may carry

	// These belong to one connection.
	host      Host
	pulse     pulse
	sends     window
	presences window
	reading   bool
	unread    time.Time // since when it is not; means nothing while it is
	deadline  time.Time // for Hello, RESUME, READY or the next question to the gate; zero if none
	answered  bool      // READY, or a dispatch that followed RESUME, has come
	resumed   bool      // RESUME has been written

	garbage mark // where a message was last found to be no payload
	retry   retry
}

// mark is a place in the stream of a session.
type mark struct {
	generation int
	seq        int64
}

// New returns a machine that has not started. A session with an ID is resumed, as its sequence says.
func New(rand func() float64, stored Session) *Machine {
	m := &Machine{rand: rand, session: Session{Seq: NoSeq}, handled: NoSeq, garbage: mark{generation: -1}}
	if stored.ID != "" {
		m.session, m.handled, m.generation = stored, stored.Seq, 1
	}
	return m
}

func (m *Machine) State() State     { return m.state }
func (m *Machine) Session() Session { return m.session }
func (m *Machine) Generation() int  { return m.generation }

// Beats and Acks count those of this connection; Interval is its heartbeat interval.
func (m *Machine) Beats() int              { return m.pulse.sent }
func (m *Machine) Acks() int               { return m.pulse.acked }
func (m *Machine) Interval() time.Duration { return m.pulse.interval }

// BeatSeq is what a heartbeat written now carries: the last sequence handled, since a server may
// trim its replay buffer by it; NoSeq is sent as null (docs /events/gateway#sending-heartbeats).
func (m *Machine) BeatSeq() int64 { return m.handled }

// Handled tells that everything up to seq of a session is in the consumer's hands.
func (m *Machine) Handled(generation int, seq int64) {
	if generation == m.generation && seq > m.handled {
		m.handled = seq
	}
}

// Start begins the shard's life. The shards of a bot start together: one of many that has a session to resume waits for
// a random part of the spread first.
func (m *Machine) Start(now time.Time) Effects {
	m.tell(now)
	if m.state == Waiting && m.session.ID != "" && m.retry.spread > 0 {
		m.deadline = now.Add(m.jitter(m.retry.spread))
		return Effects{}
	}
	return m.becomeDialing()
}

func (m *Machine) becomeDialing() Effects {
	if m.state != Waiting {
		return m.broken("dial")
	}
	m.state = Dialing
	m.deadline = time.Time{}
	m.answered, m.resumed = false, false
	m.host = m.retry.host(m.session)
	return Effects{Dial: true, Host: m.host}
}

// Opened tells that the WebSocket is open.
func (m *Machine) Opened(now time.Time) Effects {
	m.tell(now)
	if m.state != Dialing {
		return m.broken("open")
	}
	m.state = AwaitHello
	m.pulse = pulse{}
	m.sends = newWindow(sendLimit, sendWindow)
	m.presences = newWindow(presenceLimit, presenceWindow)
	m.reading = true
	m.deadline = now.Add(helloWait)
	return Effects{}
}

// Reading tells whether the socket is being read. While it is not, no silence of Discord's counts. A pause of
// less than lateBeat is none: a backlog that is full for a moment, time and again, must not hide a dead connection.
func (m *Machine) Reading(now time.Time, on bool) {
	m.tell(now)
	switch {
	case !on && m.reading:
		m.unread = now
	case on && !m.reading && late(now, m.unread):
		m.pulse.readAll = false
	}
	m.reading = on
	if on && m.state == Resuming {
		m.deadline = now.Add(resumeWait)
	}
}

// Receive takes one payload.
func (m *Machine) Receive(now time.Time, msg Message) Effects {
	m.tell(now)
	if !m.connected() {
		return m.broken("receive")
	}
	switch msg.Op {
	case OpDispatch:
		return m.dispatch(now, msg)
	case OpHeartbeat:
		return m.beatWanted(now)
	case OpReconnect:
		return m.lose(now, Failure{Kind: ReconnectWanted})
	case OpInvalidSession:
		if msg.Resumable {
			return m.lose(now, Failure{Kind: InvalidTrue})
		}
		return m.lose(now, Failure{Kind: InvalidFalse})
	case OpHello:
		return m.hello(now, msg)
	case OpHeartbeatAck:
		return Effects{News: GotAck, Latency: m.pulse.ack(now)}
	}
	return Effects{News: Ignored}
}

// Follow is Receive for what nearly all payloads are, the next dispatch of a live session, which moves nothing
// but the sequence. It does nothing and reports false for any other.
func (m *Machine) Follow(seq int64, kind string) bool {
	if m.state != Live || m.session.Seq == NoSeq || seq != m.session.Seq+1 || kind == "READY" {
		return false
	}
	m.session.Seq = seq
	return true
}

func (m *Machine) hello(now time.Time, msg Message) Effects {
	if m.state != AwaitHello {
		return Effects{News: Ignored}
	}
	if msg.Interval < minInterval || msg.Interval > maxInterval {
		return m.lose(now, Failure{Kind: HelloInvalid})
	}
	m.pulse.start(now, msg.Interval, m.rand(), m.retry.spread > 0)
	if m.session.ID != "" {
		return m.becomeResuming(now)
	}
	m.state = AwaitSlot
	m.deadline = time.Time{}
	return Effects{News: GotHello, Ask: true}
}

func (m *Machine) becomeResuming(now time.Time) Effects {
	m.state = Resuming
	m.deadline = now.Add(resumeWait)
	return Effects{News: GotHello, Send: SendResume}
}

// Permit tells that the identify gate has let this shard through.
func (m *Machine) Permit(now time.Time) Effects {
	m.tell(now)
	if m.state != AwaitSlot {
		return m.broken("identify")
	}
	m.state = Identifying
	m.deadline = now.Add(slowReady)
	m.retry.identifies++
	return Effects{Send: SendIdentify}
}

// Denied tells that the gate will give no permit for the last question. It is asked again.
func (m *Machine) Denied(now time.Time) {
	m.tell(now)
	if m.state == AwaitSlot {
		m.deadline = now.Add(askAgain)
	}
}

func (m *Machine) dispatch(now time.Time, msg Message) Effects {
	switch m.state {
	case AwaitHello, AwaitSlot:
		return Effects{News: Ignored}
	}
	if msg.Type == "READY" {
		return m.ready(now, msg)
	}
	e := Effects{Deliver: true}
	resumedNow := msg.Type == "RESUMED" && m.state == Resuming
	if msg.Seq != NoSeq {
		// Within a session the highest sequence counts, across any number of resumes. Two RESUMEDs may share one.
		if m.session.Seq != NoSeq && msg.Seq <= m.session.Seq && !resumedNow {
			return Effects{News: Duplicate}
		}
		if m.session.Seq != NoSeq && msg.Seq > m.session.Seq+1 {
			e.Gap = msg.Seq - m.session.Seq - 1
		}
		m.session.Seq = max(m.session.Seq, msg.Seq)
	}
	if m.state == Resuming {
		m.deadline = now.Add(resumeWait)
		m.heard()
	}
	if resumedNow {
		m.becomeLive(now)
		e.News, e.Resumed = WentLive, true
	}
	return e
}

func (m *Machine) ready(now time.Time, msg Message) Effects {
	m.session = Session{ID: msg.SessionID, URL: msg.ResumeURL, Seq: msg.Seq}
	m.generation++
	m.begun = now
	m.handled = NoSeq
	m.heard()
	m.becomeLive(now)
	return Effects{Deliver: true, News: WentLive}
}

// heard notes that this connection carries a session.
func (m *Machine) heard() {
	m.answered = true
	m.retry.answered()
}

func (m *Machine) becomeLive(now time.Time) {
	m.state = Live
	m.deadline = time.Time{}
	m.retry.liveSince = now
}

// Failed tells that the connection was lost, or that none could be opened.
func (m *Machine) Failed(now time.Time, f Failure) Effects {
	m.tell(now)
	if m.state != Dialing && !m.connected() {
		return m.broken("lose")
	}
	return m.lose(now, f)
}

// Stop ends the shard. If keep is set and there is a session, Discord holds it for a while.
func (m *Machine) Stop(keep bool) Effects {
	m.state = Ended
	m.deadline = time.Time{}
	if keep && m.session.ID != "" {
		return Effects{Close: CloseKeep}
	}
	m.forget()
	return Effects{Close: CloseEnd}
}

func (m *Machine) connected() bool { return m.state >= AwaitHello && m.state <= Live }

func (m *Machine) forget() {
	m.session = Session{Seq: NoSeq}
	m.begun = time.Time{}
	m.handled = NoSeq
	m.generation++
}

func (m *Machine) broken(input string) Effects {
	text := "cannot " + input + " while " + m.state.String()
	m.state = Ended
	return Effects{Broken: text, Close: CloseKeep}
}

// Garbage takes a message that is no payload at all. Discord may send it better after a RESUME; if it
// comes again at the same place, it is passed over.
func (m *Machine) Garbage(now time.Time) Effects {
	m.tell(now)
	at := mark{m.generation, m.session.Seq}
	// Before the session there is nothing to miss but READY, for which nothing else stands in.
	if m.state < Identifying || m.state != Identifying && m.garbage == at {
		return Effects{News: Ignored}
	}
	m.garbage = at
	return m.lose(now, Failure{Kind: Malformed})
}
