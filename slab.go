package chiru

import "sync"

// slab makes dispatches and the memory of their bodies in groups, because an allocation for each, and the collector's
// work for it, costs more than the copy. Whoever keeps one dispatch keeps its group alive, and with it the
// chunks that the group's bodies lie in: three at most, since a chunk takes four bodies at least.
type slab struct {
	dispatches []Dispatch
	chunk      []byte
}

const (
	slabDispatches = 8
	slabChunk      = 16 << 10
	slabBody       = 4 << 10 // a larger body, and its dispatch, are on their own
)

// slabPool holds what is left of the slabs of readers that wait.
var slabPool = sync.Pool{New: func() any { return new(slab) }}

// dispatch returns one with a copy of body.
func (s *slab) dispatch(body []byte) *Dispatch {
	if len(body) > slabBody {
		return &Dispatch{Body: append([]byte(nil), body...)}
	}
	if len(s.dispatches) == 0 {
		s.dispatches = make([]Dispatch, slabDispatches)
	}
	if len(s.chunk) < len(body) {
		s.chunk = make([]byte, slabChunk)
	}
	d := &s.dispatches[0]
	s.dispatches = s.dispatches[1:]
	n := copy(s.chunk, body)
	d.Body, s.chunk = s.chunk[:n:n], s.chunk[n:]
	return d
}
