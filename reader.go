package chiru

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/chiru-go/chiru/internal/envelope"
	"github.com/chiru-go/chiru/internal/inflate"
	"github.com/chiru-go/chiru/internal/session"
)

// reader turns one connection's messages into payloads: frames, inflated, scanned, filtered, copied.
type reader struct {
	cfg   *Config
	addr  *address
	names map[string]string // event types seen, so that each is allocated once

	inflater *inflate.Inflater
	batch    *batch // not yet handed over
	slab     *slab
	buf      *[]byte   // the last message, as sent
	told     bool      // of the zstd window
	within   bool      // a message that has not been read to its end
	now      time.Time // when the socket was last read; zero if that is not known yet
}

const (
	namesMost  = 256     // event types kept; Discord has about 80
	nameMost   = 64      // bytes of one
	bufferMost = 1 << 20 // a larger read buffer is of use to no other message
)

// bufferPool holds the read buffers of connections that rest.
var bufferPool = sync.Pool{New: func() any { return &[]byte{} }}

// run reads until the connection ends or the shard goroutine wants no more.
func (r *reader) run(c *conn) {
	r.inflater = inflate.New(r.cfg.Compression.mode(), r.cfg.MaxMessage)
	defer r.inflater.Close()
	c.ahead.waits = func() { r.waits(c) }
	for {
		compressed, err := r.frame(c.ws)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				c.linger(readWait, nil) // a write that took too long has closed the socket, and says so
			}
			r.last(c, r.loss(err))
			return
		}
		text, whole := *r.buf, true
		// Under transport compression messages are binary; text is plain in any case.
		if compressed {
			text, whole, err = r.inflater.Push(*r.buf)
			if w := r.inflater.Window(); w > 0 && !r.told {
				r.told = true
				r.cfg.Logger.Debug("zstd window", "bytes", w) // the decoder holds as much
			}
			if err != nil {
				r.last(c, r.malformed(r.cfg.Compression.String(), err))
				return
			}
		}
		if r.batch == nil {
			r.batch = newBatch()
		}
		r.batch.wire += len(*r.buf)
		if !whole {
			continue
		}
		r.batch.payload += len(text)
		r.batch.add(r.parse(text))
		r.trim()
		if r.batch.full() && !r.flush(c) {
			return
		}
	}
}

// waits is called before a read that may have to wait. The writer reads too when it closes, and has no part in this.
func (r *reader) waits(c *conn) {
	select {
	case <-c.quit:
	default:
		r.now = time.Time{}
		if !c.ahead.more {
			r.rest()
		}
		r.flush(c)
	}
}

// flush hands over what there is; false means that the shard goroutine wants no more.
func (r *reader) flush(c *conn) bool {
	b := r.batch
	if b == nil || len(b.items) == 0 {
		return true
	}
	r.batch = nil
	return c.hand(b)
}

// last hands over what has ended the connection.
func (r *reader) last(c *conn, item received) {
	if r.batch == nil {
		r.batch = newBatch()
	}
	r.batch.add(item)
	r.within = false
	r.rest()
	r.flush(c)
}

var errTooLong = errors.New("message too long")

// frame reads one WebSocket message into the buffer. The context is the background one because a
// connection is ended by closing it; the library pays eight allocations a message for any other.
func (r *reader) frame(ws *websocket.Conn) (binary bool, err error) {
	kind, from, err := ws.Reader(context.Background())
	if err != nil {
		return false, err
	}
	r.within = true
	if r.buf == nil {
		r.buf = bufferPool.Get().(*[]byte)
	}
	buf := (*r.buf)[:0]
	for {
		if len(buf) == cap(buf) {
			buf = grown(buf, r.cfg.MaxMessage)
		}
		n, err := from.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		*r.buf = buf
		if err == io.EOF {
			r.within = false
			return kind == websocket.MessageBinary, nil
		}
		if err != nil {
			return false, err
		}
		if len(buf) > r.cfg.MaxMessage {
			return false, errTooLong
		}
	}
}

// trim gives back a buffer that is of use to no other message.
func (r *reader) trim() {
	if cap(*r.buf) > bufferMost {
		r.buf = nil
	}
	r.inflater.Trim()
}

// rest gives back what an idle shard does not need.
func (r *reader) rest() {
	if r.slab != nil {
		slabPool.Put(r.slab)
		r.slab = nil
	}
	if r.within {
		return
	}
	if r.buf != nil {
		bufferPool.Put(r.buf)
		r.buf = nil
	}
	r.inflater.Rest()
}

// grown doubles buf, but leaves no more room than a message of the most allowed, and one more read, needs.
func grown(buf []byte, most int) []byte {
	size := max(2*cap(buf), 1<<10)
	if cap(buf) >= most/2 {
		size = most + 512
	}
	return append(make([]byte, 0, size), buf...)
}

func (r *reader) loss(err error) received {
	if closed, ok := errors.AsType[websocket.CloseError](err); ok {
		return received{
			what: lost,
			fail: session.Failure{Kind: session.Closed, Code: int(closed.Code)},
			err:  &CloseError{Code: CloseCode(closed.Code), Reason: r.cfg.redact(closed.Reason)},
		}
	}
	if errors.Is(err, errTooLong) {
		return r.malformed("message", fmt.Errorf("longer than MaxMessage, %d bytes", r.cfg.MaxMessage))
	}
	return received{what: lost, fail: session.Failure{Kind: session.Dropped}, err: fmt.Errorf("connection dropped: %w", cause(err))}
}

func (r *reader) malformed(during string, err error) received {
	return received{
		what: lost,
		fail: session.Failure{Kind: session.Malformed},
		err:  &ProtocolError{During: during, Reason: "cannot be read", Err: err},
	}
}

// parse reads a payload as far as the machine needs it, and copies what the consumer gets.
func (r *reader) parse(text []byte) received {
	if r.now.IsZero() {
		r.now = time.Now()
	}
	head, known := envelope.Envelope{}, false
	if r.cfg.Filter != nil {
		if head, known = envelope.Head(text); known && r.unwanted(head) {
			return received{what: message, msg: session.Message{Op: head.Op, Seq: head.Seq, Type: r.name(head.Type)}}
		}
	}
	e, err := envelope.Parse(text)
	if err != nil {
		return received{what: garbage, err: &ProtocolError{During: "payload", Reason: "is not JSON", Err: err}}
	}
	item := received{what: message, msg: session.Message{Op: e.Op, Seq: session.NoSeq}}
	switch e.Op {
	case session.OpDispatch:
		item.msg.Seq = e.Seq
		item.msg.Type = r.name(e.Type)
		switch item.msg.Type {
		case "READY":
			item.msg.SessionID, _ = envelope.String(e.Data, "session_id")
			item.msg.ResumeURL, _ = envelope.String(e.Data, "resume_gateway_url")
			if item.refused = r.addr.resumable(item.msg.ResumeURL); item.refused != nil {
				item.msg.ResumeURL = ""
			}
		case "RESUMED":
		default:
			if !known && r.unwanted(e) { // asked once
				return item
			}
		}
		if r.slab == nil {
			r.slab = slabPool.Get().(*slab)
		}
		d := r.slab.dispatch(e.Data)
		d.source, d.Type, d.Sequence, d.Received = source{r.cfg.ShardID}, item.msg.Type, e.Seq, r.now
		item.dispatch = d
	case session.OpHello:
		ms, _ := envelope.Int(e.Data, "heartbeat_interval")
		item.msg.Interval = time.Duration(min(max(ms, 0), int64(time.Hour/time.Millisecond))) * time.Millisecond
	case session.OpInvalidSession:
		// Only a plain false gives the session up; a RESUME costs nothing.
		item.msg.Resumable = string(bytes.TrimSpace(e.Data)) != "false"
	}
	return item
}

// unwanted asks the filter. READY and RESUMED pass every filter.
func (r *reader) unwanted(e envelope.Envelope) bool {
	if r.cfg.Filter == nil || e.Op != session.OpDispatch {
		return false
	}
	name := r.name(e.Type)
	return name != "READY" && name != "RESUMED" && !r.cfg.Filter(name)
}

// name is t as a string, allocated once for each event type.
func (r *reader) name(t []byte) string {
	if s, ok := r.names[string(t)]; ok {
		return s
	}
	s := string(t)
	if len(r.names) < namesMost && len(s) <= nameMost {
		r.names[s] = s
	}
	return s
}
