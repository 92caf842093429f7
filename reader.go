package chiru

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/chiru-go/chiru/internal/envelope"
	"github.com/chiru-go/chiru/internal/inflate"
	"github.com/chiru-go/chiru/internal/session"
	"github.com/chiru-go/chiru/internal/websocket"
)

// reader turns one connection's messages into payloads: frames, inflated, scanned, filtered, copied.
type reader struct {
	cfg   *Config
	addr  *address
	names map[string]string // event types seen, so that each is allocated once

	inflater *inflate.Inflater
	batch    *batch // not yet handed over
	slab     *slab
	told     bool      // of the zstd window
	now      time.Time // when the socket was last read; zero if that is not known yet
}

const (
	namesMost = 256 // event types kept; Discord has about 80
	nameMost  = 64  // bytes of one
)

// run reads until the connection ends or the shard goroutine wants no more.
func (r *reader) run(c *conn) {
	r.inflater = inflate.New(r.cfg.Compression.mode(), r.cfg.MaxMessage)
	defer r.inflater.Close()
	c.ws.Waits = func() { r.waits(c) }
	for {
		kind, data, err := c.ws.Read()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				c.linger(readWait) // a write that took too long has closed the socket, and says so
			}
			r.last(c, r.loss(err))
			return
		}
		if kind == websocket.Ping {
			c.ping(data)
			continue
		}
		text, whole := data, true
		// Under transport compression messages are binary; text is plain in any case.
		if kind == websocket.Binary {
			text, whole, err = r.inflater.Push(data)
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
		r.batch.wire += len(data)
		if !whole {
			continue
		}
		r.batch.payload += len(text)
		r.batch.add(r.parse(text))
		r.inflater.Trim()
		if r.batch.full() && !r.flush(c) {
			return
		}
	}
}

// waits is called before a read that may have to wait.
func (r *reader) waits(c *conn) {
	r.now = time.Time{}
	if !c.ws.Busy() {
		r.rest(c.ws.Within())
	}
	r.flush(c)
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
	r.rest(false)
	r.flush(c)
}

// rest gives back what an idle shard does not need.
func (r *reader) rest(within bool) {
	if r.slab != nil {
		slabPool.Put(r.slab)
		r.slab = nil
	}
	if !within {
		r.inflater.Rest()
	}
}

func (r *reader) loss(err error) received {
	if closed, ok := err.(*websocket.CloseError); ok {
		return received{
			what: lost,
			fail: session.Failure{Kind: session.Closed, Code: closed.Code},
			err:  &CloseError{Code: CloseCode(closed.Code), Reason: r.cfg.redact(closed.Reason)},
		}
	}
	if err == websocket.ErrTooLong {
		return r.malformed("message", fmt.Errorf("longer than MaxMessage, %d bytes", r.cfg.MaxMessage))
	}
	return received{what: lost, fail: session.Failure{Kind: session.Dropped}, err: fmt.Errorf("connection dropped: %w", err)}
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
