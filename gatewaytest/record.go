package gatewaytest

import (
	"encoding/json"
	"time"
)

// OpClose is the Op of a Payload that is a client's close frame.
const OpClose = -1

// A Payload is one thing a client sent.
type Payload struct {
	At    time.Time
	Conn  int
	Host  string // "gateway" or "resume"
	Shard int    // -1 while the connection has none
	Op    int
	Data  json.RawMessage // d
	Close int             // the code of a close frame, 1005 for one without
}

// Received returns the payloads clients sent, oldest first: the newest Config.Record of them. What was
// not a payload at all is no part of it, only a Violation.
func (s *Server) Received() []Payload {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.received.all()
}

// Issued is one dispatch a session was issued, whether or not a connection was there to carry it.
type Issued struct {
	Seq  int64
	Type string
}

// Issued returns what the session was issued, oldest first: the newest Config.Record dispatches. The
// ledger outlives the session; of the sessions that have ended, those of the newest 4096 are kept.
func (s *Server) Issued(sessionID string) []Issued {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.ledgers[sessionID]
	if l == nil {
		return nil
	}
	types := l.types.all()
	out := make([]Issued, len(types))
	first := l.issued - int64(len(types))
	for i, t := range types {
		out[i] = Issued{Seq: first + int64(i) + 1, Type: t}
	}
	return out
}

const maxLedgers = 4096

// ledger keeps the types of a session's newest dispatches; numbers follow from the total.
type ledger struct {
	issued int64
	types  ring[string]
}

func (l *ledger) add(typ string) {
	l.issued++
	l.types.add(typ)
}

// newLedger is called with s.mu held.
func (s *Server) newLedger(sessionID string) *ledger {
	l := &ledger{types: ring[string]{max: s.cfg.Record}}
	s.ledgers[sessionID] = l
	return l
}

// retire lets go of the ledger of the session that ended longest ago. Called with s.mu held.
func (s *Server) retire(sessionID string) {
	s.retired.add(sessionID)
	delete(s.ledgers, s.retired.dropped)
}

// ring keeps the newest max items.
type ring[T any] struct {
	max     int
	items   []T
	next    int // the oldest, once full
	dropped T   // the item the last add pushed out
}

func (r *ring[T]) add(item T) {
	if len(r.items) < r.max {
		r.items = append(r.items, item)
		return
	}
	r.dropped = r.items[r.next]
	r.items[r.next] = item
	r.next = (r.next + 1) % r.max
}

func (r *ring[T]) all() []T {
	out := make([]T, 0, len(r.items))
	out = append(out, r.items[r.next:]...)
	return append(out, r.items[:r.next]...)
}
