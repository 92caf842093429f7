package chiru

import (
	"encoding/json"
	"time"
)

// IncomingEvent is what Run hands to inbound, always as a pointer. The set is closed: Dispatch
// and CommandRejected are never dropped; all others are voidable, which means they are handed
// over only if a receiver is ready at that instant and no older event waits, and are otherwise
// discarded and counted in Stats.
type IncomingEvent interface {
	// Shard is the id of the shard that the event comes from.
	Shard() int
	incoming()
}

// NoSequence is Dispatch.Sequence where Discord sent none.
const NoSequence int64 = -1

// source is embedded in every incoming event.
type source struct{ shard int }

func (s source) Shard() int { return s.shard }
func (source) incoming()    {}

// Dispatch is one event of Discord's (docs /events/gateway-events#receive-events), READY and
// RESUMED included. It is never dropped, and arrives in Discord's order.
type Dispatch struct {
	source
	// Type is Discord's name of the event, e.g. "MESSAGE_CREATE". Names that Chiru does not know pass.
	Type string
	// Sequence numbers the dispatches of a session. Some carry none: NoSequence.
	Sequence int64
	// SessionID is the session that numbered it; Sequence starts anew with each.
	SessionID string
	// Received is when the whole message had been read from the socket.
	Received time.Time
	// Body is d as Discord sent it, "null" included. It belongs to the receiver.
	Body json.RawMessage
}

// NewDispatch is a Dispatch that a shard has received elsewhere, in another process say. The body becomes the receiver's.
func NewDispatch(shard int, eventType string, sequence int64, sessionID string, received time.Time, body json.RawMessage) *Dispatch {
	return &Dispatch{source{shard}, eventType, sequence, sessionID, received, body}
}

// Hello tells that Discord greeted a new connection (docs /events/gateway#hello-event). Voidable.
type Hello struct {
	source
	HeartbeatInterval time.Duration
}

// HeartbeatSent tells that a heartbeat goes out (docs /events/gateway#sending-heartbeats). Voidable.
type HeartbeatSent struct {
	source
	// Count is the number of heartbeats on this connection so far.
	Count int
	// Sequence is what the heartbeat carried; NoSequence was sent as null.
	Sequence int64
}

// HeartbeatAck tells that Discord acknowledged a heartbeat. Voidable.
type HeartbeatAck struct {
	source
	// Count is the number of acknowledgements on this connection so far.
	Count int
	// Latency is the time from the heartbeat to its acknowledgement; 0 if none was outstanding.
	Latency time.Duration
}

// ReconnectRequested tells that Discord asked for a new connection (docs /events/gateway-events#reconnect). Voidable.
type ReconnectRequested struct{ source }

// InvalidateSession tells that Discord refused or ended the session (docs /events/gateway-events#invalid-session). Voidable.
type InvalidateSession struct {
	source
	// Resumable is Discord's word on whether a RESUME may still succeed.
	Resumable bool
}

// Connected tells that the shard is live: READY or RESUMED has come, commands are accepted. Voidable.
type Connected struct {
	source
	// Resumed is true if the old session went on, false if a new one began.
	Resumed   bool
	SessionID string
	// Host is where the connection leads, with its port if that was given.
	Host string
}

// Next is what follows a lost connection.
type Next string

// The values of Disconnected.Next.
const (
	NextResume   Next = "resume"   // the session goes on
	NextIdentify Next = "identify" // a new session begins
)

// Disconnected tells that a connection, or an attempt at one, has ended. Voidable; Stats keeps the last one.
type Disconnected struct {
	source
	// Err says why: *CloseError, *UpgradeError, *ProtocolError, or an error of the network.
	Err error
	// Next is what Chiru does, after Wait.
	Next Next
	// Attempt counts the connections lost in a row, 1 first; 60 s of a live connection start it anew.
	Attempt int
	Wait    time.Duration
}

// CommandRejected gives back a command that cannot be sent, or that Discord closed the connection for. Never dropped.
type CommandRejected struct {
	source
	// Command is the one given; nil if nil was given.
	Command OutgoingEvent
	// Err is a *CommandError, or the *CloseError (4001, 4002) that followed the command.
	Err error
}
