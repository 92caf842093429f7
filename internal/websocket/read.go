package websocket

import (
	"errors"
	"io"
	"sync"
)

const (
	sipSize   = 4 << 10  // what a connection that rests reads with
	gulpSize  = 64 << 10 // what one reads with that has more to say
	keptMost  = 1 << 20  // a larger buffer is of use to no other message
	extraRoom = headerMost + 2 + controlMost
)

// gulps holds the larger buffers of connections that rest.
var gulps = sync.Pool{New: func() any {
	b := make([]byte, gulpSize)
	return &b
}}

// ErrTooLong is a message longer than the most allowed. It is told when the header says so, before the message is read.
var ErrTooLong = errors.New("message too long")

// Read returns the next message, or a ping, as a view that is valid until the next call. After an error, which may be a
// *CloseError, it returns that error again.
func (c *Conn) Read() (Kind, []byte, error) {
	if c.err == nil {
		kind, data, err := c.next()
		if err == nil {
			return kind, data, nil
		}
		c.err = err
		c.release()
		c.buf = nil
	}
	return 0, nil, c.err
}

func (c *Conn) next() (Kind, []byte, error) {
	if c.kind == 0 { // else a ping has come within a message
		c.start, c.fill = c.from, c.from
	}
	for {
		h, err := c.header()
		if err != nil {
			return 0, nil, err
		}
		if h.op < closing {
			if (h.op == continuation) != (c.kind != 0) {
				return 0, nil, errOrder
			}
			if h.length > uint64(c.most-(c.fill-c.start)) {
				return 0, nil, ErrTooLong
			}
		}
		for c.to-c.from < h.size+int(h.length) {
			if err := c.fetch(); err != nil {
				return 0, nil, err
			}
		}
		payload := c.buf[c.from+h.size : c.from+h.size+int(h.length)]
		c.from += h.size + int(h.length)
		switch h.op {
		case pong:
		case byte(Ping):
			return Ping, payload, nil
		case closing:
			return 0, nil, closeError(payload)
		default:
			if c.kind == 0 {
				c.kind = Kind(h.op)
				if c.start = c.from - len(payload); h.final { // as nearly always: nothing is moved
					c.fill = c.from
				} else {
					c.fill = c.start + len(payload)
				}
			} else {
				c.fill += copy(c.buf[c.fill:], payload)
			}
			if h.final {
				kind := c.kind
				c.kind = 0
				return kind, c.buf[c.start:c.fill:c.fill], nil
			}
		}
	}
}

// header returns the next frame's.
func (c *Conn) header() (header, error) {
	for {
		h, whole, err := parseHeader(c.buf[c.from:c.to])
		if whole || err != nil {
			return h, err
		}
		if err := c.fetch(); err != nil {
			return h, err
		}
	}
}

// fetch reads the socket once, behind what there is: the message as far as it has come, and what is not parsed.
func (c *Conn) fetch() error {
	if c.kind == 0 {
		c.start, c.fill = c.from, c.from
	}
	message := copy(c.buf, c.buf[c.start:c.fill])
	rest := copy(c.buf[message:], c.buf[c.from:c.to])
	c.start, c.fill, c.from, c.to = 0, message, message, message+rest
	switch {
	case c.to == 0 && !c.busy:
		c.release()
	case len(c.buf) > keptMost && c.kind == 0 && c.to < keptMost:
		c.gulp = nil // let go of it: what follows has begun, and is not that long yet
		c.grow()
	case c.to == len(c.buf), c.busy && c.gulp == nil:
		c.grow()
	}
	if c.Waits != nil {
		c.Waits()
	}
	for range 100 {
		n, err := c.socket.Read(c.buf[c.to:])
		c.to += n
		c.busy = c.to == len(c.buf)
		if n > 0 {
			return nil // an error will come again
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// grow makes room: first for a gulp, then for twice as much, then for the largest that is kept, and at most for one message.
func (c *Conn) grow() {
	next := c.gulp
	if next == nil {
		next = gulps.Get().(*[]byte)
	}
	if c.to >= len(*next) {
		size := max(min(2*len(*next), c.most+extraRoom), c.to+extraRoom)
		if c.to < keptMost {
			size = min(size, keptMost)
		}
		larger := make([]byte, size)
		next = &larger
	}
	copy(*next, c.buf[:c.to])
	if next != c.gulp {
		c.release()
	}
	c.gulp, c.buf = next, *next
}

// release goes back to the small buffer. What is in the large one is lost.
func (c *Conn) release() {
	if c.gulp != nil && len(*c.gulp) <= keptMost {
		gulps.Put(c.gulp)
	}
	c.gulp, c.buf = nil, c.sip
}

// Drain reads on, for nothing, until the other side has said its last.
func (c *Conn) Drain() {
	if _, ended := c.err.(*CloseError); ended {
		return
	}
	for err := error(nil); err == nil; {
		_, err = c.socket.Read(c.sip)
	}
}

// Busy says whether the last read brought as much as there was room for, so that the next will not wait.
func (c *Conn) Busy() bool { return c.busy }

// Within says whether part of a message has come, and not all of it.
func (c *Conn) Within() bool { return c.kind != 0 || c.from < c.to }
