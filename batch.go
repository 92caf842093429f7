package chiru

import "sync"

// batch is what the reader hands over at once, in order, so that it wakes the shard goroutine once for what
// one read of the socket brought and not for each message. Only one goroutine has it at a time.
type batch struct {
	items   []received
	next    int // the first that the shard goroutine has not taken
	bodies  int // bytes of the dispatches' bodies
	wire    int // bytes read, and what they decompressed to
	payload int
}

const (
	batchMost   = 128 // items
	batchBodies = 64 << 10
)

// An idle shard has none.
var batchPool = sync.Pool{New: func() any { return &batch{} }}

func newBatch() *batch { return batchPool.Get().(*batch) }

func alone(item received) *batch {
	b := newBatch()
	b.add(item)
	return b
}

func (b *batch) full() bool { return len(b.items) == batchMost || b.bodies >= batchBodies }

func (b *batch) add(item received) {
	b.items = append(b.items, item)
	if item.dispatch != nil {
		b.bodies += len(item.dispatch.Body)
	}
}

// free gives the batch back. It keeps none of the events alive.
func (b *batch) free() {
	clear(b.items)
	*b = batch{items: b.items[:0]}
	batchPool.Put(b)
}
