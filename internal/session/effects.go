package session

import "time"

// NoSeq stands where there is no sequence number.
const NoSeq int64 = -1

// Gateway opcodes (docs /topics/opcodes-and-status-codes#gateway-gateway-opcodes) that the machine knows.
const (
	OpDispatch       = 0
	OpHeartbeat      = 1
	OpIdentify       = 2
	OpPresence       = 3
	OpResume         = 6
	OpReconnect      = 7
	OpInvalidSession = 9
	OpHello          = 10
	OpHeartbeatAck   = 11
)

// Message is one received payload, read as far as the machine needs it.
type Message struct {
	Op        int
	Seq       int64         // NoSeq if none
	Type      string        // op 0
	Interval  time.Duration // op 10; 0 if unreadable
	Resumable bool          // op 9
	SessionID string        // READY
	ResumeURL string        // READY; empty if it must not be used
}

// Host is which address to dial.
type Host uint8

const (
	Base Host = iota
	ResumeHost
)

// News is what happened, for events, logs and counters.
type News uint8

const (
	None News = iota
	GotHello
	GotAck
	WentLive  // READY or RESUMED; Effects.Resumed says which
	Lost      // a connection or an attempt; Effects.Fail, Next, Attempt, Wait
	SlowReady // no READY for 60 s; nothing is done about it
	Ignored   // an unknown opcode, or a payload that means nothing in this state
	Duplicate // a dispatch at or below the highest sequence
)

// Send is a payload to be written. Beat carries Machine.BeatSeq at the time it is written, so it is not part of the value.
type Send uint8

const (
	SendNothing Send = iota
	SendBeat
	SendIdentify
	SendResume
)

// Effects is what the shard goroutine must do after one input.
type Effects struct {
	Dial bool // open a connection to Host
	Host Host
	Ask  bool // ask the identify gate for a permit
	Send Send
	// Scheduled marks the beat of the schedule, as against one that op 1 asked for.
	Scheduled bool
	// Close ends the connection with this code, which may answer Discord's; 0 with News == Lost means it is gone already.
	Close   int
	Deliver bool // hand the dispatch over
	News    News

	Resumed bool          // WentLive
	Latency time.Duration // GotAck
	Gap     int64         // dispatches that Discord skipped before this one
	Fail    Failure       // Lost
	Next    Next          // Lost
	Attempt int           // Lost
	Wait    time.Duration // Lost
	GaveUp  bool          // Lost: the breaker gave the session up
	End     bool          // Lost: for good
	Broken  string        // an edge that cannot be: ends the shard with an internal error
}
