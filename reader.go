package chiru

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
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
}

const (
	namesMost  = 256      // event types kept; Discord has about 80
	nameMost   = 64       // bytes of one
	bufferKept = 64 << 10 // a larger read buffer is given back after bufferIdle messages that did not need it
	bufferIdle = 32
	bufferMost = 4 << 20 // and one larger than this at once: a READY may be the last message for a long time
)

// run reads until the connection ends or the shard goroutine wants no more.
func (r *reader) run(c *conn) {
	inflater := inflate.New(r.cfg.Compression.mode(), r.cfg.MaxMessage)
	defer inflater.Close()
	var buf readBuffer
	wire := 0
	for {
		frame, compressed, err := r.frame(c.ws, buf.empty())
		buf.b = frame
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				c.linger(readWait, nil) // a write that took too long has closed the socket, and says so
			}
			c.hand(r.loss(err))
			return
		}
		text, whole := frame, true
		// Under transport compression messages are binary; text is plain in any case.
		if compressed {
			text, whole, err = inflater.Push(frame)
			if err != nil {
				c.hand(r.malformed(r.cfg.Compression.String(), err))
				return
			}
		}
		wire += len(frame)
		if !whole {
			continue
		}
		item := r.parse(text)
		item.wire, item.payload = wire, len(text)
		wire = 0
		buf.trim()
		inflater.Trim()
		if !c.hand(item) {
			return
		}
	}
}

// readBuffer is used again for each message, but gives the memory of a large one back.
type readBuffer struct {
	b    []byte // the last message
	idle int    // messages since one needed it all
}

func (f *readBuffer) empty() []byte {
	switch {
	case cap(f.b) <= bufferKept || len(f.b) > bufferKept/2:
		f.idle = 0
	case f.idle < bufferIdle:
		f.idle++
	default:
		f.b = nil
	}
	return f.b[:0]
}

func (f *readBuffer) trim() {
	if cap(f.b) > bufferMost {
		*f = readBuffer{}
	}
}

var errTooLong = errors.New("message too long")

// frame reads one WebSocket message into buf. The context is the background one because a
// connection is ended by closing it; the library pays eight allocations a message for any other.
func (r *reader) frame(ws *websocket.Conn, buf []byte) (_ []byte, binary bool, err error) {
	kind, from, err := ws.Reader(context.Background())
	if err != nil {
		return buf, false, err
	}
	for {
		if len(buf) == cap(buf) {
			buf = grown(buf, r.cfg.MaxMessage)
		}
		n, err := from.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, kind == websocket.MessageBinary, nil
		}
		if err != nil {
			return buf, false, err
		}
		if len(buf) > r.cfg.MaxMessage {
			return buf, false, errTooLong
		}
	}
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
	now := time.Now()
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
			if r.cfg.Filter != nil && !r.cfg.Filter(item.msg.Type) {
				return item
			}
		}
		item.dispatch = &Dispatch{
			source: source{r.cfg.ShardID}, Type: item.msg.Type, Sequence: e.Seq,
			Received: now, Body: bytes.Clone(e.Data),
		}
	case session.OpHello:
		ms, _ := envelope.Int(e.Data, "heartbeat_interval")
		item.msg.Interval = time.Duration(min(max(ms, 0), int64(time.Hour/time.Millisecond))) * time.Millisecond
	case session.OpInvalidSession:
		// Only a plain false gives the session up; a RESUME costs nothing.
		item.msg.Resumable = string(bytes.TrimSpace(e.Data)) != "false"
	}
	return item
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
