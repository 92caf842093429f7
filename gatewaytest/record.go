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

// Await waits until a client has sent a payload with this opcode, or OpClose, that no Await has returned before, and
// returns it. It gives up after that time, and when the server ends. Payloads that Received has let go of, it has
// too.
func (s *Server) Await(op int, within time.Duration) (Payload, bool) {
	late := time.NewTimer(within)
	defer late.Stop()
	for waiting := true; ; {
		s.mu.Lock()
		p, ok := s.unawaited(op)
		if s.news == nil {
			s.news = make(chan struct{})
		}
		news := s.news
		s.mu.Unlock()
		if ok || !waiting {
			return p, ok
		}
		select {
		case <-news:
		case <-late.C:
			waiting = false
		case <-s.done:
			waiting = false
		}
	}
}

// unawaited is called with s.mu held.
func (s *Server) unawaited(op int) (Payload, bool) {
	first := s.received.first()
	for i, p := range s.received.from(s.awaited[op]) {
		if p.Op == op {
			s.awaited[op] = max(first, s.awaited[op]) + int64(i) + 1
			return p, true
		}
	}
	return Payload{}, false
}

// take adds what a client sent to Received. Called with s.mu held.
func (s *Server) take(p Payload) {
	s.received.add(p)
	if s.news != nil {
		close(s.news)
		s.news = nil
	}
}

// ring keeps the newest max items.
type ring[T any] struct {
	max     int
	items   []T
	next    int // the oldest, once full
	added   int64
	dropped T // the item the last add pushed out
}

func (r *ring[T]) add(item T) {
	r.added++
	if len(r.items) < r.max {
		r.items = append(r.items, item)
		return
	}
	r.dropped = r.items[r.next]
	r.items[r.next] = item
	r.next = (r.next + 1) % r.max
}

// first is the number of the oldest item, counted from 0.
func (r *ring[T]) first() int64 { return r.added - int64(len(r.items)) }

// at is the item with this place among those kept, the oldest first.
func (r *ring[T]) at(i int) T { return r.items[(r.next+i)%len(r.items)] }

func (r *ring[T]) all() []T { return r.from(0) }

// from returns the items numbered n and up, oldest first.
func (r *ring[T]) from(n int64) []T {
	skip := int(min(max(n-r.first(), 0), int64(len(r.items))))
	out := make([]T, 0, len(r.items)-skip)
	for i := skip; i < len(r.items); i++ {
		out = append(out, r.at(i))
	}
	return out
}
