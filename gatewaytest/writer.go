package gatewaytest

import (
	"encoding/json"
	"slices"
	"time"
)

type outKind int

const (
	outText     outKind = iota // a payload or raw text, through the compression
	outDispatch                // a numbered dispatch
	outBytes                   // a binary message past the compression
	outPong
	outPing
	outFrame // bytes as they are, no frame around them
	outCall  // nothing is written: call is called
	outClose
)

// outgoing is one thing to be written.
type outgoing struct {
	kind   outKind
	op     int // of a payload, else -1
	seq    int64
	typ    string
	body   []byte
	d      json.RawMessage // of a payload in body, if someone has to look at it
	code   int
	reason string
	after  int64 // written once the dispatch of this number was
	answer bool  // an op 9 that answers an IDENTIFY or RESUME
	call   func()
}

const (
	// maxQueue bounds what waits for a client that does not read, next to its events, which wait in the
	// session's log. Over it the connection is cut.
	maxQueue = 1024
	// One write takes at most this much, and then one message more.
	batchMessages, batchBytes = 64, 64 << 10
)

// send queues m behind everything the connection is due. Called with s.mu held.
func (c *Conn) send(m outgoing) {
	if c.closing || c.over || c.muted {
		return
	}
	if len(c.queue) >= maxQueue {
		c.s.log.Warn("gatewaytest: cutting a connection that does not read", "conn", c.id, "shard", c.shard)
		c.s.doom(c)
		return
	}
	m.after = c.cursor
	if c.sess != nil {
		m.after = min(c.sess.seq, c.limit)
	}
	if c.striking {
		m.after = c.cursor
		c.queue = slices.Insert(c.queue, c.front, m)
		c.front++
	} else {
		c.queue = append(c.queue, m)
	}
	c.turn.Signal()
	// A session ends, or stays for a RESUME, at the moment it is said, not when it is read.
	if m.op == opInvalidSession {
		c.state, c.invalid = stateInvalid, time.Now()
		if !m.answer {
			c.invalidate(string(m.d) == "true")
		}
	}
}

// pull returns what is to be written next. Called with s.mu held.
func (c *Conn) pull() (outgoing, bool) {
	if c.muted {
		if c.sess != nil {
			c.cursor = max(c.cursor, min(c.sess.seq, c.limit))
		}
		return outgoing{}, false
	}
	waits := c.noEvents.After(time.Now())
	if len(c.queue) > 0 && (waits || c.cursor >= c.queue[0].after) {
		m := c.queue[0]
		c.queue[0] = outgoing{}
		if c.queue = c.queue[1:]; len(c.queue) == 0 {
			c.queue = nil
		}
		return m, true
	}
	sess := c.sess
	if sess == nil || waits {
		return outgoing{}, false
	}
	if sess.conn == c && c.cursor == sess.seq && len(sess.unborn) > 0 && sess.seq > 0 {
		c.s.birth(sess)
	}
	c.cursor = max(c.cursor, min(sess.log.base, c.limit))
	if c.cursor >= min(sess.seq, c.limit) {
		return outgoing{}, false
	}
	c.cursor++
	e := sess.log.at(c.cursor)
	return outgoing{kind: outDispatch, op: opDispatch, seq: c.cursor, typ: e.typ, body: e.body}, true
}

// take waits for things to write. None means the connection is over.
func (c *Conn) take(batch []outgoing) []outgoing {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for !c.over {
		for size := 0; len(batch) < batchMessages && size < batchBytes && !c.closeSent && !c.link.held.After(time.Now()); {
			if len(batch) > 0 && len(c.queue) > 0 && c.queue[0].kind == outCall {
				break // what comes before it is written before it is called
			}
			m, ok := c.pull()
			if !ok {
				break
			}
			if m.kind == outCall {
				c.striking, c.front = true, 0
				m.call()
				c.striking = false
				if c.over {
					return nil
				}
				continue
			}
			batch = append(batch, m)
			size += len(m.body)
			c.closeSent = m.kind == outClose
		}
		if len(batch) > 0 {
			c.pack.payload = c.sess != nil && c.sess.compress
			c.pack.split, c.pack.fragments = c.splitZlib, c.fragments
			c.pack.truncate = c.truncate
			c.fragments, c.truncate = 0, false
			c.stamp(batch, time.Now(), false)
			return batch
		}
		c.turn.Wait()
	}
	return nil
}

// write is the connection's writing goroutine. Nothing but the end of the connection stops a write: a
// client that does not read is given up by its missing heartbeats, its session's log, or a close.
func (c *Conn) write() {
	defer c.pack.close()
	var batch []outgoing
	for {
		if batch = c.take(batch[:0]); len(batch) == 0 {
			return
		}
		buf := c.s.presses.borrow()
		for _, m := range batch {
			*buf = c.frame(*buf, m)
		}
		c.pack.rest()
		err := c.put(*buf)
		c.s.presses.giveBack(buf)
		if c.wrote(batch, err) {
			// The reading goroutine sees the end of the socket, and ends the connection.
			if err == errTorn || err == errGone {
				c.drop()
			} else {
				c.nc.Close()
			}
			return
		}
		clear(batch)
	}
}

// wrote takes note of a write, and says whether the socket is done with.
func (c *Conn) wrote(batch []outgoing, err error) (done bool) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if err != nil {
		return true
	}
	c.stamp(batch, time.Now(), true)
	c.closed = c.closeSent
	return c.closed && c.peerDone
}

// frame appends m as WebSocket frames.
func (c *Conn) frame(dst []byte, m outgoing) []byte {
	if c.pack.truncated {
		return dst
	}
	switch m.kind {
	case outText:
		return c.pack.append(dst, m.body)
	case outDispatch:
		text := c.s.presses.borrow()
		*text = appendDispatch(*text, m.seq, m.typ, m.body)
		dst = c.pack.append(dst, *text)
		c.s.presses.giveBack(text)
		return dst
	case outBytes:
		return appendFrame(dst, frameBinary, m.body)
	case outPong:
		return appendFrame(dst, framePong, m.body)
	case outPing:
		return appendFrame(dst, framePing, m.body)
	case outFrame:
		return append(dst, m.body...)
	default:
		return appendClose(dst, m.code, m.reason)
	}
}
