package gatewaytest

import (
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	noLimit = int64(1)<<62 - 1

	// closeGrace is how long a closing connection may take to deliver what is before the close frame,
	// and to answer it, before the socket goes.
	closeGrace = 5 * time.Second
	// silence is how long a connection may wait for a Hello that no script sends.
	silence = 2 * time.Minute
)

type connState int

const (
	stateOpen    connState = iota // neither IDENTIFY nor RESUME has been accepted
	stateLive                     // has, or had, a session
	stateInvalid                  // was sent op 9: only closing is left
)

// A Conn is one WebSocket connection of a client. Its methods may be called from anywhere, at any time;
// on a connection that has ended they do nothing.
type Conn struct {
	s     *Server
	id    int
	host  string
	nc    net.Conn
	query query

	// Owned by the connection's reading goroutine.
	current *incoming

	// Owned by the connection's writing goroutine.
	pack  packer
	slept bool // on a slow link: the wait before the next bytes is over

	gone chan struct{} // closed at the end

	// Guarded by Server.mu.
	turn    sync.Cond // signalled when there may be something to write, and at the end
	queue   []outgoing
	sess    *session
	shard   int
	cursor  int64 // last dispatch handed to the writer
	limit   int64 // last dispatch it may be handed
	replay  int64 // last dispatch it missed before its RESUME
	state   connState
	opened  time.Time
	invalid time.Time // when op 9 was sent

	closing   bool // a close was ordered or answered; nothing the client sends counts any more
	closeSent bool // the close frame has been handed to the writer
	closed    bool // and written
	peerDone  bool // the client has sent its close frame
	closeWith int
	closeBy   time.Time
	over      bool
	muted     bool
	mutedACKs bool
	eof       bool // the socket ends, rather than is reset

	// What the network and a troubled Discord do to this connection alone.
	link       link
	warpEnds   time.Time // see warp
	unpaced    bool      // a fault has upset its heartbeats for good
	asked      bool      // IDENTIFY or RESUME has come
	answered   bool      // READY or RESUMED has been written
	readyDelay time.Duration
	ackDelay   time.Duration
	acksLost   int
	acksTwice  int
	splitZlib  int
	fragments  int       // the next message is cut into this many frames
	truncate   bool      // the next message ends in its middle
	noEvents   time.Time // until then dispatches wait, and nothing else does
	front      int       // while a strike inside a replay sends: how many of its messages stand first in the queue
	striking   bool

	pace  pace
	sends rolling // every payload
	moods rolling // presence updates
}

// incoming is one client payload under way.
type incoming struct {
	op int
	d  json.RawMessage
	at time.Time
}

// ID numbers the connections of a server from 1.
func (c *Conn) ID() int { return c.id }

// Host is the host the client dialled: "gateway" or "resume".
func (c *Conn) Host() string { return c.host }

// Shard is the shard id of the connection's session. Before IDENTIFY or RESUME it is -1, unless the client's URL has
// a query parameter shard=N: Discord ignores it, and here it names the shard from the start.
func (c *Conn) Shard() int {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.shard
}

// SessionID is the id of the connection's session, empty before IDENTIFY or RESUME.
func (c *Conn) SessionID() string {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.sess == nil {
		return ""
	}
	return c.sess.id
}

// Send sends a payload as it is, without a number, after everything the connection is due so far. data
// is a json.RawMessage or anything json.Marshal takes. What it says holds for the server too: an op 9
// leaves the connection without a session, an op 10 sets the interval it expects beats in.
func (c *Conn) Send(op int, data any) {
	c.SendRaw(appendPayload(nil, op, mustJSON(data)))
}

// SendRaw sends one JSON text, or anything else, through the connection's compression, in the order of
// Send. If it is a payload, it holds for the server as with Send.
func (c *Conn) SendRaw(frame []byte) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.sendRaw(frame)
}

// sendRaw is called with s.mu held.
func (c *Conn) sendRaw(frame []byte) {
	m := outgoing{kind: outText, op: -1, body: frame}
	if f, ok := parseFields(frame); ok {
		if op, ok := f.integer("op"); ok {
			m.op, m.seq = int(op), 0
			m.seq, _ = f.integer("s")
			m.d = f["d"]
		}
	}
	c.send(m)
}

// SendBytes sends a binary WebSocket message past the compression: with one agreed, a corrupt stream.
func (c *Conn) SendBytes(b []byte) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.send(outgoing{kind: outBytes, op: -1, body: b})
}

// Close sends a close frame after everything the connection is due so far, then ends the socket once
// the client has answered, or after 5 s. The session stays, to be resumed, unless the code says that it is over: 4006,
// 4007, 4009, and those that are final. Code 0 sends no code.
func (c *Conn) Close(code int, reason string) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.closeAs(code, reason)
}

// closeAs closes a connection as Discord might, for a reason of its own. Called with s.mu held.
func (c *Conn) closeAs(code int, reason string) {
	tells := !c.closing && !c.over
	c.close(code, reason)
	if tells && endsSession(code) {
		c.disown(fmt.Sprintf("close %d", code))
	}
}

// Cut ends the socket with no close frame, as a lost network does. What was not read is lost; the
// session stays.
func (c *Conn) Cut() {
	c.s.mu.Lock()
	c.end()
	c.s.mu.Unlock()
	reset(c.nc)
}

// Mute makes the server dead to the client: the socket stays open and is read, and nothing is sent any
// more, not even an answer to a close. The session goes on as if its events were sent.
func (c *Conn) Mute() {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.muted = true
	c.queue = nil
	c.turn.Signal()
}

// MuteACKs stops the answers to heartbeats; events go on.
func (c *Conn) MuteACKs() {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.mutedACKs = true
}

// close orders the connection to be closed. Called with s.mu held.
func (c *Conn) close(code int, reason string) {
	if c.closing || c.over {
		return
	}
	c.send(outgoing{kind: outClose, op: -1, code: code, reason: reason})
	now := time.Now()
	c.detach(now)
	c.noteTrouble(now)
	c.closing, c.closeWith, c.closeBy = true, code, now.Add(closeGrace)
	c.s.watch(c.closeBy)
}

// fault answers a client's mistake by a close code, and logs it. Called with s.mu held.
func (c *Conn) fault(code int, rule, format string, args ...any) {
	c.violation(rule, format, args...)
	c.close(code, closeReason[code])
}

// endsSession says whether a close code tells the client that its session is gone, or is to be left alone for good:
// docs /topics/opcodes-and-status-codes#gateway-gateway-close-event-codes, and 4006, which is not listed any more.
func endsSession(code int) bool {
	switch code {
	case 4004, 4006, 4007, 4009, 4010, 4011, 4012, 4013, 4014:
		return true
	}
	return false
}

// closeReason is docs /topics/opcodes-and-status-codes#gateway-gateway-close-event-codes, in short.
var closeReason = map[int]string{
	4000: "unknown error",
	4001: "unknown opcode",
	4002: "decode error",
	4003: "not authenticated",
	4004: "authentication failed",
	4005: "already authenticated",
	4007: "invalid seq",
	4008: "rate limited",
	4009: "session timed out",
	4010: "invalid shard",
	4011: "sharding required",
	4012: "invalid API version",
	4013: "invalid intents",
	4014: "disallowed intents",
}

// end marks the connection as gone. Called with s.mu held; the caller drops the socket after that.
func (c *Conn) end() {
	if c.over {
		return
	}
	now := time.Now()
	c.detach(now)
	c.over = true
	close(c.gone)
	c.turn.Signal()
	c.s.forget(c)
	c.sampleFirstBeat(now)
	c.noteTrouble(now)
}

// drop ends the socket. Called without s.mu held.
func (c *Conn) drop() {
	c.s.mu.Lock()
	eof := c.eof
	c.s.mu.Unlock()
	if eof {
		c.nc.Close()
	} else {
		reset(c.nc)
	}
}

// serve runs the connection until it ends.
func (c *Conn) serve(frames *frameReader) {
	var writer sync.WaitGroup
	writer.Go(c.write)
	c.s.connected(c)
	c.read(frames)
	c.s.mu.Lock()
	c.end()
	c.s.mu.Unlock()
	c.nc.Close()
	writer.Wait()
}
