package gatewaytest

import (
	"encoding/json"
	"errors"
	"time"
)

// read is the connection's reading goroutine: it takes in and answers what the client sends until the
// socket ends. It never waits for the client to read.
func (c *Conn) read(frames *frameReader) {
	for {
		typ, payload, err := frames.next()
		if bad, ok := errors.AsType[*frameError](err); ok {
			c.s.mu.Lock()
			c.fault(bad.code, RuleWebSocket, "%s", bad.text)
			c.s.mu.Unlock()
			c.drain(frames)
			return
		}
		if err != nil {
			return
		}
		if !c.hears() {
			continue
		}
		switch typ {
		case frameText, frameBinary:
			c.receive(typ, payload)
		case framePing:
			c.s.mu.Lock()
			c.send(outgoing{kind: outPong, op: -1, body: payload})
			c.s.mu.Unlock()
		case frameClose:
			if c.receiveClose(payload) {
				return
			}
		}
	}
}

// drain reads until the socket ends, so that the close frame arrives before a reset would.
func (c *Conn) drain(frames *frameReader) {
	var waste [512]byte
	for {
		if _, err := frames.r.Read(waste[:]); err != nil {
			return
		}
	}
}

// receiveClose takes in a close frame and says whether the socket is done with.
func (c *Conn) receiveClose(payload []byte) bool {
	code, err := closeCode(payload)
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	echo := code
	if err != nil {
		c.violation(RuleWebSocket, "%s", err)
		echo = 1002
	}
	c.s.take(Payload{At: time.Now(), Conn: c.id, Host: c.host, Shard: c.shard, Op: OpClose, Close: code})
	// docs /events/gateway#initiating-a-disconnect: 1000 and 1001 end the session, but the echo of a
	// close the server began says nothing.
	if (code == 1000 || code == 1001) && !(c.closing && c.closeWith == code) && c.sess != nil && !c.muted {
		if c.sess.conn == c || c.sess.conn == nil {
			c.s.kill(c.sess, "")
		}
	}
	c.peerDone = true
	if c.closing {
		return c.closed
	}
	// What the client has not been sent yet is not sent any more; its close is answered at once.
	c.detach(time.Now())
	c.limit = c.cursor
	c.queue = nil
	c.close(echo, "")
	return false
}

// receive takes in one message: what every message must be, then a script, then the answer.
func (c *Conn) receive(typ byte, data []byte) {
	now := time.Now()
	s := c.s
	s.mu.Lock()
	in := c.judge(typ, data, now)
	if in == nil {
		s.mu.Unlock()
		return
	}
	rule := s.match(in.op, c, in.d)
	c.asked = c.asked || in.op == opIdentify || in.op == opResume
	if s.chaos != nil && c.shard < 0 {
		c.shard = s.namedShard(in.op, in.d) // whose luck it is
	}
	s.mu.Unlock()
	c.current = in
	switch {
	case rule != nil:
		rule.f(c, in.d)
	case in.op == opIdentify && c.struckNow(stageIdentify), in.op == opResume && c.struckNow(stageResume):
	default:
		c.Default()
	}
	c.current = nil
}

// judge applies the rules that hold for every message. It returns nil if the message has been dealt
// with. Called with s.mu held.
func (c *Conn) judge(typ byte, data []byte, now time.Time) *incoming {
	if c.closing {
		return nil
	}
	op, d, err := parsePayload(data)
	if err == nil {
		shard := c.shard
		if shard < 0 {
			shard = c.s.namedShard(op, d)
		}
		c.s.take(Payload{At: now, Conn: c.id, Host: c.host, Shard: shard, Op: op, Data: d})
		if sess := c.s.sessionNamed(op, d); sess != nil {
			sess.ledger.tried(now)
		}
	}
	if c.muted {
		if err == nil && op == opHeartbeat {
			c.beat(d, now)
		}
		return nil
	}
	if n := c.sends.add(now, 60*time.Second, 120); n > 120 && !c.warped(now) {
		c.fault(4008, RuleRateLimit, "%d payloads within 60 s", n)
		return nil
	}
	switch {
	case len(data) > maxPayload:
		c.fault(4002, RulePayloadSize, "payload of %d bytes, at most %d are allowed", len(data), maxPayload)
		return nil
	case typ != frameText:
		c.fault(4002, RulePayload, "binary message under JSON encoding")
		return nil
	case err != nil:
		c.fault(4002, RulePayload, "%s", err)
		return nil
	}
	if c.pace.hello.IsZero() {
		c.violation(RuleBeforeHello, "op %d before Hello", op)
	}
	if c.state == stateInvalid {
		c.afterInvalid(op, now)
		return nil
	}
	if op == opHeartbeat && !c.beat(d, now) {
		return nil
	}
	return &incoming{op: op, d: d, at: now}
}

// afterInvalid answers what comes after op 9. Commands may cross it on the way, and so may the first that begins a
// session; a second of those, and what comes a second later, breaks the rule. A heartbeat never does: a client whose
// consumer stands still beats on and reads nothing.
func (c *Conn) afterInvalid(op int, now time.Time) {
	again := (op == opIdentify || op == opResume) && c.asked
	if !c.warped(now) && (again || op != opHeartbeat && now.Sub(c.invalid) > time.Second) {
		c.violation(RuleAfterInvalid, "op %d after op 9", op)
	}
	c.close(4003, closeReason[4003])
}

// Default gives the server's own answer to the payload, or sends the Hello, that a script was called
// for. It is for use inside that script, before it returns.
func (c *Conn) Default() {
	in := c.current
	if in == nil {
		return
	}
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.closing || c.over {
		return
	}
	switch in.op {
	case opConnect:
		c.hello()
		c.afterHello()
	case opHeartbeat:
		c.ack()
	case opIdentify:
		s.identify(c, in.d, in.at)
	case opResume:
		s.resume(c, in.d, in.at)
		s.expectReplay(c)
	default:
		if !sendable(in.op) {
			c.fault(4001, RuleOpcode, "op %d is not for clients to send", in.op)
		} else if c.state != stateLive {
			c.fault(4003, RuleNotAuthenticated, "op %d before IDENTIFY or RESUME", in.op)
		} else {
			s.command(c, in.op, in.d, in.at)
		}
	}
}

// namedShard is the shard an IDENTIFY or RESUME speaks for, -1 if none. Called with s.mu held.
func (s *Server) namedShard(op int, d json.RawMessage) int {
	if sess := s.sessionNamed(op, d); sess != nil {
		return sess.shard.id
	}
	if f, ok := parseFields(d); ok && op == opIdentify {
		if key, ok := shardOf(f); ok {
			return key.id
		}
	}
	return -1
}

// sessionNamed is the session that a RESUME is for, nil if there is none. Called with s.mu held.
func (s *Server) sessionNamed(op int, d json.RawMessage) *session {
	if op != opResume {
		return nil
	}
	f, _ := parseFields(d)
	id, _ := f.text("session_id")
	return s.sessions[id]
}
